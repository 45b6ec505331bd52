//! Profiles of the config and credentials files of AWS, and how each leads to keys.

use std::collections::BTreeMap;

use super::files::{self, Unread};
use super::keys::Keys;
use super::sso::Login;
use super::sts::Role;
use super::{IdentityError, expand};

type Section = BTreeMap<String, String>;

/// What both files say.
// No `Debug`: there are secrets in it.
pub(super) struct Profiles {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
    /// The two files, as errors name them.
    files: [String; 2],
    variables: BTreeMap<String, String>,
}

/// One profile.
#[derive(Clone, Copy)]
pub(super) struct Profile<'a> {
    name: &'a str,
    section: &'a Section,
}

/// How a profile leads to keys: from where, and through which roles. The last role is taken first.
pub(super) struct Path<'a> {
    pub origin: Origin<'a>,
    pub roles: Vec<Role>,
}

pub(super) enum Origin<'a> {
    /// The profile is about other things.
    Nothing,
    Keys(Profile<'a>),
    Sso(Login),
    WebIdentity {
        role: Role,
        token_file: String,
    },
    Environment,
    Container,
    Instance,
}

impl Profiles {
    /// Reads both files, of which either may be missing, for a profile.
    pub(super) fn load(name: &str, variables: &BTreeMap<String, String>) -> Result<Self, IdentityError> {
        let path = |variable: &str, default: &str| {
            let path = variables.get(variable).map(String::as_str).filter(|path| !path.is_empty());
            expand(path.unwrap_or(default), variables)
        };
        let config = path("AWS_CONFIG_FILE", "~/.aws/config");
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials");
        let mut profiles = Profiles {
            profiles: BTreeMap::new(),
            sessions: BTreeMap::new(),
            files: [config, credentials],
            variables: variables.clone(),
        };
        // Of what both say the credentials file counts.
        for (index, is_config) in [(0, true), (1, false)] {
            let file = profiles.files[index].clone();
            let wrong = |why: String| IdentityError::Setup(format!("profile {name}: {file}: {why}"));
            match files::read(&file) {
                Ok(text) => {
                    let added = profiles.add(&text, is_config);
                    added.map_err(|line| wrong(format!("line {line} does not parse")))?;
                }
                Err(Unread::Absent) => {}
                Err(why) => return Err(wrong(why.to_string())),
            }
        }
        Ok(profiles)
    }

    /// Adds what a file says. Fails with the number of a line that is nothing.
    fn add(&mut self, text: &str, is_config: bool) -> Result<(), usize> {
        // Sections of services and plugins are read over.
        let mut other = Section::new();
        let mut section: Option<&mut Section> = None;
        let mut key_indent = None;
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let wrong = index + 1;
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            if let Some(rest) = bare.strip_prefix('[') {
                let (name, behind) = rest.split_once(']').ok_or(wrong)?;
                if !behind.is_empty() && !behind.trim_start().starts_with(['#', ';']) {
                    return Err(wrong);
                }
                let (kind, name) = kind_and_name(name.trim(), is_config);
                section = Some(match kind {
                    Kind::Profile => self.profiles.entry(name.to_owned()).or_default(),
                    Kind::Session => self.sessions.entry(name.to_owned()).or_default(),
                    Kind::Other => &mut other,
                });
                key_indent = None;
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if key_indent.is_some_and(|of_key| indent > of_key) {
                // It goes on with the value above: settings of one service, which are not asked for here.
                continue;
            }
            key_indent = Some(indent);
            let (key, value) = bare.split_once(['=', ':']).ok_or(wrong)?;
            let section = section.as_mut().ok_or(wrong)?;
            if key.trim().is_empty() {
                return Err(wrong);
            }
            section.insert(key.trim().to_lowercase(), without_comment(value).trim().to_owned());
        }
        Ok(())
    }

    pub(super) fn get<'a>(&'a self, name: &str) -> Option<Profile<'a>> {
        self.profiles.get_key_value(name).map(|(name, section)| Profile { name, section })
    }

    /// The error of a profile that is named `by` this, but nowhere written.
    pub(super) fn missing(&self, name: &str, by: &str) -> IdentityError {
        let [config, credentials] = &self.files;
        IdentityError::Setup(format!("{by}: profile {name} is neither in {config} nor in {credentials}"))
    }

    /// How a profile leads to keys.
    pub(super) fn path<'a>(&'a self, name: &str) -> Result<Path<'a>, IdentityError> {
        let mut roles = Vec::new();
        let mut passed: Vec<&str> = Vec::new();
        let mut profile = self.get(name).ok_or_else(|| self.missing(name, "the profile in use"))?;
        loop {
            // Whose keys another profile borrows gives those, even if it could take a role.
            let is_source = !passed.is_empty();
            let role = match profile.get("role_arn") {
                Some(arn) if !(is_source && profile.has_keys()) => profile.role(arn)?,
                Some(_) | None => {
                    let origin = self.origin(profile)?;
                    if is_source && matches!(origin, Origin::Nothing) {
                        return Err(
                            profile.wrong("it is the source_profile of another, but has no credentials")
                        );
                    }
                    return Ok(Path { origin, roles });
                }
            };
            let sources = ["source_profile", "credential_source", "web_identity_token_file"];
            match sources.map(|key| profile.get(key)) {
                [Some(source), None, None] if source == profile.name => {
                    roles.push(role);
                    return Ok(Path { origin: Origin::Keys(profile), roles });
                }
                [Some(source), None, None] => {
                    roles.push(role);
                    passed.push(profile.name);
                    if passed.contains(&source) {
                        return Err(profile.wrong(&format!("source_profile {source} leads back to it")));
                    }
                    let by = format!("profile {}: source_profile", profile.name);
                    profile = self.get(source).ok_or_else(|| self.missing(source, &by))?;
                }
                [None, Some(source), None] => {
                    roles.push(role);
                    let origin = match source {
                        "Environment" => Origin::Environment,
                        "EcsContainer" => Origin::Container,
                        "Ec2InstanceMetadata" => Origin::Instance,
                        _ => {
                            let known = "Environment, EcsContainer or Ec2InstanceMetadata";
                            return Err(profile.wrong(&format!("credential_source is none of {known}")));
                        }
                    };
                    return Ok(Path { origin, roles });
                }
                [None, None, Some(file)] => {
                    let token_file = expand(file, &self.variables);
                    return Ok(Path { origin: Origin::WebIdentity { role, token_file }, roles });
                }
                [None, None, None] => {
                    return Err(profile.wrong(&format!("role_arn needs one of {}", sources.join(", "))));
                }
                [..] => {
                    return Err(profile.wrong(&format!("role_arn needs only one of {}", sources.join(", "))));
                }
            }
        }
    }

    /// Where a profile without a role has its keys from.
    fn origin<'a>(&'a self, profile: Profile<'a>) -> Result<Origin<'a>, IdentityError> {
        if profile.has_keys() {
            return Ok(Origin::Keys(profile));
        }
        if ["sso_session", "sso_start_url", "sso_account_id"].iter().any(|key| profile.get(key).is_some()) {
            return self.login(profile).map(Origin::Sso);
        }
        if profile.get("credential_process").is_some() {
            return Err(profile.wrong("credential_process names a program, and libresult runs none"));
        }
        if profile.get("login_session").is_some() {
            return Err(profile
                .wrong("login_session is not supported; aws configure export-credentials is a way out"));
        }
        Ok(Origin::Nothing)
    }

    fn login(&self, profile: Profile<'_>) -> Result<Login, IdentityError> {
        let session = match profile.get("sso_session") {
            Some(name) => {
                let found = self.sessions.get_key_value(name);
                let missing = || profile.wrong(&format!("there is no section [sso-session {name}]"));
                let (name, section) = found.ok_or_else(missing)?;
                Some(Profile { name, section })
            }
            None => None,
        };
        let of = |from: Profile<'_>, key: &str| {
            from.get(key).map(str::to_owned).ok_or_else(|| profile.wrong(&format!("{key} is missing")))
        };
        let key =
            session.map_or_else(|| of(profile, "sso_start_url"), |session| Ok(session.name.to_owned()))?;
        Ok(Login {
            profile: profile.name.to_owned(),
            session: key,
            region: of(session.unwrap_or(profile), "sso_region")?,
            account: of(profile, "sso_account_id")?,
            role: of(profile, "sso_role_name")?,
        })
    }
}

impl<'a> Profile<'a> {
    /// What the profile says of something, unless that is empty.
    pub(super) fn get(self, key: &str) -> Option<&'a str> {
        self.section.get(key).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn wrong(self, why: &str) -> IdentityError {
        IdentityError::Setup(format!("profile {}: {why}", self.name))
    }

    /// Whether it has keys, or half of them.
    fn has_keys(self) -> bool {
        self.get("aws_access_key_id").or_else(|| self.get("aws_secret_access_key")).is_some()
    }

    /// Its own keys.
    pub(super) fn keys(self) -> Result<Keys, IdentityError> {
        let key = |name: &str| self.get(name).ok_or_else(|| self.wrong(&format!("{name} is missing")));
        let (id, secret) = (key("aws_access_key_id")?, key("aws_secret_access_key")?);
        Keys::new(id, secret, self.get("aws_session_token"), None, &format!("profile {}", self.name))
    }

    fn role(self, arn: &str) -> Result<Role, IdentityError> {
        if self.get("mfa_serial").is_some() {
            return Err(self.wrong("mfa_serial asks for a code, and nobody can be asked here"));
        }
        let seconds = self
            .get("duration_seconds")
            .map(|seconds| seconds.parse().map_err(|_| self.wrong("duration_seconds is not a number")));
        Ok(Role {
            arn: arn.to_owned(),
            session_name: self.get("role_session_name").map(str::to_owned),
            external_id: self.get("external_id").map(str::to_owned),
            seconds: seconds.transpose()?,
        })
    }
}

enum Kind {
    Profile,
    Session,
    Other,
}

/// What a section is about. In the config file the names of profiles have a word before them.
fn kind_and_name(title: &str, is_config: bool) -> (Kind, &str) {
    if !is_config || title == "default" {
        return (Kind::Profile, title);
    }
    let (word, name) = title.split_once(char::is_whitespace).unwrap_or((title, ""));
    let name = name.trim();
    let quoted = |quote| name.strip_prefix(quote).and_then(|name: &str| name.strip_suffix(quote));
    let name = quoted('"').or_else(|| quoted('\'')).unwrap_or(name);
    match word {
        "profile" if !name.is_empty() => (Kind::Profile, name),
        "sso-session" if !name.is_empty() => (Kind::Session, name),
        _ => (Kind::Other, name),
    }
}

/// A value without what stands behind a space and `#` or `;`.
fn without_comment(value: &str) -> &str {
    let mut after_space = false;
    for (at, char) in value.char_indices() {
        if after_space && matches!(char, '#' | ';') {
            return &value[..at];
        }
        after_space = char.is_whitespace();
    }
    value
}
