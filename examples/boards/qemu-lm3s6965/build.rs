//! The linker looks for memory.x and device.x in its working directory, which is another one when this
//! package is built from elsewhere.

fn main() {
    println!("cargo::rerun-if-changed=memory.x");
    println!("cargo::rerun-if-changed=device.x");
    println!("cargo::rustc-link-search={}", env!("CARGO_MANIFEST_DIR"));
}
