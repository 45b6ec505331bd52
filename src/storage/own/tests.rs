use super::*;
use crate::error::{Code, Error};
use crate::storage::{Fault, Location, Settings, locate};

/// The same directory at every path, with a file of 5 bytes that may be lied about.
struct Endless {
    says: usize,
}

impl Functions for Endless {
    fn list(&self, path: &str, into: &mut Listing) -> Result<()> {
        if path.ends_with("gone") {
            return Err(Error::not_found(""));
        }
        into.add("file", 5, false);
        into.add("below", 0, true);
        Ok(())
    }

    fn read(&self, _: &str, _: u64, into: &mut [u8]) -> Result<usize> {
        into.fill(b'x');
        Ok(into.len().min(2) + self.says)
    }

    fn can_write(&self) -> bool {
        false
    }

    fn write(&self, _: &str, _: &[u8]) -> Result<()> {
        Ok(())
    }
}

fn endless(scheme: &str, is_concurrent: bool, says: usize) -> Result<()> {
    register(scheme, is_concurrent, || Box::new(Endless { says }))
}

fn at(uri: &str) -> Location {
    locate(uri, &Settings::new(&[], &[]).unwrap()).unwrap()
}

#[test]
fn a_scheme_is_a_free_one_in_lower_case() {
    for scheme in ["", "1a", "a b", "a_b", "é", "Own", "a/b", "file", "local", "s3", "https", "memory"] {
        let error = endless(scheme, true, 0).unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{scheme}");
    }
    endless("own.t-1+x", true, 0).unwrap();
    assert!(endless("own.t-1+x", true, 0).unwrap_err().message().contains("own.t-1+x://"));
    let error = locate("own.t-1+z://a", &Settings::new(&[], &[]).unwrap()).unwrap_err();
    assert!(error.message().contains("did you mean own.t-1+x://"), "{error}");
    unregister("own.t-1+x").unwrap();
    assert!(unregister("own.t-1+x").unwrap_err().message().contains("own.t-1+x://"));
}

#[test]
fn a_path_is_what_stands_behind_the_scheme() {
    endless("own.paths", true, 0).unwrap();
    for (uri, path, below) in [
        ("own.paths://", "", "x"),
        ("own.paths:///", "/", "/x"),
        ("own.paths://a%20b/?c=d//", "a%20b/?c=d", "a%20b/?c=d/x"),
        ("own.paths:///a//b", "/a//b", "/a//b/x"),
    ] {
        let location = at(uri);
        assert_eq!((location.path.as_str(), location.join("x").path.as_str()), (path, below));
        assert_eq!(location.uri(), format!("own.paths://{path}"));
        assert_eq!(at(&location.uri()).path, path);
    }
    assert_eq!(at("own.paths://a").store.filesystem(), "own.paths");
    unregister("own.paths").unwrap();
}

#[test]
fn what_it_has_is_what_it_lists() {
    endless("own.files", true, 0).unwrap();
    let here = at("own.files://a");
    // Reads are short here, which costs more of them.
    assert_eq!(here.join("file").read(9, None).unwrap().0, b"xxxxx");
    let fault = |path: &str| here.join(path).open(None, None).map(|_| ()).unwrap_err().fault;
    assert!(matches!(fault("none"), Fault::NotFound));
    assert!(matches!(fault("gone/file"), Fault::NotFound));
    assert!(matches!(fault("below"), Fault::NotAFile));
    assert!(matches!(at("own.files://").open(None, None).map(|_| ()).unwrap_err().fault, Fault::NotAFile));
    assert!(
        at("own.files:///file").open(None, None).is_ok() && at("own.files://file").open(None, None).is_ok()
    );
    assert!(here.walk(None).unwrap_err().to_string().contains("own.files://a: its directories"));
    let error = Error::from(here.store.create("a/x", None).map(|_| ()).unwrap_err());
    assert_eq!((error.code(), error.message().contains("own.files://")), (Code::Unsupported, true));
    unregister("own.files").unwrap();
    // What is open goes on.
    assert!(here.list(None).is_ok());
}

#[test]
fn a_count_that_cannot_be_is_not_believed() {
    endless("own.lies", true, 4).unwrap();
    let error = at("own.lies://file").read(9, None).unwrap_err();
    assert!(error.to_string().contains("read 6 bytes where 5 were asked for"), "{error}");
    unregister("own.lies").unwrap();
}
