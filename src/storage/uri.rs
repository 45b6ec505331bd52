//! From what the caller wrote to a store and a path in it.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Location, Settings, local::Local, own, sys};
use crate::error::{Code, Error, Result};
use crate::nearest::nearest;

/// Schemes of stores elsewhere, some of which a build may lack.
const ELSEWHERE: &[&str] = &["s3", "gs", "gcs", "abfs", "abfss", "az", "http", "https", "memory"];

/// Whether a scheme is one of those that have a meaning without anyone registering them.
pub(super) fn is_built_in(scheme: &str) -> bool {
    ["file", "local"].contains(&scheme) || ELSEWHERE.contains(&scheme)
}

/// Finds the store and the path that `uri` names.
///
/// A local path is absolute, relative, or starts with `~`; `file://` may stand before an absolute one.
/// Nothing in it is decoded: a percent sign is one.
pub(crate) fn locate(uri: &str, settings: &Settings) -> Result<Location> {
    let path = match scheme(uri) {
        None => match lost_slash(uri) {
            Some(scheme) => {
                let message =
                    format!("{scheme}:/ is no URI: did you mean {scheme}://? A path begins with ./ or /");
                return Err(Error::invalid(message));
            }
            None => absolute(uri)?,
        },
        Some((scheme @ ("file" | "local"), rest)) => {
            let path = rest.strip_prefix("localhost").filter(|path| path.starts_with('/')).unwrap_or(rest);
            if !path.starts_with('/') {
                let message = format!("{scheme}:// needs an absolute path, as in {scheme}:///data: {uri}");
                return Err(Error::invalid(message));
            }
            path.to_owned()
        }
        Some((scheme, rest)) if ELSEWHERE.contains(&scheme) => return elsewhere(scheme, rest, settings),
        Some((scheme, rest)) => {
            if let Some(location) = own::locate(scheme, rest) {
                return Ok(location);
            }
            let own = own::schemes();
            let known = ["file", "local"].into_iter().chain(ELSEWHERE.iter().copied());
            let known = known.chain(own.iter().map(String::as_str));
            let hint = nearest(scheme, known).map(|known| format!(": did you mean {known}://?"));
            let message = format!("no store is known for {scheme}://{}", hint.unwrap_or_default());
            return Err(Error::invalid(message));
        }
    };
    let trimmed = path.trim_end_matches('/');
    let path = if trimmed.is_empty() { "/" } else { trimmed };
    Ok(Location { store: Arc::new(Local), path: path.to_owned() })
}

#[cfg(feature = "remote")]
fn elsewhere(scheme: &str, rest: &str, settings: &Settings) -> Result<Location> {
    match super::remote::Kind::of_scheme(scheme) {
        Some(kind) => super::remote::locate(kind, scheme, rest, settings),
        None => Err(without(scheme)),
    }
}

#[cfg(not(feature = "remote"))]
fn elsewhere(scheme: &str, _: &str, _: &Settings) -> Result<Location> {
    Err(without(scheme))
}

/// The error for a store that this build was made without. Credentials may stand in a URI, so none of it is told.
fn without(scheme: &str) -> Error {
    Error::new(Code::Unsupported, format_args!("this build of libresult was made without {scheme}://"))
}

/// Whether what `uri` names, which is at `location`, can only be a directory: a slash is at its end, or there is a bucket and
/// nothing else.
pub(crate) fn names_directory(uri: &str, location: &Location) -> bool {
    let is_elsewhere = scheme(uri).is_some_and(|(scheme, _)| ELSEWHERE.contains(&scheme));
    let place = if is_elsewhere { uri.split('?').next().unwrap_or_default() } else { uri };
    place.ends_with('/') || (is_elsewhere && !location.path.contains('/'))
}

/// The path that an argument or a setting names, which must be one of this machine: as [`locate`] has it.
pub(crate) fn local_path(text: &str, what: &str) -> Result<PathBuf> {
    match scheme(text) {
        None | Some(("file" | "local", _)) => {
            let location = locate(text, &Settings::new(&[], &[])?);
            let location = location.map_err(|error| Error::invalid(format_args!("{what}: {error}")))?;
            Ok(PathBuf::from(location.path))
        }
        Some((scheme, _)) => {
            Err(Error::invalid(format_args!("{what} is a directory of this machine, not {scheme}://")))
        }
    }
}

/// The scheme of a URI and what stands behind `://`.
fn scheme(uri: &str) -> Option<(&str, &str)> {
    uri.split_once("://").filter(|(scheme, _)| is_scheme(scheme))
}

/// The scheme of a URI that was joined or cleaned as a path, which leaves one slash. Taken for a path it would not be there,
/// and whoever asks for a run would start anew.
fn lost_slash(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once(':')?;
    (rest.starts_with('/') && (ELSEWHERE.contains(&scheme) || own::schemes().iter().any(|own| own == scheme)))
        .then_some(scheme)
}

/// Whether RFC 3986 allows such a scheme.
pub(super) fn is_scheme(scheme: &str) -> bool {
    let mut bytes = scheme.bytes();
    let starts = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    starts && goes_on
}

/// A path from the root on, with `~` expanded and everything else as it is.
fn absolute(path: &str) -> Result<String> {
    if path.is_empty() {
        return Err(Error::invalid("the path is empty"));
    }
    if path.starts_with('/') {
        return Ok(path.to_owned());
    }
    if let Some(rest) = path.strip_prefix('~') {
        let (user, below) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        // As Python's expanduser: a user who does not exist leaves the path as it is.
        if let Some(home) = home(user) {
            return Ok(format!("{}{below}", home.trim_end_matches('/')));
        }
    }
    let here = std::env::current_dir().map_err(|error| {
        Error::new(Code::Io, format_args!("the current directory cannot be told: {error}"))
    })?;
    let here = here.to_str().ok_or_else(|| {
        Error::invalid(format_args!("the current directory is not UTF-8, so give a path: {path}"))
    })?;
    Ok(format!("{}/{path}", here.trim_end_matches('/')))
}

/// The home directory of a user; of this one if `user` is empty.
pub(super) fn home(user: &str) -> Option<String> {
    let set = || std::env::var("HOME").ok().filter(|home| !home.is_empty());
    if user.is_empty() { set().or_else(|| sys::home(None)) } else { sys::home(Some(user)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(uri: &str) -> Result<Location> {
        locate(uri, &Settings::new(&[], &[])?)
    }

    fn path(uri: &str) -> String {
        found(uri).unwrap().path
    }

    #[test]
    fn paths_stay_as_they_are() {
        assert_eq!(path("/a b/50%20 #1?x=y"), "/a b/50%20 #1?x=y");
        assert_eq!(path("/a//b/./../c///"), "/a//b/./../c");
        assert_eq!(path("file:///a%20b/"), "/a%20b");
        assert_eq!(path("local:///größe"), "/größe");
        assert_eq!(path("file://localhost/x"), "/x");
        assert_eq!(path("///"), "/");
    }

    #[test]
    fn relative_paths_and_home_become_absolute() {
        let here = std::env::current_dir().unwrap().to_str().unwrap().to_owned();
        assert_eq!(path("runs/1"), format!("{here}/runs/1"));
        assert_eq!(path("./runs/../1/"), format!("{here}/./runs/../1"));
        assert_eq!(path("file:/run"), format!("{here}/file:/run"));
        assert_eq!(path("a/~/b"), format!("{here}/a/~/b"));
        let home = std::env::var("HOME").unwrap();
        assert_eq!(path("~/runs"), format!("{}/runs", home.trim_end_matches('/')));
        assert_eq!(path("~root/runs"), "/root/runs");
        assert_eq!(path("~no_such_user/runs"), format!("{here}/~no_such_user/runs"));
    }

    #[test]
    fn other_stores_are_named_without_their_secrets() {
        let error = found("s3://key:secret@/run").unwrap_err();
        assert!(error.message().contains("s3://") && !error.message().contains("secret"), "{error}");
        let error = found("flie:///x").unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument);
        assert!(error.message().contains("did you mean file://"), "{error}");
        assert_eq!(found("file://x/y").unwrap_err().code(), Code::InvalidArgument);
        assert_eq!(found("").unwrap_err().code(), Code::InvalidArgument);
    }

    #[test]
    fn a_uri_that_was_joined_as_a_path_is_none() {
        for uri in ["s3:/runs/1", "gs:/runs", "abfss:/c@a.dfs.core.windows.net/run", "https:/host/run"] {
            let error = found(uri).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{uri}");
            let scheme = uri.split(':').next().unwrap();
            assert!(error.message().contains(&format!("did you mean {scheme}://")), "{error}");
        }
        for path in ["./s3:/runs", "/s3:/runs", "s3:runs", "s3", "x:/runs", "a/s3:/runs"] {
            assert!(found(path).is_ok(), "{path}");
        }
    }

    #[cfg(all(feature = "s3", feature = "abfs"))]
    #[test]
    fn directories_are_told_by_their_names() {
        let is_directory = |uri: &str| names_directory(uri, &found(uri).unwrap());
        for uri in [
            "out/",
            "/",
            "file:///out/",
            "s3://b/out/",
            "s3://b/out/?region=r",
            "s3://b",
            "abfs://a@c?enable_tls=true",
        ] {
            assert!(is_directory(uri), "{uri}");
        }
        for uri in ["out", "/out?", "s3://b/out", "s3://b/out?tls_ca_file_path=/x/", "abfs://a@c/out"] {
            assert!(!is_directory(uri), "{uri}");
        }
    }
}
