//! Cases about closing connections.

use crate::kernel::pattern::pattern;
use crate::kernel::socket::Setup;
use crate::probe::case::{Scene, Trouble};
use crate::probe::peer::Peer;

pub(super) fn close(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    peer.echo(b"farewell")?;
    peer.half_close();
    peer.expect_end()?;
    Ok(String::new())
}

pub(super) fn half_close(scene: &mut Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    peer.echo_at_once(&pattern(50_000), true)?;
    peer.expect_end()?;
    Ok(String::new())
}

/// With bytes in flight in both directions.
pub(super) fn reset(scene: &mut Scene) -> Result<String, Trouble> {
    for _ in 0..3 {
        let mut peer = Peer::connect(scene)?;
        peer.send(&pattern(1000))?;
        peer.reset()?;
    }
    Peer::connect(scene)?.echo(b"still there?")?;
    Ok(String::new())
}

/// Another program may take the port between two connections: then another port is tried.
pub(super) fn same_port(scene: &mut Scene) -> Result<String, Trouble> {
    let mut tries = (0..10).map(|_| from_one_port(scene));
    let ended = tries.find(|ended| !matches!(ended, Err(Trouble::NotRun(_))));
    ended.unwrap_or_else(|| from_one_port(scene))
}

/// A reset leaves no TIME-WAIT here, so the port is free again at once.
fn from_one_port(scene: &Scene) -> Result<String, Trouble> {
    let mut peer = Peer::connect(scene)?;
    let local = peer.local()?;
    for _ in 0..5 {
        peer.echo(b"once more")?;
        peer.reset()?;
        peer = Peer::connect_as(scene, Setup { local: Some(local), ..Setup::default() })?;
    }
    peer.echo(b"and the last")?;
    Ok(format!("port {}, five times", local.port()))
}
