//! Opens what a Ray training run left behind and answers, without Python and without Ray: which metrics, which
//! checkpoint is best, what went wrong.
//!
//! This is the Rust API. The C API is in `include/libresult.h`; bindings for C++ and Go stand on it.
//!
//! ```no_run
//! use result::{Mode, Run};
//!
//! # fn main() -> result::Result<()> {
//! let run = Run::open("/data/runs/resnet", &[], None)?;
//! let best = run.best_checkpoint("eval/loss", Mode::Min, &[])?;
//! println!("{} after {:?}", best.path(), run.metric("epoch"));
//! # Ok(())
//! # }
//! ```

// The rooms, each of which uses only those below it; tests/rooms.rs holds them to it.
#[allow(unsafe_code)]
mod ffi;
mod run;
mod frame;
mod checkpoint;
mod layout;
mod parse;
mod storage;
// The ground floor.
mod value;
mod json_writer;
mod number;
mod name;
mod nearest;
mod glob;
mod progress;
mod cancel;
mod error;

#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;

pub use cancel::Cancel;
pub use checkpoint::{Checkpoint, Directory, Files};
pub use error::{Code, Error, Result};
pub use frame::{ArrowStream, Column, ColumnType, Frame};
pub use layout::{Attempt, Diagnostic, Failure, Layout, Presence, Severity, Status};
pub use progress::Progress;
pub use run::{Mode, Ranking, Run, Skipped};
pub use value::{Array, Kind, Object, Value};
