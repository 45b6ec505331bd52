//! What goes over the wire: the HTTP client below object_store, which sees every answer. It keeps what object_store drops
//! of a refusal, takes out of listings what object_store cannot read, and cuts a range out of the whole file that a server
//! without ranges sends.

use std::cell::RefCell;
use std::error::Error as _;
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt;
use http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use http_body::{Body, Frame};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};

use rustls::pki_types::CertificateDer;

use super::config::Timeouts;
use super::listing::{self, Odd};
use super::tls;
use crate::storage::Fault;
use crate::storage::per_process::PerProcess;

/// How much of the text of a refusal is looked at.
const MOST_REFUSAL_BYTES: usize = 64 * 1024;
/// No page of a listing is so long: 5,000 names of 1,024 bytes, each with its properties.
const MOST_LISTING_BYTES: usize = 64 << 20;
const MOST_REDIRECTS: usize = 5;

/// Why a request came to nothing.
#[derive(Debug, Clone)]
pub(super) enum Refusal {
    Answer {
        /// Who answered: host and port.
        server: String,
        status: u16,
        /// The store's own word, such as `NoSuchBucket`; empty if it has none.
        code: String,
        message: String,
        /// Where the bucket is, if the answer tells.
        region: Option<String>,
        /// Where the answer sends to.
        location: Option<String>,
        /// Whether the request said who asks.
        is_signed: bool,
    },
    /// There was no answer, and this is why.
    Transport {
        /// Who was asked: host and port.
        server: String,
        cause: String,
    },
}

/// What was seen on the wire during one operation.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub refusal: Option<Refusal>,
    /// The last status.
    status: Option<StatusCode>,
    /// What a page of a listing calls the next one.
    next: Option<String>,
    pub odd: Vec<Odd>,
    /// Markers of directories that listings had.
    pub markers: usize,
}

impl Seen {
    /// Whether the last answer was that the file has no such range.
    pub(super) fn is_behind_the_end(&self) -> bool {
        self.status == Some(StatusCode::RANGE_NOT_SATISFIABLE)
    }
}

tokio::task_local! {
    static SEEN: RefCell<Seen>;
}

/// Runs an operation, and returns with its outcome what was seen meanwhile.
pub(super) async fn watch<T>(operation: impl Future<Output = T>) -> (T, Seen) {
    SEEN.scope(RefCell::default(), async {
        let outcome = operation.await;
        (outcome, SEEN.with(RefCell::take))
    })
    .await
}

/// Whether the last answer was that of a server that was asked for a range of a file without bytes: 416, or all of it.
pub(super) fn has_no_range() -> bool {
    let is_one = |seen: &RefCell<Seen>| {
        matches!(seen.borrow().status, Some(StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::OK))
    };
    SEEN.try_with(is_one).unwrap_or(false)
}

fn note(change: impl FnOnce(&mut Seen)) {
    // Outside of an operation, as when credentials are fetched, nobody wants to know.
    let _ = SEEN.try_with(|seen| change(&mut seen.borrow_mut()));
}

/// How a client connects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Connector {
    pub timeouts: Timeouts,
    /// Certificates that are trusted besides those of the system.
    pub authorities: Vec<CertificateDer<'static>>,
    /// Whether it speaks to web servers: they may send elsewhere, and compress on the way.
    pub is_web: bool,
    /// Whether the proxies of the environment are asked.
    pub uses_proxies: bool,
}

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let client = self.client().map_err(|error| object_store::Error::Generic {
            store: "HTTP",
            source: error.to_string().into(),
        })?;
        let headers = options.get_default_headers().cloned().unwrap_or_default();
        Ok(HttpClient::new(Wire { client, headers, is_web: self.is_web }))
    }
}

impl Connector {
    /// A client; stores of one kind share its connections.
    pub(super) fn client(&self) -> Result<reqwest::Client, Fault> {
        type Clients = Mutex<Vec<(Connector, reqwest::Client)>>;
        static CLIENTS: PerProcess<Clients> = PerProcess::new();
        let clients = CLIENTS.get_or_init(Clients::default);
        let mut clients = clients.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some((_, client)) = clients.iter().find(|(connector, _)| connector == self) {
            return Ok(client.clone());
        }
        let client = self.new_client()?;
        clients.push((self.clone(), client.clone()));
        Ok(client)
    }

    fn new_client(&self) -> Result<reqwest::Client, Fault> {
        let tls = tls::config(&self.authorities)?;
        let client = self.builder().tls_backend_preconfigured(tls).build();
        client.map_err(|error| Fault::Setup(causes(&error)))
    }

    fn builder(&self) -> reqwest::ClientBuilder {
        let redirects = if self.is_web {
            reqwest::redirect::Policy::limited(MOST_REDIRECTS)
        } else {
            reqwest::redirect::Policy::none()
        };
        let Timeouts { connect_ms, idle_ms } = self.timeouts;
        // No timeout for a request as a whole: a large file takes long on a slow link.
        let builder = reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(connect_ms))
            .read_timeout(Duration::from_millis(idle_ms))
            .redirect(redirects)
            .http1_only()
            .tcp_nodelay(true)
            .user_agent(concat!("libresult/", env!("CARGO_PKG_VERSION")));
        if self.uses_proxies { builder } else { builder.no_proxy() }
    }
}

/// An error and what led to it, without URLs.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = match error.downcast_ref::<reqwest::Error>() {
            // Its own text has the URL, which may have secrets; the rest says why.
            Some(error) if error.is_timeout() => "timed out".to_owned(),
            Some(_) => String::new(),
            None if is_wrapping(error) => String::new(),
            None if tls::is_authority(&error.to_string()) => {
                "the server shows the certificate of an authority \
                (CA:TRUE), which is trusted only where tls_ca_file_path has this very certificate"
                    .to_owned()
            }
            None if tls::is_plain(&error.to_string()) => {
                "the server speaks no TLS, so ask it with scheme=http, or with a URL of http".to_owned()
            }
            None => error.to_string(),
        };
        if !text.is_empty() && !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    texts.join(": ")
}

/// Whether an error adds nothing but names of libraries to what led to it.
fn is_wrapping(error: &(dyn std::error::Error + 'static)) -> bool {
    let is_generic = matches!(error.downcast_ref(), Some(object_store::Error::Generic { .. }));
    // hyper's names for its layers.
    let text = error.to_string();
    let is_layer = text.starts_with("client error (")
        || ["tcp connect error", "dns error", "error resolving DNS"].contains(&text.as_str());
    error.source().is_some() && (is_generic || is_layer || error.is::<HttpError>())
}

#[derive(Debug)]
struct Wire {
    client: reqwest::Client,
    headers: HeaderMap,
    is_web: bool,
}

#[async_trait]
impl HttpService for Wire {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        if self.is_web {
            request.headers_mut().insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let is_get = request.method() == Method::GET;
        let is_listing = is_get && listing::is_one(request.uri().query().unwrap_or_default());
        let is_signed = is_signed(&request);
        let server = server(&request);
        let wanted = request.headers().get(RANGE).and_then(|range| Range::parse(range.to_str().ok()?));
        let mut response = match HttpService::call(&self.client, request).await {
            Ok(response) => response,
            Err(error) => return Err(not_sent(error, server)),
        };
        let is_whole = is_get && !is_listing && response.status() == StatusCode::OK;
        if response.status() == StatusCode::PARTIAL_CONTENT && is_range_of_none(response.headers())
            || is_whole && wanted.is_some_and(|wanted| wanted.is_behind(response.headers()))
        {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
        }
        note(|seen| {
            // What went wrong before, and was tried again, does not matter any more.
            seen.refusal = None;
            seen.status = Some(response.status());
        });
        match response.status() {
            status if status.is_success() && self.is_web && is_compressed(&response) => {
                let cause = Cause(format!("the server sends it compressed, as {}", coding(&response)));
                Err(HttpError::new(HttpErrorKind::Unknown, cause))
            }
            StatusCode::PARTIAL_CONTENT => Ok(with_length(response)),
            StatusCode::OK if is_listing => readable_listing(response).await,
            StatusCode::OK => match wanted.filter(|_| is_get) {
                Some(wanted) => Ok(wanted.cut(response)),
                None => Ok(response),
            },
            status if status.is_success() => Ok(response),
            _ => refusal(response, server, is_signed).await,
        }
    }
}

/// How the body of an answer was encoded for the way, which its ranges then are of too.
fn coding(response: &HttpResponse) -> &str {
    let coding = response.headers().get(CONTENT_ENCODING).and_then(|coding| coding.to_str().ok());
    coding.unwrap_or("identity")
}

fn is_compressed(response: &HttpResponse) -> bool {
    !matches!(coding(response), "identity" | "")
}

/// Whether it is a range of no bytes, such as `bytes 10-9/10`: so Azurite answers who asks for what is behind the end.
fn is_range_of_none(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let range =
        text(CONTENT_RANGE).strip_prefix("bytes ").and_then(|range| range.split_once('/')?.0.split_once('-'));
    let number = |text: &str| text.parse::<i128>().ok();
    let bounds = range.and_then(|(start, end)| number(start).zip(number(end)));
    text(CONTENT_LENGTH) == "0" && bounds.is_some_and(|(start, end)| end < start)
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A range with the length that object_store wants, which whoever sends in chunks leaves out.
fn with_length(mut response: HttpResponse) -> HttpResponse {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    let range = range.and_then(|range| Range::bounds(range.strip_prefix("bytes ")?.split_once('/')?.0));
    if let Some(Range { start, end }) = range.filter(|_| !response.headers().contains_key(CONTENT_LENGTH)) {
        response.headers_mut().insert(CONTENT_LENGTH, (end - start).saturating_add(1).into());
    }
    response
}

/// The error of a request that got no answer.
fn not_sent(error: HttpError, server: String) -> HttpError {
    let cause = error.source().map_or_else(|| error.to_string(), causes);
    note(|seen| {
        seen.refusal = Some(Refusal::Transport { server, cause: cause.clone() });
        seen.status = None;
    });
    let source = error.source().and_then(|source| source.downcast_ref::<reqwest::Error>());
    // To try again whoever cannot be reached would make the caller wait for several timeouts.
    let is_unreachable = source.is_some_and(reqwest::Error::is_connect);
    let kind = if is_unreachable { HttpErrorKind::Unknown } else { error.kind() };
    HttpError::new(kind, Cause(cause))
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

async fn readable_listing(response: HttpResponse) -> Result<HttpResponse, HttpError> {
    let (mut parts, body) = response.into_parts();
    let mut bytes = Vec::new();
    let mut chunks = body.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        bytes.extend_from_slice(&chunk?);
        if bytes.len() > MOST_LISTING_BYTES {
            let cause = Cause("the server sends a listing without end".to_owned());
            return Err(HttpError::new(HttpErrorKind::Unknown, cause));
        }
    }
    let listing = listing::readable(&String::from_utf8_lossy(&bytes));
    let mut is_last_page_again = false;
    note(|seen| {
        is_last_page_again = listing.next.is_some() && seen.next == listing.next;
        seen.next = listing.next;
        seen.odd.extend(listing.odd);
        seen.markers += listing.markers;
    });
    let wrong = match (listing.is_one, is_last_page_again) {
        (false, _) => Some("the server sent no listing, but something else"),
        (true, true) => Some("the server sends the same page of a listing again and again"),
        (true, false) => None,
    };
    if let Some(wrong) = wrong {
        return Err(HttpError::new(HttpErrorKind::Unknown, Cause(wrong.to_owned())));
    }
    parts.headers.remove(CONTENT_LENGTH);
    Ok(HttpResponse::from_parts(parts, listing.text.into()))
}

/// Host and port of whom a request is for, without the user and password that may stand before.
fn server(request: &HttpRequest) -> String {
    let authority = request.uri().authority().map_or("", |authority| authority.as_str());
    authority.rsplit('@').next().unwrap_or_default().to_owned()
}

/// Whether a request says who asks: in a header, or as a shared access signature of Azure's.
fn is_signed(request: &HttpRequest) -> bool {
    let query = request.uri().query().unwrap_or_default();
    request.headers().contains_key(AUTHORIZATION) || query.split('&').any(|pair| pair.starts_with("sig="))
}

async fn refusal(response: HttpResponse, server: String, is_signed: bool) -> Result<HttpResponse, HttpError> {
    let (parts, body) = response.into_parts();
    let mut text = Vec::new();
    let mut chunks = body.bytes_stream();
    while let Some(Ok(chunk)) = chunks.next().await {
        let room = MOST_REFUSAL_BYTES - text.len();
        text.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if text.len() == MOST_REFUSAL_BYTES {
            break;
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    let header =
        |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let element = |name| listing::element(&text, name);
    let refusal = Refusal::Answer {
        status: parts.status.as_u16(),
        code: element("Code").or_else(|| header("x-ms-error-code")).unwrap_or_default(),
        message: element("Message").unwrap_or_default(),
        region: header("x-amz-bucket-region").or_else(|| element("Region")),
        location: header(LOCATION.as_str()),
        server,
        is_signed,
    };
    note(|seen| seen.refusal = Some(refusal));
    Ok(HttpResponse::from_parts(parts, text.into()))
}

/// The range of bytes that a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: u64,
    /// The last byte.
    end: u64,
}

impl Range {
    fn parse(header: &str) -> Option<Range> {
        Range::bounds(header.strip_prefix("bytes=")?)
    }

    fn bounds(text: &str) -> Option<Range> {
        let (start, end) = text.split_once('-')?;
        let range = Range { start: start.parse().ok()?, end: end.parse().ok()? };
        // What is cut off behind its last byte is taken up with a range of none.
        (range.start <= range.end).then_some(range)
    }

    /// Whether a file of this length, if that is told, ends before the range. What begins at 0 is answered by all of it.
    fn is_behind(self, headers: &HeaderMap) -> bool {
        self.start > 0 && length(headers).is_some_and(|size| size <= self.start)
    }

    /// Makes of an answer with the whole file one with this range.
    fn cut(self, response: HttpResponse) -> HttpResponse {
        let (mut parts, body) = response.into_parts();
        let Some(size) = length(&parts.headers).filter(|size| *size > self.start) else {
            return HttpResponse::from_parts(parts, body);
        };
        let end = self.end.min(size - 1);
        let content_range = format!("bytes {}-{end}/{size}", self.start);
        let Ok(content_range) = content_range.parse() else { return HttpResponse::from_parts(parts, body) };
        parts.status = StatusCode::PARTIAL_CONTENT;
        parts.headers.insert(CONTENT_RANGE, content_range);
        parts.headers.insert(CONTENT_LENGTH, (end - self.start + 1).into());
        let wanted = Cut { skip: self.start, left: end - self.start + 1 };
        HttpResponse::from_parts(parts, HttpResponseBody::new(CutBody { body, cut: wanted }))
    }
}

/// What is still to be left out, and to be kept, of a body.
#[derive(Debug)]
struct Cut {
    skip: u64,
    left: u64,
}

impl Cut {
    fn take(&mut self, mut chunk: Bytes) -> Bytes {
        let skipped = self.skip.min(chunk.len() as u64);
        self.skip -= skipped;
        let mut kept = chunk.split_off(skipped as usize);
        kept.truncate(usize::try_from(self.left).unwrap_or(usize::MAX).min(kept.len()));
        self.left -= kept.len() as u64;
        kept
    }
}

/// A body of which a part is wanted.
struct CutBody {
    body: HttpResponseBody,
    cut: Cut,
}

impl Body for CutBody {
    type Data = Bytes;
    type Error = HttpError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, HttpError>>> {
        while self.cut.left > 0 {
            let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
            match frame.map(|frame| frame.map(Frame::into_data)) {
                Some(Ok(Ok(chunk))) => match self.cut.take(chunk) {
                    chunk if chunk.is_empty() => {}
                    chunk => return Poll::Ready(Some(Ok(Frame::data(chunk)))),
                },
                // What is no data is of no use.
                Some(Ok(Err(_))) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => break,
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_requests_have_them() {
        assert_eq!(Range::parse("bytes=3-9"), Some(Range { start: 3, end: 9 }));
        assert_eq!(Range::parse("bytes=3-3"), Some(Range { start: 3, end: 3 }));
        for text in ["bytes=3-2", "bytes=-5", "bytes=5-", "3-9", "bytes=a-b", ""] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_range_of_none_is_known() {
        let is_none = |range: &'static str, length: &'static str| {
            let headers = [(CONTENT_RANGE, range), (CONTENT_LENGTH, length)];
            is_range_of_none(
                &headers.map(|(name, value)| (name, HeaderValue::from_static(value))).into_iter().collect(),
            )
        };
        assert!(is_none("bytes 10-9/10", "0") && is_none("bytes 0--1/0", "0"));
        assert!(!is_none("bytes 10-9/10", "3"));
        for range in ["bytes 0-0/10", "bytes 9-9/10", "bytes */10", "bytes 3-9/*", "", "x"] {
            assert!(!is_none(range, "0"), "{range}");
        }
        assert!(!is_range_of_none(&HeaderMap::new()));
    }

    #[test]
    fn a_range_is_cut_out_of_what_comes() {
        let mut cut = Cut { skip: 3, left: 4 };
        let taken = [&b"ab"[..], b"cd", b"efghij", b"kl"].map(|chunk| cut.take(Bytes::from_static(chunk)));
        assert_eq!(taken.concat(), b"defg");
    }

    #[test]
    fn causes_are_told_without_the_names_of_libraries() {
        let error = object_store::Error::Generic { store: "S3", source: Box::new(Cause("why".to_owned())) };
        assert_eq!(causes(&error), "why");
        let error = HttpError::new(HttpErrorKind::Unknown, Cause("because".to_owned()));
        assert_eq!(causes(&error), "because");
    }
}
