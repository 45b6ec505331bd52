//! Writes the reports of a run to a file, batch by batch, in one pass over the run. The columns and types are those of the
//! rows so far; where a later row does not fit them, the rest is read for its columns only, and the writing starts over.
//! The file appears when it is whole, or not at all.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::json::LEAST_PART;
use super::options::Options;
use super::read::{Columns, Request, Source};
use super::rows::Budget;
use super::table::Batch;
use super::{Column, ColumnType};
use crate::cancel::{self, Cancel};
use crate::error::{Code, Error, Result};
use crate::progress::{self, Progress};
use crate::storage::{
    Condition, Fault, Key, Location, Settings, StorageError, Upload, locate, names_directory,
};

/// The columns of a file, and their types.
pub(super) type Types = [(Arc<str>, ColumnType)];

/// Writes a table to a file that nobody sees yet.
pub(super) trait TableWriter: Send {
    fn batch(&mut self, columns: &[Column], rows: usize) -> Result<()>;

    /// Writes what is left; the file is then whole.
    fn finish(self: Box<Self>) -> Result<Output>;
}

/// Starts a file of these columns.
pub(super) type Start<'a> = &'a (dyn Fn(&Types, Output) -> Result<Box<dyn TableWriter>> + Sync);

/// Where a table is written to.
pub(super) struct Destination {
    location: Location,
    replaces: bool,
}

impl Destination {
    pub(super) const KEY: Key = Key::Word("on_exists", &["fail", "replace"]);

    pub(super) fn new(uri: &str, settings: &Settings, cancel: Option<&Cancel>) -> Result<Self> {
        let location = locate(uri, settings)?;
        let replaces = settings.word("on_exists") == Some("replace");
        // Told before anything is read.
        match location.open(None, cancel) {
            Err(error) if matches!(error.fault, Fault::NotAFile) => Err(error.into()),
            Ok(_) | Err(_) if names_directory(uri, &location) => {
                let why = "it names a directory: name the file in it that is to be written";
                Err(Error::invalid(format_args!("{location}: {why}")))
            }
            Ok(_) if !replaces => Err(exists(&location)),
            Ok(_) | Err(_) => Ok(Destination { location, replaces }),
        }
    }

    fn create(&self, cancel: Option<&Cancel>) -> Result<Output> {
        let location = &self.location;
        let upload = location.store.create(&location.path, cancel).map_err(|error| {
            if matches!(error.fault, Fault::NotFound | Fault::NotADirectory) {
                return Error::new(
                    Code::Io,
                    format_args!("{location}: there is no directory to write it in"),
                );
            }
            error.into()
        })?;
        Ok(Output { upload, failed: None })
    }

    fn commit(&self, output: Output, cancel: Option<&Cancel>) -> Result<()> {
        let condition = if self.replaces { Condition::Always } else { Condition::IfAbsent };
        output.upload.commit(&condition, cancel).map_err(|error| {
            if matches!(error.fault, Fault::Changed) { exists(&self.location) } else { error.into() }
        })
    }
}

fn exists(location: &Location) -> Error {
    Error::new(Code::Io, format_args!("{location}: it exists already; setting on_exists=replace replaces it"))
}

/// A file that is being written.
pub(super) struct Output {
    upload: Box<dyn Upload>,
    /// Why it could not be written: a format's own error says less.
    failed: Option<StorageError>,
}

impl Output {
    /// The reason why writing failed, if storage was it.
    pub(super) fn error(&mut self, otherwise: impl std::fmt::Display) -> Error {
        match self.failed.take() {
            Some(failed) => failed.into(),
            None => Error::new(Code::Internal, otherwise),
        }
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.upload.write(bytes) {
            let told = io::Error::other(error.to_string());
            self.failed = Some(error);
            return Err(told);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all reports of a run to a file.
pub(super) fn write(
    source: &Source,
    options: &Options,
    destination: &Destination,
    start: Start,
    progress: Option<Progress>,
    cancel: Option<&Cancel>,
) -> Result<()> {
    cancel::check(cancel)?;
    let request = source.request(options, cancel)?;
    let mut pass =
        Pass { source, request, destination, start, progress, columns: Columns::default(), before: 0 };
    let written = match pass.run(None)? {
        Some(output) => output,
        None => {
            let types = pass.columns.types();
            pass.before = source.size();
            let written = pass.run(Some(types))?;
            written
                .ok_or_else(|| Error::new(Code::Internal, "the columns changed while they were written"))?
        }
    };
    destination.commit(written, cancel)
}

/// One way through all rows, or the second one.
struct Pass<'a, 'p> {
    source: &'a Source<'a>,
    request: Request<'a>,
    destination: &'a Destination,
    start: Start<'a>,
    progress: Option<Progress<'p>>,
    columns: Columns,
    /// How many bytes were read in an earlier pass.
    before: u64,
}

impl Pass<'_, '_> {
    /// Writes all rows as these columns, or as those of the first batch; none if a later row does not fit those.
    fn run(&mut self, types: Option<Vec<(Arc<str>, ColumnType)>>) -> Result<Option<Output>> {
        let (start, destination, cancel) = (self.start, self.destination, self.request.cancel);
        let mut writing = Writing { start, destination, cancel, begun: None };
        let is_alone =
            self.request.options.threads.map_or(self.source.size() < LEAST_PART, |threads| threads == 1);
        if is_alone {
            let fits = self.read(types, &mut |order| writing.take(order))?;
            return if fits { writing.finish() } else { Ok(None) };
        }
        // What is read is written beside, on another thread, which takes one batch while the next one is read.
        std::thread::scope(|scope| {
            let (sender, receiver): (SyncSender<Order>, Receiver<Order>) = sync_channel(1);
            let thread = std::thread::Builder::new().spawn_scoped(scope, move || {
                receiver.into_iter().try_for_each(|order| writing.take(order))?;
                writing.finish()
            });
            let thread = thread
                .map_err(|error| Error::new(Code::Io, format_args!("no thread to write with: {error}")))?;
            // Nobody receives any more once writing has failed, which the thread tells.
            let gone = |_| Error::new(Code::Internal, "the thread that writes has ended");
            let fits = self.read(types, &mut |order| sender.send(order).map_err(gone));
            if fits.is_err() {
                // What was begun is not to be finished. If the thread has ended, it knows why.
                let _ = sender.send(Order::GiveUp);
            }
            drop(sender);
            let written = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            match (fits, written) {
                (_, Err(error)) => Err(error),
                (Err(error), Ok(_)) => Err(error),
                (Ok(fits), Ok(output)) => Ok(output.filter(|_| fits)),
            }
        })
    }

    /// Reads all rows, and hands on what is to be written. Returns whether all fitted.
    fn read(
        &mut self,
        mut types: Option<Vec<(Arc<str>, ColumnType)>>,
        hand_on: &mut dyn FnMut(Order) -> Result<()>,
    ) -> Result<bool> {
        let Pass { source, request, progress, columns, before, .. } = self;
        let is_known = types.is_some();
        if let Some(types) = &types {
            hand_on(Order::Begin(types.clone()))?;
        }
        let (mut fits, mut rows) = (true, 0);
        let (size, again) = (source.size(), *before > 0);
        let seen = source.stream(request, &Budget::new(None), &mut |batch, done| {
            cancel::check(request.cancel)?;
            rows += u64::from(batch.rows);
            if !is_known {
                columns.add(&batch);
            }
            match &types {
                None => {
                    let first = columns.types();
                    types = Some(first.clone());
                    hand_on(Order::Begin(first))?;
                }
                Some(known) if is_known || !fits || columns.types() == *known => {}
                Some(_) => {
                    fits = false;
                    hand_on(Order::GiveUp)?;
                }
            }
            let total = if fits && !again { size } else { 2 * size };
            progress::tell(progress, *before + done, total)?;
            if fits { hand_on(Order::Put(batch)) } else { Ok(()) }
        })?;
        request.options.pick.check(rows, columns.names(), seen.left_out())?;
        Ok(fits)
    }
}

/// What the writing side is told.
enum Order {
    Begin(Vec<(Arc<str>, ColumnType)>),
    Put(Batch),
    /// What was written is of no use.
    GiveUp,
}

/// A file that was begun, and its columns.
type Begun = (Vec<(Arc<str>, ColumnType)>, Box<dyn TableWriter>);

/// The side that writes.
struct Writing<'a> {
    start: Start<'a>,
    destination: &'a Destination,
    cancel: Option<&'a Cancel>,
    begun: Option<Begun>,
}

impl Writing<'_> {
    fn take(&mut self, order: Order) -> Result<()> {
        match order {
            Order::Begin(types) => {
                let writer = (self.start)(&types, self.destination.create(self.cancel)?)?;
                self.begun = Some((types, writer));
            }
            Order::Put(batch) => {
                if let Some((types, writer)) = &mut self.begun {
                    let rows = batch.rows as usize;
                    writer.batch(&batch.finish_as(types), rows)?;
                }
            }
            Order::GiveUp => self.begun = None,
        }
        Ok(())
    }

    fn finish(self) -> Result<Option<Output>> {
        self.begun.map(|(_, writer)| writer.finish()).transpose()
    }
}
