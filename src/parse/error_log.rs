//! Texts in which Ray tells of failures: `error.txt`, which notes each failure of a run with the traceback that
//! Python printed, and what Train V2 says of a run, by workers.

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

/// What Train V2 says of workers that failed in the same way.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WorkerBlock<'a> {
    /// Their ranks, with commas between.
    ranks: &'a str,
    pub text: &'a str,
}

impl WorkerBlock<'_> {
    /// The ranks of the workers.
    pub(crate) fn ranks(&self) -> impl Iterator<Item = u64> {
        self.ranks.split(',').filter_map(|rank| rank.trim().parse().ok())
    }
}

/// The blocks of a text, each below a heading `[Rank 0,1 Error Snippet]:`.
pub(crate) fn worker_blocks(text: &str) -> impl Iterator<Item = WorkerBlock<'_>> {
    let mut next = worker_heading(text);
    std::iter::from_fn(move || {
        let (_, ranks, behind) = next?;
        next = worker_heading(behind);
        Some(WorkerBlock { ranks, text: next.map_or(behind, |(before, ..)| before) })
    })
}

/// What stands before the first heading of a block, the ranks that it names, and what stands behind it.
fn worker_heading(text: &str) -> Option<(&str, &str, &str)> {
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let heading = line.trim_end_matches(['\n', '\r']);
        let ranks = heading.strip_prefix("[Rank ").and_then(|rest| rest.strip_suffix(" Error Snippet]:"));
        if let Some(ranks) = ranks {
            return Some((&text[..start], ranks, &text[start + line.len()..]));
        }
        start += line.len();
    }
    None
}

/// What Train V2 says of a failure: of blocks the first one, else all but the line that Ray puts before it.
pub(crate) fn told_failure(text: &str) -> &str {
    if let Some(block) = worker_blocks(text).next() {
        return block.text;
    }
    let is_introduction = |line: &str| line.starts_with("Training failed due to ") && line.ends_with(':');
    match text.split_once('\n') {
        Some((first, rest)) if is_introduction(first.trim_end()) => rest,
        Some(_) | None => text,
    }
}

/// As [`last_exception`], of a text that Ray may have cut in the middle. What the cut left of a traceback names
/// no exception: the last frame may be one of the lines that are gone.
pub(crate) fn last_exception_kept(block: &str) -> Option<Exception<'_>> {
    const CUT: &str = "... (Output truncated.";
    let mut rest = block;
    let mut end_of_line = 0;
    for line in block.split_inclusive('\n') {
        end_of_line += line.len();
        if line.starts_with(CUT) {
            // The line behind the cut has lost its beginning.
            rest = block[end_of_line..].split_once('\n').map_or("", |(_, rest)| rest);
        }
    }
    last_exception(rest)
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

    const WORKERS: &str = "Training failed due to worker errors:\n[Rank 0,2 Error Snippet]:\n\
        Traceback (most recent call last):\n  File \"a.py\", line 1, in loop\n    f()\nValueError: first\n\n\
        [Rank 1 Error Snippet]:\nA worker health check failed.\n\n[Rank 10,x, 11 Error Snippet]:\n";

    #[test]
    fn blocks_of_workers() {
        let blocks: Vec<(Vec<u64>, &str)> =
            worker_blocks(WORKERS).map(|block| (block.ranks().collect(), block.text)).collect();
        assert_eq!(blocks.len(), 3);
        assert_eq!(blocks[0].0, [0, 2]);
        assert!(blocks[0].1.starts_with("Traceback") && blocks[0].1.ends_with("first\n\n"));
        assert_eq!(blocks[1], (vec![1], "A worker health check failed.\n\n"));
        assert_eq!(blocks[2], (vec![10, 11], ""));
        assert_eq!(told_failure(WORKERS), blocks[0].1);
        for text in ["", "[Rank 0 Error Snippet]: x", " [Rank 0 Error Snippet]:", "[Rank 0]:\nx"] {
            assert_eq!(worker_blocks(text).count(), 0, "{text}");
        }
    }

    #[test]
    fn texts_without_workers() {
        for (text, told) in [
            ("Training failed due to controller error:\nno: nodes\n", "no: nodes\n"),
            ("Training failed due to controller error:\r\nno nodes", "no nodes"),
            ("Run aborted due to user interrupt (SIGINT).", "Run aborted due to user interrupt (SIGINT)."),
            ("Training failed due to luck.\nmore", "Training failed due to luck.\nmore"),
            ("Training failed due to:", "Training failed due to:"),
            ("", ""),
        ] {
            assert_eq!(told_failure(text), told);
        }
    }

    #[test]
    fn a_cut_text_names_an_exception_only_with_a_whole_frame_behind_the_cut() {
        let cut = "...\n... (Output truncated. See individual worker logs for full details) ...\n";
        let head = format!("  File \"a.py\", line 1, in loop\n    f({cut}");
        let class = |text: &str| last_exception_kept(text).map(|exception| exception.class.to_owned());
        let frame = "  File \"a.py\", line 2, in f\n    g()\n";
        assert_eq!(class(&format!("{head}x)\n{frame}OddError: no")), Some("OddError".to_owned()));
        assert_eq!(class(&format!("{head}{frame}OddError: no")), None);
        assert_eq!(class(&format!("{head}x)\nOddError: no")), None);
        assert_eq!(class(&format!("{head}OddError: no")), None);
        assert_eq!(class(&head), None);
        assert_eq!(class(&format!("{frame}OddError: no")), Some("OddError".to_owned()));
    }
}
