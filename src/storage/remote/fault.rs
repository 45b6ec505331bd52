//! From what object_store and the wire tell to why a store did not do what it was asked for.

use super::config::Config;
use super::wire::{Refusal, causes};
use crate::storage::Fault;

/// What went wrong with an operation of a store.
pub(super) fn fault(error: &object_store::Error, refusal: Option<Refusal>, config: &Config) -> Fault {
    use object_store::Error;
    #[cfg(any(feature = "s3", feature = "gs"))]
    if let Some(unknown) = super::credentials::IdentityError::within(error) {
        return unknown.clone().into();
    }
    if let Some(refusal) = &refusal {
        if let Some(fault) = of_refusal(refusal, config) {
            return fault;
        }
    }
    #[allow(clippy::wildcard_enum_match_arm, reason = "the enum may grow, and says so")]
    match error {
        Error::NotFound { .. } => Fault::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } | Error::NotModified { .. } => {
            Fault::Changed
        }
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => Fault::Permission,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => {
            Fault::Unsupported("the store cannot do this".to_owned())
        }
        error => Fault::Io(std::io::Error::other(without_urls(&causes(error)))),
    }
}

fn of_refusal(refusal: &Refusal, config: &Config) -> Option<Fault> {
    let (server, status, code, message, region, location, is_signed) = match refusal {
        Refusal::Transport { server, cause } => {
            let told = format!("no answer from {server}: {}", without_urls(cause));
            return Some(Fault::Io(std::io::Error::other(told)));
        }
        Refusal::Answer { server, status, code, message, region, location, is_signed } => {
            (server, *status, code.as_str(), message.as_str(), region, location, *is_signed)
        }
    };
    let (word, bucket) = (config.kind.bucket_word(), &config.bucket);
    let told = told(status, code, message);
    Some(match (status, code) {
        (_, "NoSuchBucket" | "ContainerNotFound") => {
            Fault::NoBucket(format!("there is no {word} called {bucket} at {server}"))
        }
        (_, "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "RequestExpired") => {
            Fault::Refused(format!("the credentials have expired ({told})"))
        }
        // HEAD has no body, so no code.
        (301 | 307 | 308, _)
        | (400, "")
        | (_, "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException")
            if config.kind.filesystem() == "s3" && region.is_some() =>
        {
            Fault::Region(region.clone().unwrap_or_default())
        }
        (300..=399, _) if status != 304 => {
            let host =
                location.as_deref().and_then(host).map(|host| format!(" to {host}")).unwrap_or_default();
            Fault::Io(std::io::Error::other(format!("the server redirects{host} ({told})")))
        }
        // Azure says 409 of what nobody may change, and of what nobody may read without credentials.
        (401 | 403, _) | (409, "BlobImmutableDueToPolicy" | "PublicAccessNotPermitted") => {
            let why = match (is_signed, config.is_true("anonymous")) {
                (true, _) => "permission denied",
                (false, true) => "permission denied without credentials, as setting anonymous says",
                (false, false) => "permission denied: no credentials were found",
            };
            Fault::Refused(format!("{why} ({told})"))
        }
        (404, _) => Fault::NotFound,
        (409 | 412, code) if is_of_condition(status, code) => Fault::Changed,
        (400..=599, _) => Fault::Io(std::io::Error::other(format!("the server answered {told}"))),
        _ => return None,
    })
}

/// Whether a conflict is with whoever writes the same file: then to read it again helps, else it goes on for ever.
fn is_of_condition(status: u16, code: &str) -> bool {
    match status {
        // A lease of Azure keeps out everyone else.
        412 => !code.starts_with("Lease"),
        _ => ["", "ConditionalRequestConflict", "OperationAborted", "BlobAlreadyExists"].contains(&code),
    }
}

fn told(status: u16, code: &str, message: &str) -> String {
    // Azure's has lines of its own for the request and the time.
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message: String = without_urls(&message).chars().take(300).collect();
    let parts = [status.to_string(), code.to_owned(), message];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// The host of a URL: all that may be told of it.
fn host(url: &str) -> Option<&str> {
    let behind = url.split_once("://")?.1;
    let authority = behind.split(['/', '?', '#']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

/// Queries and user names of URLs in a text may be secret.
fn without_urls(text: &str) -> String {
    let words = text.split(' ').map(|word| match host(word) {
        Some(host) if word.contains("://") => host,
        Some(_) | None => word,
    });
    words.collect::<Vec<_>>().join(" ")
}
