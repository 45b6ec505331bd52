//! The C ABI: one file a noun, each function a few lines. Their documentation becomes the header's, in this
//! order. cbindgen.toml maps the names of types; tests/header.rs makes the header.

mod boundary;
mod run;
mod ranking;
mod attempt;
mod failure;
mod diagnostic;
mod checkpoint;
mod directory;
mod files;
mod value;
mod text;
mod frame;
mod store;
mod cancel;
mod error;
mod library;
