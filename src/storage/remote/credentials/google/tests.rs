use std::fs;
use std::path::PathBuf;

use super::super::service::*;
use super::*;

const ACCOUNT: &str =
    "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/a@b:generateAccessToken";

/// A file of credentials, and the services that it names.
struct Place {
    path: PathBuf,
    clients: Clients,
    asks: Asks,
}

impl Place {
    fn with(
        name: &str,
        content: &Value,
        answer: impl Fn(&Asked) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        let path = std::env::temp_dir().join(format!("libresult-google-{name}-{}", std::process::id()));
        fs::write(&path, content.to_string()).unwrap();
        let (server, asks) = serve(answer);
        Place { path, clients: clients(server), asks }
    }

    fn provider(&self) -> Result<Option<GcpCredentialProvider>, IdentityError> {
        wait(of_file(self.path.to_str().unwrap(), self.clients.clone()))
    }

    fn token(&self) -> String {
        let provider = self.provider().unwrap().unwrap();
        assert!(!format!("{provider:?}").contains(PLANTED));
        wait(provider.get_credential()).unwrap().bearer.clone()
    }

    /// The error behind the name of the file.
    fn error(&self) -> String {
        let error = self.provider().err().unwrap().to_string();
        assert!(!error.contains(PLANTED), "a secret in {error}");
        let start = format!("credentials {}: ", self.path.display());
        error.strip_prefix(&start).unwrap_or_else(|| panic!("{error}")).to_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// All services, each with tokens that say whose they are.
fn services(asked: &Asked) -> (u16, String) {
    let oauth =
        |of: &str| json!({ "access_token": format!("{PLANTED}-{of}"), "expires_in": 3600 }).to_string();
    let expires = written(in_an_hour());
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", "/identity?v=1") => (200, json!({ "id": format!("{PLANTED}-subject") }).to_string()),
        ("POST", "/v1/token") => (200, oauth("federated")),
        ("POST", "/token") => (200, oauth("user")),
        ("POST", path) if path.ends_with(":generateAccessToken") => {
            (200, json!({ "accessToken": format!("{PLANTED}-account"), "expireTime": expires }).to_string())
        }
        _ => (404, String::new()),
    }
}

fn federation(source: Value) -> Value {
    json!({
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    })
}

fn url() -> Value {
    federation(json!({
        "url": "http://169.254.169.254/identity?v=1",
        "headers": { "Metadata": "True" },
        "format": { "type": "json", "subject_token_field_name": "id" },
    }))
}

fn changed(mut content: Value, name: &str, value: Value) -> Value {
    content[name] = value;
    content
}

#[test]
fn a_federated_identity_is_exchanged() {
    let place = Place::with("url", &url(), services);
    assert_eq!(place.token(), format!("{PLANTED}-federated"));
    let asks = place.asks.lock().unwrap();
    assert_eq!(
        (asks[0].header("metadata"), asks[0].header("x-meant-for")),
        ("True", "http://169.254.169.254")
    );
    assert_eq!(asks[1].header("x-meant-for"), "https://sts.googleapis.com");
    let field = |name: &str| asks[1].field(name).unwrap();
    assert_eq!(field("grant_type"), "urn:ietf:params:oauth:grant-type:token-exchange");
    assert_eq!(field("subject_token"), format!("{PLANTED}-subject"));
    assert_eq!(field("subject_token_type"), "urn:ietf:params:oauth:token-type:jwt");
    assert!(field("audience").ends_with("/providers/q") && field("scope") == SCOPE);
    assert_eq!(asks[1].field("options"), None);
}

#[test]
fn a_service_account_may_be_taken_then() {
    let subject = std::env::temp_dir().join(format!("libresult-google-subject-{}", std::process::id()));
    fs::write(&subject, format!("{PLANTED}-of-file\n")).unwrap();
    let content = federation(json!({ "file": subject.to_str().unwrap() }));
    let content = changed(content, "service_account_impersonation_url", json!(ACCOUNT));
    let lifetime = json!({ "token_lifetime_seconds": 900 });
    let content = changed(content, "service_account_impersonation", lifetime);
    let content = changed(content, "workforce_pool_user_project", json!("project"));
    let place = Place::with("account", &content, services);
    assert_eq!(place.token(), format!("{PLANTED}-account"));
    fs::remove_file(&subject).unwrap();
    {
        let asks = place.asks.lock().unwrap();
        assert_eq!(asks[0].field("subject_token").unwrap(), format!("{PLANTED}-of-file"));
        assert_eq!(asks[0].field("options").unwrap(), r#"{"userProject":"project"}"#);
        assert_eq!(asks[1].header("x-meant-for"), "https://iamcredentials.googleapis.com");
        assert_eq!(asks[1].header("authorization"), format!("Bearer {PLANTED}-federated"));
        let body: Value = serde_json::from_str(&asks[1].body).unwrap();
        assert_eq!(body, json!({ "scope": [SCOPE], "delegates": [], "lifetime": "900s" }));
    }
    assert_eq!(place.error(), format!("{}: no such file", subject.display()));
}

#[test]
fn whoever_logged_in_may_take_one_too() {
    let user = json!({
        "type": "authorized_user", "client_id": "id", "client_secret": PLANTED, "refresh_token": PLANTED,
    });
    let content = json!({
        "type": "impersonated_service_account",
        "service_account_impersonation_url": ACCOUNT,
        "delegates": ["projects/-/serviceAccounts/c"],
        "source_credentials": user,
    });
    let place = Place::with("user", &content, services);
    assert_eq!(place.token(), format!("{PLANTED}-account"));
    let asks = place.asks.lock().unwrap();
    assert_eq!(asks[0].header("x-meant-for"), "https://oauth2.googleapis.com");
    assert_eq!(asks[0].field("grant_type").unwrap(), "refresh_token");
    assert_eq!(asks[1].header("authorization"), format!("Bearer {PLANTED}-user"));
    assert!(asks[1].body.contains("projects/-/serviceAccounts/c"));
    for (name, value, error) in [
        (
            "source_credentials",
            json!({ "type": "service_account" }),
            "source_credentials are neither an authorized_user nor an external_account",
        ),
        (
            "source_credentials",
            json!({ "type": "authorized_user", "client_id": "x" }),
            "there is no client_secret",
        ),
        ("service_account_impersonation_url", Value::Null, "there is no service_account_impersonation_url"),
    ] {
        let place = Place::with("user-wrong", &changed(content.clone(), name, value), services);
        assert_eq!(place.error(), error);
    }
}

#[test]
fn a_client_of_its_own_asks_with_its_secret() {
    let content = changed(changed(url(), "client_id", json!("id")), "client_secret", json!(PLANTED));
    let content = changed(content, "workforce_pool_user_project", json!("project"));
    let place = Place::with("client", &content, services);
    assert_eq!(place.token(), format!("{PLANTED}-federated"));
    let asks = place.asks.lock().unwrap();
    let basic = BASE64_STANDARD.encode(format!("id:{PLANTED}"));
    assert_eq!(asks[1].header("authorization"), format!("Basic {basic}"));
    assert_eq!(asks[1].field("options"), None);
}

#[test]
fn what_is_wrong_is_named() {
    let program = json!({ "executable": { "command": PLANTED } });
    for (content, error) in [
        (federation(program), "credential_source is a program, and none is ever run"),
        (federation(json!({ "environment_id": "aws1", "url": "x" })), "identities of AWS are not supported"),
        (federation(json!({})), "credential_source is neither a file nor a url"),
        (
            federation(json!({ "file": "x", "format": { "type": "json" } })),
            "there is no subject_token_field_name",
        ),
        (changed(url(), "audience", json!("")), "there is no audience"),
    ] {
        let place = Place::with("wrong", &content, services);
        assert_eq!(place.error(), error);
        assert!(place.asks.lock().unwrap().is_empty());
    }
    let place = Place::with("no-url", &changed(url(), "token_url", json!(PLANTED)), services);
    assert!(place.provider().err().unwrap().to_string().ends_with(": token_url is not a URL"));
    let place = Place::with("other", &json!({ "type": "service_account" }), services);
    assert!(place.provider().unwrap().is_none());
}

#[test]
fn refusals_are_told_by_name_and_nothing_else_is() {
    let oauth = json!({ "error": "invalid_grant", "error_description": PLANTED }).to_string();
    let iam = json!({ "error": { "status": "PERMISSION_DENIED", "message": PLANTED } }).to_string();
    let content = changed(url(), "service_account_impersonation_url", json!(ACCOUNT));
    for (path, answer, error) in [
        ("/v1/token", (400, oauth), "the token service refuses (400 invalid_grant)"),
        ("/v1/token", (200, "{}".to_owned()), "the token service: the answer is not a token"),
        ("/v1/token", (500, PLANTED.to_owned()), "the token service cannot answer now (500)"),
        ("/identity?v=1", (404, PLANTED.to_owned()), "the url of credential_source refuses (404)"),
        ("/identity?v=1", (200, PLANTED.to_owned()), "the url of credential_source has no token"),
        (":generateAccessToken", (403, iam), "the service account refuses (403 PERMISSION_DENIED)"),
    ] {
        let place = Place::with("refused", &content, move |asked| match asked.path.ends_with(path) {
            true => answer.clone(),
            false => services(asked),
        });
        assert_eq!(place.error(), error);
    }
}
