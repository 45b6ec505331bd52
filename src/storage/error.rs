//! What a store may answer instead of doing what it was asked for.

use std::fmt::{Display, Formatter};
use std::io;

use crate::error::{Code, Error};

/// A store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) struct StorageError {
    pub fault: Fault,
    pub path: String,
    /// What the store itself says of it, if it says more than the fault does.
    told: Option<String>,
}

/// Why a store did not do what it was asked for.
#[cfg_attr(not(feature = "remote"), allow(dead_code))]
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("no such file or directory")]
    NotFound,
    #[error("not a directory")]
    NotADirectory,
    #[error("not a regular file")]
    NotAFile,
    #[error("permission denied")]
    Permission,
    /// The condition of a write does not hold.
    #[error("it was changed by someone else meanwhile")]
    Changed,
    #[error("larger than {0} bytes, which setting max_file_bytes allows")]
    TooLarge(u64),
    #[error("the call was cancelled")]
    Cancelled,
    /// Files can be read by name, but nothing tells which there are.
    #[error("a web server does not list its files")]
    CannotList,
    #[error("{0}")]
    Unsupported(String),
    /// There is no bucket of this name.
    #[error("{0}")]
    NoBucket(String),
    /// The store says why it refused.
    #[error("{0}")]
    Refused(String),
    /// The bucket is in another region than was asked.
    #[error("the bucket is in region {0}")]
    Region(String),
    /// What the caller said of the store cannot be right.
    #[error("{0}")]
    Setup(String),
    #[error("{0}")]
    Io(#[source] io::Error),
    /// A store of the caller's own failed in a way that means nothing here.
    #[error("the store failed")]
    Failed(Code),
}

impl StorageError {
    pub(crate) fn new(fault: Fault, path: &str) -> Self {
        StorageError { fault, path: path.to_owned(), told: None }
    }

    /// With what the store itself says of it.
    pub(crate) fn told(fault: Fault, path: &str, told: String) -> Self {
        StorageError { fault, path: path.to_owned(), told: Some(told) }
    }

    /// What went wrong, without where.
    pub(crate) fn reason(&self) -> &dyn Display {
        self.told.as_ref().map_or(&self.fault as &dyn Display, |told| told)
    }

    pub(crate) fn io(error: io::Error, path: &str) -> Self {
        let is = |kind| error.kind() == kind;
        // Nothing can be where a name is too long, or where links lead in a circle.
        let is_nowhere = matches!(error.raw_os_error(), Some(libc::ENAMETOOLONG | libc::ELOOP));
        let fault = if is(io::ErrorKind::NotFound) || is_nowhere {
            Fault::NotFound
        } else if is(io::ErrorKind::NotADirectory) {
            Fault::NotADirectory
        } else if is(io::ErrorKind::PermissionDenied) {
            Fault::Permission
        } else {
            Fault::Io(error)
        };
        StorageError::new(fault, path)
    }
}

impl Display for StorageError {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.told {
            Some(told) if told.contains(&self.path) => formatter.write_str(told),
            Some(_) | None => write!(formatter, "{}: {}", self.path, self.reason()),
        }
    }
}

impl From<StorageError> for Error {
    fn from(error: StorageError) -> Self {
        let code = match error.fault {
            Fault::NotFound | Fault::NotADirectory | Fault::NoBucket(_) => Code::NotFound,
            Fault::Permission | Fault::Refused(_) => Code::Permission,
            Fault::Setup(_) => Code::InvalidArgument,
            Fault::TooLarge(_) => Code::Corrupt,
            Fault::Cancelled if error.told.is_none() => return Error::new(Code::Cancelled, Fault::Cancelled),
            Fault::Cancelled => Code::Cancelled,
            Fault::CannotList | Fault::Unsupported(_) => Code::Unsupported,
            Fault::NotAFile | Fault::Changed | Fault::Io(_) | Fault::Region(_) => Code::Io,
            Fault::Failed(code) => code,
        };
        Error::new(code, error)
    }
}
