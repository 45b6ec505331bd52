//! The output directory of a training run, as it was when it was opened.

mod attempt;
mod best;
mod failure;
mod frame;
mod json;

use std::fmt::{Debug, Display, Formatter};

use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::Result;
use crate::layout::{
    self, Attempt, Course, Diagnostic, Extent, Fact, Failure, Found, Layout, Limits, Presence, Record,
    Reports, ScoreOrder, Severity, Status,
};
use crate::name::Name;
use crate::storage::{self, Key, Location, Settings, locate};
use crate::value::Value;

pub use best::{Mode, Ranking, Skipped};

/// The output directory of a training run, as it was when it was opened.
pub struct Run {
    location: Location,
    path: Name,
    uri: Name,
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
    course: Course,
    diagnostics: Vec<Diagnostic>,
    reports: Reports,
}

impl Run {
    /// Opens the run at `uri`: a local path, or `file://`, `s3://`, `gs://`, `abfs://`, `az://`, `http://`, `https://`, or the
    /// scheme of a store that was registered. Which layout it has is found out.
    ///
    /// Reads what it needs once. `settings` are those of the store, which docs/storage.md lists; `read` (`all`, `latest`), `max_depth`, `max_line_bytes`,
    /// `max_file_bytes`, `max_checkpoints`, `strict`, `retry_ms`, `events`, `events_path`; README.md explains them.
    ///
    /// # Errors
    /// `NotFound` if there is no run at `uri`, and nothing else; `Corrupt` if the file that holds the answers does
    /// not parse or exceeds a limit, and at the first damage if `strict` is `true`; `Permission` if it may not
    /// be read; `InvalidArgument`, for nothing where setting `events` says too; `Unsupported`, `Io`,
    /// `Cancelled`.
    pub fn open(uri: &str, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Self> {
        let (events, events_path) = (Key::Text("events"), Key::Text("events_path"));
        let (read, strict) = (Key::Word("read", &["all", "latest"]), Key::Word("strict", &["true", "false"]));
        let keys = [&[read, strict, events, events_path], &Limits::KEYS[..], storage::KEYS].concat();
        let settings = Settings::new(settings, &keys)?;
        let extent = match settings.word("read") {
            Some("latest") => Extent::Latest,
            Some(_) | None if settings.is_true("strict") => Extent::Every,
            Some(_) | None => Extent::All,
        };
        crate::cancel::check(cancel)?;
        let location = locate(uri, &settings)?;
        let limits = Limits::new(&settings);
        let mut record = layout::read(&location, extent, &limits, cancel)?;
        let course = layout::join_events(&mut record, &location, &settings, &limits, cancel)?;
        let is_damage = |found: &&Diagnostic| found.severity() == Severity::Damage;
        match record.diagnostics.iter().find(is_damage) {
            Some(damage) if settings.is_true("strict") => return Err(damage.as_error(&location.to_string())),
            Some(_) | None => {}
        }
        Ok(Run::new(location, extent, record, course))
    }

    fn new(location: Location, extent: Extent, record: Record, course: Course) -> Self {
        let of_run = |(index, found): (Option<usize>, Found)| Checkpoint::of_run(&location, found, index);
        let checkpoints = record.checkpoints.into_iter().enumerate();
        let checkpoints = checkpoints.map(|(index, found)| of_run((Some(index), found))).collect();
        let leftovers = record.leftovers.into_iter().map(|found| of_run((None, found))).collect();
        Run {
            uri: Name::new(&location.uri()),
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
            course,
            diagnostics: record.diagnostics,
            reports: record.reports,
        }
    }

    /// Where the run is, so that it can be opened again.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Where the run is, as Ray shows it (`Result.path`): absolute, without the scheme.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The kind of store it is on, as Ray names it (`Result.filesystem.type_name`): `local`, `s3`, `gcs`, `abfs`; `http`, and
    /// the scheme of a store of the caller's own.
    pub fn filesystem(&self) -> &str {
        self.location.store.filesystem()
    }

    /// How it is laid out.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The version of Ray that wrote it; empty if nothing tells.
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

    /// The file that it came from, relative to the run, or `events` for Ray's export events; empty if there is none.
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

    /// How far the run is, in Ray's word in lower case, such as `running`, `finished`, `errored`, `aborted`; empty
    /// if nothing tells. Ray's export events tell: setting `events` of [`Run::open`].
    pub fn status(&self) -> &str {
        &self.course.status
    }

    /// What Ray said about the status; empty if it said nothing.
    pub fn status_detail(&self) -> &str {
        &self.course.status_detail
    }

    /// When the run started, in nanoseconds since 1970 UTC, if anything tells.
    pub fn start_time(&self) -> Option<i64> {
        self.course.start
    }

    /// When the run ended; as [`Run::start_time`].
    pub fn end_time(&self) -> Option<i64> {
        self.course.end
    }

    /// The metric that the run was told to keep checkpoints by (`CheckpointConfig.checkpoint_score_attribute`);
    /// empty if none or nothing tells.
    pub fn configured_metric(&self) -> &str {
        &self.course.metric
    }

    /// Which end of it is best, if there is one.
    pub fn configured_mode(&self) -> Option<Mode> {
        self.course.order.map(|order| match order {
            ScoreOrder::Min => Mode::Min,
            ScoreOrder::Max => Mode::Max,
        })
    }

    /// How many checkpoints the run was told to keep (`CheckpointConfig.num_to_keep`); none if all or nothing tells.
    pub fn configured_keep(&self) -> Option<u64> {
        self.course.keep
    }

    /// The attempts that Ray's export events tell of, oldest first.
    pub fn attempts(&self) -> &[Attempt] {
        &self.course.attempts
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
