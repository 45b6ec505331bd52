//! An error, as C sees it.

use super::boundary::Str;
use crate::error::{Code, Error};

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
