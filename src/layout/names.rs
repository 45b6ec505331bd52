//! Names of checkpoint directories.

use std::cmp::Ordering;

/// Whether a name stays below the run: no part of it, split at `/`, is empty, `.` or `..`, and it has no NUL.
pub(crate) fn is_safe(name: &str) -> bool {
    !name.contains('\0') && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

/// A path without empty parts, `.` and `..`, as far as its text tells: no link is followed.
pub(crate) fn normalised(path: &str) -> String {
    let is_absolute = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    format!("{}{}", if is_absolute { "/" } else { "" }, parts.join("/"))
}

/// What Ray's names of checkpoint directories start with.
pub(crate) const PREFIX: &str = "checkpoint_";

/// The number of `checkpoint_000003`, without leading zeros: digits, of any length.
pub(crate) fn number(name: &str) -> Option<&str> {
    let digits = name.strip_prefix(PREFIX)?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.trim_start_matches('0'))
}

/// Whether Ray Train V1 or Tune would call a directory so: six digits, or more where six are too few.
pub(crate) fn is_v1(name: &str) -> bool {
    number(name).is_some() && name.len() >= PREFIX.len() + 6
}

/// By number, those without one last, then by name.
pub(crate) fn by_number(a: &str, b: &str) -> Ordering {
    match (number(a), number(b)) {
        (Some(x), Some(y)) => x.len().cmp(&y.len()).then_with(|| x.cmp(y)).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Whether it is a name that Train V2 gives, `checkpoint_YYYY-MM-DD_HH-MM-SS.ffffff`: such names sort by time.
pub(crate) fn is_dated(name: &str) -> bool {
    const FORM: &str = "0000-00-00_00-00-00.000000";
    name.strip_prefix(PREFIX).is_some_and(|date| {
        date.len() == FORM.len()
            && date.bytes().zip(FORM.bytes()).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                separator => byte == separator,
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_run_are_unsafe() {
        for name in ["", ".", "..", "/tmp", "../x", "a/../b", "a//b", "a/", "a\0b", "./a"] {
            assert!(!is_safe(name), "{name:?}");
        }
        for name in ["a", "a/b", "..a", "a..", "...", " ", "C:\\x", "größe"] {
            assert!(is_safe(name), "{name:?}");
        }
    }

    #[test]
    fn paths_are_normalised_as_text() {
        for (path, expected) in [
            ("/a//b/./../c/", "/a/c"),
            ("/../a", "/a"),
            ("/", "/"),
            ("a/../../b/..", ".."),
            ("../../a", "../../a"),
            ("s3://bucket/x/../run", "s3:/bucket/run"),
            ("", ""),
        ] {
            assert_eq!(normalised(path), expected, "{path}");
        }
    }

    #[test]
    fn order_is_by_number() {
        let mut names = [
            "checkpoint_b",
            "checkpoint_1000000",
            "checkpoint_9",
            "checkpoint_",
            "checkpoint_000009",
            "checkpoint_10",
        ];
        names.sort_by(|a, b| by_number(a, b));
        let expected = [
            "checkpoint_000009",
            "checkpoint_9",
            "checkpoint_10",
            "checkpoint_1000000",
            "checkpoint_",
            "checkpoint_b",
        ];
        assert_eq!(names, expected);
    }

    #[test]
    fn forms_of_names() {
        assert!(is_v1("checkpoint_000003") && is_v1("checkpoint_1000000"));
        assert!(!is_v1("checkpoint_3") && !is_v1("checkpoint_00000x") && !is_v1("000003"));
        assert!(is_dated("checkpoint_2026-11-24_08-30-26.690666"));
        assert!(!is_dated("checkpoint_2026-11-24_08-30-26") && !is_dated("checkpoint_000003"));
    }
}
