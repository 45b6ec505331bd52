//! What a store is reached with: the settings of the call, of the query of the URI, and the environment, in this order.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::storage::{Fault, settings};

/// The kind of a store: those that this build was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    #[cfg(feature = "s3")]
    S3,
    #[cfg(feature = "gs")]
    Gcs,
    #[cfg(feature = "abfs")]
    Azure,
    #[cfg(feature = "http")]
    Web,
    Memory,
}

impl Kind {
    pub(crate) fn of_scheme(scheme: &str) -> Option<Kind> {
        Some(match scheme {
            #[cfg(feature = "s3")]
            "s3" => Kind::S3,
            #[cfg(feature = "gs")]
            "gs" | "gcs" => Kind::Gcs,
            #[cfg(feature = "abfs")]
            "abfs" | "abfss" | "az" => Kind::Azure,
            #[cfg(feature = "http")]
            "http" | "https" => Kind::Web,
            "memory" => Kind::Memory,
            _ => return None,
        })
    }

    /// What pyarrow, and so Ray, calls its file system; it knows no web servers.
    pub(super) fn filesystem(self) -> &'static str {
        match self {
            #[cfg(feature = "s3")]
            Kind::S3 => "s3",
            #[cfg(feature = "gs")]
            Kind::Gcs => "gcs",
            #[cfg(feature = "abfs")]
            Kind::Azure => "abfs",
            #[cfg(feature = "http")]
            Kind::Web => "http",
            Kind::Memory => "memory",
        }
    }

    /// What holds its files, in the words of its users.
    pub(super) fn bucket_word(self) -> &'static str {
        match self.filesystem() {
            "abfs" => "container",
            "http" => "server",
            _ => "bucket",
        }
    }

    /// What no bucket has in its name, and would mean something else in a URI.
    pub(super) fn not_in_buckets(self) -> &'static [char] {
        match self.filesystem() {
            "abfs" => &['/', '@', ':', '.'],
            // It is a URL here.
            "http" => &[],
            _ => &['/', '@', ':'],
        }
    }

    /// Whether files are only read, and by name.
    pub(super) fn is_web(self) -> bool {
        self.filesystem() == "http"
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Timeouts {
    pub connect_ms: u64,
    pub idle_ms: u64,
}

/// Where a store is, and who asks. Equal ones share a connection.
// No `Debug`: some of it is secret.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Config {
    pub kind: Kind,
    /// The bucket or container; of a web server its URL.
    pub bucket: String,
    /// Values of settings, of the call or of the query.
    pub given: BTreeMap<&'static str, String>,
    /// The variables that may matter to a store.
    environment: BTreeMap<String, String>,
}

#[cfg_attr(not(any(feature = "s3", feature = "gs", feature = "abfs")), allow(dead_code))]
impl Config {
    /// Beginnings of the names of variables that matter to some store.
    const VARIABLES: [&'static str; 7] =
        ["AWS_", "GOOGLE_", "CLOUDSDK_", "GCE_", "CLOUD_STORAGE_EMULATOR_ENDPOINT", "AZURE_", "HOME"];

    pub(super) fn new(kind: Kind, bucket: String, given: BTreeMap<&'static str, String>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let matters = |name: &str| Self::VARIABLES.iter().any(|start| name.starts_with(start));
        let environment = std::env::vars_os().filter_map(text).filter(|(name, _)| matters(name)).collect();
        Config { kind, bucket, given, environment }
    }

    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.given.get(key).map(String::as_str)
    }

    pub(super) fn is_true(&self, key: &str) -> bool {
        self.get(key) == Some("true")
    }

    /// A variable of the environment, unless it is empty.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A setting, or the first of these variables that is set.
    #[cfg(any(feature = "s3", feature = "abfs"))]
    pub(super) fn or_variable(&self, key: &str, names: &[&str]) -> Option<&str> {
        self.get(key).or_else(|| names.iter().find_map(|name| self.variable(name)))
    }

    #[cfg(feature = "s3")]
    pub(super) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    pub(super) fn timeouts(&self) -> Timeouts {
        let count = |key, default| self.get(key).and_then(|value| value.parse().ok()).unwrap_or(default);
        Timeouts { connect_ms: count("connect_timeout_ms", 5_000), idle_ms: count("idle_timeout_ms", 30_000) }
    }

    /// How long a request that failed is sent again, if the caller says.
    pub(super) fn retry_limit(&self) -> Option<Duration> {
        settings::seconds(self.get("retry_limit_seconds")?)
    }

    /// The URL of setting `endpoint_override` or of a variable that means the same: with or without a scheme.
    pub(super) fn endpoint(&self, variables: &[&str]) -> Result<Option<String>, Fault> {
        let of_variable = || variables.iter().find_map(|name| Some((*name, self.variable(name)?)));
        let of_setting = self.get("endpoint_override").map(|value| ("setting endpoint_override", value));
        let Some((name, value)) = of_setting.or_else(of_variable) else { return Ok(None) };
        self.url(name, value).map(Some)
    }

    /// The URL of a server that `name` names, with or without a scheme. The libraries below take any text for one, and
    /// panic at the first request. It may hold a password, so it is not told.
    pub(super) fn url(&self, name: &str, value: &str) -> Result<String, Fault> {
        let url = self.with_scheme(value);
        let is_server = |url: reqwest::Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        // A port that is empty is left out by the one, and refused by the other.
        if !url.ends_with(':')
            && reqwest::Url::parse(&url).is_ok_and(is_server)
            && url.parse::<http::Uri>().is_ok()
        {
            return Ok(url);
        }
        let example = "such as localhost:9000 or https://storage.example.com";
        Err(Fault::Setup(format!("{name} is neither HOST:PORT nor the URL of a server, {example}")))
    }

    fn with_scheme(&self, endpoint: &str) -> String {
        let endpoint = endpoint.trim_end_matches('/');
        if endpoint.contains("://") {
            return endpoint.to_owned();
        }
        format!("{}://{endpoint}", self.get("scheme").unwrap_or("https"))
    }
}
