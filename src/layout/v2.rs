//! Ray Train V2: `checkpoint_manager_snapshot.json`, of every schema that Ray ever wrote.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fmt::Arguments;

use super::detect::{SNAPSHOT, has_v1_rows};
use super::diagnostic::Finding;
use super::directory::Directory;
use super::settle::Patience;
use super::{Diagnostics, Extent, Fact, Found, Layout, Presence, Record, Reports, Status, names};
use crate::error::{Error, Result};
use crate::parse;
use crate::parse::json::{self, JsonError};
use crate::storage::ETag;
use crate::value::{Object, Value};

const RESULTS: &str = "checkpoint_results";
const LATEST: &str = "latest_checkpoint_result";
const INDICES: &str = "checkpoint_report_indices";
const PENDING: &str = "pending_training_results";

/// Fields that name checkpoints, and the status that a checkpoint so named has; the first that holds.
const STATUSES: [(&str, Status); 3] = [
    ("timed_out_validation_checkpoint_dir_names", Status::ValidationTimedOut),
    ("failed_validation_checkpoint_dir_names", Status::ValidationFailed),
    ("validated_checkpoint_dir_names", Status::Validated),
];

/// All other fields of any version, none of which is needed for an answer.
const OTHER_FIELDS: [&str; 4] =
    ["ray_version", "version", "pending_validation_specs", "current_report_index"];

fn is_known(field: &str) -> bool {
    let named = [RESULTS, LATEST, INDICES, PENDING];
    named.contains(&field)
        || OTHER_FIELDS.contains(&field)
        || STATUSES.iter().any(|(known, _)| *known == field)
}

/// An entry of the snapshot: what one report said of its checkpoint.
struct Entry {
    name: Box<str>,
    metrics: Value,
}

/// Reads the run that a snapshot tells of.
pub(super) fn read(directory: &Directory, extent: Extent) -> Result<Record> {
    let mut diagnostics = Diagnostics::default();
    if has_v1_rows(directory) {
        let message = "a run of Train V1 lies in the same directory; the snapshot of Train V2 counts";
        diagnostics.add(Finding::BothLayouts, SNAPSHOT, message);
    }
    let Some((bytes, state)) = settled_snapshot(directory)? else {
        return without_snapshot(directory, extent);
    };
    let mut snapshot = Snapshot { value: parse(directory, &bytes, &mut diagnostics)?, diagnostics };
    drop(bytes);

    let listed = snapshot.listed(directory)?;
    let latest = snapshot.latest();
    let (mut entries, ordered) = snapshot.in_order(listed, latest.as_ref());
    directory.check_count(entries.len())?;
    let place =
        latest.as_ref().and_then(|latest| entries.iter().position(|(entry, _)| entry.name == latest.name));
    let latest_metrics = match (latest, place) {
        (Some(latest), Some(place)) => {
            if !latest.metrics.same(&entries[place].0.metrics) {
                let message =
                    format!("{LATEST} has other metrics than the entry of {} in the list", latest.name);
                snapshot.diagnostics.add(Finding::LatestMetricsDiffer, SNAPSHOT, message);
            }
            Some((place, latest.metrics))
        }
        (Some(latest), None) => {
            let message = format!("{LATEST} is {}, which {RESULTS} lacks", latest.name);
            snapshot.diagnostics.add(Finding::LatestNotListed, SNAPSHOT, message);
            let metrics = latest.metrics.clone();
            entries.push((latest, None));
            Some((entries.len() - 1, metrics))
        }
        (None, _) if entries.is_empty() => None,
        (None, _) => {
            let last = entries.len() - 1;
            let message =
                format!("{LATEST} is missing; the last in {ordered} counts, {}", entries[last].0.name);
            snapshot.diagnostics.add(Finding::LatestMissing, SNAPSHOT, message);
            Some((last, entries[last].0.metrics.clone()))
        }
    };
    let (latest, metrics) = latest_metrics.unzip();
    let reports = Reports::Checkpoints(entries.iter().map(|(entry, _)| entry.metrics.clone()).collect());
    let checkpoints =
        if extent != Extent::Latest { snapshot.checkpoints(directory, entries) } else { Vec::new() };
    let mut record = Record {
        layout: Layout::TrainV2,
        ray_version: snapshot.text("ray_version").unwrap_or_default(),
        metrics,
        latest: latest.filter(|_| extent != Extent::Latest),
        checkpoints,
        leftovers: Vec::new(),
        failure: Fact::Unknown,
        config: Fact::Unknown,
        return_value: Fact::Unknown,
        diagnostics: Vec::new(),
        reports,
        snapshot: Some(state),
    };
    snapshot.check_fields();
    let mut diagnostics = snapshot.diagnostics;
    if extent != Extent::Latest {
        let reported: HashSet<&str> = record.checkpoints.iter().map(|checkpoint| &*checkpoint.name).collect();
        record.leftovers = directory.leftovers(|name| reported.contains(name), &mut diagnostics)?;
    }
    record.diagnostics = diagnostics.finish();
    Ok(record)
}

/// A run that has not reported a checkpoint: Ray wrote its marker and nothing else.
pub(super) fn without_snapshot(directory: &Directory, extent: Extent) -> Result<Record> {
    let mut diagnostics = Diagnostics::default();
    let message = format!("{SNAPSHOT} is not there: the run has not reported a checkpoint");
    diagnostics.add(Finding::NoSnapshot, SNAPSHOT, message);
    let leftovers = match extent {
        Extent::All | Extent::Every => directory.leftovers(|_| false, &mut diagnostics)?,
        Extent::Latest => Vec::new(),
    };
    Ok(Record {
        layout: Layout::TrainV2,
        ray_version: Box::default(),
        metrics: None,
        checkpoints: Vec::new(),
        latest: None,
        leftovers,
        failure: Fact::Unknown,
        config: Fact::Unknown,
        return_value: Fact::Unknown,
        diagnostics: diagnostics.finish(),
        reports: Reports::None,
        snapshot: None,
    })
}

/// The bytes of the snapshot, read while nobody wrote it, if there is such a moment.
fn settled_snapshot(directory: &Directory) -> Result<Option<(Vec<u8>, ETag)>> {
    let mut patience = Patience::new(directory.limits.retry);
    loop {
        let Some((bytes, blob)) = directory.read(SNAPSHOT)? else { return Ok(None) };
        if blob.is_settled()? || !patience.wait(directory.cancel)? {
            return Ok(Some((bytes, blob.etag().clone())));
        }
    }
}

/// The snapshot as an object. Anything else is corrupt: an answer without checkpoints would make a caller
/// start from scratch.
fn parse(directory: &Directory, bytes: &[u8], diagnostics: &mut Diagnostics) -> Result<Object> {
    let path = directory.location.join(SNAPSHOT);
    let (text, skipped) = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            diagnostics.add(Finding::Bom, SNAPSHOT, "a byte order mark stands at the start");
            (rest, 3)
        }
        None => (bytes, 0),
    };
    let text = parse::text(text);
    if matches!(text, Cow::Owned(_)) {
        let message = "bytes that are not UTF-8 were read as U+FFFD";
        diagnostics.add(Finding::InvalidUtf8, SNAPSHOT, message);
    }
    let (value, notes) = json::document_of(&text, directory.limits.depth, is_known).map_err(|error| {
        let error = JsonError { offset: error.offset + skipped, ..error };
        Error::corrupt(format_args!("{path}: {error} of {}", bytes.len()))
    })?;
    if let Some(key) = notes.duplicate_key {
        let message = format!("an object has the key '{key}' more than once; the last counts");
        diagnostics.add(Finding::DuplicateKey, SNAPSHOT, message);
    }
    if let Some(offset) = notes.lone_surrogate {
        let message = format!("half of a surrogate pair at byte {offset} was read as U+FFFD");
        diagnostics.add(Finding::LoneSurrogate, SNAPSHOT, message);
    }
    let Value::Object(object) = value else {
        return Err(Error::corrupt(format_args!("{path}: not an object")));
    };
    if object.get(RESULTS).and_then(Value::as_array).is_none() {
        return Err(Error::corrupt(format_args!("{path}: no list called {RESULTS}")));
    }
    Ok(object)
}

struct Snapshot {
    value: Object,
    diagnostics: Diagnostics,
}

/// A report's place among all reports, exact whatever its size.
type Index = Value;

impl Snapshot {
    fn wrong_type(&mut self, what: Arguments) {
        self.diagnostics.add(Finding::WrongType, SNAPSHOT, format!("{what}; it is ignored"));
    }

    /// A field, unless it is missing or null.
    fn field(&self, name: &str) -> Option<Value> {
        self.value.get(name).filter(|value| !value.is_null()).cloned()
    }

    fn text(&mut self, name: &str) -> Option<Box<str>> {
        let value = self.field(name)?;
        if value.as_str().is_none() {
            self.wrong_type(format_args!("{name} is no text"));
        }
        value.as_str().map(Box::from)
    }

    fn list(&mut self, name: &str) -> Option<Vec<Value>> {
        let value = self.field(name)?;
        if value.as_array().is_none() {
            self.wrong_type(format_args!("{name} is no list"));
        }
        value.as_array().map(<[Value]>::to_vec)
    }

    /// An entry that names a checkpoint below the run.
    fn entry(&mut self, value: &Value, what: Arguments) -> Option<Entry> {
        let Some(object) = value.as_object() else {
            self.wrong_type(format_args!("{what} is no object"));
            return None;
        };
        for (key, value) in object.iter() {
            match key {
                "version" => self.check_version(value, what),
                "checkpoint_dir_name" | "metrics" => {}
                unknown => self.unknown_field(unknown, what),
            }
        }
        let Some(name) = object.get("checkpoint_dir_name").and_then(Value::as_str) else {
            self.wrong_type(format_args!("{what} has no name that is text"));
            return None;
        };
        if !names::is_safe(name) {
            let message =
                format!("{what} is named {name:?}, which does not stay below the run; it is ignored");
            self.diagnostics.add(Finding::UnsafeName, SNAPSHOT, message);
            return None;
        }
        let metrics = match object.get("metrics") {
            Some(metrics @ Value::Object(_)) => metrics.clone(),
            _ => {
                self.wrong_type(format_args!("{what}, {name}, has no metrics that are an object"));
                Value::Object(Object::empty())
            }
        };
        Some(Entry { name: name.into(), metrics })
    }

    fn check_version(&mut self, value: &Value, what: Arguments) {
        let is_integer = matches!(value, Value::Int(_) | Value::UInt(_) | Value::BigInt(_) | Value::Null);
        if !is_integer {
            self.wrong_type(format_args!("version of {what} is no integer"));
        }
    }

    fn unknown_field(&mut self, field: &str, what: Arguments) {
        let message = format!("{what} has a field that is not known, '{field}'; it is ignored");
        self.diagnostics.add(Finding::UnknownField, SNAPSHOT, message);
    }

    /// The entries of the list, each with its place in it; of those with one name the last.
    fn listed(&mut self, directory: &Directory) -> Result<Vec<(usize, Entry)>> {
        let results = self.list(RESULTS).unwrap_or_default();
        directory.check_count(results.len())?;
        let mut listed: Vec<(usize, Entry)> = Vec::with_capacity(results.len());
        for (place, result) in results.iter().enumerate() {
            if let Some(entry) = self.entry(result, format_args!("entry {place} of {RESULTS}")) {
                listed.push((place, entry));
            }
        }
        let mut seen = HashSet::with_capacity(listed.len());
        let is_last: Vec<bool> =
            listed.iter().rev().map(|(_, entry)| seen.insert(entry.name.clone())).collect();
        let mut is_last = is_last.into_iter().rev();
        listed.retain(|(_, entry)| {
            let keep = is_last.next().unwrap_or(true);
            if !keep {
                let message = format!("{} is listed more than once; the last entry counts", entry.name);
                self.diagnostics.add(Finding::DuplicateCheckpoint, SNAPSHOT, message);
            }
            keep
        });
        Ok(listed)
    }

    fn latest(&mut self) -> Option<Entry> {
        let value = self.field(LATEST)?;
        self.entry(&value, format_args!("{LATEST}"))
    }

    /// The entries by report, each with the number of its report; if the snapshot does not tell that, in the
    /// likeliest order. Also says which order that is.
    fn in_order(
        &mut self,
        mut listed: Vec<(usize, Entry)>,
        latest: Option<&Entry>,
    ) -> (Vec<(Entry, Option<Index>)>, &'static str) {
        if let Some(indices) = self.indices() {
            let mut entries: Vec<(Entry, Option<Index>)> =
                listed.into_iter().map(|(place, entry)| (entry, indices.get(place).cloned())).collect();
            entries.sort_by(|(_, a), (_, b)| match (a, b) {
                (Some(a), Some(b)) => a.compare_numbers(b).unwrap_or(std::cmp::Ordering::Equal),
                (None, _) | (_, None) => std::cmp::Ordering::Equal,
            });
            return (entries, "the order of the reports");
        }
        let order = if listed.iter().all(|(_, entry)| names::is_dated(&entry.name)) {
            listed.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
            "the order of their names, which are dates"
        } else {
            let is_latest = |entry: &Entry| latest.is_some_and(|latest| latest.name == entry.name);
            listed.sort_by_key(|(_, entry)| is_latest(entry));
            "the order of the list"
        };
        if listed.len() > 1 {
            let message =
                format!("{INDICES} does not tell the order of the reports; the checkpoints stand in {order}");
            self.diagnostics.add(Finding::OrderGuessed, SNAPSHOT, message);
        }
        (listed.into_iter().map(|(_, entry)| (entry, None)).collect(), order)
    }

    /// The number of the report of each entry of the list, if all are told.
    fn indices(&mut self) -> Option<Vec<Index>> {
        let indices = self.list(INDICES)?;
        if !indices.iter().all(|index| matches!(index, Value::Int(_) | Value::UInt(_) | Value::BigInt(_))) {
            self.wrong_type(format_args!("{INDICES} holds what is no integer"));
            return None;
        }
        let listed = self.value.get(RESULTS).map_or(0, Value::len);
        if indices.len() != listed {
            let message =
                format!("{INDICES} has {} numbers for {listed} checkpoints; it is ignored", indices.len());
            self.diagnostics.add(Finding::IndexMismatch, SNAPSHOT, message);
            return None;
        }
        Some(indices)
    }

    fn checkpoints(&mut self, directory: &Directory, entries: Vec<(Entry, Option<Index>)>) -> Vec<Found> {
        let statuses = self.statuses();
        let mut checkpoints = Vec::with_capacity(entries.len());
        for (Entry { name, metrics }, report) in entries {
            let presence = directory.presence(&name);
            if presence == Presence::Absent {
                let message = format!("{name} is listed but its directory is not there");
                self.diagnostics.add(Finding::MissingCheckpoint, &name, message);
            }
            checkpoints.push(Found {
                report: report.and_then(|report| report.as_u64()),
                presence,
                status: statuses.get(&name).copied().unwrap_or(Status::Committed),
                metrics: Some(metrics),
                name,
            });
        }
        checkpoints
    }

    /// The status of each checkpoint that has one, by name.
    fn statuses(&mut self) -> HashMap<Box<str>, Status> {
        let mut statuses = HashMap::new();
        for (place, value) in self.list(PENDING).unwrap_or_default().iter().enumerate() {
            if let Some(entry) = self.entry(value, format_args!("entry {place} of {PENDING}")) {
                statuses.insert(entry.name, Status::PendingValidation);
            }
        }
        for (field, status) in STATUSES {
            for name in self.list(field).unwrap_or_default() {
                match name.as_str() {
                    Some(name) => {
                        statuses.entry(name.into()).or_insert(status);
                    }
                    None => self.wrong_type(format_args!("{field} holds what is no text")),
                }
            }
        }
        statuses
    }

    /// Notes fields that are not known, and known ones of a wrong type that no answer needed.
    fn check_fields(&mut self) {
        let value = self.value.clone();
        for (name, value) in value.iter() {
            match name {
                "version" | "current_report_index" => self.check_version(value, format_args!("the snapshot")),
                "pending_validation_specs" => {
                    self.list(name);
                }
                name if is_known(name) => {}
                name => self.unknown_field(name, format_args!("the snapshot")),
            }
        }
    }
}
