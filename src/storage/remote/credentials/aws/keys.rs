//! Keys as they are given and as servers answer with them.

use std::time::SystemTime;

use object_store::aws::AwsCredential;
use serde_json::Value;

use super::ask::is_word;
use super::{IdentityError, Lease, time};

/// Keys that a request can be signed with.
pub(super) type Keys = Lease<AwsCredential>;

impl Keys {
    /// Checks what is given against what object_store can sign with: it panics at others. `from` says where they are from.
    pub(super) fn new(
        id: &str,
        secret: &str,
        token: Option<&str>,
        expires: Option<SystemTime>,
        from: &str,
    ) -> Result<Keys, IdentityError> {
        // Line ends stand behind what was taken from files.
        let (id, secret, token) =
            (id.trim(), secret.trim(), token.map(str::trim).filter(|token| !token.is_empty()));
        // A secret is only signed with; the others go into headers.
        let is_secret = !secret.is_empty() && !secret.chars().any(char::is_control);
        if !is_secret || !is_word(id) || !token.is_none_or(is_word) {
            return Err(IdentityError::Setup(format!(
                "{from}: a key is empty or has characters that keys do not have"
            )));
        }
        let token = token.map(str::to_owned);
        Ok(Keys {
            credential: AwsCredential { key_id: id.to_owned(), secret_key: secret.to_owned(), token },
            expires,
        })
    }

    /// Keys out of the JSON of a metadata service.
    pub(super) fn of_metadata(answer: &[u8], from: &str) -> Result<Keys, IdentityError> {
        let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        let expires = text("Expiration")
            .map(|expires| time::parse(expires).ok_or_else(|| no_keys(from)))
            .transpose()?;
        let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
            return Err(no_keys(from));
        };
        Keys::new(id, secret, text("Token"), expires, from).map_err(|_| no_keys(from))
    }
}

/// What came from there is not credentials.
pub(super) fn no_keys(from: &str) -> IdentityError {
    IdentityError::Unanswered(format!("{from}: the answer is not credentials"))
}
