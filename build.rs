//! Link options of `libresult.so`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        let soname = format!("-Wl,-soname,libresult.so.{}", env!("CARGO_PKG_VERSION_MAJOR"));
        // The library stays in memory after dlclose: a host may hold threads that still run in it.
        // Of what it links, only libresult_* shows.
        for option in [soname.as_str(), "-Wl,-z,nodelete", "-Wl,--exclude-libs,ALL"] {
            println!("cargo:rustc-cdylib-link-arg={option}");
        }
    }
}
