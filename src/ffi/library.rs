//! The library itself.

use std::ffi::c_char;

use super::boundary::{Str, text_or_none};

/// Features of this build that others may lack.
const FEATURES: [&str; 2] = ["arrow", "parquet"];

/// Whether this build has `feature`: `arrow`, `parquet`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_supports(feature: *const c_char) -> bool {
    text_or_none(feature).is_some_and(|feature| FEATURES.contains(&feature))
}

/// The version of the library in use, such as `0.1.0`.
#[unsafe(no_mangle)]
pub extern "C" fn libresult_version() -> Str {
    Str::new(Some(env!("CARGO_PKG_VERSION")))
}
