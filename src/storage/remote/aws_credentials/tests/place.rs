//! A place with files, variables and services, to ask who is there.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use object_store::aws::AwsCredential;
use object_store::client::{HttpClient, HttpError, HttpRequest, HttpResponse, HttpService};

use super::super::{AwsIdentity, AwsOptions, Clients, IdentityError, identify};

/// Everything secret has this word in it. No text may have.
pub(super) const PLANTED: &str = "PLANTED";

pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// A field of a form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        let value = self.body.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned())
    }
}

type Asks = Arc<Mutex<Vec<Asked>>>;

/// A server on the loopback, which keeps what it is asked.
fn serve(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> (SocketAddr, Asks) {
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

pub(super) struct Place {
    pub(super) home: PathBuf,
    pub(super) variables: BTreeMap<String, String>,
    pub(super) options: AwsOptions,
    pub(super) server: SocketAddr,
    asks: Asks,
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl Place {
    /// Where nobody gives credentials.
    pub(super) fn new() -> Place {
        Place::with(|_| (404, String::new()))
    }

    pub(super) fn with(answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static) -> Place {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("libresult-aws-{}-{count}", std::process::id()));
        fs::create_dir_all(home.join(".aws/sso/cache")).unwrap();
        let (server, asks) = serve(answer);
        let mut variables = BTreeMap::new();
        variables.insert("HOME".to_owned(), home.to_str().unwrap().to_owned());
        // A busy machine may take longer to answer itself than the second that is usual.
        variables.insert("AWS_METADATA_SERVICE_TIMEOUT".to_owned(), "60".to_owned());
        Place { home, variables, options: AwsOptions::default(), server, asks }
    }

    pub(super) fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.home.join(name), content).unwrap();
        self
    }

    pub(super) fn path(&self, name: &str) -> String {
        self.home.join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn config(self, content: &str) -> Self {
        self.file(".aws/config", content)
    }

    pub(super) fn credentials(self, content: &str) -> Self {
        self.file(".aws/credentials", content)
    }

    pub(super) fn variable(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    pub(super) fn profile(mut self, name: &str) -> Self {
        self.options.profile = Some(name.to_owned());
        self
    }

    pub(super) fn endpoint(self, name: &str) -> Self {
        let endpoint = format!("http://{}", self.server);
        self.variable(name, endpoint)
    }

    pub(super) fn clients(&self) -> Clients {
        // Fails if another test has done it.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let client = HttpClient::new(Rerouted { client: client.build().unwrap(), to: self.server });
        Clients { metadata: client.clone(), public: client }
    }

    pub(super) fn identity(&self) -> Result<AwsIdentity, IdentityError> {
        wait(async {
            let identity = identify(&self.options, &self.variables, self.clients()).await;
            let text = format!("{identity:?}");
            assert!(!text.contains(PLANTED), "a secret in {text}");
            identity
        })
    }

    pub(super) fn keys(&self) -> Arc<AwsCredential> {
        match self.identity().unwrap() {
            AwsIdentity::Known(provider) => {
                let keys = wait(provider.get_credential()).unwrap();
                let text = format!("{keys:?} {provider:?}");
                assert!(!text.contains(PLANTED), "a secret in {text}");
                keys
            }
            AwsIdentity::Anonymous => panic!("nobody asks"),
        }
    }

    /// Identifier, secret and token of who asks.
    pub(super) fn who(&self) -> (String, String, String) {
        let keys = self.keys();
        (keys.key_id.clone(), keys.secret_key.clone(), keys.token.clone().unwrap_or_default())
    }

    pub(super) fn id(&self) -> String {
        self.who().0
    }

    pub(super) fn error(&self) -> String {
        let error = self.identity().unwrap_err();
        let texts = format!("{error} {error:?}");
        assert!(!texts.contains(PLANTED), "a secret in {texts}");
        error.to_string()
    }

    pub(super) fn is_anonymous(&self) -> bool {
        matches!(self.identity().unwrap(), AwsIdentity::Anonymous)
    }

    pub(super) fn asks(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asks.lock().unwrap()
    }

    pub(super) fn paths(&self) -> Vec<String> {
        self.asks().iter().map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }
}

pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

pub(super) fn secret(of: &str) -> String {
    format!("{PLANTED}-secret-of-{of}")
}

pub(super) fn token(of: &str) -> String {
    format!("{PLANTED}-token-of-{of}")
}

pub(super) fn keys_of(of: &str) -> (String, String, String) {
    (of.to_owned(), secret(of), token(of))
}

/// A section's lines with keys.
pub(super) fn lines(of: &str) -> String {
    format!(
        "aws_access_key_id = {of}\naws_secret_access_key = {}\naws_session_token = {}\n",
        secret(of),
        token(of)
    )
}

pub(super) fn in_an_hour() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3600)
}

pub(super) fn written(time: SystemTime) -> String {
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

pub(super) fn metadata_keys(of: &str) -> String {
    let (id, secret, token) = keys_of(of);
    format!(
        r#"{{"Code":"Success","AccessKeyId":"{id}","SecretAccessKey":"{secret}","Token":"{token}","Expiration":"{}"}}"#,
        written(in_an_hour())
    )
}

pub(super) fn sts_keys(of: &str) -> String {
    let (id, secret, token) = keys_of(of);
    format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>\n <AccessKeyId>{id}</AccessKeyId>\n\
         <SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>\
         <Expiration>{}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
        written(in_an_hour())
    )
}

pub(super) fn sso_keys(of: &str) -> String {
    let (id, secret, token) = keys_of(of);
    let expires = in_an_hour().duration_since(UNIX_EPOCH).unwrap().as_millis();
    format!(
        r#"{{"roleCredentials":{{"accessKeyId":"{id}","secretAccessKey":"{secret}","sessionToken":"{token}","expiration":{expires}}}}}"#
    )
}

/// All services, each with keys that say whose they are.
pub(super) fn services(asked: &Asked) -> (u16, String) {
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    match (asked.method.as_str(), asked.path.as_str()) {
        ("PUT", "/latest/api/token") => (200, token("instance")),
        ("GET", ROLES) => (200, "the-role\n".to_owned()),
        ("GET", "/latest/meta-data/iam/security-credentials/the-role") => (200, metadata_keys("instance")),
        ("GET", "/container") => (200, metadata_keys("container")),
        ("GET", path) if path.starts_with("/federation/credentials?") => (200, sso_keys("sso")),
        ("POST", "/") => {
            let arn = asked.field("RoleArn").unwrap();
            (200, sts_keys(arn.rsplit('/').next().unwrap()))
        }
        _ => (404, String::new()),
    }
}

/// Signature Version 4 of a request, worked out from what arrived.
pub(super) fn check_signature(asked: &Asked, of: &str, region: &str) {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    let sha256 = |text: &str| hex(ring::digest::digest(&ring::digest::SHA256, text.as_bytes()).as_ref());
    let sign = |key: &[u8], text: &str| {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key);
        ring::hmac::sign(&key, text.as_bytes()).as_ref().to_vec()
    };
    assert_eq!(asked.header("x-amz-security-token"), token(of));
    let time = asked.header("x-amz-date");
    let scope = format!("{}/{region}/sts/aws4_request", &time[..8]);
    let (head, signature) = asked.header("authorization").split_once(", Signature=").unwrap();
    let (credential, signed) = head.split_once(", SignedHeaders=").unwrap();
    assert_eq!(credential, format!("AWS4-HMAC-SHA256 Credential={of}/{scope}"));
    for needed in ["host", "x-amz-date", "x-amz-security-token"] {
        assert!(signed.split(';').any(|name| name == needed), "{needed} is not signed");
    }
    let headers = signed.split(';').map(|name| format!("{name}:{}\n", asked.header(name)));
    let headers = headers.collect::<Vec<_>>().concat();
    let request = format!("{}\n{}\n\n{headers}\n{signed}\n{}", asked.method, asked.path, sha256(&asked.body));
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(&request));
    let mut key = format!("AWS4{}", secret(of)).into_bytes();
    for part in scope.split('/') {
        key = sign(&key, part);
    }
    assert_eq!(hex(&sign(&key, &to_sign)), signature);
}
