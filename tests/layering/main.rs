//! Which file may use which. A library for boards must not grow a `std`, a clock or an allocation by
//! accident, no layer reaches past its neighbours, and no files import each other in a circle.

mod imports;
mod names;

use std::fs;
use std::path::Path;

use imports::{circle, imports, upwards};
use names::{Names, module};

/// The modules of smoltcp, and of the library, that files may use whose path starts with `path`.
struct Layer {
    path: &'static str,
    smoltcp: &'static [&'static str],
    ours: &'static [&'static str],
}

const fn layer(
    path: &'static str,
    smoltcp: &'static [&'static str],
    ours: &'static [&'static str],
) -> Layer {
    Layer { path, smoltcp, ours }
}

/// Any module: lib.rs is a map without logic, and the node brings everything together.
const ALL: &[&str] = &["*"];

const LAYERS: &[Layer] = &[
    layer("lib.rs", ALL, ALL),
    layer("node.rs", ALL, ALL),
    layer("node/", ALL, ALL),
    layer("gate.rs", &["wire"], &["event", "ipv6", "path_mtu", "segment", "unreachable"]),
    layer("unreachable.rs", &["wire"], &["event"]),
    layer("path_mtu.rs", &["time", "wire"], &["event"]),
    layer("neighbor/", &["phy", "wire"], &[]),
    layer("ipv6.rs", &["phy", "wire"], &["event"]),
    layer("strip.rs", &["wire"], &["ipv6"]),
    layer("segment.rs", &["phy", "wire"], &["event"]),
    layer("cookie.rs", &["time", "wire"], &["event"]),
    layer("cookie/", &["time", "wire"], &["event"]),
    layer("server/tcp.rs", &["socket"], &["config"]),
    layer("server/", &["time", "wire"], &["config", "event", "named", "rate"]),
    layer("client/tcp.rs", &["socket"], &[]),
    layer("client/absent.rs", &["socket", "time"], &["event"]),
    layer("client/", &["time"], &["config", "event", "named"]),
    layer(
        "pool/",
        &["iface", "socket", "time", "wire"],
        &["client", "config", "event", "path_mtu", "phy", "rate", "server"],
    ),
    layer("udp_queue.rs", &["iface", "phy", "socket", "time"], &["client", "config", "event"]),
    layer(
        "addresses/",
        &["config", "iface", "phy", "time", "wire"],
        &["config", "neighbor", "phy", "random"],
    ),
    layer("storage.rs", &["iface", "socket"], &["pool", "udp_queue"]),
    layer("config.rs", &["time", "wire"], &["addresses", "rate"]),
    layer("event.rs", &["wire"], &["named"]),
    layer("display.rs", &["wire"], &["event"]),
    layer("named.rs", &[], &[]),
    layer("rate.rs", &["time"], &[]),
    layer("random.rs", &[], &[]),
    layer("run.rs", &["phy", "time"], &["event", "node", "phy"]),
    layer("conformance/", &["phy", "time", "wire"], &["named", "phy"]),
    layer("phy/tap/", &["phy", "time", "wire"], &["ipv6", "strip"]),
    layer("phy/", &["phy", "time", "wire"], &[]),
];

/// The TAP device needs an operating system; the files that make system calls may be unsafe.
const HOSTED: &str = "phy/tap";
const UNSAFE: &[&str] =
    &["phy/tap/timerfd.rs", "phy/tap/tun.rs", "phy/tap/uring.rs", "phy/tap/epoll.rs"];
const FORBIDDEN: &[&str] = &[
    "std",
    "alloc",
    "unsafe",
    "SystemTime",
    "sleep",
    "thread",
    "print",
    "println",
    "eprint",
    "eprintln",
    "dbg",
];
/// Devices: a program chooses one, the library never does.
const DEVICES: &[&str] = &["cable", "embassy", "tap"];

/// The floors of the host program, the highest first.
const FLOORS: &[&[&str]] = &[
    &["main", "lib", "cli"],
    &["serve", "client", "demo", "bench", "sim"],
    &["probe", "node", "load"],
    &["output", "kernel"],
    &["args", "host", "document"],
    &["fault"],
];

/// The rules that a file of the library breaks.
fn offences(path: &str, source: &str) -> Vec<String> {
    let Some(layer) = LAYERS.iter().find(|layer| path.starts_with(layer.path)) else {
        return vec![format!("{path}: say in tests/layering which layer it belongs to")];
    };
    let names = Names::of(path, source);
    let has = |word: &&&str| names.words.contains(**word);
    let mut offences = Vec::new();
    if path.starts_with(HOSTED) {
        let is_unsafe = !UNSAFE.contains(&path) && has(&&"unsafe");
        offences.extend(is_unsafe.then(|| format!("{path}: unsafe")));
    } else {
        let clock =
            names.paths.iter().any(|path| path.ends_with(&["Instant".into(), "now".into()]));
        offences.extend(FORBIDDEN.iter().filter(has).map(|word| format!("{path}: {word}")));
        offences.extend(clock.then(|| format!("{path}: reads a clock")));
    }
    if !path.starts_with("phy/") {
        let devices = DEVICES.iter().filter(has);
        offences.extend(devices.map(|device| format!("{path}: names the device {device}")));
    }
    for used in &names.paths {
        let allowed = match used[0].as_str() {
            "smoltcp" => layer.smoltcp,
            "crate" if names.module.first() != Some(&used[1]) => layer.ours,
            _ => ALL,
        };
        if allowed != ALL && !allowed.contains(&used[1].as_str()) {
            offences.push(format!("{path}: {}::{}", used[0], used[1]));
        }
    }
    offences
}

/// The source files of a package: their paths below `src/`, in order, and their text.
fn sources(package: &str) -> Vec<(String, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join(package).join("src");
    let mut folders = vec![src.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
                files.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(files.len() >= 15, "only {} files found in {}", files.len(), src.display());
    files.sort();
    files
}

#[test]
fn every_file_keeps_to_its_layer() {
    let files = sources("");
    let offences: Vec<_> = files.iter().flat_map(|(path, source)| offences(path, source)).collect();
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    for package in ["tools/sim", "tools/smolecho", "tools/xtask"] {
        assert_eq!(circle(&imports(&sources(package))), None, "{package}");
    }
    // In the library a file may use the module that declares it.
    let mut library = imports(&sources(""));
    for (file, used) in &mut library {
        used.retain(|used| !module(file).starts_with(&module(used)));
    }
    assert_eq!(circle(&library), None, "the library");
}

#[test]
fn the_host_program_imports_no_higher_floor() {
    let upwards = upwards(&imports(&sources("tools/smolecho")), FLOORS);
    assert!(upwards.is_empty(), "{}", upwards.join("\n"));
}

/// A package of three files: `node/run.rs` uses `output` by a path, as this says.
fn package(run: &str) -> imports::Imports {
    let files = [
        ("main.rs", "mod node; mod output; use node::run; use output::{self as out};"),
        ("node/mod.rs", "mod run; pub(crate) use run::run; pub(in crate::node) struct Plan;"),
        ("node/run.rs", run),
        ("output.rs", "use std::io; mod tests { use super::*; }"),
    ];
    imports(&files.map(|(path, source)| (path.to_owned(), source.to_owned())))
}

#[test]
fn a_circle_is_found() {
    let from_the_parent = Some(vec!["node/run.rs", "node/mod.rs", "node/run.rs"]);
    for run in [
        "use super::Plan;",
        "use crate::{output, node::{Plan as P}};",
        "fn run() -> crate::node::Plan { todo!() }",
        "fn run() { assert!(super::Plan == crate::node::Plan) }",
        "mod tests { use super::super::Plan; }",
    ] {
        assert_eq!(circle(&package(run)), from_the_parent, "{run}");
    }
    let through_the_root = Some(vec!["main.rs", "node/run.rs", "main.rs"]);
    assert_eq!(circle(&package("use crate::Fault;")), through_the_root);
    for run in ["use crate::output;", "pub(in crate::node) fn run() {}", "use std::node::Plan;"] {
        assert_eq!(circle(&package(run)), None, "{run}");
    }
}

#[test]
fn an_import_of_a_higher_floor_is_found() {
    let floors: &[&[&str]] = &[&["main"], &["output"], &["node"]];
    let found = upwards(&package("use crate::output::say;"), floors);
    assert_eq!(found, ["node/run.rs uses output.rs"]);
    assert_eq!(upwards(&package("use super::Plan;"), floors), [""; 0]);
    assert_eq!(upwards(&package(""), &floors[1..]), ["main.rs is on no floor"]);
}

#[test]
fn what_is_wrong_is_found() {
    for (path, source) in [
        ("gate.rs", "use std::vec::Vec;"),
        ("gate.rs", "extern crate alloc;"),
        ("node.rs", "fn f() { unsafe { core::hint::unreachable_unchecked() } }"),
        ("node.rs", "fn f() { let now = Instant::now(); }"),
        ("server/tcp.rs", "fn f() { println!(\"accepted\"); }"),
        ("gate.rs", "use smoltcp::iface::Interface;"),
        ("gate.rs", "use smoltcp::{wire::TcpPacket, socket::tcp};"),
        ("gate.rs", "use crate::{event::{Refusal, Tuple}, pool::Pool};"),
        ("gate.rs", "fn find() -> crate::node::Node<'static> { todo!() }"),
        ("gate.rs", "fn find() { log!(\"{}\", crate::node::find()) }"),
        ("server/tcp.rs", "use super::super::gate::Control;"),
        ("server/udp.rs", "use smoltcp::iface::SocketSet;"),
        ("client/tcp.rs", "use crate::server::tcp::Echo;"),
        ("event.rs", "use crate::config::Flow;"),
        ("config.rs", "use crate::gate::Own;"),
        ("node.rs", "use crate::phy::tap::Tap;"),
        ("run.rs", "use crate::phy::embassy::Bridge;"),
        ("conformance/rules.rs", "use crate::phy::cable::Cable;"),
        ("pool/slot.rs", "use crate::node::Node;"),
        ("phy/cable.rs", "use crate::event::Event;"),
        ("phy/cable.rs", "use smoltcp::iface::Interface;"),
        ("phy/tap.rs", "fn f() { unsafe { libc::poll() } }"),
        ("new.rs", ""),
    ] {
        assert!(!offences(path, source).is_empty(), "{path}: {source}");
    }
}

#[test]
fn what_is_right_passes() {
    for (path, source) in [
        ("gate.rs", "//! std, unsafe and alloc are words in a comment\nuse smoltcp::wire::{A, B};"),
        (
            "node.rs",
            "use smoltcp::iface::Interface; fn f() { write!(f, \"// unsafe to sleep in std\"); }",
        ),
        ("pool/slot.rs", "use crate::{client::tcp::Exchange, server::tcp::Session};"),
        ("phy/tap.rs", "use std::io;"),
        ("phy/tap/tun.rs", "use std::io; fn f() { unsafe { libc::poll() } }"),
        ("server/udp.rs", "use smoltcp::wire::IpAddress; use crate::config::Service;"),
        ("lib.rs", "#![no_std]\npub use node::Node;"),
    ] {
        assert_eq!(offences(path, source), [""; 0], "{path}: {source}");
    }
}
