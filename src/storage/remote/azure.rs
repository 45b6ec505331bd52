//! Azure Blob Storage.

use std::sync::Arc;
use std::time::Duration;

use object_store::azure::{AzureAccessKey, MicrosoftAzureBuilder};
use object_store::{ClientOptions, ObjectStore, RetryConfig};

use super::config::Config;
use super::connection::{Nobody, is_plain, setup};
use crate::storage::Fault;

/// The authority of accounts: one that starts with a dot stands behind the account, any other before it.
const AUTHORITY: &str = ".blob.core.windows.net";

pub(super) async fn connect(config: &Config, nobody: &Nobody) -> Result<Arc<dyn ObjectStore>, Fault> {
    let Some(account) =
        config.or_variable("account_name", &["AZURE_STORAGE_ACCOUNT_NAME", "AZURE_STORAGE_ACCOUNT"])
    else {
        let hint = "abfs://CONTAINER@ACCOUNT.dfs.core.windows.net/…, setting account_name or AZURE_STORAGE_ACCOUNT_NAME";
        return Err(Fault::Setup(format!("no storage account is named: {hint} names one")));
    };
    let endpoint = match config.endpoint(&["AZURE_STORAGE_ENDPOINT"])? {
        Some(endpoint) => endpoint,
        None => {
            let authority = config.get("blob_storage_authority").unwrap_or(AUTHORITY);
            let plain = (config.get("enable_tls") == Some("false")).then_some("http");
            let scheme =
                config.get("blob_storage_scheme").or(config.get("scheme")).or(plain).unwrap_or("https");
            let url = match authority.starts_with('.') {
                true => format!("{scheme}://{account}{authority}"),
                false => format!("{scheme}://{authority}/{account}"),
            };
            config.url("setting blob_storage_authority", &url)?
        }
    };
    let options = ClientOptions::new().with_allow_http(is_plain(&Some(endpoint.clone())));
    let connector = config.connector()?;
    let builder = |retries: RetryConfig| {
        MicrosoftAzureBuilder::new()
            .with_account(account)
            .with_container_name(&config.bucket)
            .with_endpoint(endpoint.clone())
            .with_retry(retries)
            .with_client_options(options.clone())
            .with_http_connector(connector.clone())
    };
    let build = |builder: MicrosoftAzureBuilder| -> Result<Arc<dyn ObjectStore>, Fault> {
        Ok(Arc::new(builder.build().map_err(|error| setup(&error))?))
    };
    let usual = || builder(config.retries());
    if config.is_true("anonymous") {
        return build(usual().with_skip_signature(true));
    }
    // Who gives one kind of credentials does not mean another one that is in the environment.
    let kinds = ["account_key", "sas_token", "access_token", "client_secret"];
    let is_given = kinds.iter().any(|key| config.get(key).is_some());
    let first_of = |key: &str, variables: &[&str]| {
        config.or_variable(key, if is_given { &[] } else { variables }).map(str::to_owned)
    };
    let key_variables = ["AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_KEY"];
    if let Some(key) = first_of("account_key", &key_variables) {
        if AzureAccessKey::try_new(&key).is_err() {
            return Err(Fault::Setup("the account key is not Base64, as Azure has it".to_owned()));
        }
        return build(usual().with_access_key(key));
    }
    if let Some(token) = first_of("sas_token", &["AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_SAS_KEY"]) {
        let pairs = object_store::azure::split_sas(&token).map_err(|_| {
            Fault::Setup("setting sas_token is no shared access signature, such as sv=…&sig=…".to_owned())
        })?;
        return build(usual().with_sas_authorization(pairs));
    }
    if let Some(token) = config.get("access_token") {
        return build(usual().with_bearer_token_authorization(token));
    }
    let client = config.or_variable("client_id", &["AZURE_CLIENT_ID"]);
    let tenant = config.or_variable("tenant_id", &["AZURE_TENANT_ID"]);
    let secret = config.or_variable("client_secret", &["AZURE_CLIENT_SECRET"]);
    if let (Some(client), Some(tenant), Some(secret)) = (client, tenant, secret) {
        return build(usual().with_client_secret_authorization(client, secret, tenant));
    }
    if let (Some(client), Some(tenant), Some(file)) =
        (client, tenant, config.variable("AZURE_FEDERATED_TOKEN_FILE"))
    {
        let mut builder =
            usual().with_client_id(client).with_tenant_id(tenant).with_federated_token_file(file);
        if let Some(host) = config.variable("AZURE_AUTHORITY_HOST") {
            builder = builder.with_authority_host(host);
        }
        return build(builder);
    }
    // A machine of Azure's knows who it is; anybody else can still read what is public.
    let managed = |mut builder: MicrosoftAzureBuilder| {
        if let Some(client) = client {
            builder = builder.with_client_id(client);
        }
        builder
    };
    let probe = managed(builder(RetryConfig { max_retries: 0, ..config.retries() }));
    let is_known = !is_plain(&Some(endpoint.clone())) && is_on_azure(probe).await;
    if !is_known {
        nobody.asks();
    }
    build(if is_known { managed(usual()) } else { usual().with_skip_signature(true) })
}

/// Whether the metadata service of Azure's machines answers, and at once.
async fn is_on_azure(builder: MicrosoftAzureBuilder) -> bool {
    let Ok(store) = builder.build() else { return false };
    let token = store.credentials().get_credential();
    matches!(tokio::time::timeout(Duration::from_secs(2), token).await, Ok(Ok(_)))
}
