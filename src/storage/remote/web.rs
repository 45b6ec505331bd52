//! Web servers: files are read by name, in ranges where the server has them, and nothing is listed or written.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use object_store::http::HttpBuilder;
use object_store::{ClientOptions, ObjectStore};

use super::config::Config;
use super::connection::{is_plain, setup};
use crate::storage::Fault;

pub(super) fn connect(config: &Config) -> Result<Arc<dyn ObjectStore>, Fault> {
    let mut options = ClientOptions::new().with_allow_http(is_plain(&Some(config.bucket.clone())));
    if let Some(authorization) = authorization(config)? {
        options = options.with_default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]));
    }
    let builder = HttpBuilder::new()
        .with_url(&config.bucket)
        .with_retry(config.retries())
        .with_client_options(options)
        .with_http_connector(config.connector()?);
    Ok(Arc::new(builder.build().map_err(|error| setup(&error))?))
}

/// Who asks: a token, or a name and a password.
fn authorization(config: &Config) -> Result<Option<HeaderValue>, Fault> {
    let text = match (config.get("access_token"), config.get("access_key")) {
        (Some(token), _) => format!("Bearer {token}"),
        (None, Some(user)) => {
            let password = config.get("secret_key").unwrap_or_default();
            format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")))
        }
        (None, None) => return Ok(None),
    };
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Fault::Setup("a token or password has characters that no header can have".to_owned()))?;
    value.set_sensitive(true);
    Ok(Some(value))
}
