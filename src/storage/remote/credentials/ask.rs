//! Questions to services that give credentials: small, and answered soon or not at all.

use std::error::Error;
use std::time::Duration;

use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use object_store::client::{HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::IdentityError;

const MOST_BYTES: usize = 256 * 1024;
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How long to wait before each further try.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// A request that may be sent more than once.
// No `Debug`: headers and body have secrets.
pub(super) struct Question {
    pub method: Method,
    pub uri: Uri,
    pub headers: HeaderMap,
    pub body: String,
}

pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Vec<u8>,
}

impl Answer {
    /// The error of an answer that is not what was asked for. `why` may add to it.
    pub(super) fn refusal(&self, whom: &str, why: &str) -> IdentityError {
        let space = if why.is_empty() { "" } else { " " };
        let told = format!("{}{space}{why}", self.status.as_u16());
        if is_busy(self.status) {
            return IdentityError::Unanswered(format!("{whom} cannot answer now ({told})"));
        }
        IdentityError::Refused(format!("{whom} refuses ({told})"))
    }
}

fn is_busy(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

impl Question {
    pub(super) fn get(uri: Uri) -> Self {
        Question { method: Method::GET, uri, headers: HeaderMap::new(), body: String::new() }
    }

    /// Adds a header; none of its value is shown if something prints the request.
    pub(super) fn with(mut self, name: &str, value: &str, from: &str) -> Result<Self, IdentityError> {
        let unsendable = || IdentityError::Setup(format!("{from} cannot be sent in a header"));
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsendable())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| unsendable())?;
        value.set_sensitive(true);
        self.headers.insert(name, value);
        Ok(self)
    }

    pub(super) fn request(&self) -> HttpRequest {
        let mut request = HttpRequest::new(HttpRequestBody::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

/// Asks, and asks again if the server cannot answer now.
pub(super) async fn ask_patiently(
    client: &HttpClient,
    request: &HttpRequest,
    limit: Duration,
    whom: &str,
) -> Result<Answer, IdentityError> {
    let mut pauses = PAUSES.iter();
    loop {
        let answer = ask(client, request.clone(), limit, whom).await?;
        match pauses.next() {
            Some(pause) if is_busy(answer.status) => tokio::time::sleep(*pause).await,
            Some(_) | None => return Ok(answer),
        }
    }
}

/// Asks once.
pub(super) async fn ask(
    client: &HttpClient,
    request: HttpRequest,
    limit: Duration,
    whom: &str,
) -> Result<Answer, IdentityError> {
    let unanswered = |why: String| IdentityError::Unanswered(format!("{whom} does not answer: {why}"));
    let late = || unanswered(format!("no answer within {} s", limit.as_secs()));
    let answered = tokio::time::timeout(limit, async {
        let response = client.execute(request).await?;
        let status = response.status();
        let mut body = Vec::new();
        let mut chunks = response.into_body().bytes_stream();
        while let Some(chunk) = chunks.next().await {
            body.extend_from_slice(&chunk?);
            if body.len() > MOST_BYTES {
                // What is longer is not credentials; what is cut does not parse.
                body.truncate(MOST_BYTES);
                break;
            }
        }
        Ok::<_, HttpError>(Answer { status, body })
    });
    match answered.await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.kind() == HttpErrorKind::Timeout => Err(late()),
        Ok(Err(error)) => Err(unanswered(cause(&error))),
        Err(_) => Err(late()),
    }
}

/// The first cause of an error: what the system said. The texts above it may have URLs.
fn cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// The body of a form, without the fields that have no value.
pub(super) fn form(fields: &[(&str, Option<&str>)]) -> String {
    let encoded = |(name, value): &(&str, Option<&str>)| {
        value.map(|value| format!("{name}={}", utf8_percent_encode(value, UNRESERVED)))
    };
    fields.iter().filter_map(encoded).collect::<Vec<_>>().join("&")
}

/// Whether a header can hold it as a word of its own.
pub(super) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A URL that requests can be sent to; object_store panics at others. `from` says where it is from.
pub(super) fn uri(text: &str, from: &str) -> Result<Uri, IdentityError> {
    let is_url =
        reqwest::Url::parse(text).is_ok_and(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    let uri = text.parse::<Uri>().ok().filter(|_| is_url);
    uri.ok_or_else(|| IdentityError::Setup(format!("{from} is not a URL")))
}
