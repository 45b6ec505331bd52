//! Listings of object stores, in XML: takes out of them what object_store cannot read or would take for a file.

use std::borrow::Cow;

use object_store::path::Path;

/// A key that object_store has no path for, such as one with an empty part, or with `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Odd {
    pub key: String,
    pub size: u64,
}

/// A listing without what was taken out of it.
pub(super) struct Listing {
    pub text: String,
    pub odd: Vec<Odd>,
    /// How many were files of no bytes that stand for directories.
    pub markers: usize,
    /// Whether it was a listing: object_store takes any other XML for an empty one.
    pub is_one: bool,
    /// How the next page is asked for, if there is one.
    pub next: Option<String>,
}

/// Elements that stand for a file or directory, and the one inside that has its key: of S3 and GCS, and of Azure.
const ENTRIES: [(&str, &str); 4] =
    [("Contents", "Key"), ("CommonPrefixes", "Prefix"), ("Blob", "Name"), ("BlobPrefix", "Name")];

/// Of what stands between `&` and `;`.
const LONGEST_NAME: usize = 8;

/// How a listing starts: of S3 and GCS, and of Azure.
const ROOTS: [&str; 2] = ["<ListBucketResult", "<EnumerationResults"];

/// Whether the query of a request asks for a listing.
pub(super) fn is_one(query: &str) -> bool {
    query.split('&').any(|part| matches!(part, "list-type=2" | "comp=list"))
}

pub(super) fn readable(text: &str) -> Listing {
    let mut listing = Listing {
        text: String::with_capacity(text.len()),
        odd: Vec::new(),
        markers: 0,
        is_one: ROOTS.iter().any(|root| text.contains(root)),
        next: None,
    };
    let mut rest = text;
    while let Some((before, entry, after, (name, key))) = next_entry(rest) {
        listing.text.push_str(before);
        let key = element(entry, key).unwrap_or_default();
        let is_directory = matches!(name, "CommonPrefixes" | "BlobPrefix");
        // Azure's hierarchical accounts list directories as blobs.
        let is_marker = !is_directory && (key.ends_with('/') || entry.contains("<ResourceType>directory<"));
        let is_odd = Path::parse(&key).is_err() || key.starts_with('/') || key.ends_with("//");
        if is_odd {
            let size = ["Size", "Content-Length"].iter().find_map(|name| element(entry, name)?.parse().ok());
            listing.odd.push(Odd { key, size: size.unwrap_or(0) });
        } else if is_marker {
            listing.markers += 1;
        } else {
            listing.text.push_str(entry);
        }
        rest = after;
    }
    listing.text.push_str(rest);
    // Looked for where no key is.
    let next = ["NextContinuationToken", "NextMarker"].iter().find_map(|name| element(&listing.text, name));
    listing.next = next.filter(|next| !next.is_empty());
    listing
}

/// The text before the next entry, the entry, the text behind it, and which of [`ENTRIES`] it is.
fn next_entry(text: &str) -> Option<(&str, &str, &str, (&'static str, &'static str))> {
    let starts = text.match_indices('<').find_map(|(place, _)| {
        let rest = &text[place + 1..];
        let known = ENTRIES
            .iter()
            .find(|(name, _)| rest.strip_prefix(name).is_some_and(|rest| rest.starts_with(['>', ' '])))?;
        Some((place, *known))
    });
    let (start, known) = starts?;
    let closing = format!("</{}>", known.0);
    let end = start + text[start..].find(&closing)? + closing.len();
    Some((&text[..start], &text[start..end], &text[end..], known))
}

/// The text of the first element called `name`.
pub(super) fn element(text: &str, name: &str) -> Option<String> {
    let opening = format!("<{name}");
    let (start, _) = text
        .match_indices(&opening)
        .find(|(place, _)| text[place + opening.len()..].starts_with(['>', ' ']))?;
    let rest = &text[start..];
    let content = &rest[rest.find('>')? + 1..];
    Some(unescape(&content[..content.find(&format!("</{name}>"))?]).into_owned())
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('&') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        plain.push_str(before);
        let end = behind.bytes().take(LONGEST_NAME + 1).position(|byte| byte == b';');
        let Some((name, after)) = end.map(|end| (&behind[..end], &behind[end + 1..])) else {
            plain.push('&');
            rest = behind;
            continue;
        };
        let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
            Some(digits) => u32::from_str_radix(digits, 16).ok(),
            None => number.parse().ok(),
        });
        let char = match name {
            "lt" => Some('<'),
            "gt" => Some('>'),
            "amp" => Some('&'),
            "quot" => Some('"'),
            "apos" => Some('\''),
            _ => number.and_then(char::from_u32),
        };
        plain.push(char.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = after;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_path_is_taken_out_and_named() {
        let text = "<ListBucketResult><Name>b</Name><Prefix>run/</Prefix>\
             <Contents><Key>run/</Key><Size>0</Size></Contents>\
             <Contents><Key>run/a</Key><Size>3</Size></Contents>\
             <Contents><Key>run/x&amp;//y</Key><Size>7</Size></Contents>\
             <Contents><Key>run/../z</Key><Size>1</Size></Contents>\
             <CommonPrefixes><Prefix>run/c/</Prefix></CommonPrefixes>\
             <CommonPrefixes><Prefix>run//</Prefix></CommonPrefixes></ListBucketResult>";
        let listing = readable(text);
        assert_eq!(
            listing.text,
            "<ListBucketResult><Name>b</Name><Prefix>run/</Prefix>\
             <Contents><Key>run/a</Key><Size>3</Size></Contents>\
             <CommonPrefixes><Prefix>run/c/</Prefix></CommonPrefixes></ListBucketResult>"
        );
        assert_eq!((listing.markers, listing.next, listing.is_one), (1, None, true));
        assert!(!readable("<html><body>Sign in</body></html>").is_one);
        let odd: Vec<(&str, u64)> = listing.odd.iter().map(|odd| (odd.key.as_str(), odd.size)).collect();
        assert_eq!(odd, [("run/x&//y", 7), ("run/../z", 1), ("run//", 0)]);
    }

    #[test]
    fn directories_of_azure_are_no_files() {
        let blob = |name: &str, kind: &str| {
            format!(
                "<Blob><Name>{name}</Name><Properties><ResourceType>{kind}</ResourceType></Properties></Blob>"
            )
        };
        let text = blob("run/c", "directory") + &blob("run/c/f", "file");
        let listing = readable(&text);
        assert_eq!((listing.text, listing.markers), (blob("run/c/f", "file"), 1));
    }

    #[test]
    fn elements_are_read_without_their_escapes() {
        assert_eq!(element("<E><Code>NoSuchKey</Code></E>", "Code").as_deref(), Some("NoSuchKey"));
        assert_eq!(
            element("<Name Encoded=\"true\">a&#xE9;&#33;&lt;</Name>", "Name").as_deref(),
            Some("aé!<")
        );
        let next = |text| readable(text).next;
        assert_eq!(
            next("<R><NextContinuationToken>a&amp;b</NextContinuationToken></R>").as_deref(),
            Some("a&b")
        );
        assert_eq!(next("<R><NextMarker/></R>").or(next("<R><NextMarker></NextMarker></R>")), None);
        assert_eq!(element("<Codes>1</Codes>", "Code"), None);
        assert_eq!(element("<Code>1", "Code"), None);
        assert!(
            is_one("prefix=a&list-type=2") && is_one("restype=container&comp=list") && !is_one("uploads")
        );
    }
}
