//! The UDP client: one question, repeated until it is answered.

use std::fmt::Display;

use smolecho::{ConnectError, Event, Query, Report as Tally};
use smoltcp::time::Duration;
use smoltcp::wire::IpAddress;

use super::options::Client;
use super::outcome::{Outcome, check_peer, refused, within};
use super::pause::pause;
use crate::fault::Fault;
use crate::host::child::Child;
use crate::host::tap::USUAL_MTU;
use crate::node::memory::DATAGRAM;
use crate::node::run::Run;

/// How often to ask. The waits double: 1 + 2 + 4 + 8 + 16 parts of the limit.
const TRIES: u8 = 5;
const PARTS: u32 = (1 << TRIES) - 1;

/// With `--handshake-timeout off`: the first wait, and as many tries as the library allows.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// How long to wait for answers after the peer command has ended.
const LAST_WORDS: Duration = Duration::from_millis(50);

/// IP and UDP headers.
const OVER_IPV4: usize = 20 + 8;
const OVER_IPV6: usize = 40 + 8;

/// Checks that the message fits into one datagram. The MTU of an existing TAP is not known yet.
pub(super) fn check(options: &Client, len: usize, creates: bool) -> Result<(), Fault> {
    let mtu = usize::from(options.common.network.mtu.unwrap_or(USUAL_MTU));
    let most = match options.server.address.addr {
        // A fragmented datagram is assembled first, with its headers.
        IpAddress::Ipv4(_) => DATAGRAM - OVER_IPV4,
        IpAddress::Ipv6(_) if creates => DATAGRAM.min(mtu - OVER_IPV6),
        IpAddress::Ipv6(_) => DATAGRAM,
    };
    if len <= most { Ok(()) } else { Err(too_large(len, format_args!("up to {most} bytes"))) }
}

fn too_large(len: usize, what_fits: impl Display) -> Fault {
    Fault::usage(format!(
        "MESSAGE: {len} bytes do not fit into one datagram; {what_fits}, or --proto tcp, would do"
    ))
}

pub(super) fn ask(
    run: &mut Run,
    options: &Client,
    message: &'static [u8],
    mut peer: Option<&mut Child>,
) -> Result<Outcome, Fault> {
    let (wait, tries) = match options.common.network.handshake_timeout.for_stack() {
        Some(limit) => (limit / PARTS, TRIES),
        None => (FIRST_WAIT, u8::MAX),
    };
    let query = Query::new(message).patience(wait, tries);
    let begin = |run: &mut Run| {
        run.node.query(options.server.address, query).map_err(|error| match error {
            ConnectError::TooLarge => too_large(message.len(), "fewer bytes"),
            error => refused(options, error),
        })
    };
    begin(run)?;

    let limit = options.common.network.handshake_timeout.for_stack().map(|limit| run.now() + limit);
    let (mut tally, mut last_words) = (None::<Tally>, None);
    loop {
        let retry = peer.is_some() && limit.is_none_or(|limit| run.now() < limit);
        let pending = run.turn(last_words, |report, event| {
            if let Event::Reported { report, .. } = *event {
                tally = Some(report);
                if report.refused && retry {
                    return;
                }
            }
            report.event(event);
        })?;
        match tally.take() {
            // Until the peer command listens.
            Some(Tally { refused: true, .. }) if retry => {
                if let Some(peer) = peer.as_deref_mut() {
                    check_peer(peer, options, "answered")?;
                }
                if pause(run)? {
                    return Ok(Outcome::Stopped);
                }
                begin(run)?;
            }
            Some(tally) => return Ok(Outcome::Ended(verdict(options, &tally))),
            None => {}
        }
        if pending.stop {
            return Ok(Outcome::Stopped);
        }
        let Some(peer) = peer.as_deref_mut() else { continue };
        if last_words.is_some_and(|until| run.now() >= until) {
            check_peer(peer, options, "answered")?;
        } else if pending.child && peer.ended()?.is_some() {
            last_words = Some(run.now() + LAST_WORDS);
        }
    }
}

/// Success, or one line that says what went wrong.
fn verdict(options: &Client, tally: &Tally) -> Result<(), Fault> {
    let server = &options.server;
    let line = match *tally {
        Tally { lost: 0, .. } => return Ok(()),
        Tally { refused: true, .. } => {
            format!("{server}: nobody listens on this port (ICMP port unreachable)")
        }
        Tally { mismatched: 0, sent, .. } => format!(
            "{server} did not answer within {}, asked {sent} times: is it running and listening, \
             does it have a route back?",
            within(options.common.network.handshake_timeout)
        ),
        _ => format!("{server} sent bytes that differ from ours"),
    };
    Err(Fault::failed(line))
}
