//! Patterns for names.

/// Whether a name is the pattern itself, or fits it: `*` stands for any text, `/` included, `?` for one character.
pub(crate) fn matches(pattern: &str, name: &str) -> bool {
    if pattern == name {
        return true;
    }
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place) = (0, 0);
    // Behind the last `*`, and where in the name its text ends so far.
    let mut star: Option<(usize, usize)> = None;
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, place));
            }
            Some(char) if *char == '?' || *char == name[place] => {
                at += 1;
                place += 1;
            }
            Some(_) | None => {
                let Some((behind, end)) = star else { return false };
                star = Some((behind, end + 1));
                (at, place) = (behind, end + 1);
            }
        }
    }
    pattern[at..].iter().all(|char| *char == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_names() {
        for (pattern, name) in [
            ("loss", "loss"),
            ("eval/*", "eval/top/k1"),
            ("*loss", "eval/loss"),
            ("l?ss", "löss"),
            ("*", ""),
            ("a*b*c", "a-b-bc"),
            ("a[*]", "a[*]"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("loss", "losses"), ("eval/*", "eval"), ("?", ""), ("a*b*c", "acb"), ("", "a")]
        {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
