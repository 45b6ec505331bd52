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
fn a_path_that_no_key_can_have_is_refused() {
    for path in ["a//b", "a/../b", "./a"] {
        let error = bucket("refused").join(path).open(None, None).err().unwrap();
        assert!(matches!(error.fault, Fault::Setup(_)), "{error}");
    }
}
