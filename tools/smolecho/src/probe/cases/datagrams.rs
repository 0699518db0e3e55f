//! Cases with datagrams.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use crate::kernel::cause::{cause, is_timeout};
use crate::kernel::pattern::{compare, pattern};
use crate::kernel::socket::unspecified;
use crate::probe::case::{Scene, Trouble};

/// How often a datagram is sent before it counts as unanswered.
const TRIES: u32 = 3;

/// Payload that fits, behind the longest headers, into the 576 bytes that every host accepts (RFC 791 section
/// 3.1).
const MUST: usize = 512;

/// How long to wait for an answer.
const QUIET: Duration = Duration::from_millis(300);

pub(super) fn echo(scene: &mut Scene) -> Result<String, Trouble> {
    let outcome = first_answer(scene);
    scene.no_udp = outcome.is_err();
    outcome
}

/// A connected socket receives errors but no answer from another address; an unconnected socket the reverse.
/// Both are tried.
fn first_answer(scene: &Scene) -> Result<String, Trouble> {
    const HELLO: &[u8] = b"Hello, Server!";
    if ask(scene, &connect(scene)?, HELLO)? {
        return Ok(String::new());
    }
    let socket = open(scene, 0)?;
    let _ = socket.send_to(HELLO, scene.target);
    match receive(&socket, &mut [0; 64], scene.left()) {
        Ok((_, from)) if !is_same(from, scene.target) => {
            Trouble::failed(format!("the answer came from {from}"))
        }
        Ok(_) => Trouble::failed(format!("the first {TRIES} datagrams were not answered")),
        Err(_) => Trouble::failed(format!("no answer to {} datagrams", TRIES + 1)),
    }
}

pub(super) fn sizes(scene: &mut Scene) -> Result<String, Trouble> {
    let socket = connect(scene)?;
    let largest = if scene.target.is_ipv4() { 1472 } else { 1452 };
    let mut answered = 0;
    for size in [0, 1, 2, 3, 17, 18, 19, 64, 511, MUST, 513, 1024, largest - 1, largest] {
        match ask(scene, &socket, &pattern(size))? {
            true => answered = size,
            false if size > MUST => break,
            false => return Trouble::failed(format!("no answer to {size} bytes")),
        }
    }
    Ok(format!("up to {answered} bytes"))
}

pub(super) fn fragments(scene: &mut Scene) -> Result<String, Trouble> {
    let socket = connect(scene)?;
    if ask(scene, &socket, &pattern(2000))? {
        Ok("echoed whole".into())
    } else {
        Ok("not answered".into())
    }
}

pub(super) fn window(scene: &mut Scene) -> Result<String, Trouble> {
    const WINDOW: u32 = 32;
    let socket = connect(scene)?;
    // Alone, because Linux may reorder datagrams until the hardware address is known.
    ask(scene, &socket, b"first")?;
    for number in 0..WINDOW {
        if let Err(error) = socket.send(&number.to_be_bytes()) {
            return Trouble::failed(error.to_string());
        }
    }
    let mut buffer = [0; 64];
    let mut seen = Vec::new();
    // A server may send without end.
    while !scene.is_over() {
        match receive(&socket, &mut buffer, QUIET.min(scene.left())) {
            Ok((data, _)) => seen.push(data.try_into().map_or(u32::MAX, u32::from_be_bytes)),
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Trouble::failed(cause(&error)),
        }
    }
    let in_order = (0..).zip(&seen).take_while(|(expected, number)| expected == *number).count();
    if in_order == WINDOW as usize && seen.len() == in_order {
        return Ok(String::new());
    }
    Trouble::failed(format!(
        "{} came back, the first {in_order} of them in order: is a buffer too small for a burst?",
        seen.len()
    ))
}

pub(super) fn low_port(scene: &mut Scene) -> Result<String, Trouble> {
    // Ports of echo and similar services; the first that is free here.
    let none = Trouble::not_run("no local port");
    let socket = [7, 9, 13, 17, 19].into_iter();
    let socket = socket.fold(none, |found, port| found.or_else(|_| open(scene, port)))?;
    if let Err(error) = socket.send_to(b"echo?", scene.target) {
        return Trouble::not_run(error.to_string());
    }
    match receive(&socket, &mut [0; 64], QUIET.min(scene.left())) {
        Err(error) if is_timeout(&error) => Ok(String::new()),
        Err(error) => Trouble::not_run(error.to_string()),
        Ok(_) => Trouble::failed("it was answered"),
    }
}

/// Whether the question is echoed; a wrong answer is a failure.
fn ask(scene: &Scene, socket: &UdpSocket, question: &[u8]) -> Result<bool, Trouble> {
    let mut buffer = vec![0; 65_536];
    for _ in 0..TRIES {
        if let Err(error) = socket.send(question) {
            return Trouble::failed(format!("{} bytes: {}", question.len(), cause(&error)));
        }
        match receive(socket, &mut buffer, QUIET.min(scene.left())) {
            Ok((data, _)) => return Trouble::unless(compare(data, question, 0)).map(|()| true),
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Trouble::failed(cause(&error)),
        }
    }
    Ok(false)
}

fn connect(scene: &Scene) -> Result<UdpSocket, Trouble> {
    let socket = open(scene, 0)?;
    match socket.connect(scene.target) {
        Ok(()) => Ok(socket),
        Err(error) => Trouble::failed(error.to_string()),
    }
}

fn open(scene: &Scene, port: u16) -> Result<UdpSocket, Trouble> {
    UdpSocket::bind((unspecified(scene.target), port)).or_else(|error| match error.kind() {
        ErrorKind::PermissionDenied => Trouble::not_run(format!("port {port} requires root")),
        _ => Trouble::not_run(format!("port {port}: {error}")),
    })
}

fn receive<'b>(
    socket: &UdpSocket,
    buffer: &'b mut [u8],
    patience: Duration,
) -> io::Result<(&'b [u8], SocketAddr)> {
    socket.set_read_timeout(Some(patience.max(Duration::from_millis(1))))?;
    let (len, from) = socket.recv_from(buffer)?;
    Ok((&buffer[..len], from))
}

fn is_same(a: SocketAddr, b: SocketAddr) -> bool {
    (a.ip(), a.port()) == (b.ip(), b.port())
}
