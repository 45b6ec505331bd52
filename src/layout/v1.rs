//! Ray Train V1 and Ray Tune: rows in `result.json`, or in `progress.csv` where that has none, and directories
//! of checkpoints.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use super::diagnostic::Finding;
use super::directory::Directory;
use super::v1_csv::{self, CsvRows};
use super::v1_rows::{self, CHECKPOINT_KEY, JsonRows, Row, Wanted};
use super::{
    Diagnostics, Extent, Fact, Found, Layout, Presence, Record, ReportFile, Reports, Status, error_file,
    names, v1_old,
};
use crate::error::Result;
use crate::parse::{self, json};
use crate::value::{Object, Value};

const PARAMS: &str = "params.json";

/// Reads a run of this layout.
pub(super) fn read(directory: &Directory, extent: Extent) -> Result<Record> {
    let mut diagnostics = Diagnostics::default();
    let Told { rows, last, config, named } = Told::read(directory, extent, &mut diagnostics)?;
    let reports = rows.file(directory);
    let config = match config {
        Some((value, source)) => Fact::Present { value, source },
        None => params(directory, &mut diagnostics)?,
    };
    let date = last.as_ref().and_then(|row| row.get("date")).and_then(Value::as_str);
    let failure = error_file::read(directory, last.is_some(), date, &mut diagnostics)?;
    let mut ray_version = Box::default();
    let (checkpoints, latest) = match extent {
        Extent::Latest => (Vec::new(), None),
        Extent::All | Extent::Every if named.has_key => named.checkpoints(&mut diagnostics),
        Extent::All | Extent::Every => {
            v1_old::checkpoints(directory, &rows, &mut ray_version, &mut diagnostics)?
        }
    };
    let leftovers = match extent {
        Extent::Latest => Vec::new(),
        Extent::All | Extent::Every => {
            let reported: HashSet<&str> = checkpoints.iter().map(|found| &*found.name).collect();
            directory.leftovers(|name| reported.contains(name), &mut diagnostics)?
        }
    };
    Ok(Record {
        layout: Layout::TrainV1,
        ray_version,
        metrics: last.map(Value::Object),
        checkpoints,
        latest,
        leftovers,
        failure,
        config,
        return_value: Fact::Unknown,
        diagnostics: diagnostics.finish(),
        reports,
        snapshot: None,
    })
}

/// The file that the rows are in.
pub(super) enum Rows<'a> {
    Json(Box<JsonRows<'a>>),
    Csv(CsvRows<'a>),
    None,
}

impl<'a> Rows<'a> {
    fn json(rows: Option<JsonRows<'a>>) -> Self {
        rows.map_or(Rows::None, |rows| Rows::Json(Box::new(rows)))
    }

    /// The file, for whoever reads it again.
    fn file(&self, directory: &Directory) -> Reports {
        match self {
            Rows::Json(rows) => Reports::Rows(ReportFile::new(v1_rows::FILE, rows.blob(), directory.limits)),
            Rows::Csv(rows) => Reports::Csv(ReportFile::new(v1_csv::FILE, rows.blob(), directory.limits)),
            Rows::None => Reports::None,
        }
    }

    pub(super) fn every(&self, mut each: impl FnMut(Row)) -> Result<()> {
        match self {
            Rows::Json(rows) => rows.every(each),
            Rows::Csv(rows) => rows.every(|row| {
                each(row);
                Ok(())
            }),
            Rows::None => Ok(()),
        }
    }
}

/// What the rows tell.
struct Told<'a> {
    rows: Rows<'a>,
    last: Option<Object>,
    config: Option<(Value, &'static str)>,
    named: Named<'a>,
}

impl<'a> Told<'a> {
    fn read(directory: &'a Directory<'a>, extent: Extent, diagnostics: &mut Diagnostics) -> Result<Self> {
        let json = JsonRows::open(directory)?;
        if let Some(rows) = &json {
            let mut named = Named::new(directory);
            let lines = match extent {
                Extent::Latest => None,
                Extent::All | Extent::Every => {
                    let is_wanted =
                        if extent == Extent::Every { Wanted::Every } else { Wanted::NamingCheckpoints };
                    Some(rows.scan(is_wanted, diagnostics, |row, diagnostics| {
                        named.row(row, v1_rows::FILE, diagnostics)
                    })?)
                }
            };
            let (last, config) = rows.last(extent, lines, diagnostics)?;
            if last.is_some() {
                let config = config.map(|config| (config, v1_rows::FILE));
                return Ok(Told { rows: Rows::json(json), last, config, named });
            }
        }
        let mut named = Named::new(directory);
        let Some(csv) = CsvRows::open(directory, diagnostics)? else {
            if json.is_none() {
                let message =
                    "neither result.json nor progress.csv is there: nothing was reported, or it was lost";
                diagnostics.add(Finding::NoResultFile, "", message);
            }
            return Ok(Told { rows: Rows::json(json), last: None, config: None, named });
        };
        if json.is_some() {
            let message = "result.json has no row, so progress.csv counts";
            diagnostics.add(Finding::UsedProgressCsv, v1_csv::FILE, message);
        }
        let mut last = None;
        csv.every(|row| {
            if row.number + 1 == csv.count() {
                last = Some(row.values.clone());
            }
            named.row(row, v1_csv::FILE, diagnostics)
        })?;
        let config = last.as_ref().and_then(|row| v1_csv::config(row, directory.limits.depth));
        let config = config.map(|config| (config, v1_csv::FILE));
        Ok(Told { rows: Rows::Csv(csv), last, config, named })
    }
}

/// The configuration where no row of `result.json` has it.
fn params(directory: &Directory, diagnostics: &mut Diagnostics) -> Result<Fact<Value>> {
    let Some(bytes) = directory.read_or_empty(PARAMS, diagnostics)? else { return Ok(Fact::Unknown) };
    let text = parse::text(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes));
    Ok(match json::document(&text, directory.limits.depth) {
        Ok((value @ Value::Object(_), _)) => Fact::Present { value, source: PARAMS },
        Ok(_) | Err(_) => Fact::Unknown,
    })
}

/// A row that names a checkpoint.
struct Report {
    number: u64,
    /// Its place among such rows: glued rows have one number.
    place: u64,
    metrics: Value,
}

/// The checkpoints that rows name, from Ray 2.7 on. Only the rows of those that are there are kept, and of the
/// one named last: retention deletes all others, which may be very many.
struct Named<'a> {
    directory: &'a Directory<'a>,
    /// Whether a row has the key at all, be it null.
    has_key: bool,
    places: u64,
    kept: HashMap<Box<str>, (Report, Presence)>,
    latest: Option<(Box<str>, Report)>,
    /// Hashes of the names of all that are gone.
    gone: HashSet<u64>,
    hasher: RandomState,
}

impl<'a> Named<'a> {
    fn new(directory: &'a Directory<'a>) -> Self {
        Named {
            directory,
            has_key: false,
            places: 0,
            kept: HashMap::new(),
            latest: None,
            gone: HashSet::new(),
            hasher: RandomState::new(),
        }
    }

    fn row(&mut self, row: Row, file: &str, diagnostics: &mut Diagnostics) -> Result<()> {
        let Some(name) = row.values.get(CHECKPOINT_KEY) else { return Ok(()) };
        self.has_key = true;
        let Some(name) = name.as_str() else { return Ok(()) };
        if !names::is_safe(name) {
            let message = format!("the checkpoint is named {name:?}, which does not stay below the run");
            diagnostics.add_line(Finding::UnsafeName, file, row.line, message);
            return Ok(());
        }
        self.places += 1;
        let name: Box<str> = name.into();
        let metrics = Value::Object(row.values);
        let report = Report { number: row.number, place: self.places, metrics };
        match self.directory.presence(&name) {
            Presence::Absent => {
                self.gone.insert(self.hasher.hash_one(&name));
            }
            presence @ (Presence::Present | Presence::Unknown) => {
                let kept = Report { metrics: report.metrics.clone(), ..report };
                self.kept.insert(name.clone(), (kept, presence));
            }
        }
        self.latest = Some((name, report));
        self.directory.check_count(self.kept.len() + self.gone.len())
    }

    /// What the run kept, in the order of the reports, and which of them is the latest.
    fn checkpoints(self, diagnostics: &mut Diagnostics) -> (Vec<Found>, Option<usize>) {
        let Some((latest, report)) = self.latest else { return (Vec::new(), None) };
        let mut reports: Vec<(Box<str>, Report, Presence)> =
            self.kept.into_iter().map(|(name, (report, presence))| (name, report, presence)).collect();
        let mut deleted = self.gone.len();
        if reports.iter().all(|(name, ..)| *name != latest) {
            deleted -= 1;
            let message = format!("{latest} was reported last but its directory is not there");
            diagnostics.add(Finding::MissingCheckpoint, &latest, message);
            reports.push((latest, report, Presence::Absent));
        }
        if deleted > 0 {
            let message = format!("{deleted} reported checkpoints were deleted, as retention does");
            diagnostics.add(Finding::DeletedCheckpoint, "", message);
        }
        reports.sort_unstable_by_key(|(_, report, _)| report.place);
        let found: Vec<Found> = reports
            .into_iter()
            .map(|(name, report, presence)| Found {
                name,
                report: Some(report.number),
                presence,
                status: Status::Committed,
                metrics: Some(report.metrics),
            })
            .collect();
        let last = found.len().checked_sub(1);
        (found, last)
    }
}
