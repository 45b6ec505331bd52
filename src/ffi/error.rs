//! An error, as C sees it.

use std::ffi::{c_char, c_int};
use std::mem::MaybeUninit;

use super::boundary::{Member, Str, member, text, text_lossy};
use crate::error::{Code, Error};

impl Member for Code {
    const ALL: &[Code] = &[
        Code::InvalidArgument,
        Code::NotFound,
        Code::Io,
        Code::Corrupt,
        Code::Cancelled,
        Code::Internal,
        Code::Permission,
        Code::Unsupported,
    ];

    fn number(self) -> c_int {
        self as c_int
    }
}

/// Makes an error, for the functions of a store: one sentence about what went wrong.
///
/// A `code` that this version does not know is `LIBRESULT_CODE_IO`, and so is `LIBRESULT_CODE_OK`.
#[must_use]
#[unsafe(no_mangle)]
pub extern "C" fn libresult_error_new(code: MaybeUninit<Code>, message: *const c_char) -> Option<Box<Error>> {
    if message.is_null() {
        return text(message, "message").err().map(Box::new);
    }
    Some(Box::new(Error::new(member(code, "code").unwrap_or(Code::Io), text_lossy(message))))
}

/// The kind of failure; `LIBRESULT_CODE_OK` if `error` is NULL.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_error_code(error: Option<&Error>) -> Code {
    error.map_or(Code::Ok, Error::code)
}

/// One sentence that names the file or the argument at fault.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_error_message(error: Option<&Error>) -> Str {
    Str::new(error.map(Error::message))
}

/// Frees `error`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_error_free(error: Option<Box<Error>>) {
    drop(error);
}
