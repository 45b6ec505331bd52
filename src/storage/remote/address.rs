//! URIs of stores, in every form that pyarrow's `FileSystem.from_uri` takes, and so Ray.

use std::borrow::Cow;
use std::collections::BTreeMap;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::config::{Config, Kind};
use crate::error::{Error, Result};
use crate::storage::settings::{KEYS, Key, Settings};

/// What a URI cannot hold as it is.
const ENCODED: &AsciiSet =
    &CONTROLS.add(b' ').add(b'%').add(b'?').add(b'#').add(b'"').add(b'<').add(b'>').add(b'`').add(b'\\');
/// The same for a value of a query.
const ENCODED_VALUE: &AsciiSet = &ENCODED.add(b'&').add(b'+').add(b'=');
/// The same for what stands before `@`.
const ENCODED_USER: &AsciiSet = &ENCODED.add(b'/').add(b':').add(b'@');

/// Settings that never appear anywhere.
const SECRETS: [&str; 7] = [
    "access_key",
    "secret_key",
    "session_token",
    "access_token",
    "account_key",
    "sas_token",
    "client_secret",
];

/// pyarrow's parameters that mean nothing to whoever reads.
const IGNORED: [Key; 10] = [
    Key::AnyText("allow_bucket_creation"),
    Key::AnyText("allow_bucket_deletion"),
    Key::AnyText("allow_delayed_open"),
    Key::AnyText("background_writes"),
    Key::AnyText("check_directory_existence_before_creation"),
    Key::AnyText("credential_kind"),
    Key::AnyText("default_bucket_location"),
    Key::AnyText("dfs_storage_authority"),
    Key::AnyText("dfs_storage_scheme"),
    Key::AnyText("project_id"),
];

/// What a URI names.
pub(super) struct Address {
    pub config: Config,
    /// Bucket and key, or host and path, as Ray shows it.
    pub path: String,
    /// What stands behind `?` to open it again, without secrets.
    pub query: String,
}

/// Reads the URI `scheme://rest`.
pub(super) fn parse(kind: Kind, scheme: &str, rest: &str, settings: &Settings) -> Result<Address> {
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut given = parameters(scheme, query)?;
    for key in KEYS.iter().map(|key| key.name()) {
        if let Some(value) = settings.word(key) {
            given.insert(key, value.to_owned());
        }
    }
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    let (user, host) = match authority.rsplit_once('@') {
        Some((user, host)) => (user, host),
        None => ("", authority),
    };
    let (user, password) = user.split_once(':').unwrap_or((user, ""));
    let part = |text| decoded(scheme, text);
    let (user, password, host, path) = (part(user)?, part(password)?, part(host)?, part(path)?);
    let mut place = Place { given, user, password, host, path };
    let bucket = match kind {
        #[cfg(feature = "s3")]
        Kind::S3 => place.s3(),
        #[cfg(feature = "gs")]
        Kind::Gcs => place.gcs(),
        #[cfg(feature = "abfs")]
        Kind::Azure => place.azure(),
        #[cfg(feature = "http")]
        Kind::Web => place.web(scheme),
        Kind::Memory => place.host.clone(),
    };
    if bucket.is_empty() || place.host.is_empty() {
        let word = kind.bucket_word();
        return Err(Error::invalid(format_args!("{scheme}:// needs a {word}, as in {scheme}://{word}/run")));
    }
    let in_host = place.host.matches(['/', '@']);
    if let Some(odd) = in_host.chain(bucket.matches(kind.not_in_buckets())).next() {
        let word = kind.bucket_word();
        return Err(Error::invalid(format_args!("the {word} of a {scheme}:// URI cannot have a '{odd}'")));
    }
    let path = place.path.trim_matches('/');
    let head = if kind.is_web() { &place.host } else { &bucket };
    let path = if path.is_empty() { head.clone() } else { [head, "/", path].concat() };
    let query = query_of(&place.given)?;
    Ok(Address { config: Config::new(kind, bucket, place.given), path, query })
}

/// A name that stands before `@`, as a URI holds it.
pub(super) fn encoded_user(name: &str) -> Cow<'_, str> {
    utf8_percent_encode(name, ENCODED_USER).into()
}

/// A path as a URI holds it.
pub(super) fn encoded(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, ENCODED).into()
}

/// The parameters of a query, all known and in range.
fn parameters(scheme: &str, query: &str) -> Result<BTreeMap<&'static str, String>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let pairs: Vec<(String, String)> = pairs
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decoded(scheme, key)?, decoded(scheme, value)?))
        })
        .collect::<Result<_>>()?;
    let borrowed: Vec<(&str, &str)> =
        pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let known = [KEYS, &IGNORED].concat();
    let checked = Settings::new(&borrowed, &known)
        .map_err(|error| Error::invalid(format_args!("in the query of a {scheme}:// URI: {error}")))?;
    let names = KEYS.iter().map(|key| key.name());
    Ok(names.filter_map(|key| Some((key, checked.word(key)?.to_owned()))).collect())
}

fn decoded(scheme: &str, text: &str) -> Result<String> {
    let decoded = percent_decode_str(text).decode_utf8();
    let decoded = decoded.map_err(|_| {
        Error::invalid(format_args!("a {scheme}:// URI has percent-encoded bytes that are not UTF-8"))
    })?;
    Ok(decoded.into_owned())
}

fn query_of(given: &BTreeMap<&'static str, String>) -> Result<String> {
    let is_shown = |key: &str| {
        !SECRETS.contains(&key)
            && !key.ends_with("_timeout_ms")
            && !matches!(key, "retry_limit_seconds" | "account_name")
    };
    let shown = KEYS.iter().map(|key| key.name()).filter(|key| is_shown(key));
    let pairs = shown.filter_map(|key| Some((key, without_user(given.get(key)?))));
    let pairs = pairs.map(|(key, value)| {
        if value.is_empty() {
            return Err(Error::invalid(format_args!("setting {key} has nothing behind its '@'")));
        }
        // No request could be sent there, and what stands behind it is mostly a signature.
        if matches!(key, "endpoint_override" | "blob_storage_authority") && value.contains('?') {
            return Err(Error::invalid(format_args!("setting {key} is a server, and cannot have a '?'")));
        }
        Ok(format!("{key}={}", utf8_percent_encode(&value, ENCODED_VALUE)))
    });
    Ok(pairs.collect::<Result<Vec<_>>>()?.join("&"))
}

/// An endpoint without who asks it, which may be a secret; any other value as it is.
fn without_user(value: &str) -> Cow<'_, str> {
    let (scheme, rest) = value.split_once("://").map_or((None, value), |(scheme, rest)| (Some(scheme), rest));
    let end = rest.find('/').unwrap_or(rest.len());
    match (rest[..end].rfind('@'), scheme) {
        (Some(at), Some(scheme)) => format!("{scheme}://{}", &rest[at + 1..]).into(),
        (Some(at), None) => rest[at + 1..].into(),
        (None, _) => value.into(),
    }
}

/// The parts of a URI; each kind of store reads them in its own way, and tells its bucket.
struct Place {
    given: BTreeMap<&'static str, String>,
    user: String,
    password: String,
    host: String,
    path: String,
}

impl Place {
    /// What stands in the URI itself counts less than its query, and the query less than the call.
    fn default(&mut self, key: &'static str, value: String) {
        if !value.is_empty() {
            self.given.entry(key).or_insert(value);
        }
    }

    #[cfg(feature = "s3")]
    fn s3(&mut self) -> String {
        let (user, password) = (std::mem::take(&mut self.user), std::mem::take(&mut self.password));
        self.default("access_key", user);
        self.default("secret_key", password);
        self.host.clone()
    }

    #[cfg(feature = "gs")]
    fn gcs(&mut self) -> String {
        if self.user == "anonymous" && self.password.is_empty() {
            self.default("anonymous", "true".to_owned());
        }
        self.host.clone()
    }

    #[cfg(feature = "abfs")]
    fn azure(&mut self) -> String {
        const AUTHORITIES: [&str; 2] = [".blob.core.windows.net", ".dfs.core.windows.net"];
        let (user, password) = (std::mem::take(&mut self.user), std::mem::take(&mut self.password));
        self.default("account_key", password);
        let account = AUTHORITIES.iter().find_map(|suffix| self.host.strip_suffix(suffix)).map(str::to_owned);
        match account {
            Some(account) => {
                self.default("account_name", account);
                if !user.is_empty() {
                    return user;
                }
            }
            None => {
                self.default("account_name", user);
                // A name without a dot is a container; anything else is a server, such as an emulator.
                if !self.host.contains(['.', ':']) {
                    return self.host.clone();
                }
                let server = self.host.clone();
                self.default("blob_storage_authority", server);
            }
        }
        let path = self.path.trim_start_matches('/').to_owned();
        let (container, path) = path.split_once('/').unwrap_or((&path, ""));
        self.path = path.to_owned();
        container.to_owned()
    }

    #[cfg(feature = "http")]
    fn web(&mut self, scheme: &str) -> String {
        let (user, password) = (std::mem::take(&mut self.user), std::mem::take(&mut self.password));
        self.default("access_key", user);
        self.default("secret_key", password);
        format!("{scheme}://{}", self.host)
    }
}

#[cfg(all(feature = "s3", feature = "gs", feature = "abfs", feature = "http"))]
#[cfg(test)]
mod tests {
    use super::*;

    fn address(uri: &str, settings: &[(&str, &str)]) -> Result<Address> {
        let (scheme, rest) = uri.split_once("://").unwrap();
        parse(Kind::of_scheme(scheme).unwrap(), scheme, rest, &Settings::new(settings, KEYS).unwrap())
    }

    /// Bucket, path and query.
    fn parts(uri: &str) -> (String, String, String) {
        let address = address(uri, &[]).unwrap();
        (address.config.bucket, address.path, address.query)
    }

    fn told(uri: &str, bucket: &str, path: &str, query: &str) {
        assert_eq!(parts(uri), (bucket.to_owned(), path.to_owned(), query.to_owned()), "{uri}");
    }

    #[test]
    fn every_form_of_pyarrow_is_read() {
        told("s3://bucket", "bucket", "bucket", "");
        told("s3://bucket/a/b/", "bucket", "bucket/a/b", "");
        told("s3://bucket/a%20b%3f", "bucket", "bucket/a b?", "");
        told(
            "s3://b/k?region=eu-west-3&endpoint_override=localhost:9000&scheme=http&allow_bucket_creation=true",
            "b",
            "b/k",
            "region=eu-west-3&endpoint_override=localhost:9000&scheme=http",
        );
        told("gs://anonymous@b/k", "b", "b/k", "anonymous=true");
        told("gcs://b/k", "b", "b/k", "");
        told("abfs://c@account.dfs.core.windows.net/k", "c", "c/k", "");
        told("abfss://account.blob.core.windows.net/c/k", "c", "c/k", "");
        told("abfs://c/k", "c", "c/k", "");
        told("abfs://account:key@c/k", "c", "c/k", "");
        told("abfs://account@127.0.0.1:10000/c/k", "c", "c/k", "blob_storage_authority=127.0.0.1:10000");
        told("az://c/k?account_name=a", "c", "c/k", "");
        told("http://host:8080/a/b", "http://host:8080", "host:8080/a/b", "");
        told("https://user:password@host/a", "https://host", "host/a", "");
    }

    #[test]
    fn the_call_counts_before_the_query_and_that_before_the_rest() {
        let uri = "s3://user:word@b/k?access_key=query&region=query";
        let found = address(uri, &[("region", "call"), ("secret_key", "call")]).unwrap().config;
        let get = |key| found.get(key).unwrap().to_owned();
        assert_eq!([get("region"), get("access_key"), get("secret_key")], ["call", "query", "call"]);
    }

    #[test]
    fn secrets_stay_where_they_are() {
        let uri = "s3://SECRET:SECRET@b/k?session_token=SECRET&region=x&connect_timeout_ms=7";
        let settings = [("access_token", "SECRET"), ("client_secret", "SECRET"), ("sas_token", "SECRET")];
        assert_eq!(address(uri, &settings).unwrap().query, "region=x");
        for (endpoint, shown) in [
            ("http://u:SECRET@h:1/x@y", "endpoint_override=http://h:1/x@y"),
            ("SECRET@h:1", "endpoint_override=h:1"),
            ("http://h:1", "endpoint_override=http://h:1"),
        ] {
            assert_eq!(address("s3://b/k", &[("endpoint_override", endpoint)]).unwrap().query, shown);
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let message = |uri| address(uri, &[]).err().unwrap().message().to_owned();
        assert_eq!(message("s3:///key"), "s3:// needs a bucket, as in s3://bucket/run");
        assert_eq!(message("abfs:///key"), "abfs:// needs a container, as in abfs://container/run");
        assert!(
            message("s3://b/k?regoin=SECRET")
                .contains("s3:// URI: unknown setting 'regoin': did you mean 'region'?")
        );
        assert!(message("s3://b/k?scheme=ftp").contains("setting scheme is 'ftp'"));
        assert!(message("s3://b/%ff").contains("not UTF-8"));
        assert_eq!(message("s3://b%2Fc/k"), "the bucket of a s3:// URI cannot have a '/'");
        assert_eq!(
            message("abfs://a.b@a.dfs.core.windows.net/k"),
            "the container of a abfs:// URI cannot have a '.'"
        );
        assert_eq!(message("https://h%40/k"), "the server of a https:// URI cannot have a '@'");
        assert_eq!(
            message("s3://b/k?endpoint_override=SECRET@"),
            "setting endpoint_override has nothing behind its '@'"
        );
        assert_eq!(
            message("az://c/k?endpoint_override=https://a.blob.core.windows.net%3Fsig=SECRET"),
            "setting endpoint_override is a server, and cannot have a '?'"
        );
    }

    #[test]
    fn a_path_is_encoded_as_it_was_decoded() {
        for path in ["a b", "50%", "x?y#z", "größe", "a+b&c=d", "\"<>`\\"] {
            let encoded = encoded(path);
            assert_eq!(decoded("s3", &encoded).unwrap(), path, "{encoded}");
        }
    }
}
