//! A server of S3 for the bench that keeps no client waiting: `serve DIRECTORY [DELAY_MS]` has each directory in it as a
//! bucket, to be read by anybody, and prints its port. The kernel sends the files themselves. `DELAY_MS` pass before each
//! answer, as on the way from a cloud. `GET /__requests` tells how many others came since it was last asked.
//!
//! Others do not do: moto is written in Python, and s3s-fs 0.14.1 lists no ETags, and fails for a key that is a directory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

const PAGE: usize = 1000;

struct Object {
    path: PathBuf,
    size: u64,
}

/// Objects by key.
type Bucket = BTreeMap<String, Object>;

struct Server {
    buckets: HashMap<String, Bucket>,
    delay: Duration,
    requests: AtomicU64,
}

struct Request {
    method: String,
    path: String,
    query: HashMap<String, String>,
    headers: HashMap<String, String>,
}

fn add_files(directory: &Path, above: &str, bucket: &mut Bucket) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            add_files(&entry.path(), &format!("{name}/"), bucket)?;
        } else {
            bucket.insert(name, Object { path: entry.path(), size: entry.metadata()?.len() });
        }
    }
    Ok(())
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The next request of a connection; none if there is none.
fn read_request(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    connection.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query.split('&').map(|part| part.split_once('=').unwrap_or((part, "")));
    let query = query.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let (method, path) = (method.to_owned(), decoded(path));
    let mut headers = HashMap::new();
    loop {
        line.clear();
        connection.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Request { method, path, query, headers }))
}

fn answer(to: &mut TcpStream, request: &Request, status: &str, headers: &str, body: &str) -> io::Result<()> {
    let body = if request.method == "HEAD" { "" } else { body };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Type: application/xml\r\nContent-Length: {length}\r\n\r\n"
    );
    // At once: `write!` would send it in pieces.
    to.write_all((head + body).as_bytes())
}

fn failure(to: &mut TcpStream, request: &Request, status: &str, code: &str) -> io::Result<()> {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{status}</Message></Error>");
    answer(to, request, status, "", &body)
}

/// No MD5 of the content: nobody is to compare it.
fn etag(key: &str, size: u64) -> String {
    let hash = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("\"{hash:016x}{size:016x}-1\"")
}

fn list(bucket: &Bucket, name: &str, query: &HashMap<String, String>) -> String {
    let asked = |name: &str| query.get(name).map_or("", String::as_str);
    let (prefix, delimiter) = (asked("prefix"), asked("delimiter"));
    let after = asked("start-after").max(asked("continuation-token"));
    let most = asked("max-keys").parse().unwrap_or(PAGE).min(PAGE);
    let (mut prefixes, mut contents, mut last, mut is_cut) = (BTreeSet::new(), String::new(), "", false);
    let mut count = 0;
    for (key, object) in bucket.range(prefix.to_owned()..).take_while(|(key, _)| key.starts_with(prefix)) {
        let rest = &key[prefix.len()..];
        let end = rest.find(delimiter).filter(|_| !delimiter.is_empty());
        let common = end.map(|end| &key[..prefix.len() + end + delimiter.len()]);
        let entry = common.unwrap_or(key);
        if entry <= after || common.is_some_and(|common| prefixes.contains(common)) {
            continue;
        }
        if count == most {
            is_cut = true;
            break;
        }
        (count, last) = (count + 1, entry);
        if let Some(common) = common {
            prefixes.insert(common);
            continue;
        }
        let (size, etag) = (object.size, etag(key, object.size).replace('"', "&quot;"));
        contents += &format!(
            "<Contents><Key>{key}</Key><LastModified>2025-11-01T00:00:00.000Z</LastModified><ETag>{etag}</ETag>\
             <Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        );
    }
    let common = |prefix| format!("<CommonPrefixes><Prefix>{prefix}</Prefix></CommonPrefixes>");
    let prefixes: String = prefixes.into_iter().map(common).collect();
    let next =
        if is_cut { format!("<NextContinuationToken>{last}</NextContinuationToken>") } else { String::new() };
    format!(
        "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>{name}</Name>\
         <Prefix>{prefix}</Prefix><Delimiter>{delimiter}</Delimiter><KeyCount>{count}</KeyCount><MaxKeys>{most}</MaxKeys>\
         <IsTruncated>{is_cut}</IsTruncated>{next}{contents}{prefixes}</ListBucketResult>"
    )
}

/// The first byte that a header Range asks for, and how many; none if there are none.
fn range(asked: &str, size: u64) -> Option<(u64, u64)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let (first, end) = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) => (first, size.min(last + 1)),
        (Ok(first), Err(_)) => (first, size),
        (Err(_), Ok(length)) => (size.saturating_sub(length), size),
        (Err(_), Err(_)) => return None,
    };
    (first < end).then(|| (first, end - first))
}

fn send(to: &mut TcpStream, request: &Request, key: &str, object: &Object) -> io::Result<()> {
    let (size, etag) = (object.size, etag(key, object.size));
    if request.headers.get("if-match").is_some_and(|asked| *asked != etag) {
        return failure(to, request, "412 Precondition Failed", "PreconditionFailed");
    }
    let (mut status, mut part, mut extra) = ("200 OK", (0, size), String::new());
    if let Some(asked) = request.headers.get("range") {
        let Some(found) = range(asked, size) else {
            return failure(to, request, "416 Requested Range Not Satisfiable", "InvalidRange");
        };
        (status, part) = ("206 Partial Content", found);
        extra = format!("Content-Range: bytes {}-{}/{size}\r\n", found.0, found.0 + found.1 - 1);
    }
    let (start, length) = part;
    let head = format!(
        "HTTP/1.1 {status}\r\nAccept-Ranges: bytes\r\nLast-Modified: Sat, 01 Nov 2025 00:00:00 GMT\r\nETag: {etag}\r\n{extra}\
         Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    to.write_all(head.as_bytes())?;
    if request.method == "HEAD" {
        return Ok(());
    }
    let mut file = File::open(&object.path)?;
    file.seek(SeekFrom::Start(start))?;
    // Within the kernel.
    io::copy(&mut file.take(length), to)?;
    Ok(())
}

impl Server {
    fn serve(&self, connection: TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut to = connection.try_clone()?;
        let mut connection = BufReader::new(connection);
        while let Some(request) = read_request(&mut connection)? {
            if request.path == "/__requests" {
                answer(&mut to, &request, "200 OK", "", &self.requests.swap(0, Relaxed).to_string())?;
                continue;
            }
            self.requests.fetch_add(1, Relaxed);
            std::thread::sleep(self.delay);
            let (name, key) = request.path[1..].split_once('/').unwrap_or((&request.path[1..], ""));
            match self.buckets.get(name) {
                None => failure(&mut to, &request, "404 Not Found", "NoSuchBucket")?,
                Some(_) if request.method != "GET" && request.method != "HEAD" => {
                    failure(&mut to, &request, "403 Forbidden", "AccessDenied")?;
                    return Ok(());
                }
                Some(bucket) if key.is_empty() => {
                    answer(
                        &mut to,
                        &request,
                        "200 OK",
                        "x-amz-bucket-region: us-east-1\r\n",
                        &list(bucket, name, &request.query),
                    )?;
                }
                Some(bucket) => match bucket.get(key) {
                    Some(object) => send(&mut to, &request, key, object)?,
                    None => failure(&mut to, &request, "404 Not Found", "NoSuchKey")?,
                },
            }
        }
        Ok(())
    }
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let root = arguments.next().ok_or(io::ErrorKind::InvalidInput)?;
    let delay = arguments.next().and_then(|delay| delay.parse().ok()).unwrap_or(0);
    let mut buckets = HashMap::new();
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let bucket: &mut Bucket =
            buckets.entry(entry.file_name().to_string_lossy().into_owned()).or_default();
        add_files(&entry.path(), "", bucket)?;
    }
    let server = Server { buckets, delay: Duration::from_millis(delay), requests: AtomicU64::new(0) };
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    std::thread::scope(|scope| {
        for connection in listener.incoming().flatten() {
            let server = &server;
            // A client that goes away is no error.
            scope.spawn(move || server.serve(connection).ok());
        }
    });
    Ok(())
}
