//! Shared copies: one for all, whole, and gone after the last one.

use std::os::unix::fs::PermissionsExt;

use super::*;

fn open(checkpoint: &Checkpoint, cache: &str, more: &[(&str, &str)]) -> Directory {
    let settings = [&[("cache_dir", cache), ("part_bytes", "4096")], more].concat();
    checkpoint.open_directory(&settings, None, None).unwrap()
}

#[test]
fn all_who_ask_for_the_same_share_one_copy() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let cache = scratch.path("new/cache");
    let first = open(&checkpoint, &cache, &[]);
    let second = open(&remote(&files).1, &cache, &[("parallel", "2")]);
    assert_eq!(first.path(), second.path());
    assert!(first.path().starts_with(&cache) && first.path().ends_with("/checkpoint_000001"));
    assert_eq!(tree(Path::new(first.path())), files);
    let mode = fs::metadata(Path::new(first.path()).join("model.bin")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);
    assert_eq!(double.bytes.load(Relaxed), 130_003);

    let weights = open(&checkpoint, &cache, &[("include", "model*")]);
    assert_ne!(weights.path(), first.path());
    assert_eq!(tree(Path::new(weights.path())).len(), 1);
    double.put("/run/checkpoint_000001/model.bin", text(60, 100_000));
    let newer = open(&checkpoint, &cache, &[]);
    assert_ne!(newer.path(), first.path());
    assert_eq!(tree(Path::new(newer.path()))["model.bin"], text(60, 100_000));
    assert_eq!(tree(Path::new(first.path())), files);

    drop((first, weights, newer));
    assert_eq!(tree(Path::new(second.path())), files);
    assert_eq!(names(Path::new(&cache)).len(), 2);
    drop(second);
    assert!(names(Path::new(&cache)).is_empty());
}

#[test]
fn what_is_kept_is_there_for_the_next_one() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let plain = open(&checkpoint, &cache, &[]);
    drop(open(&checkpoint, &cache, &[("keep", "true")]));
    drop(plain);
    drop(open(&checkpoint, &cache, &[]));
    assert_eq!(tree(Path::new(open(&checkpoint, &cache, &[]).path())), files);
    assert_eq!(double.bytes.load(Relaxed), 130_003);
    assert_eq!(names(Path::new(&cache)).len(), 2);
}

#[test]
fn what_may_have_changed_since_is_not_kept() {
    let scratch = Scratch::new();
    let (own, checkpoint) = on_own("own.kept");
    for content in 0..2 {
        own.content.store(content, Relaxed);
        own.reads_left.store(9, Relaxed);
        let directory = open(&checkpoint, &scratch.path("cache"), &[("keep", "true")]);
        assert_eq!(tree(Path::new(directory.path()))["model.bin"], [content as u8; 20_000]);
    }
    unregister("own.kept").unwrap();
}

#[test]
fn a_cache_takes_no_more_than_it_may() {
    let scratch = Scratch::new();
    let cache = scratch.path("cache");
    let checkpoints: Vec<Checkpoint> =
        (0..5).map(|seed| remote(&BTreeMap::from([("x".to_owned(), text(seed, 1000))])).1).collect();
    let settings = [("keep", "true"), ("cache_max_bytes", "3000")];
    let copies = || names(Path::new(&cache)).iter().filter(|name| name.ends_with(".lock")).count();
    let used = open(&checkpoints[0], &cache, &settings);
    let mut paths = vec![used.path().to_owned()];
    for checkpoint in &checkpoints[1..3] {
        paths.push(open(checkpoint, &cache, &settings).path().to_owned());
    }
    assert_eq!(copies(), 3);
    // Asked for again, it is not the oldest any more.
    std::thread::sleep(std::time::Duration::from_millis(20));
    drop(open(&checkpoints[1], &cache, &settings));
    paths.push(open(&checkpoints[3], &cache, &settings).path().to_owned());
    let is_there = |index: usize| Path::new(&paths[index]).is_dir();
    assert_eq!([0, 1, 2, 3].map(is_there), [true, true, false, true]);
    // Larger than all together may be: it is served, and goes at the end.
    let (_, large) = remote(&BTreeMap::from([("x".to_owned(), text(9, 5000))]));
    let directory = open(&large, &cache, &settings);
    assert_eq!(tree(Path::new(directory.path()))["x"], text(9, 5000));
    assert_eq!([0, 1, 3].map(is_there), [true, false, false]);
    drop(directory);
    assert_eq!(copies(), 1);
    drop(used);
    assert_eq!(copies(), 1);
    drop(open(&checkpoints[0], &cache, &[("cache_max_bytes", "0")]));
    assert_eq!(copies(), 0);
}

#[test]
fn many_threads_share_and_nobody_sees_half_a_copy() {
    let (scratch, files) = (Scratch::new(), some_files());
    let cache = scratch.path("cache");
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (cache, files) = (&cache, &files);
            scope.spawn(move || {
                let (double, checkpoint) = remote(files);
                double.reads.delay_ms.store(1, Relaxed);
                for round in 0..12 {
                    let include = ["*", "optim/*", "*.bin"][(thread + round) % 3];
                    let directory = open(&checkpoint, cache, &[("include", include)]);
                    let found = tree(Path::new(directory.path()));
                    let wanted = |name: &str| crate::glob::matches(include, name);
                    assert!(found.iter().all(|(name, data)| files[name] == *data));
                    assert_eq!(found.len(), files.keys().filter(|name| wanted(name)).count());
                }
            });
        }
    });
    assert!(names(Path::new(&cache)).is_empty());
}

#[test]
fn what_could_not_be_made_is_gone_on_with_or_leaves_nothing() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let settings = [("cache_dir", cache.as_str()), ("part_bytes", "4096"), ("parallel", "1")];
    double.reads.fails_at.store(1, Relaxed);
    assert_eq!(checkpoint.open_directory(&settings, None, None).unwrap_err().code(), Code::Io);
    assert!(names(Path::new(&cache)).is_empty());
    double.reads.fails_at.store(20, Relaxed);
    assert_eq!(checkpoint.open_directory(&settings, None, None).unwrap_err().code(), Code::Io);
    let directory = open(&checkpoint, &cache, &[]);
    assert_eq!(tree(Path::new(directory.path())), files);
    assert_eq!(double.bytes.load(Relaxed), 130_003);
}

#[test]
fn what_is_for_reading_already_is_gone_on_with() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.is_alone.store(true, Relaxed);
    double.reads.fails_at.store(20, Relaxed);
    let cache = scratch.path("cache");
    let settings = [("cache_dir", cache.as_str()), ("part_bytes", "4096")];
    checkpoint.open_directory(&settings, None, None).unwrap_err();
    let entry = names(Path::new(&cache)).into_iter().find(|name| !name.ends_with(".lock")).unwrap();
    let begun = scratch.0.join("cache").join(entry).join(".checkpoint_000001.part/files/model.bin");
    let mode = || fs::metadata(&begun).unwrap().permissions().mode() & 0o777;
    // As after a crash, which the manifest does not survive to its end.
    fs::set_permissions(&begun, fs::Permissions::from_mode(0o444)).unwrap();
    let mut modes = Vec::new();
    let mut progress = |_, _| {
        modes.push(mode());
        true
    };
    let directory = checkpoint.open_directory(&settings, Some(&mut progress), None).unwrap();
    assert_eq!(tree(Path::new(directory.path())), files);
    // No right keeps root out, so look at the right itself.
    assert_eq!((modes[0], modes.contains(&0o644), modes[modes.len() - 1]), (0o444, true, 0o444));
}

#[test]
fn of_what_changed_meanwhile_nothing_stays() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let settings = [("cache_dir", cache.as_str()), ("part_bytes", "4096")];
    let mut is_changed = false;
    let mut progress = |done, _| {
        if done > 0 && !std::mem::replace(&mut is_changed, true) {
            double.put("/run/checkpoint_000001/optim/rank_0.pt", text(50, 20_000));
        }
        true
    };
    double.is_alone.store(true, Relaxed);
    let directory = checkpoint.open_directory(&settings, Some(&mut progress), None).unwrap();
    assert_eq!(tree(Path::new(directory.path()))["optim/rank_0.pt"], text(50, 20_000));
    assert_eq!(names(Path::new(&cache)).len(), 2);
    drop(directory);
    assert!(names(Path::new(&cache)).is_empty());
}

#[test]
fn what_lies_about_is_tidied_up_unless_it_is_used() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let used = open(&checkpoint, &cache, &[("include", "empty")]);
    // As killed processes leave it: a copy, one that is being removed, and one that was never finished.
    let [whole, begun] = ["a", "b"].map(|digit| digit.repeat(32));
    for (key, inner) in [(&whole, "checkpoint_000001"), (&begun, ".checkpoint_000001.part")] {
        fs::create_dir_all(scratch.0.join("cache").join(key).join(inner)).unwrap();
        fs::write(scratch.0.join(format!("cache/{key}.lock")), "1").unwrap();
    }
    fs::create_dir_all(scratch.0.join("cache/.1-1.gone/x")).unwrap();
    drop(open(&checkpoint, &cache, &[]));
    let left = names(Path::new(&cache));
    assert_eq!((left.len(), left.contains(&begun)), (4, true), "{left:?}");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    fs::File::options()
        .write(true)
        .open(scratch.0.join(format!("cache/{begun}.lock")))
        .and_then(|lock| lock.set_modified(long_ago))
        .unwrap();
    drop(open(&checkpoint, &cache, &[]));
    assert_eq!(names(Path::new(&cache)).len(), 2);
    assert_eq!(tree(Path::new(used.path())).len(), 1);
}

#[test]
fn files_of_others_in_the_cache_directory_are_left_alone() {
    let cache = Scratch::new();
    let (_, checkpoint) = remote(&some_files());
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    for name in ["Cargo.lock", "data.lock", "data/weights/x", ".mine.gone/x", ".1-.gone/x"] {
        let path = cache.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::File::create(path).and_then(|file| file.set_modified(long_ago)).unwrap();
    }
    let before = tree(&cache.0);
    drop(open(&checkpoint, cache.0.to_str().unwrap(), &[("cache_max_bytes", "0")]));
    assert_eq!(tree(&cache.0), before);
}

#[test]
fn what_goes_finds_a_place_where_another_process_of_its_number_has_been() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let directory = open(&checkpoint, &cache, &[]);
    // As in another container, which is just removing so many.
    let busy = (0..200).map(|unique| format!(".{}-{unique}.gone", std::process::id()));
    let busy: Vec<String> = busy
        .filter(|name| fs::create_dir_all(scratch.0.join("cache").join(name).join("x")).is_ok())
        .collect();
    drop(directory);
    assert_eq!(names(Path::new(&cache)).len(), busy.len());
}

#[test]
fn a_process_that_inherited_a_directory_removes_nothing() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    let cache = scratch.path("cache");
    let directory = open(&checkpoint, &cache, &[]);
    let path = directory.path().to_owned();
    drop(directory.into_inherited());
    assert_eq!(tree(Path::new(&path)), files);
}

#[test]
fn a_local_checkpoint_is_itself() {
    let scratch = Scratch::new();
    let path = scratch.path("checkpoint");
    fs::create_dir(&path).unwrap();
    fs::write(scratch.0.join("checkpoint/model.bin"), "x").unwrap();
    let checkpoint = Checkpoint::open(&path, &[], None).unwrap();
    let directory = checkpoint.open_directory(&[("cache_dir", &scratch.path("cache"))], None, None).unwrap();
    assert_eq!(directory.path(), path);
    drop(directory);
    assert_eq!(names(Path::new(&path)), ["model.bin"]);
    let directory = checkpoint.open_directory(&[("include", "*.bin")], None, None).unwrap();
    assert_eq!(directory.path(), path);
    let error = checkpoint.open_directory(&[("include", "*.pt")], None, None).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(scratch.names(), ["checkpoint"]);
    let gone = Checkpoint::open(&scratch.path("gone"), &[], None).unwrap();
    let file = Checkpoint::open(&scratch.path("checkpoint/model.bin"), &[], None).unwrap();
    for checkpoint in [gone, file] {
        assert_eq!(checkpoint.open_directory(&[], None, None).unwrap_err().code(), Code::NotFound);
    }
}

#[test]
fn settings_are_checked() {
    let (_, checkpoint) = remote(&some_files());
    for (key, value, hint) in [
        ("cache_dir", "s3://bucket/x", "of this machine"),
        ("cache_dir", "/proc/nowhere", "cannot be made"),
        ("keep", "yes", "'true'"),
        ("on_exists", "fail", "unknown setting"),
        ("link", "hard", "of this machine"),
    ] {
        let error = checkpoint.open_directory(&[(key, value)], None, None).unwrap_err();
        assert!(error.message().contains(hint), "{error}");
    }
}
