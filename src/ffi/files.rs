//! The files of a checkpoint, as C sees them.

use super::boundary::Str;
use crate::checkpoint::Files;

/// How many files.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_files_count(files: Option<&Files>) -> usize {
    files.map_or(0, Files::len)
}

/// The name of file `index` below the checkpoint, such as `optim/rank_0.pt`; empty past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_files_name_at(files: Option<&Files>, index: usize) -> Str {
    Str::new(files.and_then(|files| files.get(index)).map(|(name, _)| name))
}

/// Its size in bytes; 0 past the end.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_files_size_at(files: Option<&Files>, index: usize) -> u64 {
    files.and_then(|files| files.get(index)).map_or(0, |(_, size)| size)
}

/// Frees `files`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_files_free(files: Option<Box<Files>>) {
    drop(files);
}
