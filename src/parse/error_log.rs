//! `error.txt`, in which Ray notes each failure of a run with the traceback that Python printed.

/// What an error log tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ErrorLog<'a> {
    /// How many failures it has, at least 1.
    pub count: u64,
    /// When the last one was, as Ray writes times: `2026-11-24_10-36-44`.
    pub last_time: Option<&'a str>,
    /// The last one, as it was printed.
    pub last: &'a str,
    /// Whether any of them has a line of a traceback.
    pub has_traceback: bool,
}

/// An exception as Python prints it below a traceback.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Exception<'a> {
    pub module: &'a str,
    pub class: &'a str,
    pub message: &'a str,
}

/// Splits an error log into its blocks, each headed `Failure # n (occurred at …)`.
pub(crate) fn error_log(text: &str) -> ErrorLog<'_> {
    let mut log = ErrorLog { count: 0, last_time: None, last: text, has_traceback: false };
    let mut end_of_line = 0;
    for line in text.split_inclusive('\n') {
        end_of_line += line.len();
        if let Some(time) = heading(line) {
            log.count += 1;
            log.last_time = Some(time);
            log.last = &text[end_of_line..];
        }
        log.has_traceback |= is_frame(line);
    }
    log.count = log.count.max(1);
    log
}

/// The time in the heading of a block.
fn heading(line: &str) -> Option<&str> {
    let (number, rest) = line.strip_prefix("Failure # ")?.split_once(" (occurred at ")?;
    let time = rest.trim_end().strip_suffix(')')?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some(time)
}

/// Whether a line names a place in a source file.
pub(crate) fn is_frame(line: &str) -> bool {
    line.trim_start().starts_with("File \"")
}

/// The exception that a traceback ends with: the first line behind the last frame that has the form
/// `Class: message`, with all that follows.
pub(crate) fn last_exception(block: &str) -> Option<Exception<'_>> {
    let mut behind_frame = None;
    let mut end_of_line = 0;
    for line in block.split_inclusive('\n') {
        end_of_line += line.len();
        if is_frame(line) {
            behind_frame = Some(end_of_line);
        }
    }
    let rest = &block[behind_frame?..];
    let mut start = 0;
    for line in rest.split_inclusive('\n') {
        let text = line.trim_end_matches(['\n', '\r']);
        let name = text.split_once(": ").map_or(text.trim_end_matches(':'), |(name, _)| name);
        if is_dotted_name(name) {
            let (module, class) = name.rsplit_once('.').unwrap_or(("builtins", name));
            let message = rest[start + name.len()..].trim_end_matches(['\n', '\r']);
            let message = message.strip_prefix(':').unwrap_or(message);
            return Some(Exception { module, class, message: message.strip_prefix(' ').unwrap_or(message) });
        }
        start += line.len();
    }
    None
}

fn is_dotted_name(name: &str) -> bool {
    name.split('.').all(|part| {
        let mut chars = part.chars();
        chars.next().is_some_and(|first| first == '_' || first.is_alphabetic())
            && chars.all(|char| char == '_' || char.is_alphanumeric())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "Failure # 1 (occurred at 2026-11-24_01-00-00)\n\
        ray::train()\n  File \"a.py\", line 1, in loop\n    raise ValueError('first')\nValueError: first\n\
        Failure # 2 (occurred at 2026-11-24_02-00-00)\n\
        ray::train()\n  File \"a.py\", line 2, in loop\n    f(\n    ^^\nmy.pkg.OddError: second: with colon\nmore\n";

    #[test]
    fn the_last_block_counts() {
        let log = error_log(TWO);
        assert_eq!((log.count, log.last_time, log.has_traceback), (2, Some("2026-11-24_02-00-00"), true));
        assert!(log.last.starts_with("ray::train()") && log.last.ends_with("more\n"));
        let exception = last_exception(log.last).unwrap();
        let expected = Exception { module: "my.pkg", class: "OddError", message: "second: with colon\nmore" };
        assert_eq!(exception, expected);
    }

    #[test]
    fn exceptions_without_a_message() {
        for end in
            ["KeyboardInterrupt", "KeyboardInterrupt\n", "KeyboardInterrupt: \n", "KeyboardInterrupt:\r\n"]
        {
            let block = format!("  File \"a.py\", line 1, in f\n    g()\n{end}");
            let expected = Exception { module: "builtins", class: "KeyboardInterrupt", message: "" };
            assert_eq!(last_exception(&block).unwrap(), expected);
        }
    }

    #[test]
    fn text_without_a_traceback_names_no_exception() {
        for text in ["", "something: went wrong\nno idea", "  File \"a.py\", line 1\n    x = 1\n"] {
            assert_eq!(last_exception(text), None);
            assert_eq!(error_log(text).count, 1);
        }
    }
}
