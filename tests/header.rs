//! `include/libresult.h` is what cbindgen makes of the sources. `LIBRESULT_BLESS=1 cargo test --test header`
//! writes it anew.

#![allow(clippy::expect_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;

/// The header, from the types of the model and the functions of `src/ffi`, in the order of its modules.
fn generate(root: &Path) -> String {
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for file in [
        "run/best.rs",
        "run/mod.rs",
        "value.rs",
        "layout/record.rs",
        "layout/diagnostic.rs",
        "frame/mod.rs",
        "storage/own/mod.rs",
        "error.rs",
    ] {
        builder = builder.with_src(root.join("src").join(file));
    }
    builder = builder.with_src(root.join("src/cancel.rs")).with_src(root.join("src/checkpoint/mod.rs"));
    let modules = fs::read_to_string(root.join("src/ffi/mod.rs")).expect("src/ffi/mod.rs");
    for line in modules.lines() {
        if let Some(module) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) {
            builder = builder.with_src(root.join(format!("src/ffi/{module}.rs")));
        }
    }
    let mut made = Vec::new();
    builder.generate().expect("cbindgen").write(&mut made);
    let made = String::from_utf8(made).expect("a header in UTF-8");

    let parts = ["MAJOR", "MINOR", "PATCH"].into_iter().zip(env!("CARGO_PKG_VERSION").split('.'));
    let version: Vec<String> =
        parts.map(|(part, number)| format!("#define LIBRESULT_VERSION_{part} {number}")).collect();
    // cbindgen cannot say that an enum is open for more values.
    let opened = made.replace("typedef enum {", "typedef enum LIBRESULT_OPEN {");
    opened.replace("@VERSION@", &version.join("\n"))
}

#[test]
fn the_header_is_what_the_sources_say() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let header = root.join("include/libresult.h");
    let made = generate(root);
    if std::env::var_os("LIBRESULT_BLESS").is_some() {
        fs::write(&header, &made).expect("writing the header");
    }
    let kept = fs::read_to_string(&header).expect("reading the header");
    assert!(kept == made, "include/libresult.h is old: LIBRESULT_BLESS=1 cargo test --test header");
    assert!(made.contains("typedef enum LIBRESULT_OPEN {\n"), "the enums are open");
}
