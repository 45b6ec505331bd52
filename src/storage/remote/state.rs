//! The state of a file of a remote store.

use object_store::{ObjectMeta, UpdateVersion};

use crate::storage::ETag;

/// What stands between the ETag and the version, which no header has.
const SEPARATOR: char = '\n';

/// The ETag, with the version behind it where the store has one; of a server without ETags, when the file was written.
pub(super) fn of(meta: &ObjectMeta) -> ETag {
    let etag = match &meta.e_tag {
        // Azure's listings have it without quotes.
        Some(etag) => format!("\"{}\"", etag.trim_start_matches("W/").trim_matches('"')),
        None => format!("{}:{}", meta.last_modified.timestamp_millis(), meta.size),
    };
    ETag(match &meta.version {
        Some(version) => format!("{etag}{SEPARATOR}{version}"),
        None => etag,
    })
}

fn parts(etag: &ETag) -> (&str, Option<&str>) {
    match etag.0.split_once(SEPARATOR) {
        Some((etag, version)) => (etag, Some(version)),
        None => (&etag.0, None),
    }
}

/// Whether two states are one, as far as can be told: a listing tells no version, and of some servers no ETag, where an
/// answer has one. Sizes are for the caller to compare.
pub(super) fn is_same(a: &ETag, b: &ETag) -> bool {
    let (a, b) = (parts(a).0, parts(b).0);
    let is_etag = |text: &str| text.starts_with('"');
    a == b || is_etag(a) != is_etag(b)
}

/// The state as a condition of a write.
pub(super) fn version(etag: &ETag) -> UpdateVersion {
    let (etag, version) = parts(etag);
    UpdateVersion { e_tag: Some(etag.to_owned()), version: version.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_compared_by_what_both_tell() {
        let same = |a: &str, b: &str| is_same(&ETag(a.to_owned()), &ETag(b.to_owned()));
        assert!(same("\"a\"", "\"a\"") && same("\"a\"", "\"a\"\n17") && same("12:3", "12:3"));
        assert!(!same("\"a\"", "\"b\"") && !same("\"a\"\n17", "\"b\"\n17") && !same("12:3", "13:3"));
        // A listing without ETags, and an answer with one.
        assert!(same("12:3", "\"a\""));
    }
}
