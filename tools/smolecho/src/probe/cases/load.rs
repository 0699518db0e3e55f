//! Cases with many connections.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kernel::socket::{Setup, connect};
use crate::probe::case::{Scene, Trouble};
use crate::probe::peer::Peer;

/// The most connections to open.
const MOST: usize = 256;

/// A server that has not answered by then has no room.
const NO_PLACE: Duration = Duration::from_millis(500);

/// How long to wait before the next attempt.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) fn many(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peers = Vec::new();
    for n in 1..=scene.connections {
        let mut peer = Peer::connect(scene).map_err(|trouble| nth(n, trouble))?;
        peer.echo(&n.to_be_bytes()).map_err(|trouble| nth(n, trouble))?;
        peers.push(peer);
    }
    // Interleaved: no connection may get bytes of another.
    for round in 0..3_u8 {
        for (n, peer) in peers.iter_mut().enumerate() {
            peer.send(&[round, n as u8])?;
        }
        for (n, peer) in peers.iter_mut().enumerate() {
            peer.expect(&[round, n as u8])?;
        }
    }
    Ok(format!("{} at once", peers.len()))
}

fn nth(n: u16, trouble: Trouble) -> Trouble {
    match trouble {
        Trouble::Failed(observed) => Trouble::Failed(format!("connection {n}: {observed}")),
        other => other,
    }
}

/// Connects until a connection is not served.
pub(super) fn pool(scene: &mut Scene) -> Result<String, Trouble> {
    let (mut inside, enough) = (Vec::new(), scene.left() / 2);
    let begin = Instant::now();
    while inside.len() < MOST && begin.elapsed() < enough {
        let Ok(socket) = connect(scene.target, Setup::default(), NO_PLACE) else { break };
        let mut peer = Peer::over(socket, scene);
        if !peer.is_served(NO_PLACE) {
            break;
        }
        inside.push(peer);
    }
    let (count, is_full) = (inside.len(), inside.len() < MOST && begin.elapsed() < enough);
    for peer in &mut inside {
        peer.send(b"still here")?;
    }
    for peer in &mut inside {
        peer.expect(b"still here")?;
    }
    drop(inside);
    // Connections that were not served may still be queued before ours.
    while !scene.is_over() {
        let served = Peer::connect(scene).map(|mut peer| peer.is_served(NO_PLACE));
        if served == Ok(true) {
            let more = if is_full { "" } else { " or more" };
            return Ok(format!("{count}{more} at once"));
        }
        sleep(AGAIN);
    }
    Trouble::failed(format!("{count} were served and have closed, then no connection was served"))
}

pub(super) fn churn(scene: &mut Scene) -> Result<String, Trouble> {
    for n in 1..=50 {
        let call = || Peer::connect(scene)?.echo(b"Hello, Server!");
        call().map_err(|trouble| nth(n, trouble))?;
    }
    Ok(String::new())
}
