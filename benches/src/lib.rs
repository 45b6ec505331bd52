//! What the measured programs share.

pub mod digest;
mod used;

pub use used::print_used;
