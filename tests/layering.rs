//! Who may use whom in `src/`, as the architecture says: a library for boards must not grow a `std`,
//! a clock or an allocation by accident, and no layer may reach past its neighbours.

use std::fs;
use std::path::{Path, PathBuf};

/// Where a path begins; what it may name of smoltcp, and which of our modules.
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

/// Anything: lib.rs is a map without logic, and the node is where all meets.
const ALL: &[&str] = &["*"];

const LAYERS: &[Layer] = &[
    layer("lib.rs", ALL, ALL),
    layer("node.rs", ALL, ALL),
    layer("node/", ALL, ALL),
    layer("gate.rs", &["wire"], &["event", "ipv6", "segment"]),
    layer("neighbor/", &["phy", "wire"], &[]),
    layer("ipv6.rs", &["wire"], &[]),
    layer("segment.rs", &["phy", "wire"], &["event"]),
    layer("cookie.rs", &["time", "wire"], &["event"]),
    layer("server/tcp.rs", &["socket"], &["config"]),
    layer("server/", &["time", "wire"], &["config", "event", "named", "rate"]),
    layer("client/tcp.rs", &["socket"], &[]),
    layer("client/", &["time"], &["config", "event", "named"]),
    layer(
        "pool/",
        &["iface", "socket", "time", "wire"],
        &["client", "config", "event", "phy", "rate", "server"],
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
    layer("phy/tap/", &["phy", "time", "wire"], &["ipv6"]),
    layer("phy/", &["phy", "time", "wire"], &[]),
];

/// The TAP, which runs where there is an operating system; its ways to the kernel may be unsafe.
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
/// Devices that only a program may choose.
const DEVICES: &[&str] = &["cable", "embassy", "tap"];

/// What a file does that its place does not allow.
fn offences(path: &str, source: &str) -> Vec<String> {
    let code = words(source);
    let Some(layer) = LAYERS.iter().find(|layer| path.starts_with(layer.path)) else {
        return vec![format!("{path}: say in tests/layering.rs which layer it belongs to")];
    };
    let mut offences = Vec::new();
    if path.starts_with(HOSTED) {
        let is_unsafe = !UNSAFE.contains(&path) && code.iter().any(|word| word == "unsafe");
        offences.extend(is_unsafe.then(|| format!("{path}: unsafe")));
    } else {
        let clock = code.windows(4).any(|w| w == ["Instant", ":", ":", "now"]);
        let forbidden = FORBIDDEN.iter().copied().filter(|word| code.iter().any(|w| w == word));
        offences.extend(forbidden.map(|word| format!("{path}: {word}")));
        offences.extend(clock.then(|| format!("{path}: reads a clock")));
    }
    if !path.starts_with("phy/") {
        let devices = DEVICES.iter().filter(|device| code.iter().any(|word| word == *device));
        offences.extend(devices.map(|device| format!("{path}: names the device {device}")));
    }
    for (root, allowed) in [("smoltcp", layer.smoltcp), ("crate", layer.ours)] {
        for used in used(&code, root) {
            if allowed != ALL && !allowed.contains(&used.as_str()) {
                offences.push(format!("{path}: {root}::{used}"));
            }
        }
    }
    offences
}

/// The names right behind `root::`, those of a group included.
fn used(code: &[String], root: &str) -> Vec<String> {
    let mut used = Vec::new();
    for at in 0..code.len().saturating_sub(3) {
        if code[at] != root || code[at + 1] != ":" || code[at + 2] != ":" {
            continue;
        }
        if code[at + 3] != "{" {
            used.push(code[at + 3].clone());
            continue;
        }
        let mut depth = 0;
        let mut first = true;
        for word in &code[at + 3..] {
            match word.as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                "," if depth == 1 => first = true,
                _ if depth == 1 && first => {
                    used.push(word.clone());
                    first = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    used
}

/// The words and signs of the code, without comments, texts and attributes of the lints.
fn words(source: &str) -> Vec<String> {
    let mut words = Vec::new();
    for line in source.lines() {
        let mut in_text = false;
        let mut word = String::new();
        let mut escaped = false;
        for (at, c) in line.char_indices() {
            if !in_text && line[at..].starts_with("//") {
                break;
            }
            if c == '"' && !escaped && !line[..at].ends_with('\'') {
                in_text = !in_text;
            }
            escaped = c == '\\' && !escaped;
            if !in_text && (c.is_alphanumeric() || c == '_') {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if !in_text && !c.is_whitespace() && c != '"' {
                words.push(c.to_string());
            }
        }
        if !word.is_empty() {
            words.push(word);
        }
    }
    words
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_file_keeps_to_its_layer() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = sources(&src);
    assert!(files.len() >= 15, "only {} files found in {}", files.len(), src.display());
    let mut offences = Vec::new();
    for file in files {
        let name = file.strip_prefix(&src).unwrap().to_str().unwrap().replace('\\', "/");
        offences.extend(self::offences(&name, &fs::read_to_string(file).unwrap()));
    }
    assert!(offences.is_empty(), "{}", offences.join("\n"));
}

#[test]
fn what_is_wrong_is_found() {
    for (path, source) in [
        ("gate.rs", "use std::vec::Vec;"),
        ("gate.rs", "extern crate alloc;"),
        ("node.rs", "unsafe { core::hint::unreachable_unchecked() }"),
        ("node.rs", "let now = Instant::now();"),
        ("server/tcp.rs", "println!(\"accepted\");"),
        ("gate.rs", "use smoltcp::iface::Interface;"),
        ("gate.rs", "use smoltcp::{wire::TcpPacket, socket::tcp};"),
        ("gate.rs", "use crate::{event::{Refusal, Tuple}, pool::Pool};"),
        ("gate.rs", "fn find() -> crate::node::Node<'static>"),
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
        ("phy/tap.rs", "unsafe { libc::poll() }"),
        ("new.rs", ""),
    ] {
        assert!(!offences(path, source).is_empty(), "{path}: {source}");
    }
}

#[test]
fn what_is_right_passes() {
    for (path, source) in [
        ("gate.rs", "//! std, unsafe and alloc are words in a comment\nuse smoltcp::wire::{A, B};"),
        ("node.rs", "write!(f, \"// unsafe to sleep in std\"); use smoltcp::iface::Interface;"),
        ("pool/slot.rs", "use crate::{client::tcp::Exchange, server::tcp::Session};"),
        ("phy/tap.rs", "use std::io;"),
        ("phy/tap/tun.rs", "use std::io; unsafe { libc::poll() }"),
        ("server/udp.rs", "use smoltcp::wire::IpAddress; use crate::config::Service;"),
        ("lib.rs", "#![no_std]\npub use node::Node;"),
    ] {
        assert_eq!(offences(path, source), [""; 0], "{path}: {source}");
    }
}
