//! Where C and Rust meet: the one file of the ABI with unsafe blocks. It turns NULL, text that is not UTF-8, enum
//! numbers out of range and panics into errors.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::{MaybeUninit, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{ptr, slice};

use crate::error::{Code, Error, Result};
use crate::storage::{Functions, Listing};

/// A setting: a key and a value, both ending with NUL.
#[repr(C)]
pub struct Setting {
    /// Which setting. README.md lists them.
    key: *const c_char,
    /// Its value.
    value: *const c_char,
}

/// A borrowed UTF-8 string: `len` bytes at `data`. Only what `_uri`, `_path` and `_name` functions of
/// runs, checkpoints and directories return ends with NUL as well.
///
/// It lives as long as the object it was read from.
#[repr(C)]
pub struct Str {
    /// The first byte. Not NULL, even when `len` is 0.
    data: *const c_char,
    /// The number of bytes.
    len: usize,
}

/// Receives progress: `done` of `total` bytes; `total` is 0 while it is unknown.
///
/// Returns whether to go on. If not, the call fails with `LIBRESULT_CODE_CANCELLED`.
pub type ProgressFn = Option<unsafe extern "C" fn(user_data: *mut c_void, done: u64, total: u64) -> bool>;

/// What a store of the caller's own can do. `path` is what stands behind `scheme://`, without the
/// slashes at its end; nothing in it is decoded.
///
/// Each returns NULL, or an error made by `libresult_error_new`, which the library then frees:
/// `LIBRESULT_CODE_NOT_FOUND` for what is not there.
#[repr(C)]
pub struct StoreFunctions {
    /// `sizeof(libresult_store_functions)`: later versions may add functions at the end.
    size: usize,
    /// Whether several threads may call at once, of which some are the library's own.
    concurrent: bool,
    /// Adds each entry right below the directory `path` to `into`.
    list: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            path: *const c_char,
            into: *mut Listing,
        ) -> Option<Box<Error>>,
    >,
    /// Reads up to `len` bytes at `offset`; `*out` is how many: fewer only at the end of the file.
    read: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            path: *const c_char,
            offset: u64,
            into: *mut c_void,
            len: usize,
            out: *mut usize,
        ) -> Option<Box<Error>>,
    >,
    /// Writes the whole file, all at once or not at all. NULL: the store is read-only.
    write: Option<
        unsafe extern "C" fn(
            user_data: *mut c_void,
            path: *const c_char,
            data: *const c_void,
            len: usize,
        ) -> Option<Box<Error>>,
    >,
}

/// A function of the caller's, as Rust calls it; none if it is NULL.
pub(super) fn progress(function: ProgressFn, user_data: *mut c_void) -> Option<impl FnMut(u64, u64) -> bool> {
    // SAFETY: the caller of the C function passes a function of this type, and what that takes.
    function.map(|function| move |done, total| unsafe { function(user_data, done, total) })
}

type List = unsafe extern "C" fn(*mut c_void, *const c_char, *mut Listing) -> Option<Box<Error>>;
type Read = unsafe extern "C" fn(
    *mut c_void,
    *const c_char,
    u64,
    *mut c_void,
    usize,
    *mut usize,
) -> Option<Box<Error>>;
type Write = unsafe extern "C" fn(*mut c_void, *const c_char, *const c_void, usize) -> Option<Box<Error>>;
type Destroy = unsafe extern "C" fn(user_data: *mut c_void);

/// A store of the caller's own: all that was given to register it.
struct CallersStore {
    list: List,
    read: Read,
    write: Option<Write>,
    user_data: *mut c_void,
    destroy: Option<Destroy>,
}

// SAFETY: whoever registers a store says that any thread may call its functions, if one at a time is not asked for.
unsafe impl Send for CallersStore {}
// SAFETY: as above; storage calls those of a store that is not concurrent one at a time.
unsafe impl Sync for CallersStore {}

impl Functions for CallersStore {
    fn list(&self, path: &str, into: &mut Listing) -> Result<()> {
        let path = c_path(path)?;
        // SAFETY: the caller of the C function passed a function of this type, and what that takes.
        outcome(unsafe { (self.list)(self.user_data, path.as_ptr(), into) })
    }

    fn read(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize> {
        let (path, data, len) = (c_path(path)?, into.as_mut_ptr().cast(), into.len());
        let mut out = 0;
        // SAFETY: as above; `len` bytes may be written to `data`.
        outcome(unsafe { (self.read)(self.user_data, path.as_ptr(), offset, data, len, &mut out) })?;
        Ok(out)
    }

    fn can_write(&self) -> bool {
        self.write.is_some()
    }

    fn write(&self, path: &str, data: &[u8]) -> Result<()> {
        let (Some(write), path) = (self.write, c_path(path)?) else { return Err(null("functions.write")) };
        // Of nothing Rust has a pointer that other languages do not take for one.
        let start = if data.is_empty() { c"".as_ptr().cast() } else { data.as_ptr().cast() };
        // SAFETY: as above; there are `len` bytes at `start`.
        outcome(unsafe { write(self.user_data, path.as_ptr(), start, data.len()) })
    }
}

impl Drop for CallersStore {
    fn drop(&mut self) {
        if let Some(destroy) = self.destroy {
            // SAFETY: as above; nothing calls a function of this store any more.
            unsafe { destroy(self.user_data) };
        }
    }
}

/// What a function of the caller's returned: an error of this library, or NULL.
fn outcome(error: Option<Box<Error>>) -> Result<()> {
    error.map_or(Ok(()), |error| Err(*error))
}

fn c_path(path: &str) -> Result<CString> {
    CString::new(path).map_err(|_| Error::not_found("there is no path with a NUL in it"))
}

/// Whether a store of the caller's own is concurrent, and what makes it.
pub(super) fn store(
    functions: *const StoreFunctions,
    user_data: *mut c_void,
    destroy: Option<Destroy>,
) -> Result<(bool, impl FnOnce() -> Box<dyn Functions>)> {
    if functions.is_null() {
        return Err(null("functions"));
    }
    // SAFETY: the caller of the C function passes a struct that starts with its size.
    let size = unsafe { (&raw const (*functions).size).read() };
    let least = offset_of!(StoreFunctions, write);
    if size < least {
        let message = format!("argument functions.size is {size}, less than the {least} bytes up to write");
        return Err(Error::invalid(message));
    }
    // An earlier version of the struct may end before it, and a later one has more behind it.
    let has_write = size >= size_of::<StoreFunctions>();
    // SAFETY: what is read lies within the size that the struct has. C's `bool` may be any byte.
    let (is_concurrent, list, read, write) = unsafe {
        (
            (&raw const (*functions).concurrent).cast::<u8>().read() != 0,
            (&raw const (*functions).list).read().ok_or_else(|| null("functions.list"))?,
            (&raw const (*functions).read).read().ok_or_else(|| null("functions.read"))?,
            if has_write { (&raw const (*functions).write).read() } else { None },
        )
    };
    let make =
        move || -> Box<dyn Functions> { Box::new(CallersStore { list, read, write, user_data, destroy }) };
    Ok((is_concurrent, make))
}

impl Setting {
    /// The key and the value; an error names the key.
    fn checked<'a>(&self) -> Result<(&'a str, &'a str)> {
        let key = text(self.key, "settings.key")?;
        let value = text(self.value, "settings.value");
        Ok((key, value.map_err(|error| Error::invalid(format_args!("{error}, of setting '{key}'")))?))
    }
}

impl Str {
    /// `text`, or an empty string, which ends with NUL.
    pub(super) fn new(text: Option<&str>) -> Self {
        match text {
            Some(text) if !text.is_empty() => Str { data: text.as_ptr().cast(), len: text.len() },
            Some(_) | None => Str { data: c"".as_ptr(), len: 0 },
        }
    }
}

/// Runs the body of a function that can fail; NULL is success.
pub(super) fn guard(body: impl FnOnce() -> Result<()>) -> Option<Box<Error>> {
    let outcome = catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied();
        let text =
            text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
        Err(Error::new(Code::Internal, format_args!("a bug in libresult, please report it: {text}")))
    });
    outcome.err().map(Box::new)
}

/// Runs the body of a function that fills `*out`, which is NULL if it fails. Whatever is made here may be used by
/// any thread.
pub(super) fn produce<T: Send + Sync>(
    out: *mut *mut T,
    body: impl FnOnce() -> Result<T>,
) -> Option<Box<Error>> {
    if out.is_null() {
        return Some(Box::new(null("out")));
    }
    put(out, Some(ptr::null_mut()));
    guard(|| {
        let made = Box::into_raw(Box::new(body()?));
        put(out, Some(made));
        Ok(())
    })
}

/// Runs the body of a function that can fail and fills a struct of the caller's own, which is `empty` if it fails.
pub(super) fn put_or<T>(out: *mut T, empty: T, body: impl FnOnce() -> Result<T>) -> Option<Box<Error>> {
    if out.is_null() {
        return Some(Box::new(null("out")));
    }
    put(out, Some(empty));
    guard(|| {
        put(out, Some(body()?));
        Ok(())
    })
}

/// Writes values to an array of the caller's own, which has room for all; NULL just asks. Returns true.
pub(super) fn fill<T>(out: *mut T, values: impl ExactSizeIterator<Item = T>) -> bool {
    if !out.is_null() {
        for (place, value) in values.enumerate() {
            // SAFETY: the caller of the C function passes an array of as many values as it says.
            unsafe { out.add(place).write(value) };
        }
    }
    true
}

/// Writes a value to `*out`, unless there is none or `out` is NULL, which just asks. Returns whether there is one.
pub(super) fn put<T>(out: *mut T, value: Option<T>) -> bool {
    let Some(value) = value else { return false };
    if !out.is_null() {
        // SAFETY: the caller of the C function passes a place that it owns; what is there is not read.
        unsafe { out.write(value) };
    }
    true
}

/// An object that must not be NULL.
pub(super) fn object<'a, T>(argument: Option<&'a T>, name: &str) -> Result<&'a T> {
    argument.ok_or_else(|| null(name))
}

/// A text that must be there and UTF-8.
pub(super) fn text<'a>(argument: *const c_char, name: &str) -> Result<&'a str> {
    if argument.is_null() {
        return Err(null(name));
    }
    // SAFETY: the caller of the C function passes a string that ends with NUL and lives until it returns.
    let text = unsafe { CStr::from_ptr(argument) };
    text.to_str().map_err(|error| {
        let offset = error.valid_up_to();
        Error::invalid(format_args!("argument {name} is not UTF-8 at byte {offset}"))
    })
}

/// A text for a function that cannot fail: NULL and what is not UTF-8 name nothing.
pub(super) fn text_or_none<'a>(argument: *const c_char) -> Option<&'a str> {
    text(argument, "").ok()
}

/// A text that may be anything, as far as it is UTF-8; empty if it is NULL.
pub(super) fn text_lossy(argument: *const c_char) -> String {
    if argument.is_null() {
        return String::new();
    }
    // SAFETY: as above.
    unsafe { CStr::from_ptr(argument) }.to_string_lossy().into_owned()
}

/// The settings of a call.
pub(super) fn settings<'a>(settings: *const Setting, count: usize) -> Result<Vec<(&'a str, &'a str)>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if settings.is_null() {
        return Err(null("settings"));
    }
    // SAFETY: the caller of the C function passes an array of `count` settings that lives until it returns.
    let settings = unsafe { slice::from_raw_parts(settings, count) };
    settings.iter().map(Setting::checked).collect()
}

/// Room of the caller's own for `len` bytes.
pub(super) fn room<'a>(into: *mut c_void, len: usize) -> Result<&'a mut [u8]> {
    if len == 0 {
        return Ok(&mut []);
    }
    if into.is_null() {
        return Err(null("into"));
    }
    if isize::try_from(len).is_err() {
        return Err(Error::invalid(format_args!("argument len is {len}, more than there is memory")));
    }
    // SAFETY: the caller of the C function passes room for so many bytes, which is only written to.
    Ok(unsafe { slice::from_raw_parts_mut(into.cast(), len) })
}

/// An enum of the C API, which C passes as an `int`.
pub(super) trait Member: Copy + 'static {
    /// All its values.
    const ALL: &[Self];
    fn number(self) -> c_int;
}

/// The value of an enum that C passed; it may be any number.
pub(super) fn member<E: Member>(argument: MaybeUninit<E>, name: &str) -> Result<E> {
    const { assert!(size_of::<E>() == size_of::<c_int>()) };
    // SAFETY: an enum of the C API is as large as an `int`, which is what C passed.
    let number: c_int = unsafe { std::mem::transmute_copy(&argument) };
    let found = E::ALL.iter().copied().find(|member| member.number() == number);
    found.ok_or_else(|| {
        let known: Vec<String> = E::ALL.iter().map(|member| member.number().to_string()).collect();
        Error::invalid(format_args!("argument {name} is {number}, not one of {}", known.join(", ")))
    })
}

fn null(name: &str) -> Error {
    Error::invalid(format_args!("argument {name} is NULL"))
}
