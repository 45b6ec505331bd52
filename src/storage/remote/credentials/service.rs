//! For tests: a service that gives credentials, on the loopback.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

use super::super::tls;
use super::Clients;

/// Everything secret has this word in it. No text may have.
pub(in super::super) const PLANTED: &str = "PLANTED";

pub(in super::super) struct Asked {
    pub(in super::super) method: String,
    pub(in super::super) path: String,
    pub(in super::super) headers: BTreeMap<String, String>,
    pub(in super::super) body: String,
}

impl Asked {
    pub(in super::super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of a form.
    pub(in super::super) fn field(&self, name: &str) -> Option<String> {
        let value = self.body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    }
}

pub(in super::super) type Asks = Arc<Mutex<Vec<Asked>>>;

/// A server on the loopback, which keeps what it is asked.
pub(in super::super) fn serve(
    answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static,
) -> (SocketAddr, Asks) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let asks = Asks::default();
    let (answer, keeps) = (Arc::new(answer), asks.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (answer, keeps) = (answer.clone(), keeps.clone());
            std::thread::spawn(move || {
                let mut stream = stream.unwrap();
                let Some(asked) = receive(&stream) else { return };
                let (status, body) = answer(&asked);
                keeps.lock().unwrap().push(asked);
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                // A client that has given up is not there to read it.
                let _ = stream.write_all((head + &body).as_bytes());
            });
        }
    });
    (address, asks)
}

fn receive(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (method, rest) = line.split_once(' ')?;
    let (method, path) = (method.to_owned(), rest.split_once(' ')?.0.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Asked { method, path, headers, body: String::from_utf8(body).unwrap() })
}

/// Sends what is meant for services elsewhere to a server of the test: nothing leaves this machine.
#[derive(Debug)]
struct Rerouted {
    client: reqwest::Client,
    to: SocketAddr,
}

#[async_trait]
impl HttpService for Rerouted {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let uri = request.uri().clone();
        if uri.host() != Some("127.0.0.1") {
            let meant = format!("{}://{}", uri.scheme_str().unwrap(), uri.authority().unwrap());
            request.headers_mut().insert("x-meant-for", meant.parse().unwrap());
            let path = uri.path_and_query().unwrap();
            *request.uri_mut() = format!("http://{}{path}", self.to).parse().unwrap();
        }
        self.client.call(request).await
    }
}

/// Clients that reach this server, whomever they ask.
pub(in super::super) fn clients(server: SocketAddr) -> Clients {
    let tls = tls::config(&[]).unwrap();
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let client = client.tls_backend_preconfigured(tls).build().unwrap();
    let client = HttpClient::new(Rerouted { client, to: server });
    Clients { metadata: client.clone(), public: client }
}

pub(in super::super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(in super::super) fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

pub(in super::super) fn written(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).unwrap().as_secs();
    // Enough of a calendar: the answer lies some hours ahead of a day that is known.
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    let (mut year, mut left) = (1970, days);
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    let (hour, minute, second) = (clock / 3600, clock / 60 % 60, clock % 60);
    format!("{year}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", left + 1)
}
