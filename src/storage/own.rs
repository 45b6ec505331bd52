//! Stores of the caller's own: whoever embeds the library registers a scheme, and what is to be done for its URIs.
//!
//! A file has the size that the listing of its directory tells, and that is all that is known of its state.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::per_process::PerProcess;
use super::{
    Blob, Condition, ETag, Entry, EntryKind, Fault, FileBelow, Known, Location, StorageError, Store, Upload,
    sys, uri,
};
use crate::cancel::Cancel;
use crate::error::{Code, Error, Result};

/// What a store of the caller's own does. Each is called without any lock that others wait for, but for those of a store
/// that is not concurrent.
pub(crate) trait Functions: Send + Sync {
    /// Adds each entry right below a directory.
    fn list(&self, path: &str, into: &mut Listing) -> Result<()>;

    /// Reads from `offset` on; says how much there was.
    fn read(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize>;

    /// Whether it can be written to at all.
    fn can_write(&self) -> bool;

    /// Writes a whole file, all at once or not at all.
    fn write(&self, path: &str, data: &[u8]) -> Result<()>;
}

/// What a directory of a store of the caller's own holds.
#[derive(Debug, Default)]
pub struct Listing {
    entries: Vec<Entry>,
    /// The first name that is none.
    bad: Option<String>,
}

impl Listing {
    /// Adds a file with its size, or a directory.
    pub(crate) fn add(&mut self, name: &str, size: u64, is_directory: bool) {
        if matches!(name, "" | "." | "..") || name.contains('/') {
            return self.refuse(name);
        }
        let (kind, known) = match is_directory {
            true => (EntryKind::Directory, None),
            false => (EntryKind::File, Some(known(size))),
        };
        self.entries.push(Entry { name: name.to_owned(), kind, known });
    }

    /// Makes the listing fail: an entry cannot have this name.
    pub(crate) fn refuse(&mut self, name: &str) {
        self.bad.get_or_insert_with(|| name.to_owned());
    }
}

// ---- Schemes -----------------------------------------------------------------------------------

static REGISTERED: Mutex<Vec<Arc<Own>>> = Mutex::new(Vec::new());

thread_local! {
    /// Held by a thread that forks: what another thread had locked would stay so in the child.
    static HELD: std::cell::RefCell<Option<MutexGuard<'static, Vec<Arc<Own>>>>> =
        const { std::cell::RefCell::new(None) };
}

fn registered() -> MutexGuard<'static, Vec<Arc<Own>>> {
    lock(&REGISTERED)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // No state in here is ever half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn before_fork() {
    let guard = registered();
    // A thread that ends has no such place any more, and nothing to wait for.
    let _ = HELD.try_with(|held| *held.borrow_mut() = Some(guard));
}

extern "C" fn after_fork() {
    let _ = HELD.try_with(|held| drop(held.borrow_mut().take()));
}

/// Makes `scheme://…` mean a store, which is made only if the scheme is free. Whether its functions may be called by
/// several threads at once, and by threads of the library, is for `is_concurrent` to say.
pub(crate) fn register(
    scheme: &str,
    is_concurrent: bool,
    make: impl FnOnce() -> Box<dyn Functions>,
) -> Result<()> {
    static AT_FORK: Once = Once::new();
    let is_lower_case = !scheme.bytes().any(|byte| byte.is_ascii_uppercase());
    if !uri::is_scheme(scheme) || !is_lower_case {
        let rule = "a letter in lower case, then such letters, digits, '+', '-' and '.'";
        return Err(Error::invalid(format_args!("argument scheme is '{scheme}', not {rule}")));
    }
    if uri::is_built_in(scheme) {
        return Err(Error::invalid(format_args!("{scheme}:// is a store of libresult's own")));
    }
    AT_FORK.call_once(|| sys::at_fork(before_fork, after_fork));
    let mut registered = registered();
    if registered.iter().any(|other| other.scheme == scheme) {
        return Err(Error::invalid(format_args!("{scheme}:// is registered already")));
    }
    registered.push(Arc::new(Own {
        scheme: scheme.to_owned(),
        prefix: format!("{scheme}://"),
        functions: make(),
        turn: (!is_concurrent).then(PerProcess::new),
    }));
    Ok(())
}

/// Takes the scheme back. What is open goes on, and the last of it drops the functions.
pub(crate) fn unregister(scheme: &str) -> Result<()> {
    let mut registered = registered();
    let place = registered.iter().position(|own| own.scheme == scheme);
    let own = place.map(|place| registered.swap_remove(place));
    // If that drops the functions, it may do whatever the caller does there, such as register another store.
    drop(registered);
    match own {
        Some(_) => Ok(()),
        None => Err(Error::invalid(format_args!("no store is registered for {scheme}://"))),
    }
}

/// The schemes that are registered.
pub(super) fn schemes() -> Vec<String> {
    registered().iter().map(|own| own.scheme.clone()).collect()
}

/// What a URI of a registered scheme names. Nothing in it is decoded.
pub(super) fn locate(scheme: &str, rest: &str) -> Option<Location> {
    let own = registered().iter().find(|own| own.scheme == scheme)?.clone();
    let trimmed = rest.trim_end_matches('/');
    let path = if trimmed.is_empty() && !rest.is_empty() { "/" } else { trimmed };
    Some(Location { store: Arc::new(OwnStore(own)), path: path.to_owned() })
}

// ---- One call at a time ------------------------------------------------------------------------

/// The right to call a store that wants one call at a time. The thread that has it may take it again: a store may use
/// another one, which uses the first.
#[derive(Debug, Default)]
struct Turn {
    owner: Mutex<Option<ThreadId>>,
    freed: Condvar,
}

/// The right itself, until it is dropped.
struct Taken<'a>(Option<&'a Turn>);

impl Turn {
    /// How long a call that waits may not see that it is cancelled.
    const WAIT: Duration = Duration::from_millis(20);

    /// None if the call was cancelled meanwhile.
    fn take(&self, cancel: Option<&Cancel>) -> Option<Taken<'_>> {
        let me = thread::current().id();
        let mut owner = lock(&self.owner);
        loop {
            match *owner {
                None => break,
                Some(other) if other == me => return Some(Taken(None)),
                Some(_) if cancel.is_some_and(Cancel::is_triggered) => return None,
                Some(_) => {
                    let waited = self.freed.wait_timeout(owner, Self::WAIT);
                    owner = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *owner = Some(me);
        Some(Taken(Some(self)))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        if let Some(turn) = self.0 {
            *lock(&turn.owner) = None;
            turn.freed.notify_one();
        }
    }
}

// ---- The store ---------------------------------------------------------------------------------

/// A store that was registered; the last one who has it drops the functions.
struct Own {
    scheme: String,
    prefix: String,
    functions: Box<dyn Functions>,
    /// None if it is concurrent. A child of a fork does not wait for threads that it does not have.
    turn: Option<PerProcess<Turn>>,
}

struct OwnStore(Arc<Own>);

impl std::fmt::Debug for OwnStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("OwnStore").field(&self.0.scheme).finish()
    }
}

impl Own {
    fn name(&self, path: &str) -> String {
        [&self.prefix, path].concat()
    }

    fn fault(&self, fault: Fault, path: &str) -> StorageError {
        StorageError::new(fault, &self.name(path))
    }

    /// An answer that no store may give.
    fn nonsense(&self, path: &str, what: String) -> StorageError {
        self.fault(Fault::Io(io::Error::other(what)), path)
    }

    /// Calls a function when it may be called.
    fn call<T>(
        &self,
        path: &str,
        cancel: Option<&Cancel>,
        function: impl FnOnce(&dyn Functions) -> Result<T>,
    ) -> Result<T, StorageError> {
        let cancelled = || self.fault(Fault::Cancelled, path);
        if cancel.is_some_and(Cancel::is_triggered) {
            return Err(cancelled());
        }
        let turn = self.turn.as_ref().map(|turn| turn.get_or_init(Turn::default));
        let turn = turn.map(|turn| turn.take(cancel).ok_or_else(cancelled)).transpose()?;
        let outcome = function(&*self.functions);
        drop(turn);
        outcome.map_err(|error| {
            let fault = match error.code() {
                Code::NotFound => Fault::NotFound,
                Code::Permission => Fault::Permission,
                Code::Cancelled => Fault::Cancelled,
                Code::Unsupported => Fault::Unsupported(error.to_string()),
                Code::Ok | Code::Io => Fault::Io(io::Error::other(error.to_string())),
                code @ (Code::InvalidArgument | Code::Corrupt | Code::Internal) => Fault::Failed(code),
            };
            match error.message() {
                "" => self.fault(fault, path),
                told => StorageError::told(fault, &self.name(path), told.to_owned()),
            }
        })
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        let mut listing = Listing::default();
        self.call(path, cancel, |functions| functions.list(path, &mut listing))?;
        match listing.bad {
            Some(bad) => Err(self.nonsense(path, format!("the store lists an entry called {bad:?}"))),
            None => Ok(listing.entries),
        }
    }

    /// What the directory of a file tells of it.
    fn look(&self, path: &str, cancel: Option<&Cancel>) -> Result<Known, StorageError> {
        let (parent, name) = match path.rsplit_once('/') {
            Some(("", name)) => ("/", name),
            Some((parent, name)) => (parent, name),
            None => ("", path),
        };
        if name.is_empty() {
            return Err(self.fault(Fault::NotAFile, path));
        }
        let entries = self.list(parent, cancel).map_err(|error| {
            let is_missing = matches!(error.fault, Fault::NotFound);
            if is_missing { self.fault(Fault::NotFound, path) } else { error }
        })?;
        match entries.into_iter().find(|entry| entry.name == name) {
            None => Err(self.fault(Fault::NotFound, path)),
            Some(Entry { known: Some(known), .. }) => Ok(known),
            Some(_) => Err(self.fault(Fault::NotAFile, path)),
        }
    }

    /// Writes a file if the condition holds: as far as its directory tells, and nobody writes meanwhile.
    fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.check_writable(path)?;
        if *condition != Condition::Always {
            let found = self.found(path, cancel)?.map(|known| known.etag);
            if !condition.holds(found.as_ref(), ETag::eq) {
                return Err(self.fault(Fault::Changed, path));
            }
        }
        self.call(path, cancel, |functions| functions.write(path, data))
    }

    fn found(&self, path: &str, cancel: Option<&Cancel>) -> Result<Option<Known>, StorageError> {
        match self.look(path, cancel) {
            Ok(known) => Ok(Some(known)),
            Err(error) if matches!(error.fault, Fault::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn check_writable(&self, path: &str) -> Result<(), StorageError> {
        if self.functions.can_write() {
            return Ok(());
        }
        let message = format!("the store {} is read-only", self.prefix);
        Err(self.fault(Fault::Unsupported(message), path))
    }
}

impl Store for OwnStore {
    fn filesystem(&self) -> &str {
        &self.0.scheme
    }

    fn prefix(&self) -> &str {
        &self.0.prefix
    }

    fn is_bound_to_caller(&self) -> bool {
        self.0.turn.is_some()
    }

    fn list(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<Entry>, StorageError> {
        self.0.list(path, cancel)
    }

    fn walk(&self, path: &str, cancel: Option<&Cancel>) -> Result<Vec<FileBelow>, StorageError> {
        // Nothing tells whether two directories are the same one, so only depth shows that it goes in a circle.
        const DEEPEST: usize = 100;
        let mut files = Vec::new();
        let store = Arc::new(OwnStore(self.0.clone()));
        let mut waiting = vec![(Location { store, path: path.to_owned() }, String::new(), 0)];
        while let Some((here, below, depth)) = waiting.pop() {
            if depth > DEEPEST {
                let what = format!("its directories are more than {DEEPEST} deep: do they go in a circle?");
                return Err(self.0.nonsense(path, what));
            }
            for entry in here.list(cancel)? {
                let name =
                    if below.is_empty() { entry.name.clone() } else { [&below, "/", &entry.name].concat() };
                match entry.known {
                    Some(known) => files.push(FileBelow { name, known }),
                    None => waiting.push((here.join(&entry.name), name, depth + 1)),
                }
            }
        }
        files.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(files)
    }

    fn open(
        &self,
        path: &str,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<Box<dyn Blob>, StorageError> {
        let known = known.cloned().map_or_else(|| self.0.look(path, cancel), Ok)?;
        Ok(Box::new(OwnBlob { own: self.0.clone(), path: path.to_owned(), known }))
    }

    fn create(&self, path: &str, cancel: Option<&Cancel>) -> Result<Box<dyn Upload>, StorageError> {
        self.0.check_writable(path)?;
        if cancel.is_some_and(Cancel::is_triggered) {
            return Err(self.0.fault(Fault::Cancelled, path));
        }
        let directory = std::env::temp_dir();
        let spool = spool(&directory).map_err(|error| {
            let what = format!("no temporary file in {}: {error}", directory.display());
            self.0.fault(Fault::Io(io::Error::other(what)), path)
        })?;
        Ok(Box::new(OwnUpload { own: self.0.clone(), path: path.to_owned(), spool }))
    }

    fn write(
        &self,
        path: &str,
        data: &[u8],
        condition: &Condition,
        cancel: Option<&Cancel>,
    ) -> Result<(), StorageError> {
        self.0.write(path, data, condition, cancel)
    }
}

fn known(size: u64) -> Known {
    Known { size, etag: ETag(size.to_string()) }
}

struct OwnBlob {
    own: Arc<Own>,
    path: String,
    known: Known,
}

impl Blob for OwnBlob {
    fn size(&self) -> u64 {
        self.known.size
    }

    fn etag(&self) -> &ETag {
        &self.known.etag
    }

    fn is_same_file(&self, _: &ETag) -> bool {
        // Nothing tells.
        true
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        // Nothing tells; a file that is written in place shows by its length or does not parse.
        Ok(true)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        let (own, path) = (&self.own, &self.path);
        let rest = usize::try_from(self.known.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = rest.min(into.len());
        let mut filled = 0;
        while filled < wanted {
            let (at, room) = (offset + filled as u64, &mut into[filled..wanted]);
            let most = room.len();
            let read = own.call(path, cancel, |functions| functions.read(path, at, room))?;
            match read {
                0 => {
                    let message = format!("the file became shorter: {}", Fault::Changed);
                    return Err(StorageError::told(Fault::Changed, &own.name(path), message));
                }
                read if read > most => {
                    let what =
                        format!("the store says that it read {read} bytes where {most} were asked for");
                    return Err(own.nonsense(path, what));
                }
                read => filled += read,
            }
        }
        Ok(filled)
    }
}

// ---- Large files that are written --------------------------------------------------------------

/// A file on its way, in a temporary one, for the store wants it whole.
struct OwnUpload {
    own: Arc<Own>,
    path: String,
    spool: File,
}

impl Upload for OwnUpload {
    fn write(&mut self, data: &[u8]) -> Result<(), StorageError> {
        self.spool.write_all(data).map_err(|error| {
            let what = format!("its temporary file in {}: {error}", std::env::temp_dir().display());
            self.own.fault(Fault::Io(io::Error::other(what)), &self.path)
        })
    }

    fn commit(self: Box<Self>, condition: &Condition, cancel: Option<&Cancel>) -> Result<(), StorageError> {
        let map = sys::Map::new(&self.spool).map_err(|error| {
            let what = format!("its temporary file: {error}");
            self.own.fault(Fault::Io(io::Error::other(what)), &self.path)
        })?;
        self.own.write(&self.path, map.bytes(), condition, cancel)
    }
}

/// A file without a name.
fn spool(directory: &Path) -> io::Result<File> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let mut options = OpenOptions::new();
    options.read(true).write(true).mode(0o600);
    if let Ok(file) = options.clone().custom_flags(libc::O_TMPFILE).open(directory) {
        return Ok(file);
    }
    // Not every file system knows files without a name.
    loop {
        let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!(".libresult-{}-{unique}", std::process::id()));
        match options.clone().create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            opened => return opened.and_then(|file| fs::remove_file(&path).map(|()| file)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{Settings, locate};

    /// The same directory at every path, with a file of 5 bytes that may be lied about.
    struct Endless {
        says: usize,
    }

    impl Functions for Endless {
        fn list(&self, path: &str, into: &mut Listing) -> Result<()> {
            if path.ends_with("gone") {
                return Err(Error::not_found(""));
            }
            into.add("file", 5, false);
            into.add("below", 0, true);
            Ok(())
        }

        fn read(&self, _: &str, _: u64, into: &mut [u8]) -> Result<usize> {
            into.fill(b'x');
            Ok(into.len().min(2) + self.says)
        }

        fn can_write(&self) -> bool {
            false
        }

        fn write(&self, _: &str, _: &[u8]) -> Result<()> {
            Ok(())
        }
    }

    fn endless(scheme: &str, is_concurrent: bool, says: usize) -> Result<()> {
        register(scheme, is_concurrent, || Box::new(Endless { says }))
    }

    fn at(uri: &str) -> Location {
        locate(uri, &Settings::new(&[], &[]).unwrap()).unwrap()
    }

    #[test]
    fn a_scheme_is_a_free_one_in_lower_case() {
        for scheme in ["", "1a", "a b", "a_b", "é", "Own", "a/b", "file", "local", "s3", "https", "memory"] {
            let error = endless(scheme, true, 0).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{scheme}");
        }
        endless("own.t-1+x", true, 0).unwrap();
        assert!(endless("own.t-1+x", true, 0).unwrap_err().message().contains("own.t-1+x://"));
        let error = locate("own.t-1+z://a", &Settings::new(&[], &[]).unwrap()).unwrap_err();
        assert!(error.message().contains("did you mean own.t-1+x://"), "{error}");
        unregister("own.t-1+x").unwrap();
        assert!(unregister("own.t-1+x").unwrap_err().message().contains("own.t-1+x://"));
    }

    #[test]
    fn a_path_is_what_stands_behind_the_scheme() {
        endless("own.paths", true, 0).unwrap();
        for (uri, path, below) in [
            ("own.paths://", "", "x"),
            ("own.paths:///", "/", "/x"),
            ("own.paths://a%20b/?c=d//", "a%20b/?c=d", "a%20b/?c=d/x"),
            ("own.paths:///a//b", "/a//b", "/a//b/x"),
        ] {
            let location = at(uri);
            assert_eq!((location.path.as_str(), location.join("x").path.as_str()), (path, below));
            assert_eq!(location.uri(), format!("own.paths://{path}"));
            assert_eq!(at(&location.uri()).path, path);
        }
        assert_eq!(at("own.paths://a").store.filesystem(), "own.paths");
        unregister("own.paths").unwrap();
    }

    #[test]
    fn what_it_has_is_what_it_lists() {
        endless("own.files", true, 0).unwrap();
        let here = at("own.files://a");
        // Reads are short here, which costs more of them.
        assert_eq!(here.join("file").read(9, None).unwrap().0, b"xxxxx");
        let fault = |path: &str| here.join(path).open(None, None).map(|_| ()).unwrap_err().fault;
        assert!(matches!(fault("none"), Fault::NotFound));
        assert!(matches!(fault("gone/file"), Fault::NotFound));
        assert!(matches!(fault("below"), Fault::NotAFile));
        assert!(matches!(
            at("own.files://").open(None, None).map(|_| ()).unwrap_err().fault,
            Fault::NotAFile
        ));
        assert!(
            at("own.files:///file").open(None, None).is_ok()
                && at("own.files://file").open(None, None).is_ok()
        );
        assert!(here.walk(None).unwrap_err().to_string().contains("own.files://a: its directories"));
        let error = Error::from(here.store.create("a/x", None).map(|_| ()).unwrap_err());
        assert_eq!((error.code(), error.message().contains("own.files://")), (Code::Unsupported, true));
        unregister("own.files").unwrap();
        // What is open goes on.
        assert!(here.list(None).is_ok());
    }

    #[test]
    fn a_count_that_cannot_be_is_not_believed() {
        endless("own.lies", true, 4).unwrap();
        let error = at("own.lies://file").read(9, None).unwrap_err();
        assert!(error.to_string().contains("read 6 bytes where 5 were asked for"), "{error}");
        unregister("own.lies").unwrap();
    }

    #[test]
    fn turns_are_taken_again_but_not_shared() {
        let (turn, cancel) = (Turn::default(), Cancel::new());
        let taken = turn.take(None);
        assert!(turn.take(Some(&cancel)).is_some());
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.take(Some(&cancel)).is_none());
            cancel.trigger();
            assert!(waits.join().unwrap());
        });
        drop(taken);
        thread::scope(|scope| assert!(scope.spawn(|| turn.take(None).is_some()).join().unwrap()));
    }
}
