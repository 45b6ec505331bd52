//! Which exception a pickle holds: its class, arguments and state, from plain data. Nothing is imported.

use super::error_log::is_frame;
use super::pickle::{Id, Object, Pickle};
use super::python::{LONGEST, repr};

/// An exception that was pickled.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PickledException {
    pub module: String,
    pub class: String,
    /// Its only argument, if that is text: what most exceptions mean by their message.
    pub text_argument: Option<String>,
    /// What Python's `str` would show, if there is no such argument.
    pub shown: String,
    /// The traceback that Ray kept as text.
    pub traceback: Option<String>,
    /// What failed in each worker, by rank.
    pub workers: Vec<(u64, PickledException)>,
}

/// Wrappers that are looked through at most, and the depth of classes made by classes.
const MOST_LEVELS: usize = 16;
/// More workers than any run of Ray has.
const MOST_WORKERS: usize = 10_000;
/// What the messages of all workers take together, and their names: a small pickle can give many of them one long text.
const MOST_WORKER_TEXT: usize = 4 << 20;
/// A longer name is no class.
const LONGEST_NAME: usize = 1_000;

/// The exception that a pickle stands for; of Ray's `RayTaskError` its cause.
pub(crate) fn pickled_exception(pickle: &Pickle) -> Option<PickledException> {
    let mut found = Raised::new(pickle, pickle.root())?;
    let outer = found;
    found = found.innermost();
    // Its own text stands in the pickle once.
    let mut room = usize::MAX;
    let mut exception = found.describe(&mut room);
    exception.traceback = outer.traceback();
    let workers = found.worker_failures().iter().take(MOST_WORKERS);
    room = MOST_WORKER_TEXT;
    let described = workers.filter_map(|(rank, failure)| found.worker(*rank, *failure, &mut room));
    let mut names = 0;
    let fits = |(_, worker): &(u64, PickledException)| {
        names += worker.module.len() + worker.class.len();
        names <= MOST_WORKER_TEXT
    };
    exception.workers = described.take_while(fits).collect();
    Some(exception)
}

/// The call that would make an exception.
#[derive(Clone, Copy)]
struct Raised<'p> {
    pickle: &'p Pickle<'p>,
    module: &'p str,
    class: &'p str,
    arguments: &'p [Id],
    state: Option<Id>,
}

impl<'p> Raised<'p> {
    fn new(pickle: &'p Pickle<'p>, id: Id) -> Option<Self> {
        let Object::Call { callable, arguments, state } = pickle.object(id) else { return None };
        let mut arguments = pickle.tuple(*arguments);
        let mut class_id = *callable;
        // What `copyreg` calls for classes that Python 2 pickled: the class is its first argument.
        if is_function(pickle, class_id, "_reconstructor") {
            class_id = *arguments.first()?;
            arguments = &[];
        }
        let (module, class) = class_of(pickle, class_id)?;
        // A class that another holds: only its own name is shown.
        let class = class.rsplit('.').next().unwrap_or(class);
        let is_class = class.starts_with(char::is_uppercase) && class.len().max(module.len()) <= LONGEST_NAME;
        is_class.then_some(Raised { pickle, module, class, arguments, state: *state })
    }

    /// What a wrapper of Ray's wraps.
    fn cause(&self) -> Option<Raised<'p>> {
        if !self.class.starts_with("RayTaskError") {
            return None;
        }
        let kept = self.state.and_then(|state| self.pickle.get(state, "cause"));
        let mut arguments = kept.iter().chain(self.arguments).take(MOST_LEVELS);
        arguments.find_map(|id| Raised::new(self.pickle, *id))
    }

    /// What stands behind all wrappers.
    fn innermost(self) -> Raised<'p> {
        let levels = std::iter::successors(Some(self), Raised::cause);
        levels.take(MOST_LEVELS).last().unwrap_or(self)
    }

    /// What can be told of it in `room` bytes, which become fewer.
    fn describe(&self, room: &mut usize) -> PickledException {
        let only = if let [only] = self.arguments { self.pickle.text(*only) } else { None };
        let only = only.map(|text| fitting(text, room).to_owned());
        let shown = if only.is_some() || *room == 0 { String::new() } else { self.shown() };
        PickledException {
            module: self.module.to_owned(),
            class: self.class.to_owned(),
            text_argument: only,
            shown: fitting(&shown, room).to_owned(),
            traceback: None,
            workers: Vec::new(),
        }
    }

    /// What Python's `str` shows of it.
    fn shown(&self) -> String {
        let text = |id: &Id| self.pickle.text(*id);
        if self.module == "ray.exceptions" {
            let kept = self.state.and_then(|state| self.pickle.get(state, "error_msg"));
            if let Some(message) = kept.as_ref().and_then(text) {
                return message.to_owned();
            }
        }
        match self.arguments {
            [] => String::new(),
            [number, what, rest @ ..] if is_os_error(self.module, self.class) => {
                let shown =
                    if let Some(what) = text(what) { what.to_owned() } else { repr(self.pickle, *what) };
                let message = format!("[Errno {}] {shown}", repr(self.pickle, *number));
                let name = |id: &Id| repr(self.pickle, *id);
                match rest {
                    [] => message,
                    [one] => format!("{message}: {}", name(one)),
                    [one, _, two, ..] => format!("{message}: {} -> {}", name(one), name(two)),
                    [one, ..] => format!("{message}: {}", name(one)),
                }
            }
            [only] => repr(self.pickle, *only),
            several => {
                let mut shown = String::new();
                for (place, id) in several.iter().enumerate() {
                    if shown.len() > LONGEST {
                        shown.push('…');
                        break;
                    }
                    shown.push_str(if place > 0 { ", " } else { "" });
                    shown.push_str(&repr(self.pickle, *id));
                }
                format!("({shown})")
            }
        }
    }

    /// What Ray kept of the traceback, or any text in the pickle that is one.
    fn traceback(&self) -> Option<String> {
        let kept = self.state.and_then(|state| self.pickle.get(state, "traceback_str"));
        let kept = kept.and_then(|id| self.pickle.text(id));
        let has_frames = |text: &&str| text.lines().any(is_frame);
        let texts = self.pickle.objects().iter().filter_map(|object| object.as_text().map(|text| &**text));
        kept.into_iter().chain(texts).find(has_frames).map(str::to_owned)
    }

    /// The exceptions of workers by rank, which Ray's `WorkerGroupError` and its like carry.
    fn worker_failures(&self) -> &'p [(Id, Id)] {
        let kept = self.state.and_then(|state| self.pickle.get(state, "worker_failures"));
        let arguments = kept.iter().chain(self.arguments).take(MOST_LEVELS);
        let mut by_rank = arguments.filter_map(|id| self.pickle.object(*id).as_dict());
        let is_rank = |(rank, _): &(Id, Id)| self.pickle.object(*rank).as_int().is_some_and(|rank| rank >= 0);
        by_rank.find(|members| members.iter().all(is_rank)).unwrap_or_default()
    }

    fn worker(&self, rank: Id, failure: Id, room: &mut usize) -> Option<(u64, PickledException)> {
        let rank = self.pickle.object(rank).as_int()?;
        let found = Raised::new(self.pickle, failure)?.innermost();
        Some((u64::try_from(rank).ok()?, found.describe(room)))
    }
}

/// As much of a text as there is room for, which it takes.
fn fitting<'t>(text: &'t str, room: &mut usize) -> &'t str {
    let end = (0..=text.len().min(*room)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    // An empty text costs its place in the list.
    *room = room.saturating_sub(end.max(1));
    &text[..end]
}

/// Module and name of a class: one that Python would import, or one that cloudpickle carries with it.
fn class_of<'p>(pickle: &'p Pickle, id: Id) -> Option<(&'p str, &'p str)> {
    if let Object::Global { module, name } = pickle.object(id) {
        return Some((module, name));
    }
    let Object::Call { callable, arguments, .. } = pickle.object(id) else { return None };
    let [_, name, _, members, ..] = pickle.tuple(*arguments) else { return None };
    let name = pickle.text(*name).filter(|_| is_function(pickle, *callable, "_make_skeleton_class"))?;
    let module = pickle.get(*members, "__module__").and_then(|module| pickle.text(module));
    Some((module.unwrap_or_default(), name))
}

fn is_function(pickle: &Pickle, id: Id, function: &str) -> bool {
    matches!(pickle.object(id), Object::Global { name, .. } if name == function)
}

/// Whether Python shows the arguments of a class as an error number and a text.
fn is_os_error(module: &str, class: &str) -> bool {
    const CLASSES: [&str; 18] = [
        "OSError",
        "IOError",
        "EnvironmentError",
        "BlockingIOError",
        "BrokenPipeError",
        "ChildProcessError",
        "ConnectionAbortedError",
        "ConnectionError",
        "ConnectionRefusedError",
        "ConnectionResetError",
        "FileExistsError",
        "FileNotFoundError",
        "InterruptedError",
        "IsADirectoryError",
        "NotADirectoryError",
        "PermissionError",
        "ProcessLookupError",
        "TimeoutError",
    ];
    matches!(module, "builtins" | "exceptions") && CLASSES.contains(&class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(bytes: &[u8]) -> Option<PickledException> {
        pickled_exception(&Pickle::read(bytes).unwrap())
    }

    fn shown(bytes: &[u8]) -> String {
        let exception = exception(bytes).unwrap();
        exception.text_argument.unwrap_or(exception.shown)
    }

    #[test]
    fn messages_as_python_shows_them() {
        assert_eq!(shown(b"cbuiltins\nValueError\n)R."), "");
        assert_eq!(shown(b"cbuiltins\nValueError\n\x8c\x04boom\x85R."), "boom");
        assert_eq!(shown(b"cbuiltins\nKeyError\n\x8c\x01k\x85R."), "k");
        assert_eq!(shown(b"cbuiltins\nKeyError\nK\x05\x85R."), "5");
        assert_eq!(shown(b"cbuiltins\nValueError\nK\x05\x8c\x01x\x86R."), "(5, 'x')");
        let missing = b"cbuiltins\nFileNotFoundError\n(K\x02\x8c\x04none\x8c\x06/a b/ctR.";
        assert_eq!(shown(missing), "[Errno 2] none: '/a b/c'");
        let died = b"cray.exceptions\nActorDiedError\n)R}\x8c\x09error_msg\x8c\x04diedsb.";
        assert_eq!(shown(died), "died");
    }

    #[test]
    fn wrappers_of_ray_are_looked_through() {
        let wrapped =
            b"cray.exceptions\nRayTaskError\n(\x8c\x01f\x8c\x08  File \"cmod\nBoomError\n\x8c\x01b\x85RtR.";
        let found = exception(wrapped).unwrap();
        assert_eq!((found.module.as_str(), found.class.as_str()), ("mod", "BoomError"));
        assert_eq!(
            (found.text_argument.as_deref(), found.traceback.as_deref()),
            (Some("b"), Some("  File \""))
        );
    }

    #[test]
    fn workers_come_by_rank() {
        let group = b"cray.train\nWorkerGroupError\n(\x8c\x03two}(K\x00cbuiltins\nKeyError\n\x8c\x01a\x85RK\x07cbuiltins\nOSError\n)RutR.";
        let found = exception(group).unwrap();
        let workers: Vec<(u64, &str)> =
            found.workers.iter().map(|(rank, failure)| (*rank, failure.class.as_str())).collect();
        assert_eq!(
            (found.class.as_str(), workers),
            ("WorkerGroupError", vec![(0, "KeyError"), (7, "OSError")])
        );
    }

    #[test]
    fn shared_parts_do_not_multiply() {
        let long = |count: usize| {
            [b"X".to_vec(), (count as u32).to_le_bytes().to_vec(), b"x".repeat(count)].concat()
        };
        let ranks = |count: u16| {
            (1..count).flat_map(|rank| [b"M".to_vec(), rank.to_le_bytes().to_vec(), b"h\0".to_vec()].concat())
        };
        let group = b"cray.train\nWorkerGroupError\n(\x8c\x01m}(K\0cb\nE\n".to_vec();
        let shared =
            [group, long(50_000), b"\x85Rq\0".to_vec(), ranks(5_000).collect(), b"utR.".to_vec()].concat();
        let found = exception(&shared).unwrap();
        assert_eq!(found.workers.len(), 5_000);
        let text: usize = found
            .workers
            .iter()
            .map(|(_, worker)| worker.text_argument.as_ref().map_or(0, String::len))
            .sum();
        assert!(text <= MOST_WORKER_TEXT, "{text}");
        let arguments =
            [b"cb\nE\n(".to_vec(), long(10_000), b"q\0".to_vec(), b"h\0".repeat(20_000), b"tR.".to_vec()]
                .concat();
        assert!(shown(&arguments).len() < 3 * LONGEST);
        let name = [b"cb\n".to_vec(), b"E".repeat(LONGEST_NAME), b"\n".to_vec()].concat();
        let group = b"cray.train\nWorkerGroupError\n(\x8c\x01m}(K\0".to_vec();
        let named = [group, name, b")Rq\0".to_vec(), ranks(9_000).collect(), b"utR.".to_vec()].concat();
        assert_eq!(exception(&named).unwrap().workers.len(), MOST_WORKER_TEXT / (1 + LONGEST_NAME));
        // Names are not copied: one that is not UTF-8 is none.
        let globals = [b"X\x01\0\0\0\xffq\0h\0h\0\x93.".to_vec()].concat();
        assert!(Pickle::read(&globals).is_err());
    }

    #[test]
    fn what_is_no_exception_is_none() {
        for pickle in
            [&b"N."[..], b"\x8c\x04boom.", b"cposix\nmkdir\n\x8c\x01x\x85R.", b"cbuiltins\nValueError\n."]
        {
            assert_eq!(exception(pickle), None);
        }
    }
}
