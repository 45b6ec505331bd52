//! The store without a server: buckets in memory, chunks and parts so small that there are many.

use super::*;
use crate::storage::settings::KEYS;

fn bucket(name: &str) -> Location {
    let settings = Settings::new(&[], KEYS).unwrap();
    locate(Kind::Memory, "memory", &format!("{name}/run"), &settings).unwrap()
}

fn write(location: &Location, data: &[u8], condition: &Condition) -> Result<(), StorageError> {
    location.store.write(&location.path, data, condition, None)
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_file_is_read_from_anywhere() {
    let file = bucket("anywhere").join("file");
    let data = text(1_000);
    write(&file, &data, &Condition::Always).unwrap();
    let known = file.parent().unwrap().list(None).unwrap().remove(0).known;
    for known in [known.as_ref(), None] {
        let blob = file.open(known, None).unwrap();
        assert_eq!(blob.size(), 1_000);
        for offset in [0, 1, 63, 64, 65, 127, 640, 936, 999, 1_000, 5_000] {
            for length in [0, 1, 63, 64, 65, 200, 1_000] {
                let mut into = vec![0; length];
                let read = blob.read_at(offset as u64, &mut into, None).unwrap();
                let rest = data.get(offset..).unwrap_or_default();
                assert_eq!(into[..read], rest[..length.min(rest.len())], "{length} bytes at {offset}");
            }
        }
    }
}

#[test]
fn readers_share_a_file() {
    let file = bucket("shared").join("file");
    let data = text(5_000);
    write(&file, &data, &Condition::Always).unwrap();
    let blob = file.open(None, None).unwrap();
    std::thread::scope(|scope| {
        for reader in 0..8 {
            let (blob, data) = (&blob, &data);
            scope.spawn(move || {
                for offset in (reader * 7..5_000).step_by(31) {
                    let mut into = [0; 31];
                    let read = blob.read_at(offset as u64, &mut into, None).unwrap();
                    assert_eq!(into[..read], data[offset..offset + read]);
                }
            });
        }
    });
}

#[test]
fn a_file_that_was_replaced_is_not_read_on() {
    let file = bucket("replaced").join("file");
    write(&file, &text(500), &Condition::Always).unwrap();
    let blob = file.open(None, None).unwrap();
    write(&file, &text(500), &Condition::Always).unwrap();
    let error = blob.read_at(300, &mut [0; 100], None).unwrap_err();
    assert!(matches!(error.fault, Fault::Changed), "{error}");
    assert!(error.to_string().starts_with("memory://replaced/run/file: "), "{error}");
}

#[test]
fn a_file_that_was_listed_without_an_etag_is_not_read_on_either() {
    let file = bucket("listed_without").join("file");
    write(&file, &text(500), &Condition::Always).unwrap();
    let known = Known { size: 500, etag: ETag("1700000000000:500".to_owned()) };
    let blob = file.open(Some(&known), None).unwrap();
    assert_eq!(blob.read_at(0, &mut [0; 100], None).unwrap(), 100);
    write(&file, &text(500), &Condition::Always).unwrap();
    let error = blob.read_at(300, &mut [0; 100], None).unwrap_err();
    assert!(matches!(error.fault, Fault::Changed), "{error}");
}

#[test]
fn a_large_file_goes_in_parts_and_is_there_at_the_end() {
    let file = bucket("parts").join("large");
    let data = text(10_000);
    let mut upload = file.store.create(&file.path, None).unwrap();
    for piece in data.chunks(700) {
        upload.write(piece).unwrap();
    }
    assert!(matches!(file.open(None, None).err().unwrap().fault, Fault::NotFound));
    upload.commit(&Condition::IfAbsent, None).unwrap();
    assert_eq!(file.read(1 << 20, None).unwrap().0, data);
    // A second one finds it, and leaves it as it is.
    let mut upload = file.store.create(&file.path, None).unwrap();
    upload.write(&text(3_000)).unwrap();
    let error = upload.commit(&Condition::IfAbsent, None).unwrap_err();
    assert!(matches!(error.fault, Fault::Changed), "{error}");
    assert_eq!(file.read(1 << 20, None).unwrap().0.len(), 10_000);
}

#[test]
fn conditions_hold_or_nothing_is_written() {
    let file = bucket("conditions").join("file");
    write(&file, b"1", &Condition::IfAbsent).unwrap();
    assert!(matches!(write(&file, b"2", &Condition::IfAbsent).unwrap_err().fault, Fault::Changed));
    let (_, etag) = file.read(10, None).unwrap();
    write(&file, b"2", &Condition::IfMatch(etag.clone())).unwrap();
    assert!(matches!(write(&file, b"3", &Condition::IfMatch(etag)).unwrap_err().fault, Fault::Changed));
    assert_eq!(file.read(10, None).unwrap().0, b"2");
}

#[test]
fn a_directory_is_what_keys_go_through() {
    let run = bucket("listed");
    assert!(matches!(run.list(None).unwrap_err().fault, Fault::NotFound));
    for name in ["a", "checkpoint_0/model", "checkpoint_0/optim/state", "empty"] {
        let data = if name == "empty" { Vec::new() } else { text(9) };
        write(&run.join(name), &data, &Condition::Always).unwrap();
    }
    let mut entries = run.list(None).unwrap();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let told: Vec<(&str, EntryKind, Option<u64>)> = entries
        .iter()
        .map(|entry| (entry.name.as_str(), entry.kind, entry.known.as_ref().map(|known| known.size)))
        .collect();
    let expected = [
        ("a", EntryKind::File, Some(9)),
        ("checkpoint_0", EntryKind::Directory, None),
        ("empty", EntryKind::File, Some(0)),
    ];
    assert_eq!(told, expected);
    let names: Vec<String> = run.walk(None).unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["a", "checkpoint_0/model", "checkpoint_0/optim/state", "empty"]);
    assert_eq!(run.join("empty").read(10, None).unwrap().0, b"");
    assert_eq!(run.join("checkpoint_0").uri(), "memory://listed/run/checkpoint_0");
}

#[test]
fn a_file_without_bytes_may_stand_for_a_directory() {
    let run = bucket("marked");
    for (name, data) in [("a", ""), ("a-b", "1"), ("a/b", "2"), ("a/c", ""), ("d", "3"), ("d/e", "4")] {
        write(&run.join(name), data.as_bytes(), &Condition::Always).unwrap();
    }
    let names: Vec<String> = run.walk(None).unwrap().into_iter().map(|file| file.name).collect();
    assert_eq!(names, ["a-b", "a/b", "a/c", "d", "d/e"]);
}

#[test]
fn a_path_that_no_key_can_have_is_refused() {
    for path in ["a//b", "a/../b", "./a"] {
        let error = bucket("refused").join(path).open(None, None).err().unwrap();
        assert!(matches!(error.fault, Fault::Setup(_)), "{error}");
    }
}

/// Texts that are like `seeds`: pieces of them in another order, and characters that mean something in between.
fn mutants(seeds: &[&str], marks: &[&str], count: usize) -> impl Iterator<Item = String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = move |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let seeds: Vec<Vec<char>> = seeds.iter().map(|seed| seed.chars().collect()).collect();
    let marks: Vec<String> = marks.iter().map(|&mark| mark.to_owned()).collect();
    (0..count).map(move |_| {
        let mut text = seeds[below(seeds.len())].clone();
        for _ in 0..=below(4) {
            let (from, at) = (below(text.len() + 1), below(text.len() + 1));
            match below(3) {
                0 => drop(text.drain(from.min(at)..from.max(at))),
                1 => drop(text.splice(at..at, marks[below(marks.len())].chars())),
                _ => {
                    let other = &seeds[below(seeds.len())];
                    let start = below(other.len());
                    let end = start + below(other.len() - start + 1);
                    text.splice(at..at, other[start..end].iter().copied());
                }
            }
        }
        text.into_iter().collect()
    })
}

#[test]
fn whatever_a_server_lists_is_read_or_left_out() {
    let seeds = [
        "<ListBucketResult><Name>b</Name><Prefix>run/</Prefix><Contents><Key>run/</Key><Size>0</Size></Contents>\
         <Contents><Key>run/x&amp;//y</Key><Size>7</Size></Contents><CommonPrefixes><Prefix>run//</Prefix>\
         </CommonPrefixes><NextContinuationToken>a&#x26;</NextContinuationToken></ListBucketResult>",
        "<EnumerationResults><Blobs><Blob><Name Encoded=\"true\">run/\u{e9}</Name><Properties><ResourceType>directory\
         </ResourceType><Content-Length>5</Content-Length></Properties></Blob><BlobPrefix><Name>a//</Name></BlobPrefix>\
         </Blobs><NextMarker/></EnumerationResults>",
    ];
    let marks =
        ["&", ";", "&#x", "&#1114112;", "<", ">", "</", "<Key>", "</Contents>", "<Blob ", "\u{1f600}", "\0"];
    for text in mutants(&seeds, &marks, 20_000) {
        let listing = super::listing::readable(&text);
        assert!(listing.text.len() <= text.len(), "{text}");
    }
}

#[cfg(all(feature = "s3", feature = "gs", feature = "abfs"))]
#[test]
fn an_endpoint_that_is_none_is_told_before_anybody_is_asked() {
    let uri = |setting: &str| {
        [
            format!("s3://key:secret@bucket/run?{setting}"),
            format!("gs://anonymous@bucket/run?{setting}"),
            format!("abfs://account:c2VjcmV0@container/run?{setting}"),
        ]
    };
    let told = |uri: &str| {
        let (scheme, rest) = uri.split_once("://").unwrap();
        let settings = Settings::new(&[], KEYS).unwrap();
        let run = locate(Kind::of_scheme(scheme).unwrap(), scheme, rest, &settings).unwrap();
        let error = run.list(None).unwrap_err();
        assert!(matches!(error.fault, Fault::Setup(_)), "{error}");
        error.to_string()
    };
    for value in
        ["::::", "http://", "ftp://host", "host:99999", "host:port", "a b", "http://user:pass word@host"]
    {
        for uri in uri(&format!("endpoint_override={value}")) {
            let told = told(&uri);
            assert!(
                told.contains("setting endpoint_override is neither HOST:PORT nor the URL"),
                "{uri}: {told}"
            );
            assert!(!told.contains("pass word"), "{told}");
        }
    }
    let told = told("abfs://account:c2VjcmV0@container/run?blob_storage_authority=::::");
    assert!(told.contains("setting blob_storage_authority is neither"), "{told}");
}

#[cfg(feature = "abfs")]
#[test]
fn an_account_key_that_is_none_is_told_without_it() {
    let settings = Settings::new(&[("account_key", "no such key")], KEYS).unwrap();
    let run = locate(Kind::Azure, "abfs", "account@container/run", &settings).unwrap();
    let told = run.list(None).unwrap_err().to_string();
    assert!(told.contains("account key is not Base64") && !told.contains("no such key"), "{told}");
}

#[cfg(all(feature = "s3", feature = "gs", feature = "abfs", feature = "http"))]
#[test]
fn what_a_uri_names_is_named_again_by_its_own() {
    let seeds = [
        "s3://user:word@bucket/a%20b/c?region=eu-west-3&endpoint_override=http%3A%2F%2Flocalhost:9000&scheme=http",
        "gs://anonymous@bucket/run?endpoint_override=localhost:4443",
        "abfss://container@account.dfs.core.windows.net/run?tenant_id=t",
        "abfs://account:key@127.0.0.1:10000/container/run?enable_tls=false",
        "https://user:password@host:8080/a/b%3Fc?connect_timeout_ms=7",
    ];
    let marks = [
        "/", "//", "%2F", "%3A", "%40", "%25", "%", "?", "#", "&", "=", "@", ":", "+", "\u{e9}", "%00", ".",
        " ",
    ];
    let located = |uri: &str| {
        let (scheme, rest) = uri.split_once("://")?;
        locate(Kind::of_scheme(scheme)?, scheme, rest, &Settings::new(&[], KEYS).unwrap()).ok()
    };
    let mut count = 0;
    for uri in mutants(&seeds, &marks, 5_000) {
        let Some(first) = located(&uri) else { continue };
        let Some(again) = located(&first.uri()) else { panic!("{uri} is {}, which is none", first.uri()) };
        assert_eq!((again.uri(), &again.path), (first.uri(), &first.path), "{uri}");
        count += 1;
    }
    assert!(count > 1_000, "only {count}");
}
