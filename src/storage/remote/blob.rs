//! A file of a remote store that is open: read in ranges, in the state that it was opened in.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::config::Kind;
use super::connection::Connection;
use super::runtime::{self, Task};
use super::{Remote, state, wire};
use crate::cancel::Cancel;
use crate::storage::{Blob, ETag, Fault, Known, StorageError};

/// What small reads get their bytes from: one request each.
const CHUNK: u64 = if cfg!(test) { 64 } else { 4 << 20 };
/// What a reader needs kept: the chunk that it reads, the one before and the one after.
const CHUNKS_OF_READER: usize = 3;
/// Parts of an answer that nobody has taken yet.
const MOST_WAITING: usize = 8;

/// A file of a remote store.
pub(super) struct RemoteBlob {
    file: Arc<File>,
    etag: ETag,
    /// What the first answer said, which may be more than a listing did.
    answered: OnceLock<ETag>,
    size: u64,
    /// Those read last stand last.
    chunks: Mutex<Vec<Chunk>>,
}

/// What requests for a file need.
pub(super) struct File {
    connection: Arc<Connection>,
    key: Path,
    /// As people read it.
    shown: String,
}

struct Chunk {
    index: u64,
    state: ChunkState,
}

enum ChunkState {
    /// Asked for; the bytes are on their way.
    Coming(Fetch),
    Here(Arc<[u8]>),
}

impl RemoteBlob {
    /// Opens a file of which a listing told enough, so without a request, or else reads its beginning.
    pub(super) fn open(
        remote: &Remote,
        path: &str,
        known: Option<&Known>,
        cancel: Option<&Cancel>,
    ) -> Result<RemoteBlob, StorageError> {
        let shown = remote.shown(path);
        let failed = |fault| StorageError::new(fault, &shown);
        let key = remote.key(path).map_err(failed)?;
        let file = |connection| Arc::new(File { connection, key: key.clone(), shown: shown.clone() });
        if let Some(Known { size, etag }) = known {
            let file = file(remote.connection.current());
            return Ok(RemoteBlob::new(file, etag.clone(), *size, Vec::new()));
        }
        let first = remote.connection.again_elsewhere(|connection| {
            let file = file(connection);
            let mut fetch = Fetch::start(&file, 0..CHUNK)?;
            fetch.head(cancel)?;
            Ok((file, fetch))
        });
        let (file, mut fetch) = first.map_err(failed)?;
        let Head { etag, size } = fetch.head(cancel).map_err(failed)?.clone();
        let data = fetch.whole(cancel).map_err(failed)?;
        Ok(RemoteBlob::new(file, etag, size, vec![Chunk { index: 0, state: ChunkState::Here(data.into()) }]))
    }

    fn new(file: Arc<File>, etag: ETag, size: u64, chunks: Vec<Chunk>) -> Self {
        RemoteBlob { file, etag, answered: OnceLock::new(), size, chunks: Mutex::new(chunks) }
    }

    fn failed(&self, fault: Fault) -> StorageError {
        StorageError::new(fault, &self.file.shown)
    }

    fn chunks(&self) -> MutexGuard<'_, Vec<Chunk>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn range(&self, index: u64) -> Range<u64> {
        index * CHUNK..((index + 1) * CHUNK).min(self.size)
    }

    /// Fails if the file is not in the state any more that it was opened in.
    fn check(&self, head: &Head) -> Result<(), Fault> {
        let answered = self.answered.get_or_init(|| head.etag.clone());
        let is_same = |etag| state::is_same(&head.etag, etag);
        let is_same = is_same(&self.etag) && is_same(answered) && head.size == self.size;
        if is_same { Ok(()) } else { Err(Fault::Changed) }
    }

    /// Fills `into` by one request of its own.
    fn read_directly(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<(), Fault> {
        let mut fetch = Fetch::start(&self.file, offset..offset + into.len() as u64)?;
        self.check(fetch.head(cancel)?)?;
        fetch.fill(into, cancel)
    }

    /// The bytes of a chunk. One that follows on the one before is asked for ahead.
    fn chunk(&self, index: u64, cancel: Option<&Cancel>) -> Result<Arc<[u8]>, Fault> {
        let mut chunks = self.chunks();
        let is_next = chunks.iter().any(|chunk| chunk.index + 1 == index);
        let place = chunks.iter().position(|chunk| chunk.index == index);
        let chunk = match place.map(|place| chunks.remove(place).state) {
            Some(ChunkState::Here(data)) => {
                chunks.push(Chunk { index, state: ChunkState::Here(data.clone()) });
                return Ok(data);
            }
            Some(ChunkState::Coming(fetch)) => fetch,
            None => Fetch::start(&self.file, self.range(index))?,
        };
        chunks.retain(|chunk| chunk.index + 2 != index);
        let is_there = |chunks: &[Chunk], index| chunks.iter().any(|chunk| chunk.index == index);
        if is_next && !self.range(index + 1).is_empty() && !is_there(&chunks, index + 1) {
            let ahead = Fetch::start(&self.file, self.range(index + 1))?;
            chunks.push(Chunk { index: index + 1, state: ChunkState::Coming(ahead) });
        }
        // Other readers go on meanwhile.
        drop(chunks);
        let mut fetch = chunk;
        self.check(fetch.head(cancel)?)?;
        let range = self.range(index);
        let mut data = vec![0; (range.end - range.start) as usize];
        fetch.fill(&mut data, cancel)?;
        let data: Arc<[u8]> = data.into();
        let mut chunks = self.chunks();
        if chunks.len() >= most_chunks() {
            chunks.remove(0);
        }
        chunks.push(Chunk { index, state: ChunkState::Here(data.clone()) });
        Ok(data)
    }
}

/// How many chunks of a file are kept.
fn most_chunks() -> usize {
    // To ask for the number of cores takes several files of the system.
    static MOST: OnceLock<usize> = OnceLock::new();
    // Each core may have a reader, and one more reads from the end.
    let readers = || std::thread::available_parallelism().map_or(1, usize::from) + 1;
    *MOST.get_or_init(|| readers() * CHUNKS_OF_READER)
}

impl Blob for RemoteBlob {
    fn size(&self) -> u64 {
        self.size
    }

    fn etag(&self) -> &ETag {
        &self.etag
    }

    fn is_same_file(&self, earlier: &ETag) -> bool {
        // A store replaces a file as a whole, whatever was done to it.
        state::is_same(&self.etag, earlier)
    }

    fn is_settled(&self) -> Result<bool, StorageError> {
        // A store shows a file only when it is whole.
        Ok(true)
    }

    fn read_at(&self, offset: u64, into: &mut [u8], cancel: Option<&Cancel>) -> Result<usize, StorageError> {
        let length = self.size.saturating_sub(offset).min(into.len() as u64) as usize;
        let into = &mut into[..length];
        let (is_kept, is_first) = {
            let chunks = self.chunks();
            (chunks.iter().any(|chunk| chunk.index == offset / CHUNK), chunks.is_empty())
        };
        // Who begins in the middle of a long file wants its end, and seldom more.
        let is_look = is_first && offset > 0 && self.size > CHUNK;
        if length > 0 && !is_kept && (length as u64 >= CHUNK || is_look) {
            self.read_directly(offset, into, cancel).map_err(|fault| self.failed(fault))?;
            return Ok(length);
        }
        let mut filled = 0;
        while filled < length {
            let place = offset + filled as u64;
            let chunk = self.chunk(place / CHUNK, cancel).map_err(|fault| self.failed(fault))?;
            let rest = chunk.get((place % CHUNK) as usize..).unwrap_or_default();
            let taken = rest.len().min(length - filled);
            if taken == 0 {
                return Err(self.failed(Fault::Changed));
            }
            into[filled..filled + taken].copy_from_slice(&rest[..taken]);
            filled += taken;
        }
        Ok(length)
    }

    fn read_pieces(
        &self,
        offset: u64,
        length: u64,
        take: &mut dyn FnMut(&[u8]) -> bool,
        cancel: Option<&Cancel>,
    ) -> Option<Result<(), StorageError>> {
        let read = Fetch::start(&self.file, offset..offset + length).and_then(|mut fetch| {
            self.check(fetch.head(cancel)?)?;
            fetch.hand_on(length, take, cancel)
        });
        Some(read.map_err(|fault| self.failed(fault)))
    }
}

/// Reads a range of a file of which nothing is known, by one request. Returns how many bytes of it there are.
pub(super) fn read_range(
    connection: Arc<Connection>,
    key: &Path,
    shown: &str,
    offset: u64,
    into: &mut [u8],
    cancel: Option<&Cancel>,
) -> Result<usize, Fault> {
    let file = Arc::new(File { connection, key: key.clone(), shown: shown.to_owned() });
    // Who wants nothing still learns whether there is such a file.
    let length = (into.len() as u64).max(1);
    let mut fetch = Fetch::start(&file, offset..offset.saturating_add(length))?;
    let size = match fetch.head(cancel) {
        Ok(head) => head.size,
        // Of a file of which nothing was known, this says that it ends before.
        Err(Fault::Changed) => return Ok(0),
        Err(fault) => return Err(fault),
    };
    let length = size.saturating_sub(offset).min(into.len() as u64) as usize;
    if length > 0 {
        fetch.fill(&mut into[..length], cancel)?;
    }
    Ok(length)
}

/// What an answer says of the file before its bytes come.
#[derive(Debug, Clone)]
struct Head {
    etag: ETag,
    size: u64,
}

enum Piece {
    Head(Head),
    Bytes(Bytes, OwnedSemaphorePermit),
    End,
}

/// A request for a range of a file, whose bytes come while nobody waits.
struct Fetch {
    task: Task,
    pieces: Receiver<Result<Piece, Fault>>,
    head: Option<Head>,
}

impl Fetch {
    fn start(file: &Arc<File>, range: Range<u64>) -> Result<Fetch, Fault> {
        let (sender, pieces) = channel();
        let file = file.clone();
        let task = runtime::spawn(async move {
            let taker = Taker { pieces: sender.clone(), room: Arc::new(Semaphore::new(MOST_WAITING)) };
            let outcome = file.request(range, &taker).await;
            // If nobody takes it, the call was given up.
            let _ = sender.send(outcome.map(|()| Piece::End));
        })?;
        Ok(Fetch { task, pieces, head: None })
    }

    fn next(&self, cancel: Option<&Cancel>) -> Result<Piece, Fault> {
        runtime::receive(&self.pieces, &self.task, cancel)?
    }

    fn head(&mut self, cancel: Option<&Cancel>) -> Result<&Head, Fault> {
        if self.head.is_none() {
            if let Piece::Head(head) = self.next(cancel)? {
                self.head = Some(head);
            }
        }
        self.head.as_ref().ok_or(Fault::Changed)
    }

    /// Fills `into`, which is as long as the range.
    fn fill(&mut self, into: &mut [u8], cancel: Option<&Cancel>) -> Result<(), Fault> {
        let mut filled = 0;
        self.each(cancel, |bytes| {
            let Some(room) = into.get_mut(filled..filled + bytes.len()) else { return false };
            room.copy_from_slice(bytes);
            filled += bytes.len();
            true
        })?;
        if filled == into.len() { Ok(()) } else { Err(wrong_length(filled as u64, into.len() as u64)) }
    }

    /// Hands on all bytes of a range that is so long, until `take` refuses some.
    fn hand_on(
        &mut self,
        length: u64,
        take: &mut dyn FnMut(&[u8]) -> bool,
        cancel: Option<&Cancel>,
    ) -> Result<(), Fault> {
        let (mut taken, mut is_refused) = (0, false);
        let outcome = self.each(cancel, |bytes| {
            taken += bytes.len() as u64;
            is_refused = taken <= length && !take(bytes);
            taken <= length && !is_refused
        });
        match outcome {
            Err(_) if is_refused => Ok(()),
            Ok(()) if taken != length => Err(wrong_length(taken, length)),
            outcome => outcome,
        }
    }

    /// All bytes of an answer whose length was not known before.
    fn whole(&mut self, cancel: Option<&Cancel>) -> Result<Vec<u8>, Fault> {
        let expected = self.head(cancel)?.size.min(CHUNK) as usize;
        let mut data = Vec::with_capacity(expected);
        self.each(cancel, |bytes| {
            data.extend_from_slice(bytes);
            data.len() <= expected
        })?;
        if data.len() == expected { Ok(data) } else { Err(wrong_length(data.len() as u64, expected as u64)) }
    }

    fn each(&mut self, cancel: Option<&Cancel>, mut take: impl FnMut(&[u8]) -> bool) -> Result<(), Fault> {
        self.head(cancel)?;
        loop {
            match self.next(cancel)? {
                Piece::Bytes(bytes, _permit) if take(&bytes) => {}
                Piece::End => return Ok(()),
                Piece::Bytes(..) | Piece::Head(_) => {
                    let message = "the server sent more bytes than it was asked for";
                    return Err(Fault::Io(std::io::Error::other(message)));
                }
            }
        }
    }
}

fn wrong_length(got: u64, expected: u64) -> Fault {
    Fault::Io(std::io::Error::other(format!("the server sent {got} bytes of {expected}")))
}

/// Where what comes is put; each says whether anybody wants more.
struct Taker {
    pieces: Sender<Result<Piece, Fault>>,
    room: Arc<Semaphore>,
}

impl Taker {
    fn head(&self, head: Head) -> bool {
        self.pieces.send(Ok(Piece::Head(head))).is_ok()
    }

    /// Waits until there is room.
    async fn bytes(&self, bytes: Bytes) -> bool {
        match self.room.clone().acquire_owned().await {
            Ok(permit) => self.pieces.send(Ok(Piece::Bytes(bytes, permit))).is_ok(),
            Err(_) => false,
        }
    }
}

impl File {
    /// Asks for a range, and hands on what comes until nobody wants more.
    async fn request(&self, range: Range<u64>, taker: &Taker) -> Result<(), Fault> {
        let store = self.connection.store().await?;
        let is_inside = range.start > 0;
        let (outcome, seen) = wire::watch(self.answer(&*store, range, taker)).await;
        outcome.map_err(|error| match seen {
            // The file ends before it: it is not as long as it was.
            seen if is_inside && seen.is_behind_the_end() => Fault::Changed,
            seen => self.connection.fault(&error, seen.refusal),
        })
    }

    async fn answer(
        &self,
        store: &dyn ObjectStore,
        range: Range<u64>,
        taker: &Taker,
    ) -> object_store::Result<()> {
        let (mut begun, limit) = (Instant::now(), self.connection.config.retries().retry_timeout);
        let get = |range| store.get_opts(&self.key, GetOptions { range, ..GetOptions::default() });
        let mut result = get(Some(GetRange::Bounded(range.clone()))).await;
        // A file without bytes has no range; in memory there is no answer that says so.
        let is_here = self.connection.config.kind == Kind::Memory;
        if range.start == 0 && result.is_err() && (is_here || wire::has_no_range()) {
            result = get(None).await;
        }
        let GetResult { mut payload, meta, range: mut rest, .. } = result?;
        if !taker.head(Head { etag: state::of(&meta), size: meta.size }) {
            return Ok(());
        }
        loop {
            let from = rest.start;
            let error = match hand_on(payload, &mut rest, taker).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // What breaks off object_store takes up again, but the time in which bytes came counts as if none had.
            let is_late = !limit.is_zero() && begun.elapsed() >= limit;
            let is_late = is_late && rest.start > from && !rest.is_empty();
            if !is_late || meta.e_tag.is_none() {
                return Err(error);
            }
            begun = Instant::now();
            let again = get(Some(GetRange::Bounded(rest.clone()))).await?;
            if again.meta.e_tag != meta.e_tag || again.range != rest {
                let path = self.key.to_string();
                return Err(object_store::Error::Precondition { path, source: error.into() });
            }
            payload = again.payload;
        }
    }
}

/// Hands on what comes of a range until nobody wants more, and takes it off the range.
async fn hand_on(
    payload: GetResultPayload,
    rest: &mut Range<u64>,
    taker: &Taker,
) -> object_store::Result<()> {
    let GetResultPayload::Stream(mut chunks) = payload;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        rest.start += chunk.len() as u64;
        if !taker.bytes(chunk).await {
            break;
        }
    }
    Ok(())
}
