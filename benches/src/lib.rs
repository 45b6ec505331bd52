//! What the measured programs share.

pub mod digest;
pub mod frame;
mod used;

pub use used::print_used;
