//! Over TCP: one connection, from the SYN to its end.

use smolecho::{CloseReason, Event, Message};
use smoltcp::time::Duration;

use super::{Outcome, check_peer, refused, within};
use crate::child::Child;
use crate::cli::Client;
use crate::fault::Fault;
use crate::report::Report;
use crate::run::Run;

/// How long to wait before a peer that has just been started is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// How a connection ended, and how many bytes came back; nothing if a signal came first.
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
        Some((end, received)) => Outcome::Ended(verdict(options, end, received, message.len())),
    })
}

/// Talks to a peer that may not listen yet.
fn connect_once_up(
    run: &mut Run,
    options: &Client,
    message: &'static [u8],
    peer: &mut Child,
) -> Result<Ended, Fault> {
    let limit = options.network.handshake_timeout.for_stack().map(|limit| run.now() + limit);
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

/// Waits; true if a signal says to stop.
fn pause(run: &mut Run) -> Result<bool, Fault> {
    let until = run.now() + RETRY;
    while run.now() < until {
        if run.turn(Some(until), Report::event)?.stop {
            return Ok(true);
        }
    }
    Ok(false)
}

/// One connection. A refusal that is not the last word is not reported.
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
            if let Event::Closed { reason: end, received, .. } = *event {
                ended = Some((end, received));
                if end == CloseReason::ConnectRefused && retry {
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

/// Good, or one line that says what went wrong.
fn verdict(options: &Client, end: CloseReason, received: u64, len: usize) -> Result<(), Fault> {
    let server = &options.server;
    let back = format!("{received} of {len} bytes came back");
    let line = match end {
        CloseReason::Finished => return Ok(()),
        CloseReason::ConnectRefused => {
            format!("{server} refused the connection: does anything listen there?")
        }
        CloseReason::HandshakeTimeout => format!(
            "{server} did not answer within {}: is it up, is its address right, does it know the \
             way back?",
            within(options.network.handshake_timeout)
        ),
        CloseReason::Mismatch => {
            format!("{server} sent bytes that differ from ours, within the first {received}")
        }
        CloseReason::Short => format!("{server} closed early: {back}"),
        CloseReason::Reset => format!("{server} reset the connection: {back}"),
        CloseReason::IdleTimeout => {
            format!("{server} was silent for {}: {back}", within(options.network.idle_timeout))
        }
        CloseReason::StallTimeout => format!(
            "{server} acknowledged nothing for {}: {back}",
            within(options.network.stall_timeout)
        ),
        CloseReason::FinWaitTimeout => format!("{server} did not close its side: {back}"),
        end => format!("{server}: {}: {back}", end.name()),
    };
    Err(Fault::failed(line))
}
