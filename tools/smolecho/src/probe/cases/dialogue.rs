//! Cases with bytes over a connection.

use std::net::Shutdown;
use std::thread::sleep;
use std::time::{Duration, Instant};

use socket2::SockRef;

use crate::kernel::pattern::pattern;
use crate::kernel::socket::Setup;
use crate::probe::case::{Flow, Scene, Trouble};
use crate::probe::peer::Peer;

const HELLO: &[u8] = b"Hello, Server!";

/// The lecture's dialogue. The answer to a second message tells how the server treats a connection.
pub(super) fn echo(scene: &mut Scene) -> Result<String, Trouble> {
    let hello = Peer::connect(scene).and_then(|mut peer| peer.echo(HELLO).map(|()| peer));
    scene.no_tcp = hello.is_err();
    let mut peer = hello?;
    if peer.echo(b"And again?").is_ok() {
        scene.flow = Some(Flow::Stream);
        return Ok("flow: stream".into());
    }
    scene.flow = Some(Flow::Once);
    Ok("flow: once, one answer and it closes".into())
}

/// A driver that misses interrupts depends on retransmissions: everything comes back, but late.
pub(super) fn prompt(scene: &mut Scene) -> Result<String, Trouble> {
    const TIMELY: Duration = Duration::from_millis(100);
    let mut peer = Peer::connect(scene)?;
    let mut times = Vec::new();
    for _ in 0..20 {
        let start = Instant::now();
        peer.echo(HELLO)?;
        times.push(start.elapsed());
        if times.iter().filter(|time| **time > TIMELY).count() > 10 {
            break;
        }
    }
    times.sort();
    let median = times[times.len() / 2];
    if median > TIMELY {
        return Trouble::failed(format!(
            "half of the answers took {median:.0?} or longer: is the receive path polled only by a timer, \
             or is an interrupt lost?"
        ));
    }
    Ok(format!("median {median:.0?} of {}", times.len()))
}

pub(super) fn sizes(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    let sizes =
        [1, 2, 3, 63, 64, 65, 535, 536, 537, 1023, 1024, 1025, 1459, 1460, 1461, 2920, 4096];
    for size in sizes.into_iter().chain([16_384, 65_535, 65_536, 100_000]) {
        peer.echo_at_once(&pattern(size), false).map_err(|trouble| of(size, trouble))?;
    }
    Ok(String::new())
}

fn of(size: usize, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Failed(observed) => Trouble::Failed(format!("{size} bytes: {observed}")),
        other => other,
    }
}

pub(super) fn patterns(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    peer.echo(&(0..=255).collect::<Vec<u8>>())?;
    // Ones' complement sums do not distinguish 0x0000 from 0xffff, so a wrong carry shows here.
    for byte in [0x00, 0xff, 0x55, 0xaa] {
        peer.echo_at_once(&[byte; 3001], false)?;
    }
    Ok(String::new())
}

pub(super) fn small_segments(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    let data = pattern(200);
    for byte in data.chunks(1) {
        peer.send(byte)?;
    }
    peer.expect(&data)?;
    Ok(String::new())
}

pub(super) fn both_ways(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    let start = Instant::now();
    peer.echo_at_once(&pattern(1 << 20), false)?;
    Ok(format!("{:.1} MB/s", 1.048_576 / start.elapsed().as_secs_f64()))
}

pub(super) fn slow_writer(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    for piece in pattern(500).chunks(100) {
        peer.echo(piece)?;
        sleep(Duration::from_millis(50));
    }
    Ok(String::new())
}

/// Reads nothing until the server stops accepting. Small local buffers make that happen soon.
pub(super) fn slow_reader(scene: &mut Scene) -> Result<String, Trouble> {
    const MOST: usize = 8 << 20;
    let setup = Setup { buffers: Some(16_384), ..Setup::default() };
    let mut peer = Peer::connect_as(scene, setup)?;
    let pattern = pattern(1 << 16);
    let sent = peer.fill(&pattern, MOST, Duration::from_millis(300))?;
    let all = pattern.repeat(sent.div_ceil(pattern.len()));
    peer.expect(&all[..sent])?;
    peer.echo(b"and on")?;
    Ok(format!("{sent} bytes were in flight"))
}

pub(super) fn urgent(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    peer.echo(b"before")?;
    let urgent = SockRef::from(peer.socket()).send_out_of_band(b"!");
    if let Err(error) = urgent {
        return Trouble::not_run(format!("MSG_OOB: {error}"));
    }
    peer.send(b"after")?;
    // In line, urgent data is ordinary data; out of line it is not echoed.
    if peer.expect(b"!").is_ok() {
        peer.expect(b"after")?;
        return Ok("the urgent byte is echoed in line".into());
    }
    peer.expect(b"fter")?;
    Ok("the urgent byte is not echoed".into())
}

/// The pause leaves time for the answer.
pub(super) fn idle(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    peer.echo(HELLO)?;
    let pause = Duration::from_secs(1).min(scene.left() / 2);
    sleep(pause);
    peer.echo(HELLO)?;
    let _ = peer.socket().shutdown(Shutdown::Write);
    Ok(format!("silent for {pause:.0?}"))
}
