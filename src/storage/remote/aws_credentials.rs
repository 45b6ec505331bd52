//! Stand-in until the chain of credentials is here.
use crate::storage::Fault;
use object_store::aws::AwsCredentialProvider;
use object_store::client::HttpClient;
use object_store::{StaticCredentialProvider, aws::AwsCredential};
use std::collections::BTreeMap;
use std::sync::Arc;
pub(super) enum AwsIdentity {
    Known(AwsCredentialProvider),
    Anonymous,
}
#[allow(dead_code)]
pub(super) struct AwsOptions {
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
    pub session_token: Option<String>,
    pub profile: Option<String>,
    pub region: Option<String>,
}
pub(super) async fn identify(
    options: &AwsOptions,
    environment: &BTreeMap<String, String>,
    _: HttpClient,
) -> Result<AwsIdentity, Fault> {
    let get = |v: &Option<String>, n: &str| v.clone().or_else(|| environment.get(n).cloned());
    match (get(&options.access_key, "AWS_ACCESS_KEY_ID"), get(&options.secret_key, "AWS_SECRET_ACCESS_KEY")) {
        (Some(key_id), Some(secret_key)) => {
            Ok(AwsIdentity::Known(Arc::new(StaticCredentialProvider::new(AwsCredential {
                key_id,
                secret_key,
                token: None,
            }))))
        }
        _ => Ok(AwsIdentity::Anonymous),
    }
}
pub(super) fn profile_region(_: &AwsOptions, _: &BTreeMap<String, String>) -> Option<String> {
    None
}
