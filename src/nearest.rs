//! "Did you mean": the known word that is nearest to one that is not.

/// The candidate nearest to `word`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A longer word can be compared, but not usefully, and the distance is quadratic.
    const LONGEST: usize = 200;
    let word: Vec<char> = word.chars().take(LONGEST).collect();
    let text: String = word.iter().collect();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates.into_iter().take(10_000) {
        let letters: Vec<char> = candidate.chars().take(LONGEST).collect();
        // To leave out the group of a nested name, such as `eval/` of `eval/loss`, or to add one, is a likely slip.
        let ends_with = |long: &str, short: &str| !short.is_empty() && long.rsplit('/').next() == Some(short);
        let is_part = ends_with(candidate, &text) || ends_with(&text, candidate);
        let distance = if is_part { 1 } else { distance(&word, &letters) };
        let near_enough = distance <= 1.max(word.len().max(letters.len()) / 3);
        if near_enough && best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Edits (insert, remove, replace, swap of neighbours) that make `b` of `a`, upper and lower case alike.
fn distance(a: &[char], b: &[char]) -> usize {
    let same = |x: char, y: char| x.eq_ignore_ascii_case(&y);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(!same(x, y))).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && same(x, b[j - 1]) && same(a[i - 1], y) {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_slips_and_only_slips() {
        let names = ["read", "ties", "max_depth", "eval/loss", "val_accuracy"];
        assert_eq!(nearest("raed", names), Some("read"));
        assert_eq!(nearest("maxdepth", names), Some("max_depth"));
        assert_eq!(nearest("loss", names), Some("eval/loss"));
        assert_eq!(nearest("train/ties", names), Some("ties"));
        assert_eq!(nearest("Val_Acuracy", names), Some("val_accuracy"));
        assert_eq!(nearest("threads", names), None);
        assert_eq!(nearest("", ["a_long_name"]), None);
    }
}
