//! Processes that are killed in the middle: these tests start themselves again as such processes.

use std::env;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// A process that does what `child` does, with a directory of its own.
fn start(what: &str, directory: &str) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--test-threads=1", "checkpoint::transfer::tests::killed::child"])
        .env("LIBRESULT_TEST_CHILD", what)
        .env("LIBRESULT_TEST_DIRECTORY", directory)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "what the others start as a process"]
fn child() {
    let directory = env::var("LIBRESULT_TEST_DIRECTORY").unwrap();
    let files = some_files();
    let (double, checkpoint) = remote(&files);
    double.reads.delay_ms.store(2, Relaxed);
    match env::var("LIBRESULT_TEST_CHILD").unwrap().as_str() {
        "download" => {
            let settings = [("part_bytes", "4096"), ("parallel", "1"), ("on_exists", "replace")];
            checkpoint.download(&directory, &settings, None, None).unwrap();
        }
        _ => loop {
            let settings = [("part_bytes", "4096"), ("parallel", "2"), ("cache_dir", directory.as_str())];
            let found = checkpoint.open_directory(&settings, None, None).unwrap();
            assert!(tree(Path::new(found.path())) == files);
        },
    }
}

#[test]
fn killed_anywhere_the_destination_is_whole_or_untouched() {
    let (scratch, files) = (Scratch::new(), some_files());
    let dest = scratch.path("dest");
    let old = BTreeMap::from([("mine".to_owned(), b"1".to_vec())]);
    let (mut untouched, mut whole) = (0, 0);
    for delay in (0..200).step_by(8) {
        if delay % 64 == 0 {
            // From the beginning again.
            for path in [&dest, &scratch.path(".dest.part")] {
                let _ = fs::remove_dir_all(path);
            }
            fs::create_dir(&dest).unwrap();
            fs::write(scratch.0.join("dest/mine"), "1").unwrap();
        }
        let mut child = start("download", &dest);
        std::thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
        let found = tree(Path::new(&dest));
        assert!(found == old || found == files, "after {delay} ms: {:?}", found.keys());
        *(if found == old { &mut untouched } else { &mut whole }) += 1;
    }
    assert!(untouched > 0 && whole > 0, "{untouched} {whole}");
    let (_, checkpoint) = remote(&files);
    checkpoint.download(&dest, &[("on_exists", "replace")], None, None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    assert_eq!(scratch.names(), ["dest"]);
}

#[test]
fn what_a_killed_process_fetched_is_not_fetched_again() {
    let (scratch, files) = (Scratch::new(), some_files());
    let dest = scratch.path("dest");
    let mut child = start("download", &dest);
    let manifest = scratch.0.join(".dest.part/manifest");
    let begin = Instant::now();
    while fs::read_to_string(&manifest).map_or(0, |text| text.lines().count()) < 12 {
        assert!(begin.elapsed() < Duration::from_secs(30));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let (double, checkpoint) = remote(&files);
    checkpoint.download(&dest, &[], None, None).unwrap();
    assert_eq!(tree(Path::new(&dest)), files);
    assert!(double.bytes.load(Relaxed) <= 130_003 - 9 * 4096, "{:?}", double.bytes);
}

#[test]
fn processes_share_a_copy_while_others_are_killed() {
    let (scratch, files) = (Scratch::new(), some_files());
    let cache = scratch.path("cache");
    let mut children: Vec<Child> = (0..4).map(|_| start("directory", &cache)).collect();
    let (begin, mut random) = (Instant::now(), 12345_u64);
    let mut killed = 0;
    while begin.elapsed() < Duration::from_secs(4) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        std::thread::sleep(Duration::from_millis((random >> 33) & 63));
        let index = (random >> 40) as usize % children.len();
        assert!(
            children.iter_mut().all(|child| child.try_wait().unwrap().is_none()),
            "one found half a copy"
        );
        children[index].kill().unwrap();
        children[index].wait().unwrap();
        children[index] = start("directory", &cache);
        killed += 1;
    }
    assert!(children.iter_mut().all(|child| child.try_wait().unwrap().is_none()), "one found half a copy");
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(killed > 20);
    // Whatever they left, the next ones use or remove.
    let (_, checkpoint) = remote(&files);
    for include in ["*", "empty"] {
        let settings = [("cache_dir", cache.as_str()), ("include", include)];
        drop(checkpoint.open_directory(&settings, None, None).unwrap());
    }
    assert_eq!(names(Path::new(&cache)), Vec::<String>::new());
}
