//! A place with files, variables and services, to ask who is there.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, MutexGuard};
use std::time::UNIX_EPOCH;

use object_store::aws::AwsCredential;

use super::super::{AwsIdentity, AwsOptions, IdentityError, identify};
pub(super) use crate::storage::remote::credentials::service::*;

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

    pub(super) fn identity(&self) -> Result<AwsIdentity, IdentityError> {
        wait(async {
            let identity = identify(&self.options, &self.variables, clients(self.server)).await;
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
