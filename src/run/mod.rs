//! The output directory of a training run, as it was when it was opened.

mod best;
mod failure;
mod json;

use std::fmt::{Debug, Display, Formatter};

use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::layout::{
    self, Diagnostic, Extent, Fact, Failure, Found, Layout, Limits, Presence, Record, Status,
};
use crate::name::Name;
use crate::storage::{Key, Location, Settings, locate};
use crate::value::Value;

pub use best::{Mode, Ranking, Skipped};

/// The output directory of a training run, as it was when it was opened.
pub struct Run {
    location: Location,
    path: Name,
    extent: Extent,
    layout: Layout,
    ray_version: Box<str>,
    metrics: Option<Value>,
    checkpoints: Vec<Checkpoint>,
    latest: Option<usize>,
    leftovers: Vec<Checkpoint>,
    failure: Fact<Failure>,
    config: Fact<Value>,
    return_value: Fact<Value>,
    diagnostics: Vec<Diagnostic>,
}

impl Run {
    /// Opens the run at `uri`: a local path, or `file://`. Which layout it has is found out.
    ///
    /// Reads what it needs once. `settings`: `read` (`all`, `latest`), `max_depth`, `max_line_bytes`,
    /// `max_file_bytes`, `max_checkpoints`; README.md explains them.
    ///
    /// # Errors
    /// `NotFound` if there is no run at `uri`, and nothing else; `Corrupt` if the file that holds the answers
    /// does not parse or exceeds a limit; `Permission` if it may not be read; `InvalidArgument`, `Unsupported`,
    /// `Io`, `Cancelled`.
    pub fn open(uri: &str, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Self> {
        let [depth, line, file, checkpoints] = Limits::KEYS;
        let keys = [Key::Word("read", &["all", "latest"]), depth, line, file, checkpoints];
        let settings = Settings::new(settings, &keys)?;
        let extent = if settings.word("read") == Some("latest") { Extent::Latest } else { Extent::All };
        crate::cancel::check(cancel)?;
        let location = locate(uri)?;
        let record = layout::read(&location, extent, &Limits::new(&settings), cancel)?;
        Ok(Run::new(location, extent, record))
    }

    fn new(location: Location, extent: Extent, record: Record) -> Self {
        let of_run = |(index, found): (Option<usize>, Found)| Checkpoint::of_run(&location, found, index);
        let checkpoints = record.checkpoints.into_iter().enumerate();
        let checkpoints = checkpoints.map(|(index, found)| of_run((Some(index), found))).collect();
        let leftovers = record.leftovers.into_iter().map(|found| of_run((None, found))).collect();
        Run {
            path: Name::new(&location.path),
            location,
            extent,
            layout: record.layout,
            ray_version: record.ray_version,
            metrics: record.metrics,
            checkpoints,
            latest: record.latest,
            leftovers,
            failure: record.failure,
            config: record.config,
            return_value: record.return_value,
            diagnostics: record.diagnostics,
        }
    }

    /// Where the run is, so that it can be opened again.
    pub fn uri(&self) -> &str {
        // A local path is its own URI.
        &self.path
    }

    /// Where the run is, as Ray shows it (`Result.path`): absolute, without the scheme.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The kind of store it is on, as Ray names it (`Result.filesystem.type_name`): `local`.
    pub fn filesystem(&self) -> &str {
        self.location.store.filesystem()
    }

    /// How it is laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The version of Ray that wrote it; empty if the directory does not tell.
    pub fn ray_version(&self) -> &str {
        &self.ray_version
    }

    /// The last report: an object, nested as reported, as `Result.metrics`; none if there was none.
    pub fn metrics(&self) -> Option<&Value> {
        self.metrics.as_ref()
    }

    /// The metric at `path`, such as `eval/loss`, in the last report, if it is there.
    pub fn metric(&self, path: &str) -> Option<&Value> {
        self.metrics()?.find(path)
    }

    /// The checkpoint reported last, even if its directory is gone; none if none was reported.
    pub fn latest_checkpoint(&self) -> Option<&Checkpoint> {
        self.checkpoints.get(self.latest?)
    }

    /// The checkpoint to resume from: the latest reported one whose directory is there and whose validation did
    /// not fail, if there is one.
    pub fn resume_checkpoint(&self) -> Option<&Checkpoint> {
        let can_resume = |checkpoint: &&Checkpoint| {
            checkpoint.is_on_disk() && checkpoint.status() != Status::ValidationFailed
        };
        let latest = self.latest_checkpoint().filter(can_resume);
        latest.or_else(|| self.checkpoints.iter().rev().find(can_resume))
    }

    /// The reported checkpoints that the run kept, in the order of the reports, as `Result.best_checkpoints`.
    pub fn checkpoints(&self) -> &[Checkpoint] {
        &self.checkpoints
    }

    /// Checkpoint directories that no report names.
    pub fn leftovers(&self) -> &[Checkpoint] {
        &self.leftovers
    }

    /// What made the run fail, as `Result.error`, if its presence is `Present`.
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.value()
    }

    /// Whether the run failed.
    pub fn failure_presence(&self) -> Presence {
        self.failure.presence()
    }

    /// The configuration that the run was started with, as `Result.config`, if it is present.
    pub fn config(&self) -> Option<&Value> {
        self.config.value()
    }

    /// Whether the run had a configuration.
    pub fn config_presence(&self) -> Presence {
        self.config.presence()
    }

    /// The file that it came from, relative to the run; empty if there is none.
    pub fn config_source(&self) -> &str {
        self.config.source()
    }

    /// What the training function returned, as `Result.return_value`, if it is present. Ray keeps it in memory
    /// only, so no directory records it so far.
    pub fn return_value(&self) -> Option<&Value> {
        self.return_value.value()
    }

    /// Whether the training function returned a value.
    pub fn return_value_presence(&self) -> Presence {
        self.return_value.presence()
    }

    /// The file that it came from, relative to the run; empty if there is none.
    pub fn return_value_source(&self) -> &str {
        self.return_value.source()
    }

    /// What was damaged, skipped or guessed.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }
}

impl Debug for Run {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Run").field(&self.path()).finish()
    }
}

/// As [`Run::to_json`].
impl Display for Run {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.to_json())
    }
}
