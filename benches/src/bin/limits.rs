//! What no download can be faster than, of files of which a list tells the sizes: a line `SIZE URL` for each.
//!
//! `limits server LIST PARALLEL PART_BYTES`: gets all from the server, in ranges of PART_BYTES, over so many connections
//! without a library for HTTP, and throws the bytes away. `limits disk LIST DIRECTORY [sync]`: writes as many files of these
//! sizes, from memory; with `sync`, until they are on the disk. Prints how many bytes.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Error, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const BLOCK: usize = 256 * 1024;
const SYNCING: usize = 16;

struct Wanted {
    size: u64,
    url: String,
}

fn wrong(what: &str) -> Error {
    Error::new(io::ErrorKind::InvalidData, what)
}

fn read_list(path: &str) -> io::Result<Vec<Wanted>> {
    let text = fs::read_to_string(path)?;
    let wanted = text.lines().map(|line| {
        let (size, url) = line.split_once(' ')?;
        Some(Wanted { size: size.parse().ok()?, url: url.to_owned() })
    });
    wanted.collect::<Option<_>>().ok_or_else(|| wrong("a line is not SIZE URL"))
}

/// Takes pieces of work, of which there are so many, on several threads.
fn share(
    threads: usize,
    pieces: usize,
    work: impl Fn(&dyn Fn() -> Option<usize>) -> io::Result<u64> + Sync,
) -> io::Result<u64> {
    let taken = AtomicUsize::new(0);
    let next = || Some(taken.fetch_add(1, Relaxed)).filter(|piece| *piece < pieces);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(|| work(&next))).collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| wrong("a thread panicked"))?).sum()
    })
}

// ---- The server ------------------------------------------------------------------------------------------------------

/// Asks for a range of a file over a connection that stays open. Returns how many bytes came.
fn get(
    connection: &mut BufReader<TcpStream>,
    host: &str,
    target: &str,
    range: &Range<u64>,
) -> io::Result<u64> {
    let (first, last) = (range.start, range.end - 1);
    let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nRange: bytes={first}-{last}\r\n\r\n");
    connection.get_mut().write_all(request.as_bytes())?;
    let (mut line, mut length) = (String::new(), None);
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()
            }
            Some(_) => {}
            None if line.starts_with("HTTP/1.1 206") => {}
            None if line == "\r\n" => break,
            None => return Err(wrong(line.trim_end())),
        }
    }
    let length: u64 = length.ok_or_else(|| wrong("no Content-Length"))?;
    io::copy(&mut connection.by_ref().take(length), &mut io::sink())
}

fn server(wanted: &[Wanted], parallel: usize, part_bytes: u64) -> io::Result<u64> {
    let parts: Vec<(&str, Range<u64>)> = wanted
        .iter()
        .flat_map(|one| (0..one.size.div_ceil(part_bytes)).map(move |part| (one, part * part_bytes)))
        .map(|(one, start)| (one.url.as_str(), start..one.size.min(start + part_bytes)))
        .collect();
    share(parallel, parts.len(), |next| {
        let (mut connection, mut bytes) = (None, 0);
        while let Some((url, range)) = next().map(|piece| &parts[piece]) {
            let (host, target) = url.split_at(url.find('/').ok_or_else(|| wrong(url))?);
            let connection = match &mut connection {
                Some(connection) => connection,
                none => none.insert(BufReader::with_capacity(BLOCK, TcpStream::connect(host)?)),
            };
            let got = get(connection, host, target, range)?;
            if got != range.end - range.start {
                return Err(wrong("the server sent another length"));
            }
            bytes += got;
        }
        Ok(bytes)
    })
}

// ---- The disk --------------------------------------------------------------------------------------------------------

fn disk(wanted: &[Wanted], directory: &Path, sync: bool) -> io::Result<u64> {
    fs::create_dir_all(directory)?;
    let block: Vec<u8> = (0..BLOCK).map(|byte| (byte * 31 % 251) as u8).collect();
    let mut bytes = 0;
    for (index, one) in wanted.iter().enumerate() {
        let mut file = File::create(directory.join(index.to_string()))?;
        let mut left = one.size as usize;
        while left > 0 {
            let piece = &block[..left.min(BLOCK)];
            file.write_all(piece)?;
            left -= piece.len();
        }
        bytes += one.size;
    }
    if sync {
        share(SYNCING, wanted.len(), |next| {
            while let Some(index) = next() {
                File::open(directory.join(index.to_string()))?.sync_all()?;
            }
            Ok(0)
        })?;
    }
    Ok(bytes)
}

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong(text));
    let bytes = match arguments[..] {
        ["server", list, parallel, part_bytes] => {
            server(&read_list(list)?, number(parallel)? as usize, number(part_bytes)?)?
        }
        ["disk", list, directory] => disk(&read_list(list)?, Path::new(directory), false)?,
        ["disk", list, directory, "sync"] => disk(&read_list(list)?, Path::new(directory), true)?,
        _ => {
            return Err(wrong(
                "limits server LIST PARALLEL PART_BYTES, or limits disk LIST DIRECTORY [sync]",
            ));
        }
    };
    println!("{bytes} bytes");
    Ok(())
}
