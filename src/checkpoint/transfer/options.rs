//! The settings of a transfer.

use std::path::PathBuf;

use crate::error::{Error, Result};
use crate::glob::matches;
use crate::nearest::nearest;
use crate::storage::{Key, Location, Settings, disk, local_path};

/// Which files, and how they are fetched.
pub(super) struct Options<'a> {
    pub choice: Choice<'a>,
    /// How many parts at once, and how large one is.
    pub parallel: usize,
    pub part_bytes: u64,
    /// Whether the files are to be hard links to the checkpoint's own.
    pub links: bool,
}

/// What becomes of a destination that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnExists {
    Fail,
    Replace,
    Merge,
}

/// Where shared copies are, and for how long.
#[derive(Debug, Clone)]
pub(super) struct CacheOptions {
    /// None if the user has no home.
    pub dir: Option<PathBuf>,
    pub max_bytes: Option<u64>,
    pub keep: bool,
}

const KEYS: [Key; 5] = [
    Key::Text("include"),
    Key::Text("exclude"),
    Key::Count("parallel", 1),
    Key::Count("part_bytes", 1),
    Key::Word("link", &["copy", "hard"]),
];

impl<'a> Options<'a> {
    /// The settings of a download.
    pub(super) fn download(given: &[(&'a str, &'a str)]) -> Result<(Self, OnExists)> {
        let own = [Key::Word("on_exists", &["fail", "replace", "merge"])];
        let settings = Settings::new(given, &[&KEYS[..], &own].concat())?;
        let on_exists = match settings.word("on_exists") {
            Some("replace") => OnExists::Replace,
            Some("merge") => OnExists::Merge,
            Some(_) | None => OnExists::Fail,
        };
        Ok((Options::new(&settings), on_exists))
    }

    /// The settings of a shared copy.
    pub(super) fn directory(given: &[(&'a str, &'a str)]) -> Result<(Self, Settings<'a>)> {
        let own =
            [Key::Text("cache_dir"), Key::Count("cache_max_bytes", 0), Key::Word("keep", &["true", "false"])];
        let settings = Settings::new(given, &[&KEYS[..], &own].concat())?;
        Ok((Options::new(&settings), settings))
    }

    /// Fails if this cannot be done with a checkpoint that is there.
    pub(super) fn check(&self, source: &Location) -> Result<()> {
        if !self.links || source.store.local_path(&source.path).is_some() {
            return Ok(());
        }
        let what = "which takes a checkpoint of this machine, not";
        Err(Error::invalid(format_args!("setting link is 'hard', {what} {source}")))
    }

    fn new(settings: &Settings<'a>) -> Self {
        let parallel = settings.count("parallel").unwrap_or(16);
        Options {
            choice: Choice {
                include: settings.all("include").collect(),
                exclude: settings.all("exclude").collect(),
            },
            parallel: usize::try_from(parallel).unwrap_or(usize::MAX),
            part_bytes: settings.count("part_bytes").unwrap_or(8 << 20),
            links: settings.word("link") == Some("hard"),
        }
    }
}

impl CacheOptions {
    pub(super) fn new(settings: &Settings) -> Result<Self> {
        let dir = match settings.word("cache_dir") {
            Some(dir) => Some(local_path(dir, "setting cache_dir")?),
            None => disk::user_cache().map(|cache| cache.join("libresult")),
        };
        Ok(CacheOptions { dir, max_bytes: settings.count("cache_max_bytes"), keep: settings.is_true("keep") })
    }
}

/// Which files of a checkpoint are meant.
#[derive(Default)]
pub(super) struct Choice<'a> {
    /// Patterns; none asks for all.
    pub include: Vec<&'a str>,
    pub exclude: Vec<&'a str>,
}

impl Choice<'_> {
    /// Whether all files are meant, whatever they are.
    pub(super) fn is_all(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    pub(super) fn wants(&self, name: &str) -> bool {
        let fits = |patterns: &[&str]| patterns.iter().any(|pattern| matches(pattern, name));
        (self.include.is_empty() || fits(&self.include)) && !fits(&self.exclude)
    }

    /// Fails if something that is to be included is none of these files.
    pub(super) fn check<'n>(&self, names: impl Iterator<Item = &'n str> + Clone) -> Result<()> {
        let is_missing = |pattern: &&&str| !names.clone().any(|name| matches(pattern, name));
        let Some(pattern) = self.include.iter().find(is_missing) else { return Ok(()) };
        let hint = match nearest(pattern, names.clone()) {
            Some(name) => format!(": did you mean '{name}'?"),
            None => {
                const MOST: usize = 5;
                let first: Vec<&str> = names.clone().take(MOST).collect();
                let more = if names.count() > MOST { ", …" } else { "" };
                format!(
                    ": it has {}{more}",
                    if first.is_empty() { "none".to_owned() } else { first.join(", ") }
                )
            }
        };
        Err(Error::invalid(format_args!(
            "setting include is '{pattern}', which no file of the checkpoint has{hint}"
        )))
    }
}
