//! Links libntfs-3g: `wimlib-sys` with `bundled` and `sys-ntfs-3g` builds wimlib with NTFS support
//! but forgets to name the library.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-lib=ntfs-3g");
    }
}
