//! Settings of a call: keys and values, each checked before anything is done.

use std::time::Duration;

use crate::error::{Error, Result};
use crate::nearest::nearest;

/// A setting that a call takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key {
    /// One of these words.
    Word(&'static str, &'static [&'static str]),
    /// A whole number, from this one on.
    Count(&'static str, u64),
    /// Seconds, whole or not.
    Seconds(&'static str),
    /// Any text but an empty one.
    Text(&'static str),
    AnyText(&'static str),
}

impl Key {
    pub(super) fn name(self) -> &'static str {
        match self {
            Key::Word(name, _) | Key::Count(name, _) => name,
            Key::Seconds(name) | Key::Text(name) | Key::AnyText(name) => name,
        }
    }
}

/// The settings of stores, which every call takes that is given a URI, whatever the store: pyarrow's names. Those that
/// are in the query of a URI mean the same.
pub(crate) const KEYS: &[Key] = &[
    Key::Text("region"),
    Key::Text("endpoint_override"),
    Key::Word("scheme", &["http", "https"]),
    Key::Word("anonymous", &["true", "false"]),
    Key::Text("access_key"),
    Key::Text("secret_key"),
    Key::Text("session_token"),
    Key::Text("profile"),
    Key::Word("force_virtual_addressing", &["true", "false"]),
    Key::Word("request_payer", &["true", "false"]),
    Key::Text("access_token"),
    Key::Text("account_name"),
    Key::Text("account_key"),
    Key::Text("sas_token"),
    Key::Text("tenant_id"),
    Key::Text("client_id"),
    Key::Text("client_secret"),
    Key::Text("blob_storage_authority"),
    Key::Word("blob_storage_scheme", &["http", "https"]),
    Key::Word("enable_tls", &["true", "false"]),
    Key::Text("tls_ca_file_path"),
    Key::Count("connect_timeout_ms", 1),
    Key::Count("idle_timeout_ms", 1),
    Key::Seconds("retry_limit_seconds"),
];

/// The settings that a call was given, all known and in range. Of one key the last value counts.
// No `Debug`: some are secrets.
pub(crate) struct Settings<'a>(Vec<(&'static str, &'a str)>);

impl<'a> Settings<'a> {
    /// Checks `given` against the keys that the call takes.
    pub(crate) fn new(given: &[(&'a str, &'a str)], known: &[Key]) -> Result<Self> {
        let mut settings = Vec::with_capacity(given.len());
        for &(key, value) in given {
            let Some(known) = known.iter().find(|known| known.name() == key) else {
                return Err(unknown(key, known));
            };
            match known {
                Key::Word(_, words) if !words.contains(&value) => {
                    let words = words.join("' or '");
                    return Err(Error::invalid(format_args!("setting {key} is '{value}', not '{words}'")));
                }
                Key::Count(_, least) if !value.parse().is_ok_and(|count: u64| count >= *least) => {
                    let range = format!("a whole number from {least} on");
                    return Err(Error::invalid(format_args!("setting {key} is '{value}', not {range}")));
                }
                Key::Seconds(_) if seconds(value).is_none() => {
                    return Err(Error::invalid(format_args!(
                        "setting {key} is '{value}', not a number of seconds from 0 on"
                    )));
                }
                Key::Text(_) if value.is_empty() => {
                    return Err(Error::invalid(format_args!("setting {key} is empty")));
                }
                Key::Word(..) | Key::Count(..) | Key::Seconds(_) | Key::Text(_) | Key::AnyText(_) => {
                    settings.push((known.name(), value))
                }
            }
        }
        Ok(Settings(settings))
    }

    /// The value of a setting that is a word or a text.
    pub(crate) fn word(&self, key: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// All values of a setting that may come more than once.
    pub(crate) fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Whether a setting that is `true` or `false` is `true`.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.word(key) == Some("true")
    }

    /// The value of a setting that is a number.
    pub(crate) fn count(&self, key: &str) -> Option<u64> {
        self.word(key)?.parse().ok()
    }
}

/// A time that a setting gives in seconds.
pub(super) fn seconds(value: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(value.parse().ok()?).ok()
}

/// The name that begins with the same words, and with most of them: `endpoint_override` for `endpoint` or `endpoint_url`.
fn of_same_words<'a>(key: &str, names: &[&'a str]) -> Option<&'a str> {
    // A single short word, such as `max`, tells too little.
    const LEAST: usize = 5;
    let same = |name: &str| {
        let words = key.split('_').zip(name.split('_')).take_while(|(a, b)| a == b);
        words.map(|(word, _)| word.len()).sum::<usize>()
    };
    let nearest = names.iter().rev().max_by_key(|name| same(name))?;
    (same(nearest) >= LEAST).then_some(*nearest)
}

fn unknown(key: &str, known: &[Key]) -> Error {
    let names: Vec<&str> = known.iter().map(|known| known.name()).collect();
    let hint = match nearest(key, names.iter().copied()).or_else(|| of_same_words(key, &names)) {
        Some(name) => format!("did you mean '{name}'?"),
        None if names.is_empty() => "this call takes none".to_owned(),
        None => format!("this call takes {}", names.join(", ")),
    };
    Error::invalid(format_args!("unknown setting '{key}': {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[Key] = &[
        Key::Word("read", &["all", "latest"]),
        Key::Count("max_depth", 1),
        Key::Text("events"),
        Key::Seconds("limit"),
    ];

    fn message(key: &str, value: &str) -> String {
        Settings::new(&[(key, value)], KNOWN).err().unwrap().message().to_owned()
    }

    #[test]
    fn the_last_value_counts() {
        let given = [("read", "latest"), ("max_depth", "3"), ("read", "all"), ("events", " ")];
        let settings = Settings::new(&given, KNOWN).unwrap();
        assert_eq!(settings.word("read"), Some("all"));
        assert_eq!(settings.count("max_depth"), Some(3));
        assert_eq!(settings.word("events"), Some(" "));
        assert_eq!(settings.word("max_line_bytes"), None);
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(message("raed", "all"), "unknown setting 'raed': did you mean 'read'?");
        assert_eq!(
            message("threads", "2"),
            "unknown setting 'threads': this call takes read, max_depth, events, limit"
        );
        for key in ["limits_of_all", "max_events", "_", ""] {
            assert!(message(key, "2").contains("this call takes read, "), "{key}");
        }
        for (key, meant) in [
            ("endpoint", "endpoint_override"),
            ("endpoint_url", "endpoint_override"),
            ("account", "account_name"),
            ("access_key_id", "access_key"),
            ("idle_timeout_seconds", "idle_timeout_ms"),
        ] {
            let told = Settings::new(&[(key, "x")], KEYS).err().unwrap();
            assert!(told.message().contains(&format!("did you mean '{meant}'?")), "{told}");
        }
        assert_eq!(message("read", "last"), "setting read is 'last', not 'all' or 'latest'");
        assert_eq!(message("events", ""), "setting events is empty");
        for value in ["-1", "inf", "NaN", "1e20", "1 s", ""] {
            assert!(message("limit", value).contains("not a number of seconds from 0 on"), "{value}");
        }
        assert!(["0", "2.5", "1e3"].iter().all(|value| Settings::new(&[("limit", value)], KNOWN).is_ok()));
        for value in ["0", "-1", "3.5", "", "18446744073709551616"] {
            assert!(message("max_depth", value).contains("not a whole number from 1 on"));
        }
    }
}
