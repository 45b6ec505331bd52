//! Credentials that the machine gives to what runs on it: the container's agent, and the metadata service of the instance.

use std::net::IpAddr;
use std::time::Duration;

use http::{Method, StatusCode, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::ask::{Question, ask, ask_patiently, uri};
use super::keys::Keys;
use super::{IdentityError, World, expand, files};

/// Where there is no instance, nobody answers: that must not hold up a laptop.
const INSTANCE_FIRST: Duration = Duration::from_secs(1);
const INSTANCE: Duration = Duration::from_secs(5);
const CONTAINER: Duration = Duration::from_secs(5);

const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
const ENDPOINT: &str = "AWS_EC2_METADATA_SERVICE_ENDPOINT";
const TIMEOUT: &str = "AWS_METADATA_SERVICE_TIMEOUT";

/// What names of roles are written with in a path.
const ROLE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'+')
    .remove(b'=')
    .remove(b',')
    .remove(b'@');

pub(super) fn has_container(world: &World) -> bool {
    world.variable(RELATIVE).or_else(|| world.variable(FULL)).is_some()
}

pub(super) async fn container(world: &World) -> Result<Keys, IdentityError> {
    let mut question = Question::get(container_uri(world)?);
    if let Some(file) = world.variable(TOKEN_FILE) {
        let file = expand(file, &world.variables);
        let token = files::read(&file)
            .map_err(|why| IdentityError::Setup(format!("variable {TOKEN_FILE}: {file}: {why}")))?;
        question = question.with("authorization", token.trim(), &format!("the token in {file}"))?;
    } else if let Some(token) = world.variable(TOKEN) {
        question = question.with("authorization", token.trim(), &format!("variable {TOKEN}"))?;
    }
    let whom = "the container's credentials service";
    let answer = ask_patiently(&world.clients.metadata, &question.request(), CONTAINER, whom).await?;
    match answer.status {
        StatusCode::OK => Keys::of_metadata(&answer.body, whom),
        _ => Err(answer.refusal(whom, "")),
    }
}

fn container_uri(world: &World) -> Result<Uri, IdentityError> {
    if let Some(path) = world.variable(RELATIVE) {
        if !path.starts_with('/') {
            return Err(IdentityError::Setup(format!("variable {RELATIVE} does not start with /")));
        }
        return uri(&format!("http://169.254.170.2{path}"), &format!("variable {RELATIVE}"));
    }
    let from = format!("variable {FULL}");
    let found = uri(world.variable(FULL).unwrap_or_default(), &from)?;
    if found.scheme_str() == Some("https") || is_of_this_machine(found.host().unwrap_or_default()) {
        return Ok(found);
    }
    // Its token would go over the network for all to read.
    Err(IdentityError::Setup(format!("{from} is neither https nor an address of this machine")))
}

fn is_of_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => {
            address.is_loopback() || matches!(host, "169.254.170.2" | "169.254.170.23" | "fd00:ec2::23")
        }
        Err(_) => host == "localhost",
    }
}

/// The keys of the role of the instance; none if this is not one, or it has no role.
pub(super) async fn instance(world: &World) -> Result<Option<Keys>, IdentityError> {
    if world.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let is_ipv6 = |mode: &str| mode.eq_ignore_ascii_case("IPv6");
    let endpoint = match world.variable(ENDPOINT) {
        Some(endpoint) => endpoint.trim_end_matches('/'),
        None if world.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE").is_some_and(is_ipv6) => {
            "http://[fd00:ec2::254]"
        }
        None => "http://169.254.169.254",
    };
    let first = match world.variable(TIMEOUT).map(str::parse) {
        None => INSTANCE_FIRST,
        Some(Ok(seconds)) if seconds > 0 => Duration::from_secs(seconds),
        Some(_) => {
            return Err(IdentityError::Setup(format!(
                "variable {TIMEOUT} is not a number of seconds from 1 on"
            )));
        }
    };
    let whom = "the instance metadata service";
    let at = |path: &str| uri(&[endpoint, path].concat(), &format!("variable {ENDPOINT}"));
    let client = &world.clients.metadata;

    let mut question = Question::get(at("/latest/api/token")?);
    question.method = Method::PUT;
    question = question.with("x-aws-ec2-metadata-token-ttl-seconds", "300", whom)?;
    let token = match ask(client, question.request(), first, whom).await {
        Ok(answer) if answer.status == StatusCode::OK => String::from_utf8(answer.body).unwrap_or_default(),
        // Another cloud's service, or nobody.
        Ok(_) | Err(_) => return Ok(None),
    };

    let roles = "/latest/meta-data/iam/security-credentials/";
    let get = |path: &str| {
        let question = Question::get(at(path)?);
        question.with("x-aws-ec2-metadata-token", token.trim(), &format!("the token of {whom}"))
    };
    let answer = ask_patiently(client, &get(roles)?.request(), INSTANCE, whom).await?;
    let names = match answer.status {
        StatusCode::OK => String::from_utf8(answer.body).unwrap_or_default(),
        StatusCode::NOT_FOUND => return Ok(None),
        _ => return Err(answer.refusal(whom, "")),
    };
    let Some(role) = names.lines().map(str::trim).find(|name| !name.is_empty()) else { return Ok(None) };
    let path = [roles, &utf8_percent_encode(role, ROLE).to_string()].concat();
    let answer = ask_patiently(client, &get(&path)?.request(), INSTANCE, whom).await?;
    if answer.status != StatusCode::OK {
        return Err(answer.refusal(whom, ""));
    }
    let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match parsed.get("Code").and_then(Value::as_str) {
        None | Some("Success") => Keys::of_metadata(&answer.body, whom).map(Some),
        Some(_) => {
            Err(IdentityError::Refused(format!("{whom} has no credentials for the role of this instance")))
        }
    }
}
