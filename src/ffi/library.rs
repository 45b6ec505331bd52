//! The library itself.

use std::ffi::c_char;

use super::boundary::{Str, text_or_none};

/// Features of builds, and whether this one has them.
const FEATURES: [(&str, bool); 6] = [
    ("s3", cfg!(feature = "s3")),
    ("gs", cfg!(feature = "gs")),
    ("abfs", cfg!(feature = "abfs")),
    ("http", cfg!(feature = "http")),
    ("arrow", true),
    ("parquet", true),
];

/// Whether this build has `feature`: `s3`, `gs`, `abfs`, `http`, `arrow`, `parquet`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_supports(feature: *const c_char) -> bool {
    text_or_none(feature).is_some_and(|feature| FEATURES.contains(&(feature, true)))
}

/// The version of the library in use, such as `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_version() -> Str {
    Str::new(Some(env!("CARGO_PKG_VERSION")))
}
