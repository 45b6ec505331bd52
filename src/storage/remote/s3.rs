//! Amazon S3, and what speaks like it.

use std::sync::Arc;

use object_store::ClientOptions;
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;

use super::config::Config;
use super::connection::{Nobody, is_plain, setup};
use super::credentials::Clients;
use super::credentials::aws::{self, AwsIdentity, AwsOptions};
use crate::storage::Fault;

/// The region of a request if nothing tells another: from there S3 says where a bucket is.
const REGION: &str = "us-east-1";

pub(super) async fn connect(config: &Config, nobody: &Nobody) -> Result<Arc<dyn ObjectStore>, Fault> {
    let connector = config.connector()?;
    let endpoint = config.endpoint(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])?;
    let options = ClientOptions::new().with_allow_http(is_plain(&endpoint));
    let text = |key: &str| config.get(key).map(str::to_owned);
    let asks = AwsOptions {
        access_key: text("access_key"),
        secret_key: text("secret_key"),
        session_token: text("session_token"),
        profile: text("profile"),
        region: text("region"),
    };
    let region = config.or_variable("region", &["AWS_DEFAULT_REGION", "AWS_REGION"]).map(str::to_owned);
    let region = match region {
        Some(region) => region,
        None => {
            let of_profile = aws::profile_region(&asks, config.environment())?;
            of_profile.unwrap_or_else(|| REGION.to_owned())
        }
    };
    if !region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Fault::Setup(format!("no region can be called {region:?}")));
    }
    let is_virtual = config.is_true("force_virtual_addressing");
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&config.bucket)
        .with_region(&region)
        .with_virtual_hosted_style_request(is_virtual)
        .with_request_payer(config.is_true("request_payer"))
        .with_retry(config.retries())
        .with_client_options(options.clone())
        .with_http_connector(connector.clone());
    if let Some(endpoint) = endpoint {
        // With the bucket in the name of the host, object_store wants it in the endpoint.
        let endpoint = match endpoint.split_once("://") {
            Some((scheme, host)) if is_virtual => format!("{scheme}://{}.{host}", config.bucket),
            Some(_) | None => endpoint,
        };
        builder = builder.with_endpoint(endpoint);
    }
    let identity = match config.is_true("anonymous") {
        true => AwsIdentity::Anonymous,
        false => aws::identify(&asks, config.environment(), Clients::of(&connector)?).await?,
    };
    if matches!(identity, AwsIdentity::Anonymous) && !config.is_true("anonymous") {
        nobody.asks();
    }
    builder = match identity {
        AwsIdentity::Known(credentials) => builder.with_credentials(credentials),
        AwsIdentity::Anonymous => builder.with_skip_signature(true),
    };
    Ok(Arc::new(builder.build().map_err(|error| setup(&error))?))
}
