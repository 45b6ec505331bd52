//! Google Cloud Storage.

use std::sync::Arc;
use std::time::Duration;

use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::config::Config;
use super::connection::{Nobody, is_plain, setup};
use super::credentials::{Clients, google};
use crate::storage::Fault;

pub(super) async fn connect(config: &Config, nobody: &Nobody) -> Result<Arc<dyn ObjectStore>, Fault> {
    let endpoint = config.endpoint(&["CLOUD_STORAGE_EMULATOR_ENDPOINT"])?;
    let connector = config.connector()?;
    let builder = |retries: RetryConfig| {
        let mut builder = GoogleCloudStorageBuilder::new()
            .with_bucket_name(&config.bucket)
            .with_retry(retries)
            .with_client_options(ClientOptions::new().with_allow_http(is_plain(&endpoint)))
            .with_http_connector(connector.clone());
        if let Some(endpoint) = &endpoint {
            builder = builder.with_base_url(endpoint);
        }
        builder
    };
    let build = |builder: GoogleCloudStorageBuilder| -> Result<Arc<dyn ObjectStore>, Fault> {
        Ok(Arc::new(builder.build().map_err(|error| setup(&error))?))
    };
    let usual = || builder(config.retries());
    if config.is_true("anonymous") {
        return build(unsigned(usual()));
    }
    if let Some(token) = config.get("access_token") {
        return build(usual().with_bearer_token(token));
    }
    let of_file = async |file: &str| {
        build(match google::of_file(file, Clients::of(&connector)?).await? {
            Some(credentials) => usual().with_credentials(credentials),
            None => usual().with_application_credentials(file),
        })
    };
    if let Some(file) = config.variable("GOOGLE_APPLICATION_CREDENTIALS") {
        return of_file(file).await;
    }
    if let Some(file) = config.variable("GOOGLE_SERVICE_ACCOUNT") {
        return build(usual().with_service_account_path(file));
    }
    // What `gcloud auth application-default login` leaves.
    let login = config
        .variable("CLOUDSDK_CONFIG")
        .map(str::to_owned)
        .or_else(|| Some(format!("{}/.config/gcloud", config.variable("HOME")?)));
    let login = login.map(|directory| directory + "/application_default_credentials.json");
    if let Some(file) = login.filter(|file| std::path::Path::new(file).is_file()) {
        return of_file(&file).await;
    }
    // An emulator asks nobody; a machine of Google's knows who it is; anybody else can still read what is public.
    let is_known =
        endpoint.is_none() && is_on_google(builder(RetryConfig { max_retries: 0, ..config.retries() })).await;
    if !is_known {
        nobody.asks();
    }
    build(if is_known { usual() } else { unsigned(usual()) })
}

/// Without signatures, nor a look for credentials.
fn unsigned(builder: GoogleCloudStorageBuilder) -> GoogleCloudStorageBuilder {
    builder.with_bearer_token("").with_skip_signature(true)
}

/// Whether the metadata service of Google's machines answers, and at once.
async fn is_on_google(builder: GoogleCloudStorageBuilder) -> bool {
    let Ok(store) = builder.build() else { return false };
    let token = store.credentials().get_credential();
    matches!(tokio::time::timeout(Duration::from_secs(2), token).await, Ok(Ok(_)))
}
