//! All reports of a run.

use super::Run;
use super::json::layout;
use crate::cancel::Cancel;
use crate::error::Result;
use crate::frame::{Frame, Source, write_csv, write_parquet};
use crate::progress::Progress;
use crate::value::Value;

impl Run {
    /// Reads every report of the run into columns: one row a report, in the order of the reports, nested metrics as
    /// `eval/loss`, as `Result.metrics_dataframe`. What is not reported in a row is null there, and integers stay such.
    ///
    /// Of V1, column `checkpoint_dir_name` names the checkpoint of a row; of V2, rows and checkpoints are the same.
    /// `settings`: `column` (a name or a glob pattern; may come more than once), `config`, `dedupe`, `rows`, `threads`,
    /// `batch_rows`, `max_memory`; README.md explains them.
    ///
    /// A run that was opened with `read=latest` has them as well: for these alone, nothing else need be read.
    ///
    /// # Errors
    /// `InvalidArgument` for a `column` that no row has, unless there are no rows; `Corrupt` if the file was replaced or became shorter since the run was opened, or a limit is
    /// exceeded; `NotFound` if it is gone; `Permission`, `Io`, `Cancelled`.
    pub fn read_frame(&self, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Frame> {
        Frame::read(&self.reports(), settings, cancel)
    }

    /// Writes every report of the run to a Parquet file at `uri`, all at once or not at all: the columns of
    /// [`Run::read_frame`], those of JSON as text. The file's metadata has `libresult.uri`, `libresult.layout`,
    /// `libresult.ray_version` and `libresult.config` (JSON), each where the run tells it.
    ///
    /// Needs little memory, however long the run, and reads it once, or twice if a later report has a further column or
    /// one of a wider type. `settings`: those of [`Run::read_frame`] without `batch_rows` and `max_memory`; `compression`
    /// (`zstd`, `snappy`, `none`), `row_group_rows` (131,072 at most, fewer if they take much memory), `on_exists` (`fail`,
    /// `replace`). `progress` is told how many bytes were read, and of how many, and says whether to go on.
    ///
    /// # Errors
    /// As [`Run::read_frame`]; `Io` if the file is there already, or cannot be written; `Cancelled` if `progress` says so.
    pub fn write_parquet(
        &self,
        uri: &str,
        settings: &[(&str, &str)],
        progress: Option<Progress>,
        cancel: Option<&Cancel>,
    ) -> Result<()> {
        let config = self.config().map(Value::to_json).unwrap_or_default();
        let about = [
            ("libresult.uri", self.uri().to_owned()),
            ("libresult.layout", layout(self.layout()).to_owned()),
            ("libresult.ray_version", self.ray_version().to_owned()),
            ("libresult.config", config),
        ];
        let about: Vec<(&str, String)> = about.into_iter().filter(|(_, value)| !value.is_empty()).collect();
        write_parquet(&self.reports(), uri, &about, settings, progress, cancel)
    }

    /// Writes every report of the run to a CSV file at `uri` (RFC 4180), as [`Run::write_parquet`]. Cells of JSON are JSON,
    /// NaN and the infinities are `NaN`, `Infinity`, `-Infinity`.
    ///
    /// `settings`: those of [`Run::read_frame`] without `batch_rows` and `max_memory`; `null`, the text of a missing cell,
    /// which is empty by default (an empty string is then `""`); `on_exists` (`fail`, `replace`).
    ///
    /// # Errors
    /// As [`Run::write_parquet`].
    pub fn write_csv(
        &self,
        uri: &str,
        settings: &[(&str, &str)],
        progress: Option<Progress>,
        cancel: Option<&Cancel>,
    ) -> Result<()> {
        write_csv(&self.reports(), uri, settings, progress, cancel)
    }

    /// As [`Run::read_frame`], without the fast way through rows.
    #[cfg(feature = "fuzzing")]
    pub(crate) fn read_frame_exactly(&self, settings: &[(&str, &str)]) -> Result<Frame> {
        Frame::read_exactly(&self.reports(), settings)
    }

    fn reports(&self) -> Source<'_> {
        Source { run: &self.location, reports: &self.reports }
    }
}
