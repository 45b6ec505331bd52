//! How a long call tells what it has done.

use crate::error::{Code, Error, Result};

/// Takes how many bytes are done, and of how many; says whether to go on.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64) -> bool;

/// Tells a caller who wants to know; fails if it says not to go on.
pub(crate) fn tell(progress: &mut Option<Progress>, done: u64, total: u64) -> Result<()> {
    if progress.as_mut().is_none_or(|progress| progress(done, total)) {
        return Ok(());
    }
    Err(Error::new(Code::Cancelled, "the call was cancelled by its progress function"))
}
