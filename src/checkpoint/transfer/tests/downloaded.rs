//! Downloads: what is there afterwards, whatever happens meanwhile.

use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::*;

const SMALL_PARTS: (&str, &str) = ("part_bytes", "4096");

fn message(outcome: Result<()>, code: Code) -> String {
    let error = outcome.unwrap_err();
    assert_eq!(error.code(), code, "{error}");
    error.message().to_owned()
}

#[test]
fn all_files_come_in_parts_and_progress_is_told() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.reads.delay_ms.store(5, Relaxed);
    let dest = scratch.path("new/below/dest");
    let caller = std::thread::current().id();
    let told = Mutex::new(Vec::new());
    let mut progress = |done, total| {
        assert_eq!(std::thread::current().id(), caller);
        told.lock().unwrap().push((done, total));
        true
    };
    checkpoint.download(&dest, &[SMALL_PARTS, ("parallel", "6")], Some(&mut progress), None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(names(Path::new(&scratch.path("new/below"))), ["dest"]);
    let told = told.into_inner().unwrap();
    assert_eq!((told[0], told[told.len() - 1]), ((0, 130_003), (130_003, 130_003)));
    assert!(told.windows(2).all(|two| two[0].0 <= two[1].0));
    assert_eq!(double.bytes.load(Relaxed), 130_003);
    assert_eq!(double.lists.load(Relaxed), 1);
    let reads = &double.reads;
    assert_eq!(reads.count.load(Relaxed), 25 + 8 + 1 + 1);
    assert!((4..=6).contains(&reads.most.load(Relaxed)), "{:?}", reads.most);
    assert!(!reads.threads.lock().unwrap().contains(&caller));
}

#[test]
fn a_store_for_one_thread_is_called_by_that_of_the_caller() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.is_alone.store(true, Relaxed);
    let mut calls = 0;
    let mut progress = |_, _| {
        calls += 1;
        true
    };
    let dest = scratch.path("dest");
    checkpoint.download(&dest, &[SMALL_PARTS], Some(&mut progress), None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    let threads = double.reads.threads.lock().unwrap();
    assert_eq!(threads.iter().collect::<Vec<_>>(), [&std::thread::current().id()]);
    assert!(calls > 30);
}

#[test]
fn a_part_directory_is_no_link() {
    let (scratch, files) = (Scratch::new(), some_files());
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    symlink("elsewhere", scratch.path(".dest.part")).unwrap();
    let (_, checkpoint) = remote(&files);
    let told = message(checkpoint.download(&scratch.path("dest"), &[], None, None), Code::Io);
    assert!(told.contains(".dest.part: it cannot be written to"), "{told}");
    assert_eq!(scratch.names(), [".dest.part", "elsewhere"]);
    assert!(tree(Path::new(&scratch.path("elsewhere"))).is_empty());
}

#[test]
fn what_is_there_is_not_fetched_again() {
    let (scratch, files) = (Scratch::new(), some_files());
    let dest = scratch.path("a/dest");
    for fails_at in [1, 2, 10, 20, 35] {
        let (double, checkpoint) = remote(&files);
        double.reads.fails_at.store(fails_at, Relaxed);
        let settings = [SMALL_PARTS, ("parallel", "1")];
        let told = message(checkpoint.download(&dest, &settings, None, None), Code::Io);
        assert!(told.contains("the connection was reset"), "{told}");
        assert!(!Path::new(&dest).exists());
        // Without any part that is whole, nothing stays, not even the directory above.
        assert_eq!(scratch.names().is_empty(), fails_at == 1);
        let before = double.bytes.load(Relaxed);
        // A part may have another size now.
        checkpoint.download(&dest, &[("part_bytes", "5000"), ("parallel", "3")], None, None).unwrap();
        assert_eq!(tree(Path::new(&dest)), files);
        assert_eq!(double.bytes.load(Relaxed), 130_003, "{before} bytes before");
        assert_eq!(names(&scratch.0.join("a")), ["dest"]);
        fs::remove_dir_all(scratch.0.join("a")).unwrap();
    }
}

#[test]
fn files_that_changed_since_are_fetched_anew_and_others_are_not() {
    let (scratch, mut files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.reads.fails_at.store(33, Relaxed);
    let dest = scratch.path("dest");
    let settings = [SMALL_PARTS, ("parallel", "1")];
    message(checkpoint.download(&dest, &settings, None, None), Code::Io);
    for (name, data) in [("model.bin", text(77, 100_000)), ("new/file", text(78, 10))] {
        double.put(&format!("/run/checkpoint_000001/{name}"), &data);
        files.insert(name.to_owned(), data);
    }
    double.remove("/run/checkpoint_000001/empty");
    files.remove("empty");
    let before = double.bytes.load(Relaxed);
    checkpoint.download(&dest, &settings, None, None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    let again = double.bytes.load(Relaxed) - before;
    assert!((100_010..110_010).contains(&again), "{again}");
}

#[test]
fn nobody_else_may_look_into_a_directory_than_before() {
    let scratch = Scratch::new();
    let (double, checkpoint) = remote(&some_files());
    double.is_alone.store(true, Relaxed);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    for (rights, on_exists) in [(0o700, "fail"), (0o2750, "replace"), (0o777, "replace"), (0o700, "merge")] {
        let dest = scratch.0.join(format!("{rights:o}-{on_exists}"));
        fs::create_dir(&dest).unwrap();
        if on_exists != "fail" {
            fs::write(dest.join("old"), "x").unwrap();
        }
        fs::set_permissions(&dest, fs::Permissions::from_mode(rights)).unwrap();
        let part = scratch.0.join(format!(".{rights:o}-{on_exists}.part/files"));
        let mut progress = |done, _| {
            assert!(done == 0 || mode(&part) == rights);
            true
        };
        let settings = [SMALL_PARTS, ("on_exists", on_exists)];
        checkpoint.download(dest.to_str().unwrap(), &settings, Some(&mut progress), None).unwrap();
        assert_eq!(mode(&dest), rights, "{on_exists}");
        assert!(dest.join("model.bin").is_file());
    }
}

#[test]
fn what_may_have_changed_since_is_not_gone_on_with() {
    let scratch = Scratch::new();
    let (own, checkpoint) = on_own("own.half");
    let dest = scratch.path("dest");
    own.reads_left.store(3, Relaxed);
    message(checkpoint.download(&dest, &[SMALL_PARTS, ("parallel", "1")], None, None), Code::Io);
    own.content.store(1, Relaxed);
    own.reads_left.store(9, Relaxed);
    checkpoint.download(&dest, &[SMALL_PARTS], None, None).unwrap();
    assert_eq!(tree(Path::new(&dest))["model.bin"], [1; 20_000]);
    unregister("own.half").unwrap();
}

#[test]
fn what_was_replaced_is_put_back_although_a_directory_was_made_meanwhile() {
    let scratch = Scratch::new();
    let (double, checkpoint) = remote(&some_files());
    let (dest, old) = (scratch.path("dest"), scratch.0.join(".dest.part/old"));
    // As a process leaves it that is killed where directories cannot be exchanged, and one that makes sure of its destination.
    fs::create_dir_all(&old).unwrap();
    fs::write(old.join("former"), "x").unwrap();
    fs::create_dir(&dest).unwrap();
    double.reads.fails_at.store(1, Relaxed);
    let settings = [("on_exists", "replace"), ("parallel", "1")];
    message(checkpoint.download(&dest, &settings, None, None), Code::Io);
    assert_eq!(names(Path::new(&dest)), ["former"]);
}

#[test]
fn only_what_the_manifest_and_the_files_agree_on_is_believed() {
    let (scratch, files) = (Scratch::new(), some_files());
    let dest = scratch.path("dest");
    let part = scratch.0.join(".dest.part");
    let tampers: [&dyn Fn(); 7] = [
        &|| fs::write(part.join("files/model.bin"), "short").unwrap(),
        &|| fs::remove_file(part.join("files/model.bin")).unwrap(),
        &|| {
            let text = fs::read_to_string(part.join("manifest")).unwrap();
            fs::write(part.join("manifest"), &text[..text.len() / 2]).unwrap();
        },
        &|| fs::remove_file(part.join("manifest")).unwrap(),
        // The old tree in the place of the new one.
        &|| {
            fs::rename(part.join("files"), part.join("other")).unwrap();
            fs::create_dir(part.join("files")).unwrap();
            fs::write(part.join("files/model.bin"), text(9, 100_000)).unwrap();
            fs::remove_dir_all(part.join("other")).unwrap();
        },
        // A machine that crashed.
        &|| {
            let text = fs::read_to_string(part.join("manifest")).unwrap();
            let boot = text.find("\"boot\":\"").unwrap() + 8;
            fs::write(part.join("manifest"), [&text[..boot], "x", &text[boot..]].concat()).unwrap();
            fs::write(part.join("files/model.bin"), text_of_zeros(100_000)).unwrap();
        },
        // A link to someone else's file.
        &|| {
            fs::remove_file(part.join("files/model.bin")).unwrap();
            fs::hard_link(scratch.0.join("other"), part.join("files/model.bin")).unwrap();
        },
    ];
    for (number, tamper) in tampers.iter().enumerate() {
        fs::write(scratch.0.join("other"), text_of_zeros(100_000)).unwrap();
        let (double, checkpoint) = remote(&files);
        double.reads.fails_at.store(24, Relaxed);
        message(checkpoint.download(&dest, &[SMALL_PARTS, ("parallel", "1")], None, None), Code::Io);
        tamper();
        fs::write(part.join("files/foreign"), "x").unwrap();
        checkpoint.download(&dest, &[SMALL_PARTS], None, None).unwrap();
        assert!(tree(Path::new(&dest)) == files, "{number}");
        assert_eq!(fs::read(scratch.0.join("other")).unwrap(), text_of_zeros(100_000));
        assert!(!part.join("manifest").exists());
        fs::remove_dir_all(&dest).unwrap();
        let _ = fs::remove_dir_all(&part);
    }
}

fn text_of_zeros(length: usize) -> Vec<u8> {
    vec![0; length]
}

#[test]
fn a_checkpoint_that_changes_meanwhile_is_listed_again() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let dest = scratch.path("dest");
    let mut count = 0;
    let mut progress = |done, _| {
        if done > 0 && count < 1 {
            count += 1;
            double.put("/run/checkpoint_000001/optim/rank_0.pt", text(50, 20_000));
        }
        true
    };
    double.is_alone.store(true, Relaxed);
    checkpoint.download(&dest, &[SMALL_PARTS], Some(&mut progress), None).unwrap();
    assert_eq!(tree(Path::new(&dest))["optim/rank_0.pt"], text(50, 20_000));
    assert_eq!(double.lists.load(Relaxed), 2);

    let mut progress = |done, _| {
        count += 1;
        if done > 0 {
            double.put("/run/checkpoint_000001/optim/rank_0.pt", text(count, 20_000));
        }
        true
    };
    let dest = scratch.path("again");
    let told = message(checkpoint.download(&dest, &[SMALL_PARTS], Some(&mut progress), None), Code::Io);
    assert!(told.contains("optim/rank_0.pt") && told.contains("changed"), "{told}");
    assert!(!Path::new(&dest).exists());
}

#[test]
fn a_store_that_gives_less_than_it_promised_is_found_out() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.reads.cut_at.store(4, Relaxed);
    let dest = scratch.path("dest");
    let told = message(checkpoint.download(&dest, &[SMALL_PARTS, ("parallel", "1")], None, None), Code::Io);
    let expected = "/run/checkpoint_000001/model.bin: the store gave 2048 bytes at 8192 instead of 4096";
    assert!(told.contains(expected), "{told}");
    assert!(!Path::new(&dest).exists());
}

#[test]
fn only_the_files_that_are_asked_for_come() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.put("/run/checkpoint_000001/../outside", "x");
    let dest = scratch.path("dest");
    let settings = [("include", "optim/*"), ("include", "model.b?n"), ("exclude", "*/deep/*")];
    checkpoint.download(&dest, &settings, None, None).unwrap();
    assert_eq!(tree(Path::new(&dest)).into_keys().collect::<Vec<_>>(), ["model.bin", "optim/rank_0.pt"]);
    let dest = scratch.path("none");
    checkpoint.download(&dest, &[("exclude", "*")], None, None).unwrap();
    assert!(names(Path::new(&dest)).is_empty());
    let dest = scratch.path("wrong");
    let told =
        message(checkpoint.download(&dest, &[("include", "modle.bin")], None, None), Code::InvalidArgument);
    assert!(told.contains("'modle.bin'") && told.contains("did you mean 'model.bin'?"), "{told}");
    let settings = [("include", "*.safetensors")];
    let told = message(checkpoint.download(&dest, &settings, None, None), Code::InvalidArgument);
    assert!(
        told.contains("'*.safetensors', which no file of the checkpoint has: it has ")
            && told.contains("model.bin"),
        "{told}"
    );
    let told = message(checkpoint.download(&dest, &[], None, None), Code::Io);
    assert!(told.contains("'../outside'") && told.contains("/run/checkpoint_000001"), "{told}");
    assert!(!Path::new(&dest).exists() && !scratch.0.join("outside").exists());
    assert_eq!(scratch.names(), ["dest", "none"]);
}

#[test]
fn what_is_at_the_destination_decides_with_on_exists() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    let dest = scratch.path("dest");
    let download = |on_exists| checkpoint.download(&dest, &[("on_exists", on_exists)], None, None);
    fs::create_dir(&dest).unwrap();
    download("fail").unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    let before = double.bytes.load(Relaxed);
    assert!(message(download("fail"), Code::Io).contains("setting on_exists can be"));
    assert_eq!(double.bytes.load(Relaxed), before);

    fs::write(scratch.0.join("dest/stale"), "s").unwrap();
    fs::write(scratch.0.join("dest/model.bin"), "old").unwrap();
    download("merge").unwrap();
    let mut merged = files.clone();
    merged.insert("stale".to_owned(), b"s".to_vec());
    assert_eq!(tree(Path::new(&dest)), merged);
    fs::remove_file(scratch.0.join("dest/model.bin")).unwrap();
    fs::create_dir(scratch.0.join("dest/model.bin")).unwrap();
    assert!(message(download("merge"), Code::Io).contains("dest/model.bin: a directory is there"));
    fs::remove_dir_all(scratch.0.join("dest/optim")).unwrap();
    fs::write(scratch.0.join("dest/optim"), "x").unwrap();
    fs::remove_dir(scratch.0.join("dest/model.bin")).unwrap();
    assert!(message(download("merge"), Code::Io).contains("dest/optim: a file is there"));

    let inode = fs::metadata(&dest).unwrap().ino();
    download("replace").unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    assert_ne!(fs::metadata(&dest).unwrap().ino(), inode);
    assert_eq!(scratch.names(), ["dest"]);

    for on_exists in ["replace", "merge", "fail"] {
        let file = scratch.path("dest/empty");
        let outcome = checkpoint.download(&file, &[("on_exists", on_exists)], None, None);
        assert!(message(outcome, Code::Io).contains("dest/empty: it is not a directory"));
        let below = scratch.path("dest/empty/below");
        let outcome = checkpoint.download(&below, &[("on_exists", on_exists)], None, None);
        assert!(message(outcome, Code::Io).contains("it is not a directory"));
        // A link stays one; a new directory is made just as well.
        let (link, new) = (scratch.path("link"), scratch.path(&format!("new-{on_exists}")));
        fs::create_dir(scratch.0.join(on_exists)).unwrap();
        symlink(on_exists, &link).unwrap();
        checkpoint.download(&link, &[("on_exists", on_exists)], None, None).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(tree(&scratch.0.join(on_exists)), files);
        fs::remove_file(&link).unwrap();
        checkpoint.download(&new, &[("on_exists", on_exists)], None, None).unwrap();
        assert_eq!(tree(Path::new(&new)), files);
    }
    symlink("nowhere", scratch.path("dangling")).unwrap();
    let outcome = checkpoint.download(&scratch.path("dangling"), &[], None, None);
    assert!(message(outcome, Code::Io).contains("leads nowhere"));
    for wrong in ["s3://bucket/dest", ""] {
        let told = message(checkpoint.download(wrong, &[], None, None), Code::InvalidArgument);
        assert!(told.contains("dest_dir"), "{told}");
    }
    let told =
        message(checkpoint.download("/", &[("on_exists", "replace")], None, None), Code::InvalidArgument);
    assert!(told.contains("/: it cannot be a destination"), "{told}");
}

#[test]
fn an_old_directory_that_a_killed_process_had_set_aside_is_put_back() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    fs::create_dir_all(scratch.0.join(".dest.part/old")).unwrap();
    fs::write(scratch.0.join(".dest.part/old/mine"), "1").unwrap();
    let dest = scratch.path("dest");
    let told = message(checkpoint.download(&dest, &[], None, None), Code::Io);
    assert!(told.contains("it exists already"), "{told}");
    assert_eq!(names(Path::new(&dest)), ["mine"]);
    checkpoint.download(&dest, &[("on_exists", "replace")], None, None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(scratch.names(), ["dest"]);
}

#[test]
fn it_ends_soon_when_it_is_told_to() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.reads.delay_ms.store(60_000, Relaxed);
    let dest = scratch.path("dest");
    let (cancel, begin) = (Cancel::new(), Instant::now());
    std::thread::scope(|scope| {
        let call = scope.spawn(|| checkpoint.download(&dest, &[SMALL_PARTS], None, Some(&cancel)));
        std::thread::sleep(Duration::from_millis(100));
        cancel.trigger();
        message(call.join().unwrap(), Code::Cancelled);
    });
    let mut calls = 0;
    let mut progress = |_, _| {
        calls += 1;
        calls < 3
    };
    let told = message(checkpoint.download(&dest, &[], Some(&mut progress), None), Code::Cancelled);
    assert_eq!(told, "the call was cancelled by its progress function");
    message(checkpoint.download(&dest, &[], None, Some(&cancel)), Code::Cancelled);
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert!(scratch.names().is_empty());
}

#[test]
fn cancelled_anywhere_it_can_be_gone_on_with() {
    let (scratch, files) = (Scratch::new(), some_files());
    let dest = scratch.path("dest");
    fs::create_dir(&dest).unwrap();
    fs::write(scratch.0.join("dest/mine"), "1").unwrap();
    let (double, checkpoint) = remote(&files);
    double.is_alone.store(true, Relaxed);
    let settings = [SMALL_PARTS, ("on_exists", "replace"), ("parallel", "1")];
    let mut ends_after = 0;
    loop {
        let mut calls = 0;
        let mut progress = |_, _| {
            calls += 1;
            calls <= ends_after
        };
        match checkpoint.download(&dest, &settings, Some(&mut progress), None) {
            Err(error) => assert_eq!(error.code(), Code::Cancelled),
            Ok(()) => break,
        }
        assert_eq!(names(Path::new(&dest)), ["mine"]);
        ends_after += 1;
    }
    assert!(ends_after > 3);
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(double.bytes.load(Relaxed), 130_003);
}

#[test]
fn two_with_one_destination_wait_for_one_another() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, checkpoint) = remote(&files);
    double.reads.delay_ms.store(10, Relaxed);
    let dest = scratch.path("dest");
    let outcomes: Vec<Result<()>> = std::thread::scope(|scope| {
        let call = || checkpoint.download(&dest, &[SMALL_PARTS], None, None);
        let calls: Vec<_> = (0..6).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    for outcome in outcomes.into_iter().filter(Result::is_err) {
        assert!(message(outcome, Code::Io).contains("it exists already"));
    }
    assert_eq!(double.bytes.load(Relaxed), 130_003);
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(scratch.names(), ["dest"]);
}

#[test]
fn many_replace_one_destination_and_it_is_whole_all_the_time() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    let dest = scratch.path("dest");
    checkpoint.download(&dest, &[], None, None).unwrap();
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..10 {
                    checkpoint.download(&dest, &[("on_exists", "replace")], None, None).unwrap();
                }
                done.fetch_add(1, Relaxed);
            });
        }
        while done.load(Relaxed) < 3 {
            assert!(fs::metadata(&dest).unwrap().is_dir());
        }
    });
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(scratch.names(), ["dest"]);
}

#[test]
fn a_directory_that_nobody_may_write_to_stays_as_it_is() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    // No right keeps root out, but nobody makes a directory in these.
    for dest in ["/proc/libresult/dest", "/proc/self/dest"] {
        let error = checkpoint.download(dest, &[], None, None).unwrap_err();
        assert!(matches!(error.code(), Code::Io | Code::Permission), "{error}");
        assert!(error.message().contains("it cannot be"), "{error}");
    }
    drop(scratch);
}

// ---- From this machine ----

fn local(scratch: &Scratch, files: &BTreeMap<String, Vec<u8>>) -> Checkpoint {
    let source = scratch.0.join("source");
    for (name, data) in files {
        let path = source.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    Checkpoint::open(source.to_str().unwrap(), &[], None).unwrap()
}

#[test]
fn a_local_checkpoint_is_copied_or_linked() {
    let (scratch, files) = (Scratch::new(), some_files());
    let checkpoint = local(&scratch, &files);
    symlink("model.bin", scratch.0.join("source/latest.bin")).unwrap();
    symlink("optim", scratch.0.join("source/linked")).unwrap();
    fs::set_permissions(scratch.0.join("source/model.bin"), fs::Permissions::from_mode(0o600)).unwrap();
    let expected = tree(&scratch.0.join("source"));
    assert!(expected.len() > files.len());
    for (name, settings) in [
        ("parts", vec![SMALL_PARTS]),
        ("alone", vec![("parallel", "1")]),
        ("links", vec![("link", "hard")]),
        ("one", vec![("link", "hard"), ("parallel", "1"), ("on_exists", "replace")]),
    ] {
        let dest = scratch.path(name);
        checkpoint.download(&dest, &settings, None, None).unwrap();
        assert_eq!(tree(Path::new(&dest)), expected, "{name}");
        let inode = |path: PathBuf| fs::metadata(path).unwrap().ino();
        let same = inode(scratch.0.join("source/model.bin")) == inode(Path::new(&dest).join("latest.bin"));
        assert_eq!(same, settings.contains(&("link", "hard")), "{name}");
        let copied = Path::new(&dest).join("latest.bin");
        assert!(!fs::symlink_metadata(copied).unwrap().is_symlink());
    }
    let (_, elsewhere) = remote(&files);
    let outcome = elsewhere.download(&scratch.path("x"), &[("link", "hard")], None, None);
    let told = message(outcome, Code::InvalidArgument);
    assert!(told.contains("setting link is 'hard'") && told.contains("/run/checkpoint_000001"), "{told}");
}

#[test]
fn after_links_a_copy_writes_to_files_of_its_own() {
    let (scratch, files) = (Scratch::new(), some_files());
    let checkpoint = local(&scratch, &files);
    let (part, source) = (scratch.0.join(".dest.part"), scratch.0.join("source"));
    // As a call that was killed leaves it.
    fs::create_dir_all(part.join("files/optim")).unwrap();
    fs::hard_link(source.join("model.bin"), part.join("files/model.bin")).unwrap();
    let dest = scratch.path("dest");
    checkpoint.download(&dest, &[], None, None).unwrap();
    fs::write(scratch.0.join("dest/model.bin"), "mine now").unwrap();
    assert_eq!(tree(&source), files);
}

#[test]
fn a_destination_and_a_checkpoint_stay_apart() {
    let (scratch, files) = (Scratch::new(), some_files());
    let checkpoint = local(&scratch, &files);
    symlink("source", scratch.0.join("alias")).unwrap();
    for on_exists in ["fail", "replace", "merge"] {
        for (dest, how) in [
            ("source", " is "),
            ("alias", " is "),
            ("source/copy", "is in"),
            ("alias/a/b", "is in"),
            ("", "holds"),
        ] {
            let outcome = checkpoint.download(&scratch.path(dest), &[("on_exists", on_exists)], None, None);
            let told = message(outcome, Code::InvalidArgument);
            assert!(told.contains(how) && told.contains("dest_dir"), "{told}");
        }
    }
    assert_eq!(tree(&scratch.0.join("source")), files);
    checkpoint.download(&scratch.path("source2"), &[], None, None).unwrap();
}

#[test]
fn what_is_not_there_is_not_found_and_what_is_empty_is_empty() {
    let scratch = Scratch::new();
    let dest = scratch.path("a/dest");
    let gone = Checkpoint::open(&scratch.path("gone"), &[], None).unwrap();
    let told = message(gone.download(&dest, &[], None, None), Code::NotFound);
    assert!(told.contains("gone: the directory of the checkpoint is not there"), "{told}");
    let (_, remote) = remote(&BTreeMap::new());
    message(remote.download(&dest, &[], None, None), Code::NotFound);
    assert!(scratch.names().is_empty());
    fs::create_dir(scratch.0.join("empty")).unwrap();
    let empty = Checkpoint::open(&scratch.path("empty"), &[], None).unwrap();
    empty.download(&dest, &[], None, None).unwrap();
    assert!(names(Path::new(&dest)).is_empty());
    let outcome = empty.download(&scratch.path("b"), &[("include", "*")], None, None);
    message(outcome, Code::InvalidArgument);
    assert!(empty.read_files(None).unwrap().is_empty());
    assert_eq!(gone.read_files(None).unwrap_err().code(), Code::NotFound);
}

#[test]
fn settings_are_checked() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (_, checkpoint) = remote(&files);
    for (key, value, hint) in [
        ("parallel", "0", "from 1 on"),
        ("part_bytes", "x", "from 1 on"),
        ("on_exists", "merg", "'merge'"),
        ("link", "soft", "'hard'"),
        ("include", "", "empty"),
        ("cache_dir", "/x", "unknown setting"),
        ("inclde", "x", "did you mean 'include'?"),
    ] {
        let told = message(
            checkpoint.download(&scratch.path("x"), &[(key, value)], None, None),
            Code::InvalidArgument,
        );
        assert!(told.contains(key) && told.contains(hint), "{told}");
    }
    let part = [("part_bytes", "18446744073709551615"), ("parallel", "18446744073709551615")];
    checkpoint.download(&scratch.path("y"), &part, None, None).unwrap();
}

// ---- File by file ----

#[test]
fn files_are_listed_and_read_one_by_one() {
    let (scratch, files) = (Scratch::new(), some_files());
    let (double, remote) = remote(&files);
    for checkpoint in [remote, local(&scratch, &files)] {
        let listed = checkpoint.read_files(None).unwrap();
        let names: Vec<(String, u64)> = listed.iter().map(|(name, size)| (name.to_owned(), size)).collect();
        let expected: Vec<(String, u64)> =
            files.iter().map(|(name, data)| (name.clone(), data.len() as u64)).collect();
        assert_eq!(names, expected);
        assert_eq!((listed.len(), listed.get(0)), (5, Some((".metadata.json", 2))));
        assert_eq!(listed.get(5), None);
        let mut into = [0; 100];
        let data = &files["optim/rank_0.pt"];
        assert_eq!(checkpoint.read_file("optim/rank_0.pt", 40, &mut into, None).unwrap(), 100);
        assert_eq!(into, data[40..140]);
        assert_eq!(checkpoint.read_file("optim/rank_0.pt", 29_950, &mut into, None).unwrap(), 50);
        assert_eq!(checkpoint.read_file("optim/rank_0.pt", 30_000, &mut into, None).unwrap(), 0);
        assert_eq!(checkpoint.read_file("optim/rank_0.pt", 1 << 40, &mut into, None).unwrap(), 0);
        assert_eq!(checkpoint.read_file("empty", 0, &mut into, None).unwrap(), 0);
        for wrong in ["", "/etc/passwd", "../x", "optim/../../x", "optim//rank_0.pt", "optim/.", "a\0b"] {
            let error = checkpoint.read_file(wrong, 0, &mut into, None).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument);
            assert!(error.message().contains("argument name"), "{error}");
        }
        let error = checkpoint.read_file("optim/rank_1.pt", 0, &mut into, None).unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
        assert!(error.message().contains("optim/rank_1.pt"), "{error}");
        let cancel = Cancel::new();
        cancel.trigger();
        assert_eq!(
            checkpoint.read_file("empty", 0, &mut into, Some(&cancel)).unwrap_err().code(),
            Code::Cancelled
        );
    }
    assert_eq!(double.lists.load(Relaxed), 1);
}
