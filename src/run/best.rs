//! Which checkpoint is best.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::Run;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::layout::Extent;
use crate::nearest::nearest;
use crate::number::word;
use crate::storage::{Key, Settings};
use crate::value::Value;

/// Which end of a metric is best. There is no default: 0 is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Mode {
    /// The smallest value, as for a loss.
    Min = 1,
    /// The largest value, as for an accuracy.
    Max = 2,
}

/// Why a checkpoint does not take part in a ranking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
#[non_exhaustive]
pub enum Skipped {
    /// Its report lacks the metric, or has `null` there.
    Missing = 0,
    /// The metric is NaN.
    Nan = 1,
    /// The metric is no number.
    NonNumeric = 2,
    /// Its directory is gone.
    NotOnDisk = 3,
}

/// Checkpoints in order of a metric, best first.
#[derive(Debug, Default)]
pub struct Ranking {
    ranked: Vec<(Checkpoint, Value)>,
    skipped: Vec<(Checkpoint, Skipped)>,
}

impl Ranking {
    /// Those that take part, best first, each with its metric.
    pub fn ranked(&self) -> &[(Checkpoint, Value)] {
        &self.ranked
    }

    /// Those that do not, in the order of the reports, each with the reason.
    pub fn skipped(&self) -> &[(Checkpoint, Skipped)] {
        &self.skipped
    }
}

impl Run {
    /// Finds the checkpoint with the best metric at `path`, such as `eval/loss`; of equals, the earliest.
    ///
    /// `settings`: `ties` is `earliest` or `latest`. Checkpoints whose directory is gone, or whose metric is
    /// missing, NaN or no number, do not count, unlike in Ray (`Result.get_best_checkpoint`), where NaN wins if
    /// it comes first.
    ///
    /// # Errors
    /// `NotFound` if there is no checkpoint, or none counts; the message tells how many were skipped, and why.
    /// `InvalidArgument` for a metric that neither a checkpoint nor the last report names, and if the run was
    /// opened with `read=latest`.
    pub fn best_checkpoint(&self, path: &str, mode: Mode, settings: &[(&str, &str)]) -> Result<Checkpoint> {
        let ranking = self.rank_checkpoints(path, mode, settings)?;
        match ranking.ranked.into_iter().next() {
            Some((best, _)) => Ok(best),
            None if self.checkpoints.is_empty() => {
                let run = self.path();
                Err(Error::not_found(format_args!("{run} has no checkpoint, so none is best by '{path}'")))
            }
            None => {
                let (run, skipped) = (self.path(), tell(&ranking.skipped));
                Err(Error::not_found(format_args!(
                    "no checkpoint of {run} can be ranked by '{path}': {skipped}"
                )))
            }
        }
    }

    /// Ranks the checkpoints by the metric at `path`, best first; of equals, the earliest first.
    ///
    /// # Errors
    /// As [`Run::best_checkpoint`], but if there is no checkpoint, or none counts, the ranking is empty.
    pub fn rank_checkpoints(&self, path: &str, mode: Mode, settings: &[(&str, &str)]) -> Result<Ranking> {
        let settings = Settings::new(settings, &[Key::Word("ties", &["earliest", "latest"])])?;
        if self.extent == Extent::Latest {
            let run = self.path();
            let message = format!("{run} was opened with read=latest, which leaves its checkpoints out");
            return Err(Error::invalid(message));
        }
        let metrics: Vec<Option<&Value>> =
            self.checkpoints.iter().map(|checkpoint| checkpoint.metrics()?.find(path)).collect();
        self.check_is_named(path, &metrics)?;
        let words_count = words_count(&metrics);
        let mut ranking = Ranking::default();
        for (checkpoint, metric) in self.checkpoints.iter().zip(metrics) {
            match rankable(checkpoint, metric, words_count) {
                Ok(value) => ranking.ranked.push((checkpoint.clone(), value)),
                Err(reason) => ranking.skipped.push((checkpoint.clone(), reason)),
            }
        }
        if settings.word("ties") == Some("latest") {
            ranking.ranked.reverse();
        }
        ranking.ranked.sort_by(|(_, a), (_, b)| {
            let order = a.compare_numbers(b).unwrap_or(Ordering::Equal);
            match mode {
                Mode::Min => order,
                Mode::Max => order.reverse(),
            }
        });
        Ok(ranking)
    }

    /// Fails if there are checkpoints, but neither they nor the last report know the metric: a slip.
    fn check_is_named(&self, path: &str, metrics: &[Option<&Value>]) -> Result<()> {
        if metrics.is_empty() || metrics.iter().any(Option::is_some) || self.metric(path).is_some() {
            return Ok(());
        }
        let reports = self.checkpoints.iter().filter_map(Checkpoint::metrics).chain(self.metrics());
        let mut names = BTreeSet::new();
        reports.for_each(|report| add_names(report, &mut names));
        let hint = nearest(path, names.iter().map(String::as_str));
        let hint = hint.map(|name| format!(": did you mean '{name}'?")).unwrap_or_default();
        let (count, run) = (metrics.len(), self.path());
        let message =
            format!("metric '{path}' is missing from the last report and all {count} checkpoints of {run}");
        Err(Error::invalid(message + &hint))
    }
}

/// Whether words such as `nan` count as numbers: they stand among numbers, and nothing else does.
fn words_count(metrics: &[Option<&Value>]) -> bool {
    let mut has_number = false;
    let mut only_numbers_and_words = true;
    for metric in metrics.iter().flatten() {
        match metric {
            Value::Int(_) | Value::UInt(_) | Value::BigInt(_) | Value::Float(_) => has_number = true,
            Value::Str(text) => only_numbers_and_words &= word(text).is_some(),
            Value::Null => {}
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => only_numbers_and_words = false,
        }
    }
    has_number && only_numbers_and_words
}

/// The number that a checkpoint is ranked by.
fn rankable(checkpoint: &Checkpoint, metric: Option<&Value>, words_count: bool) -> Result<Value, Skipped> {
    if !checkpoint.is_on_disk() {
        return Err(Skipped::NotOnDisk);
    }
    match metric {
        None | Some(Value::Null) => Err(Skipped::Missing),
        Some(Value::Str(text)) => match word(text).filter(|_| words_count) {
            None => Err(Skipped::NonNumeric),
            Some(number) if number.is_nan() => Err(Skipped::Nan),
            Some(number) => Ok(Value::Float(number)),
        },
        Some(Value::Float(number)) if number.is_nan() => Err(Skipped::Nan),
        Some(Value::Array(_) | Value::Object(_)) => Err(Skipped::NonNumeric),
        Some(number @ (Value::Bool(_) | Value::Int(_) | Value::UInt(_))) => Ok(number.clone()),
        Some(number @ (Value::BigInt(_) | Value::Float(_))) => Ok(number.clone()),
    }
}

/// How many were skipped for which reason.
fn tell(skipped: &[(Checkpoint, Skipped)]) -> String {
    let reasons = [
        (Skipped::NotOnDisk, "not on disk"),
        (Skipped::Missing, "without the metric"),
        (Skipped::Nan, "NaN"),
        (Skipped::NonNumeric, "not a number"),
    ];
    let told = reasons.iter().filter_map(|(reason, words)| {
        let count = skipped.iter().filter(|(_, found)| found == reason).count();
        (count > 0).then(|| format!("{count} {words}"))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Adds the names of the metrics in a report, nested ones with `/`: enough of them to find a slip.
fn add_names(report: &Value, names: &mut BTreeSet<String>) {
    const MOST: usize = 1_000;
    // A longer one is not what somebody meant.
    const LONGEST: usize = 200;
    let mut waiting = vec![(String::new(), report)];
    while let Some((prefix, value)) = waiting.pop() {
        for (key, value) in value.as_object().into_iter().flat_map(|object| object.iter()) {
            if names.len() >= MOST {
                return;
            }
            if prefix.len() + key.len() > LONGEST {
                continue;
            }
            let name = format!("{prefix}{key}");
            if value.as_object().is_some() {
                waiting.push((name + "/", value));
            } else {
                names.insert(name);
            }
        }
    }
}
