//! Who asks Google: files of federated identities and of impersonated service accounts, which object_store does not read.
//! Programs that a file names are never run.

#[cfg(test)]
mod tests;

use std::fmt::{Debug, Formatter};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{Method, StatusCode, Uri};
use object_store::client::HttpClient;
use object_store::gcp::{GcpCredential, GcpCredentialProvider};
use serde_json::{Value, json};

use super::ask::{Answer, Question, ask_patiently, form, is_word, uri};
use super::renew::{Lease, Renewed, Source};
use super::{Clients, IdentityError, files, time};

const LIMIT: Duration = Duration::from_secs(10);
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Where whoever logged in gets new tokens, unless the file says.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
const SECONDS: u64 = 3600;

/// The refusals that are told by name. Other text of an answer is not, as it may repeat what was sent.
const REFUSALS: [&str; 14] = [
    "access_denied",
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "invalid_target",
    "unauthorized_client",
    "unsupported_grant_type",
    "FAILED_PRECONDITION",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
];

type Token = Lease<GcpCredential>;

/// The credentials of a file, if it is one that object_store does not read.
pub(in super::super) async fn of_file(
    path: &str,
    clients: Clients,
) -> Result<Option<GcpCredentialProvider>, IdentityError> {
    // What cannot be read or parsed is an error of object_store's.
    let content = files::read(path).unwrap_or_default();
    let content: Value = serde_json::from_str(&content).unwrap_or_default();
    let file = File { path, content: &content };
    let origin = match file.text("type") {
        Some("external_account") => Origin::Federation(Federation::of(&file)?),
        Some("impersonated_service_account") => Origin::of_source(&file)?,
        Some(_) | None => return Ok(None),
    };
    let identity = Identity { path: path.to_owned(), clients, origin, account: Account::of(&file)? };
    let first = identity.token().await?;
    Ok(Some(Arc::new(Renewed::new(identity, first))))
}

/// A part of a file of credentials.
struct File<'a> {
    path: &'a str,
    content: &'a Value,
}

impl<'a> File<'a> {
    fn text(&self, name: &str) -> Option<&'a str> {
        self.content.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    fn needed(&self, name: &str) -> Result<&'a str, IdentityError> {
        self.text(name).ok_or_else(|| self.wrong(&format!("there is no {name}")))
    }

    fn uri(&self, name: &str) -> Result<Uri, IdentityError> {
        uri(self.needed(name)?, &format!("{}: {name}", self.path))
    }

    fn part(&self, name: &str) -> File<'a> {
        File { path: self.path, content: self.content.get(name).unwrap_or(&Value::Null) }
    }

    fn wrong(&self, what: &str) -> IdentityError {
        IdentityError::Setup(format!("credentials {}: {what}", self.path))
    }
}

/// Whoever a file says.
struct Identity {
    path: String,
    clients: Clients,
    origin: Origin,
    /// The service account that is taken then, if any.
    account: Option<Account>,
}

enum Origin {
    Federation(Federation),
    User(User),
}

impl Origin {
    /// Who may take a service account.
    fn of_source(file: &File) -> Result<Self, IdentityError> {
        let source = file.part("source_credentials");
        match source.text("type") {
            Some("external_account") => Ok(Origin::Federation(Federation::of(&source)?)),
            Some("authorized_user") => Ok(Origin::User(User::of(&source)?)),
            Some(_) | None => {
                Err(file.wrong("source_credentials are neither an authorized_user nor an external_account"))
            }
        }
    }
}

impl Debug for Identity {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.path)
    }
}

#[async_trait]
impl Source for Identity {
    type Credential = GcpCredential;

    async fn fetch(&self) -> Result<Option<Token>, IdentityError> {
        self.token().await.map(Some)
    }
}

impl Identity {
    async fn token(&self) -> Result<Token, IdentityError> {
        let asker = Asker { path: &self.path, clients: &self.clients };
        let token = match &self.origin {
            Origin::Federation(federation) => federation.token(&asker).await?,
            Origin::User(user) => user.token(&asker).await?,
        };
        match &self.account {
            Some(account) => account.token(&asker, &token).await,
            None => Ok(token),
        }
    }
}

/// Questions for a file's credentials.
struct Asker<'a> {
    path: &'a str,
    clients: &'a Clients,
}

impl Asker<'_> {
    async fn ask(
        &self,
        client: &HttpClient,
        question: &Question,
        whom: &str,
    ) -> Result<Answer, IdentityError> {
        let whom = self.named(whom);
        let answer = ask_patiently(client, &question.request(), LIMIT, &whom).await?;
        if answer.status == StatusCode::OK {
            return Ok(answer);
        }
        let parsed: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let error = parsed.get("error").unwrap_or(&Value::Null);
        let code = error.as_str().or_else(|| error.get("status")?.as_str());
        let known = code.and_then(|code| REFUSALS.into_iter().find(|known| *known == code));
        Err(answer.refusal(&whom, known.unwrap_or_default()))
    }

    /// Asker for a token, as OAuth has it.
    async fn ask_token(&self, question: Question, whom: &str) -> Result<Token, IdentityError> {
        let question = question.with("content-type", "application/x-www-form-urlencoded", whom)?;
        let answer = self.ask(&self.clients.public, &question, whom).await?;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let seconds = answer.get("expires_in").and_then(Value::as_u64).unwrap_or(SECONDS);
        let expires = SystemTime::now() + Duration::from_secs(seconds.min(24 * SECONDS));
        self.checked(answer.get("access_token"), Some(expires), whom)
    }

    fn checked(
        &self,
        token: Option<&Value>,
        expires: Option<SystemTime>,
        whom: &str,
    ) -> Result<Token, IdentityError> {
        match (token.and_then(Value::as_str).filter(|token| is_word(token)), expires) {
            (Some(token), Some(_)) => {
                Ok(Lease { credential: GcpCredential { bearer: token.to_owned() }, expires })
            }
            (Some(_) | None, _) => {
                Err(IdentityError::Unanswered(format!("{}: the answer is not a token", self.named(whom))))
            }
        }
    }

    fn named(&self, whom: &str) -> String {
        format!("credentials {}: {whom}", self.path)
    }
}

/// An identity that another party vouches for, such as a cluster elsewhere (AIP-4117).
struct Federation {
    subject: Subject,
    subject_token_type: String,
    audience: String,
    token_url: Uri,
    /// Identifier and secret of a client, as a header has them.
    client: Option<String>,
    user_project: Option<String>,
}

/// Where the token of the other party is.
struct Subject {
    place: Place,
    /// The member of a JSON object that has it; none if it is the text itself.
    field: Option<String>,
}

enum Place {
    File(String),
    Url(Uri, Vec<(String, String)>),
}

impl Federation {
    fn of(file: &File) -> Result<Self, IdentityError> {
        let client = match (file.text("client_id"), file.text("client_secret")) {
            (Some(id), Some(secret)) => {
                Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}"))))
            }
            (Some(_) | None, _) => None,
        };
        Ok(Federation {
            subject: Subject::of(&file.part("credential_source"))?,
            subject_token_type: file.needed("subject_token_type")?.to_owned(),
            audience: file.needed("audience")?.to_owned(),
            token_url: file.uri("token_url")?,
            // Whoever has a client of their own pays with its project.
            user_project: file
                .text("workforce_pool_user_project")
                .filter(|_| client.is_none())
                .map(str::to_owned),
            client,
        })
    }

    async fn token(&self, asker: &Asker<'_>) -> Result<Token, IdentityError> {
        let subject = self.subject.token(asker).await?;
        let options = self.user_project.as_ref().map(|project| json!({ "userProject": project }).to_string());
        let body = form(&[
            ("grant_type", Some("urn:ietf:params:oauth:grant-type:token-exchange")),
            ("requested_token_type", Some("urn:ietf:params:oauth:token-type:access_token")),
            ("audience", Some(&self.audience)),
            ("scope", Some(SCOPE)),
            ("subject_token_type", Some(&self.subject_token_type)),
            ("subject_token", Some(&subject)),
            ("options", options.as_deref()),
        ]);
        let mut question = Question { method: Method::POST, body, ..Question::get(self.token_url.clone()) };
        if let Some(client) = &self.client {
            question = question.with("authorization", client, "the client's secret")?;
        }
        asker.ask_token(question, "the token service").await
    }
}

impl Subject {
    fn of(source: &File) -> Result<Self, IdentityError> {
        let format = source.part("format");
        let field = match format.text("type") {
            None | Some("text") => None,
            Some("json") => Some(format.needed("subject_token_field_name")?.to_owned()),
            Some(_) => return Err(source.wrong("the format of credential_source is neither text nor json")),
        };
        let place = if let Some(path) = source.text("file") {
            Place::File(path.to_owned())
        } else if source.text("environment_id").is_some() {
            return Err(source.wrong("identities of AWS are not supported"));
        } else if source.text("url").is_some() {
            let headers = source.content.get("headers").and_then(Value::as_object);
            let headers = headers.into_iter().flatten();
            let headers =
                headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
            Place::Url(source.uri("url")?, headers.collect())
        } else if source.content.get("executable").is_some() {
            return Err(source.wrong("credential_source is a program, and none is ever run"));
        } else {
            return Err(source.wrong("credential_source is neither a file nor a url"));
        };
        Ok(Subject { place, field })
    }

    async fn token(&self, asker: &Asker<'_>) -> Result<String, IdentityError> {
        let (text, from) = match &self.place {
            Place::File(path) => {
                let setup = |why| IdentityError::Setup(format!("{}: {why}", asker.named(path)));
                (files::read(path).map_err(setup)?, path.as_str())
            }
            Place::Url(uri, headers) => {
                let whom = "the url of credential_source";
                let mut question = Question::get(uri.clone());
                for (name, value) in headers {
                    question = question.with(name, value, &asker.named("a header of credential_source"))?;
                }
                let answer = asker.ask(&asker.clients.metadata, &question, whom).await?;
                (String::from_utf8(answer.body).unwrap_or_default(), whom)
            }
        };
        let token = match &self.field {
            None => Some(text.trim().to_owned()),
            Some(field) => serde_json::from_str(&text)
                .ok()
                .and_then(|parsed: Value| Some(parsed.get(field)?.as_str()?.to_owned())),
        };
        token
            .filter(|token| !token.is_empty())
            .ok_or_else(|| IdentityError::Unanswered(format!("{} has no token", asker.named(from))))
    }
}

/// Who logged in.
struct User {
    client_id: String,
    client_secret: String,
    refresh_token: String,
    token_uri: Uri,
}

impl User {
    fn of(file: &File) -> Result<Self, IdentityError> {
        let token_uri = match file.text("token_uri") {
            Some(_) => file.uri("token_uri")?,
            None => uri(TOKEN_URI, "the address of Google's log-in")?,
        };
        Ok(User {
            client_id: file.needed("client_id")?.to_owned(),
            client_secret: file.needed("client_secret")?.to_owned(),
            refresh_token: file.needed("refresh_token")?.to_owned(),
            token_uri,
        })
    }

    async fn token(&self, asker: &Asker<'_>) -> Result<Token, IdentityError> {
        let body = form(&[
            ("grant_type", Some("refresh_token")),
            ("client_id", Some(&self.client_id)),
            ("client_secret", Some(&self.client_secret)),
            ("refresh_token", Some(&self.refresh_token)),
        ]);
        let question = Question { method: Method::POST, body, ..Question::get(self.token_uri.clone()) };
        asker.ask_token(question, "the log-in").await
    }
}

/// A service account that others may take.
struct Account {
    uri: Uri,
    delegates: Vec<Value>,
    seconds: u64,
}

impl Account {
    fn of(file: &File) -> Result<Option<Self>, IdentityError> {
        const URL: &str = "service_account_impersonation_url";
        if file.text(URL).is_none() {
            return match file.text("type") {
                Some("impersonated_service_account") => Err(file.wrong(&format!("there is no {URL}"))),
                Some(_) | None => Ok(None),
            };
        }
        let lifetime = file.part("service_account_impersonation").content.get("token_lifetime_seconds");
        let delegates = file.content.get("delegates").and_then(Value::as_array);
        Ok(Some(Account {
            uri: file.uri(URL)?,
            delegates: delegates.cloned().unwrap_or_default(),
            seconds: lifetime.and_then(Value::as_u64).unwrap_or(SECONDS),
        }))
    }

    async fn token(&self, asker: &Asker<'_>, token: &Token) -> Result<Token, IdentityError> {
        let whom = "the service account";
        let lifetime = format!("{}s", self.seconds);
        let body = json!({ "scope": [SCOPE], "delegates": self.delegates, "lifetime": lifetime }).to_string();
        let question = Question { method: Method::POST, body, ..Question::get(self.uri.clone()) };
        let bearer = format!("Bearer {}", token.credential.bearer);
        let question =
            question.with("authorization", &bearer, whom)?.with("content-type", "application/json", whom)?;
        let answer = asker.ask(&asker.clients.public, &question, whom).await?;
        let answer: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let expires = answer.get("expireTime").and_then(Value::as_str).and_then(time::parse);
        asker.checked(answer.get("accessToken"), expires, whom)
    }
}
