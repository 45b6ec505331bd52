//! A checkpoint as a local directory, as C sees it.

use super::boundary::{Str, guard};
use crate::checkpoint::Directory;

/// The path of the directory.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_directory_path(directory: Option<&Directory>) -> Str {
    Str::new(directory.map(Directory::path))
}

/// Frees `directory`; the last one of a copy removes it.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_directory_free(directory: Option<Box<Directory>>) {
    // Removing a copy may fail in ways that Rust's library panics at, and there is nobody to tell.
    drop(guard(|| {
        drop(directory);
        Ok(())
    }));
}
