//! All reports of a run.

use super::Run;
use crate::cancel::Cancel;
use crate::checkpoint::Checkpoint;
use crate::error::{Error, Result};
use crate::frame::{Frame, Source};
use crate::layout::Extent;

impl Run {
    /// Reads every report of the run into columns: one row a report, in the order of the reports, nested metrics as
    /// `eval/loss`, as `Result.metrics_dataframe`. What is not reported in a row is null there, and integers stay such.
    ///
    /// Of V1, column `checkpoint_dir_name` names the checkpoint of a row; of V2, rows and checkpoints are the same.
    /// `settings`: `column` (a name or a glob pattern; may come more than once), `config`, `dedupe`, `rows`, `threads`,
    /// `batch_rows`, `max_memory`; README.md explains them.
    ///
    /// # Errors
    /// `InvalidArgument` for a `column` that no report has, and if the run was opened with `read=latest`; `Corrupt` if the
    /// file was replaced or became shorter since the run was opened, or a limit is exceeded; `NotFound` if it is gone;
    /// `Permission`, `Io`, `Cancelled`.
    pub fn read_frame(&self, settings: &[(&str, &str)], cancel: Option<&Cancel>) -> Result<Frame> {
        Frame::read(&self.reports("read_frame")?, settings, cancel)
    }

    fn reports(&self, what: &str) -> Result<Source<'_>> {
        if self.extent == Extent::Latest {
            let run = self.path();
            let message =
                format!("{run} was opened with read=latest, which leaves all other reports out of {what}");
            return Err(Error::invalid(message));
        }
        let checkpoints = self.checkpoints.iter().filter_map(Checkpoint::metrics).collect();
        Ok(Source { run: &self.location, reports: &self.reports, checkpoints })
    }
}
