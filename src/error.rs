//! Why a call failed.

use std::fmt::Display;

/// What kind of failure an error is. Later versions may add codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Code {
    /// No failure.
    Ok = 0,
    /// An argument is NULL, not UTF-8, out of range, or names nothing: a bug in the caller.
    InvalidArgument = 1,
    /// There is no run, no checkpoint, or none that the question is about.
    NotFound = 2,
    /// Storage could not be read or written.
    Io = 3,
    /// A file of the run does not parse.
    Corrupt = 4,
    /// The call was cancelled.
    Cancelled = 5,
    /// A bug in libresult.
    Internal = 6,
    /// The store refused: no credentials, or not the right ones.
    Permission = 7,
    /// The store cannot do this, or this build was made without it.
    Unsupported = 8,
}

/// Why a call failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    code: Code,
    message: String,
}

/// What a call that can fail returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of kind `code` whose message is `message`.
    pub(crate) fn new(code: Code, message: impl Display) -> Self {
        Error { code, message: message.to_string() }
    }

    /// The caller passed something that cannot be right.
    pub(crate) fn invalid(message: impl Display) -> Self {
        Error::new(Code::InvalidArgument, message)
    }

    /// What was asked for is not there.
    pub(crate) fn not_found(message: impl Display) -> Self {
        Error::new(Code::NotFound, message)
    }

    /// A file does not parse.
    pub(crate) fn corrupt(message: impl Display) -> Self {
        Error::new(Code::Corrupt, message)
    }

    /// The kind of failure.
    pub fn code(&self) -> Code {
        self.code
    }

    /// One sentence that names the file or the argument at fault.
    pub fn message(&self) -> &str {
        &self.message
    }
}
