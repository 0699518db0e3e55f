//! The TCP client: one connection, from SYN to close.

use smolecho::{CloseReason, Event, Message};

use super::options::Client;
use super::outcome::{Outcome, check_peer, refused, within};
use super::pause::pause;
use crate::fault::Fault;
use crate::host::child::Child;
use crate::node::run::Run;

/// Why the connection closed, and the bytes received; `None` if interrupted.
type Ended = Option<(CloseReason, u64)>;

pub(super) fn talk(
    run: &mut Run,
    options: &Client,
    message: &'static [u8],
    peer: Option<&mut Child>,
) -> Result<Outcome, Fault> {
    let ended = match peer {
        None => connect(run, options, message, false)?,
        Some(peer) => connect_once_up(run, options, message, peer)?,
    };
    Ok(match ended {
        None => Outcome::Stopped,
        Some((reason, received)) => {
            Outcome::Ended(verdict(options, reason, received, message.len()))
        }
    })
}

/// Retries until the peer command listens.
fn connect_once_up(
    run: &mut Run,
    options: &Client,
    message: &'static [u8],
    peer: &mut Child,
) -> Result<Ended, Fault> {
    let limit = options.common.network.handshake_timeout.for_stack().map(|limit| run.now() + limit);
    loop {
        let retry = limit.is_none_or(|limit| run.now() < limit);
        match connect(run, options, message, retry)? {
            Some((CloseReason::ConnectRefused, _)) if retry => {}
            ended => return Ok(ended),
        }
        check_peer(peer, options, "listened")?;
        if pause(run)? {
            return Ok(None);
        }
    }
}

/// One connection. With `retry`, a refused connection is not reported.
fn connect(
    run: &mut Run,
    options: &Client,
    message: &'static [u8],
    retry: bool,
) -> Result<Ended, Fault> {
    let now = run.now();
    run.node
        .connect(options.server.address, Message::new(message), now)
        .map_err(|error| refused(options, error))?;
    let mut ended = None;
    loop {
        let pending = run.turn(None, |report, event| {
            if let Event::Closed { reason, received, .. } = *event {
                ended = Some((reason, received));
                if reason == CloseReason::ConnectRefused && retry {
                    return;
                }
            }
            report.event(event);
        })?;
        if ended.is_some() || pending.stop {
            return Ok(ended);
        }
    }
}

/// Success, or one line that says what went wrong.
fn verdict(options: &Client, reason: CloseReason, received: u64, len: usize) -> Result<(), Fault> {
    let server = &options.server;
    let back = format!("{received} of {len} bytes came back");
    let line = match reason {
        CloseReason::Finished => return Ok(()),
        CloseReason::ConnectRefused => {
            format!("{server} refused the connection: does anything listen there?")
        }
        CloseReason::HandshakeTimeout => format!(
            "{server} did not answer within {}: is it running, is the address right, does it \
             have a route back?",
            within(options.common.network.handshake_timeout)
        ),
        CloseReason::Mismatch => {
            format!("{server} sent bytes that differ from ours, within the first {received}")
        }
        CloseReason::Short => format!("{server} closed early: {back}"),
        CloseReason::Reset => format!("{server} reset the connection: {back}"),
        CloseReason::IdleTimeout => {
            format!(
                "{server} was silent for {}: {back}",
                within(options.common.network.idle_timeout)
            )
        }
        CloseReason::StallTimeout => format!(
            "{server} acknowledged nothing for {}: {back}",
            within(options.common.network.stall_timeout)
        ),
        CloseReason::PersistTimeout => format!(
            "{server} kept its window shut for {}: {back}",
            within(options.common.network.persist_timeout)
        ),
        CloseReason::FinWaitTimeout => format!("{server} did not close its side: {back}"),
        reason => format!("{server}: {}: {back}", reason.name()),
    };
    Err(Fault::failed(line))
}
