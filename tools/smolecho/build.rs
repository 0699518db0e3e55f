//! Gives the program the version of smoltcp in `Cargo.lock`: smoltcp does not export it.

use std::fs;

const LOCK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.lock");

fn main() {
    println!("cargo::rerun-if-changed={LOCK}");
    let lock = fs::read_to_string(LOCK).unwrap_or_default();
    let entry = lock.split_once("name = \"smoltcp\"\nversion = \"");
    let version = entry.and_then(|(_, rest)| rest.split('"').next()).unwrap_or("unknown");
    println!("cargo::rustc-env=SMOLTCP_VERSION={version}");
}
