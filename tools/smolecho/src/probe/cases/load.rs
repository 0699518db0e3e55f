//! Many connections.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kernel::socket::{Setup, connect};
use crate::probe::case::{Scene, Trouble};
use crate::probe::peer::Peer;

/// More than this at once is for a benchmark.
const MOST: usize = 256;

/// A server that has not answered by then has no place for us.
const NO_PLACE: Duration = Duration::from_millis(500);

/// Before somebody who was not served comes again.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) fn many(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peers = Vec::new();
    for n in 1..=scene.connections {
        let mut peer = Peer::connect(scene).map_err(|trouble| nth(n, trouble))?;
        peer.echo(&n.to_be_bytes()).map_err(|trouble| nth(n, trouble))?;
        peers.push(peer);
    }
    // Interleaved: nobody gets another's bytes.
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

/// Connects until one is not served any more.
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
    // What did not get in before may stand in front of us.
    while !scene.is_over() {
        let served = Peer::connect(scene).map(|mut peer| peer.is_served(NO_PLACE));
        if served == Ok(true) {
            let more = if is_full { "" } else { " and more" };
            return Ok(format!("{count}{more} at once"));
        }
        sleep(AGAIN);
    }
    Trouble::failed(format!("{count} were served and have closed, and nobody is served any more"))
}

pub(super) fn churn(scene: &mut Scene) -> Result<String, Trouble> {
    for n in 1..=50 {
        let call = || Peer::connect(scene)?.echo(b"Hello, Server!");
        call().map_err(|trouble| nth(n, trouble))?;
    }
    Ok(String::new())
}
