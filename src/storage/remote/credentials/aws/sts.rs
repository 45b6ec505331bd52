//! Roles that someone else may take, through the Security Token Service.

use std::time::Duration;

use http::{Method, StatusCode, Uri};
use object_store::aws::AwsAuthorizer;

use super::ask::{Question, ask_patiently, form, uri};
use super::keys::{Keys, no_keys};
use super::{IdentityError, World, files, time};

const LIMIT: Duration = Duration::from_secs(10);
const DEFAULT_REGION: &str = "us-east-1";

/// The refusals that are told by name. Other text of an answer is not, as it may repeat what was sent.
const REFUSALS: [&str; 16] = [
    "AccessDenied",
    "ExpiredToken",
    "ExpiredTokenException",
    "IDPCommunicationError",
    "IDPRejectedClaim",
    "IncompleteSignature",
    "InvalidClientTokenId",
    "InvalidIdentityToken",
    "MalformedPolicyDocument",
    "MissingAuthenticationToken",
    "PackedPolicyTooLarge",
    "RegionDisabledException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "Throttling",
    "ValidationError",
];

/// A role, and how it is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Role {
    pub arn: String,
    pub session_name: Option<String>,
    pub external_id: Option<String>,
    pub seconds: Option<u32>,
}

/// The keys of a role for who has other keys.
pub(super) async fn by_keys(
    world: &World,
    region: Option<&str>,
    role: &Role,
    keys: &Keys,
) -> Result<Keys, IdentityError> {
    take(world, region, role, "AssumeRole", Who::Keys(keys)).await
}

/// The keys of a role for who has a token of another party, such as a service account of Kubernetes.
pub(super) async fn by_web_identity(
    world: &World,
    region: Option<&str>,
    role: &Role,
    token_file: &str,
) -> Result<Keys, IdentityError> {
    let token = files::read(token_file);
    let token =
        token.map_err(|why| IdentityError::Setup(format!("web identity token {token_file}: {why}")))?;
    take(world, region, role, "AssumeRoleWithWebIdentity", Who::Token(token.trim())).await
}

enum Who<'a> {
    Keys(&'a Keys),
    Token(&'a str),
}

async fn take(
    world: &World,
    region: Option<&str>,
    role: &Role,
    action: &str,
    who: Who<'_>,
) -> Result<Keys, IdentityError> {
    let whom = format!("role {}: AWS STS", role.arn);
    let region = world.region().or(region).unwrap_or(DEFAULT_REGION);
    // Checked here, as object_store panics at a region that cannot be in a header.
    let domain = domain(region)?;
    let seconds = role.seconds.map(|seconds| seconds.to_string());
    let body = form(&[
        ("Action", Some(action)),
        ("Version", Some("2011-06-15")),
        ("RoleArn", Some(role.arn.as_str())),
        ("RoleSessionName", Some(role.session_name.as_deref().unwrap_or("libresult"))),
        ("ExternalId", role.external_id.as_deref()),
        ("DurationSeconds", seconds.as_deref()),
        (
            "WebIdentityToken",
            match who {
                Who::Token(token) => Some(token),
                Who::Keys(_) => None,
            },
        ),
    ]);
    let question = Question { method: Method::POST, body, ..Question::get(endpoint(world, region, domain)?) };
    let question = question.with("content-type", "application/x-www-form-urlencoded", &whom)?;
    let mut request = question.request();
    if let Who::Keys(keys) = who {
        let signed = AwsAuthorizer::new(&keys.credential, "sts", region).try_authorize(&mut request, None);
        signed.map_err(|_| IdentityError::Setup(format!("{whom}: the request cannot be signed")))?;
    }
    let answer = ask_patiently(&world.clients.public, &request, LIMIT, &whom).await?;
    let text = String::from_utf8_lossy(&answer.body);
    let element = |name: &str| element(&text, name);
    if answer.status != StatusCode::OK {
        let code = element("Code").and_then(|code| REFUSALS.into_iter().find(|known| *known == code));
        return Err(answer.refusal(&whom, code.unwrap_or_default()));
    }
    let (Some(id), Some(secret), Some(token)) =
        (element("AccessKeyId"), element("SecretAccessKey"), element("SessionToken"))
    else {
        return Err(no_keys(&whom));
    };
    let expires = element("Expiration").and_then(time::parse).ok_or_else(|| no_keys(&whom))?;
    Keys::new(id, secret, Some(token), Some(expires), &whom).map_err(|_| no_keys(&whom))
}

/// The text of the first element of this name. Keys and times have nothing to unescape.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, behind) = text.split_once(&format!("<{name}>"))?;
    Some(behind.split_once(&format!("</{name}>"))?.0.trim())
}

fn endpoint(world: &World, region: &str, domain: &str) -> Result<Uri, IdentityError> {
    for name in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
        if let Some(endpoint) = world.variable(name) {
            return uri(&format!("{}/", endpoint.trim_end_matches('/')), &format!("variable {name}"));
        }
    }
    uri(&format!("https://sts.{region}.{domain}/"), "the address of STS")
}

/// The domain that the services of a region are in.
pub(super) fn domain(region: &str) -> Result<&'static str, IdentityError> {
    // It becomes part of a host name.
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if region.is_empty() || !region.bytes().all(is_name) {
        return Err(IdentityError::Setup(format!("'{region}' is not a region of AWS")));
    }
    let partitions = [
        ("cn-", "amazonaws.com.cn"),
        ("eusc-", "amazonaws.eu"),
        ("us-iso-", "c2s.ic.gov"),
        ("us-isob-", "sc2s.sgov.gov"),
        ("eu-isoe-", "cloud.adc-e.uk"),
        ("us-isof-", "csp.hci.ic.gov"),
    ];
    let partition = partitions.into_iter().find(|(start, _)| region.starts_with(start));
    Ok(partition.map_or("amazonaws.com", |(_, domain)| domain))
}
