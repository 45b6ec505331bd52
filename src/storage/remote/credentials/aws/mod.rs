//! Who asks S3: settings, then the environment, profiles, a web identity, the container, the instance; else nobody.
//! Programs that a profile names are never run.

mod keys;
mod metadata;
mod profiles;
mod sso;
mod sts;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::{Debug, Formatter};
use std::sync::Arc;

use async_trait::async_trait;
use object_store::StaticCredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};

use self::keys::Keys;
use self::profiles::{Origin, Profiles};
use super::renew::{Lease, Renewed, Source as _};
use super::{Clients, IdentityError, ask, files, time};

/// What was found out about who asks.
#[derive(Debug)]
pub(in super::super) enum AwsIdentity {
    Known(AwsCredentialProvider),
    Anonymous,
}

/// The settings that tell who asks.
// No `Debug`: some are secrets.
#[derive(Clone, Default)]
pub(in super::super) struct AwsOptions {
    pub access_key: Option<String>,
    pub secret_key: Option<String>,
    pub session_token: Option<String>,
    pub profile: Option<String>,
    pub region: Option<String>,
}

/// Finds out who asks.
pub(in super::super) async fn identify(
    options: &AwsOptions,
    variables: &BTreeMap<String, String>,
    clients: Clients,
) -> Result<AwsIdentity, IdentityError> {
    if let Some(keys) = given(options)? {
        return Ok(fixed(keys));
    }
    let world = World::new(options, variables, clients);
    // A profile that the call names counts more than variables, as everything that the call says.
    if options.profile.is_none() {
        if let Some(keys) = of_variables(&world)? {
            return Ok(fixed(keys));
        }
    }
    for source in sources(&world)? {
        let source = Found { world: world.clone(), source };
        if let Some(keys) = source.fetch().await? {
            return Ok(AwsIdentity::Known(Arc::new(Renewed::new(source, keys))));
        }
    }
    Ok(AwsIdentity::Anonymous)
}

/// The region of the profile in use, if it has one.
pub(in super::super) fn profile_region(
    options: &AwsOptions,
    variables: &BTreeMap<String, String>,
) -> Result<Option<String>, IdentityError> {
    let (name, _) =
        profile_name(options.profile.as_deref(), |variable| variables.get(variable).map(String::as_str));
    let profiles = Profiles::load(name, variables)?;
    Ok(profiles.get(name).and_then(|profile| profile.get("region")).map(str::to_owned))
}

/// The name of the profile in use, and who named it.
fn profile_name<'a>(
    setting: Option<&'a str>,
    variable: impl Fn(&str) -> Option<&'a str>,
) -> (&'a str, Option<&'static str>) {
    if let Some(name) = setting {
        return (name, Some("setting profile"));
    }
    for (by, says) in
        [("AWS_PROFILE", "variable AWS_PROFILE"), ("AWS_DEFAULT_PROFILE", "variable AWS_DEFAULT_PROFILE")]
    {
        if let Some(name) = variable(by).filter(|name| !name.is_empty()) {
            return (name, Some(says));
        }
    }
    ("default", None)
}

fn fixed(keys: Keys) -> AwsIdentity {
    AwsIdentity::Known(Arc::new(StaticCredentialProvider::new(keys.credential)))
}

fn given(options: &AwsOptions) -> Result<Option<Keys>, IdentityError> {
    let needs = |has: &str, missing: &str| {
        IdentityError::Setup(format!("setting {has} needs setting {missing}, which is not given"))
    };
    match (&options.access_key, &options.secret_key) {
        (Some(id), Some(secret)) => {
            let token = options.session_token.as_deref();
            Keys::new(id, secret, token, None, "settings access_key, secret_key and session_token").map(Some)
        }
        (Some(_), None) => Err(needs("access_key", "secret_key")),
        (None, Some(_)) => Err(needs("secret_key", "access_key")),
        (None, None) if options.session_token.is_some() => Err(needs("session_token", "access_key")),
        (None, None) => Ok(None),
    }
}

fn of_variables(world: &World) -> Result<Option<Keys>, IdentityError> {
    const ID: &str = "AWS_ACCESS_KEY_ID";
    const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
    let needs = |has, missing| IdentityError::Setup(format!("variable {has} is set, but not {missing}"));
    match (world.variable(ID), world.variable(SECRET)) {
        (Some(id), Some(secret)) => {
            let from = "variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";
            Keys::new(id, secret, world.variable("AWS_SESSION_TOKEN"), None, from).map(Some)
        }
        (Some(_), None) => Err(needs(ID, SECRET)),
        (None, Some(_)) => Err(needs(SECRET, ID)),
        (None, None) => Ok(None),
    }
}

/// What else may tell who asks, in the order in which it is asked.
fn sources(world: &World) -> Result<Vec<Source>, IdentityError> {
    let mut sources = Vec::new();
    let (name, by) = profile_name(world.profile.as_deref(), |variable| world.variable(variable));
    let profiles = Profiles::load(name, &world.variables)?;
    match (profiles.get(name), by) {
        (Some(_), _) => sources.push(Source::Profile(name.to_owned())),
        (None, Some(by)) => return Err(profiles.missing(name, by)),
        (None, None) => {}
    }
    if let Some(file) = world.variable("AWS_WEB_IDENTITY_TOKEN_FILE") {
        let role = world.variable("AWS_ROLE_ARN").ok_or_else(|| {
            IdentityError::Setup(
                "variable AWS_WEB_IDENTITY_TOKEN_FILE is set, but not AWS_ROLE_ARN".to_owned(),
            )
        })?;
        let session_name = world.variable("AWS_ROLE_SESSION_NAME").map(str::to_owned);
        let role = sts::Role { arn: role.to_owned(), session_name, external_id: None, seconds: None };
        sources.push(Source::WebIdentity { role, token_file: file.to_owned() });
    }
    if metadata::has_container(world) {
        sources.push(Source::Container);
    }
    sources.push(Source::Instance);
    Ok(sources)
}

/// A path with the home directory for `~`.
fn expand(path: &str, variables: &BTreeMap<String, String>) -> String {
    match (path.strip_prefix("~/"), variables.get("HOME").filter(|home| !home.is_empty())) {
        (Some(below), Some(home)) => format!("{}/{below}", home.trim_end_matches('/')),
        (Some(_), None) | (None, _) => path.to_owned(),
    }
}

/// What a search can look at, and ask.
// No `Debug`: some variables are secrets.
#[derive(Clone)]
struct World {
    variables: Arc<BTreeMap<String, String>>,
    clients: Clients,
    profile: Option<String>,
    region: Option<String>,
}

impl World {
    fn new(options: &AwsOptions, variables: &BTreeMap<String, String>, clients: Clients) -> Self {
        let (profile, region) = (options.profile.clone(), options.region.clone());
        World { variables: Arc::new(variables.clone()), clients, profile, region }
    }

    /// A variable of the environment, unless it is empty.
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The region of the call or of the environment.
    fn region(&self) -> Option<&str> {
        let variables = ["AWS_DEFAULT_REGION", "AWS_REGION"];
        self.region.as_deref().or_else(|| variables.iter().find_map(|name| self.variable(name)))
    }
}

/// Who gives credentials.
enum Source {
    Profile(String),
    WebIdentity { role: sts::Role, token_file: String },
    Container,
    Instance,
}

/// A source that can be asked again.
struct Found {
    world: World,
    source: Source,
}

impl Debug for Found {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match &self.source {
            Source::Profile(name) => write!(formatter, "profile {name}"),
            Source::WebIdentity { role, .. } => write!(formatter, "web identity for {}", role.arn),
            Source::Container => formatter.write_str("container"),
            Source::Instance => formatter.write_str("instance"),
        }
    }
}

#[async_trait]
impl super::renew::Source for Found {
    type Credential = AwsCredential;

    async fn fetch(&self) -> Result<Option<Keys>, IdentityError> {
        let world = &self.world;
        match &self.source {
            Source::Profile(name) => of_profile(world, name).await,
            Source::WebIdentity { role, token_file } => {
                let token_file = expand(token_file, &world.variables);
                sts::by_web_identity(world, None, role, &token_file).await.map(Some)
            }
            Source::Container => metadata::container(world).await.map(Some),
            Source::Instance => metadata::instance(world).await,
        }
    }
}

/// The keys that a profile leads to: its own, or those of a role that others may take.
async fn of_profile(world: &World, name: &str) -> Result<Option<Keys>, IdentityError> {
    let profiles = Profiles::load(name, &world.variables)?;
    let path = profiles.path(name)?;
    let region = profiles.get(name).and_then(|profile| profile.get("region"));
    let nothing = |what: &str| {
        IdentityError::Setup(format!("profile {name}: credential_source {what} has no credentials"))
    };
    let mut keys = match &path.origin {
        Origin::Nothing => return Ok(None),
        Origin::Keys(profile) => profile.keys()?,
        Origin::Sso(login) => sso::keys(world, login).await?,
        Origin::WebIdentity { role, token_file } => {
            sts::by_web_identity(world, region, role, token_file).await?
        }
        Origin::Environment => of_variables(world)?.ok_or_else(|| nothing("Environment"))?,
        Origin::Container if metadata::has_container(world) => metadata::container(world).await?,
        Origin::Container => return Err(nothing("EcsContainer")),
        Origin::Instance => metadata::instance(world).await?.ok_or_else(|| nothing("Ec2InstanceMetadata"))?,
    };
    for role in path.roles.iter().rev() {
        keys = sts::by_keys(world, region, role, &keys).await?;
    }
    Ok(Some(keys))
}
