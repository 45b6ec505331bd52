//! Keys for who has logged in with `aws sso login`: the log-in itself is never done here.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::ask::{Question, ask_patiently, uri};
use super::files::{self, Unread};
use super::keys::{Keys, no_keys};
use super::{IdentityError, World, expand, sts, time};

const LIMIT: Duration = Duration::from_secs(10);

/// What a profile says of its log-in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub profile: String,
    /// The session of the log-in or, of older profiles, its start URL: by it the token is found.
    pub session: String,
    pub region: String,
    pub account: String,
    pub role: String,
}

pub(super) async fn keys(world: &World, login: &Login) -> Result<Keys, IdentityError> {
    let profile = &login.profile;
    let log_in = |why: &str| {
        IdentityError::Refused(format!("profile {profile}: {why}: run aws sso login --profile {profile}"))
    };
    let file = expand(&format!("~/.aws/sso/cache/{}.json", hex_sha1(&login.session)), &world.variables);
    let cached = match files::read(&file) {
        Ok(cached) => cached,
        Err(Unread::Absent) => return Err(log_in("nobody has logged in with SSO")),
        Err(why) => return Err(IdentityError::Setup(format!("SSO token {file}: {why}"))),
    };
    let cached: Value = serde_json::from_str(&cached).unwrap_or_default();
    let text = |name: &str| cached.get(name).and_then(Value::as_str);
    let (Some(token), Some(expires)) = (text("accessToken"), text("expiresAt").and_then(time::parse)) else {
        return Err(IdentityError::Setup(format!("SSO token {file}: the file does not parse")));
    };
    if expires <= SystemTime::now() {
        return Err(log_in("the SSO log-in has expired"));
    }

    let whom = format!("profile {profile}: AWS SSO");
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let query = format!("role_name={}&account_id={}", encoded(&login.role), encoded(&login.account));
    let endpoint = endpoint(world, &login.region)?;
    let question =
        Question::get(uri(&format!("{endpoint}/federation/credentials?{query}"), "the address of SSO")?);
    let question = question.with("x-amz-sso_bearer_token", token, &format!("the token in {file}"))?;
    let answer = ask_patiently(&world.clients.public, &question.request(), LIMIT, &whom).await?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => return Err(log_in("the SSO log-in is not valid any more")),
        _ => return Err(answer.refusal(&format!("{whom} for role {}", login.role), "")),
    }
    let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let field = |name: &str| answer.get("roleCredentials").and_then(|keys| keys.get(name));
    let text = |name: &str| field(name).and_then(Value::as_str);
    let expires = field("expiration").and_then(Value::as_u64).map(Duration::from_millis);
    let expires = expires.and_then(|since| UNIX_EPOCH.checked_add(since)).ok_or_else(|| no_keys(&whom))?;
    let (Some(id), Some(secret), Some(token)) =
        (text("accessKeyId"), text("secretAccessKey"), text("sessionToken"))
    else {
        return Err(no_keys(&whom));
    };
    Keys::new(id, secret, Some(token), Some(expires), &whom).map_err(|_| no_keys(&whom))
}

fn endpoint(world: &World, region: &str) -> Result<String, IdentityError> {
    for name in ["AWS_ENDPOINT_URL_SSO", "AWS_ENDPOINT_URL"] {
        if let Some(endpoint) = world.variable(name) {
            uri(endpoint, &format!("variable {name}"))?;
            return Ok(endpoint.trim_end_matches('/').to_owned());
        }
    }
    Ok(format!("https://portal.sso.{region}.{}", sts::domain(region)?))
}

/// The name of the file of a token: SHA-1 keeps nothing secret here.
fn hex_sha1(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
