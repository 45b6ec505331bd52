//! Runs of Train V1 and Tune whose rows name no checkpoint: Ray up to 2.6, and Tune's class API.

use std::collections::HashMap;

use super::diagnostic::Finding;
use super::directory::Directory;
use super::v1::Rows;
use super::{Diagnostics, Found, Presence, Status, names};
use crate::error::Result;
use crate::parse::pickle::Pickle;
use crate::value::{Object, Value};

/// What Ray up to 2.6 pickled into each checkpoint.
const METADATA: &str = ".tune_metadata";

/// The row that a checkpoint came with: its number and its values.
type Joined = Option<(u64, Value)>;

/// The numbered directories, in order, and which is the latest. Their rows are found by iteration: from the
/// metadata of each, or if that finds none, from its number.
pub(super) fn checkpoints(
    directory: &Directory,
    rows: &Rows,
    ray_version: &mut Box<str>,
    diagnostics: &mut Diagnostics,
) -> Result<(Vec<Found>, Option<usize>)> {
    let names = directory.checkpoints(|name| names::number(name).is_some())?;
    let mut iterations = Vec::with_capacity(names.len());
    for name in &names {
        let metadata = metadata(directory, name)?;
        if let Some(version) = metadata.ray_version {
            *ray_version = version;
        }
        iterations.push(metadata.iteration);
    }
    let mut joined = join(&iterations, rows, |_| true)?;
    if joined.iter().all(Option::is_none) {
        joined = by_number(&names, rows)?;
        if !joined.is_empty() {
            let message = "no row names a checkpoint; rows and checkpoints were joined by their numbers";
            diagnostics.add(Finding::ApproximateJoin, "", message);
        }
    }
    let mut joined = joined.into_iter();
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let (report, metrics) = joined.next().flatten().unzip();
        if report.is_none() {
            let message = format!("no row tells the metrics of {name}");
            diagnostics.add(Finding::UnjoinedCheckpoint, name, message);
        }
        found.push(Found {
            name: name.into(),
            report,
            presence: Presence::Present,
            status: Status::Committed,
            metrics: Some(metrics.unwrap_or_else(|| Value::Object(Object::empty()))),
        });
    }
    let last = found.len().checked_sub(1);
    Ok((found, last))
}

/// What the metadata of a checkpoint tells.
#[derive(Default)]
struct Metadata {
    iteration: Option<i64>,
    ray_version: Option<Box<str>>,
}

fn metadata(directory: &Directory, name: &str) -> Result<Metadata> {
    let Some(bytes) = directory.read_pickle_below(name, METADATA)? else { return Ok(Metadata::default()) };
    // A pickle that is cut or of another kind tells nothing, as if it were not there.
    let Ok(pickle) = Pickle::read(&bytes) else { return Ok(Metadata::default()) };
    let get = |key| pickle.get(pickle.root(), key);
    let iteration = get("iteration").and_then(|id| pickle.object(id).as_int());
    let ray_version = get("ray_version").and_then(|id| pickle.text(id)).map(Box::from);
    Ok(Metadata { iteration, ray_version })
}

/// For each iteration the last row of it, if that row is `fit`.
fn join(iterations: &[Option<i64>], rows: &Rows, fit: impl Fn(&Object) -> bool) -> Result<Vec<Joined>> {
    let mut met: HashMap<i64, Joined> = iterations.iter().flatten().map(|wanted| (*wanted, None)).collect();
    if !met.is_empty() {
        rows.every(|row| {
            let iteration = row.values.get("training_iteration").and_then(Value::as_i64);
            if let Some(place) = iteration.and_then(|iteration| met.get_mut(&iteration)) {
                *place = fit(&row.values).then(|| (row.number, Value::Object(row.values)));
            }
        })?;
    }
    Ok(iterations.iter().map(|wanted| met.get(wanted.as_ref()?).cloned().flatten()).collect())
}

/// For each directory the row whose iteration is one more than its number. Nothing unless every directory has
/// such a row, and each of them says that it was to be saved.
fn by_number(names: &[&str], rows: &Rows) -> Result<Vec<Joined>> {
    let number = |name: &&str| format!("0{}", names::number(name)?).parse::<i64>().ok()?.checked_add(1);
    let wanted: Vec<Option<i64>> = names.iter().map(number).collect();
    if wanted.iter().any(Option::is_none) {
        return Ok(Vec::new());
    }
    let is_saved = |row: &Object| row.get("should_checkpoint").and_then(Value::as_bool) == Some(true);
    let joined = join(&wanted, rows, is_saved)?;
    Ok(if joined.iter().all(Option::is_some) { joined } else { Vec::new() })
}
