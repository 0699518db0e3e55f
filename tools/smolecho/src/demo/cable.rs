//! The demo without a TAP: the same dialogue between two nodes on an in-memory cable.

use smolecho::phy::cable::{self, Cable};
use smolecho::{CloseReason, Event, Listener, Message, Node, Query, UdpService};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::IpEndpoint;

use super::page::{Page, grouped};
use super::setup::{MESSAGE, PORT, config};
use crate::fault::Fault;
use crate::node::defaults::{ADDRESSES, HOST_ADDRESSES};
use crate::node::{memory, plan};
use crate::output::dialogue::{self, Role};

const FRAMES: usize = 64;

/// Bytes per connection of the throughput figure, and the time of each figure.
const BULK: u64 = 1 << 20;
const MEASURE: std::time::Duration = std::time::Duration::from_millis(250);

/// Virtual time that each turn of the loop takes.
const TURN: Duration = Duration::from_millis(1);

/// A node and its end of the cable.
struct Party<'c> {
    node: Node<'static>,
    end: cable::End<'c, FRAMES>,
}

/// Datagrams per query of the round trip figure.
const ROW: u32 = 10_000;

pub(super) fn show(page: &mut Page) -> Result<(), Fault> {
    let mut now = Instant::ZERO;
    let cable = Cable::<FRAMES>::new();
    let (left, right) = cable.ends();
    let mut server = party(1, left, now)?;
    let mut client = party(2, right, now)?;
    server.node.listen(Listener::new(PORT, 5)).map_err(|error| failed(&error))?;
    server.node.bind(PORT, UdpService::Echo).map_err(|error| failed(&error))?;

    page.line("TCP and UDP echo over a cable in memory instead, between two smolecho nodes.");
    for address in &ADDRESSES {
        let to = IpEndpoint::new(address.address(), PORT);
        page.heading("TCP", to.into(), "our server, our client");
        page.say(Role::Server, dialogue::listening(to));
        connect(&mut server, &mut client, to, Message::new(MESSAGE), &mut now, Some(page))?;
        page.heading("UDP", to.into(), "our server, our client");
        page.say(Role::Server, dialogue::listening(to));
        query(&mut server, &mut client, to, Query::new(MESSAGE), &mut now, Some(page))?;
    }

    let to = IpEndpoint::new(ADDRESSES[0].address(), PORT);
    let (start, mut bytes) = (std::time::Instant::now(), 0);
    while start.elapsed() < MEASURE {
        let message = Message::repeated(MESSAGE, BULK);
        connect(&mut server, &mut client, to, message, &mut now, None)?;
        bytes += BULK;
    }
    let rate = bytes as f64 / 1e6 / start.elapsed().as_secs_f64();
    let (start, mut datagrams) = (std::time::Instant::now(), 0);
    while start.elapsed() < MEASURE {
        let row = Query::new(MESSAGE).count(ROW);
        query(&mut server, &mut client, to, row, &mut now, None)?;
        datagrams += u64::from(ROW);
    }
    let trips = datagrams as f64 / start.elapsed().as_secs_f64();
    page.line(format_args!(
        "\n{} MiB more, all bytes compared: {rate:.0} MB/s both ways at once",
        bytes >> 20
    ));
    page.line(format_args!(
        "{} datagrams more, all answered: {} round trips per second",
        grouped(datagrams),
        grouped(trips as u64)
    ));
    page.settle()
}

fn party<'c>(
    number: u8,
    mut end: cable::End<'c, FRAMES>,
    now: Instant,
) -> Result<Party<'c>, Fault> {
    let addresses = if number == 1 { &ADDRESSES } else { &HOST_ADDRESSES };
    let memory = memory::leak(2, u16::MAX)?.with(memory::datagrams());
    let node =
        Node::new(&config(number, addresses)?, memory, &mut end, now).map_err(plan::fault)?;
    Ok(Party { node, end })
}

/// One connection, from SYN to the close of both sides.
fn connect<'c>(
    server: &mut Party<'c>,
    client: &mut Party<'c>,
    to: IpEndpoint,
    message: Message<'static>,
    now: &mut Instant,
    page: Option<&mut Page>,
) -> Result<(), Fault> {
    client.node.connect(to, message, *now).map_err(|error| failed(&error))?;
    talk(server, client, 2, now, page)
}

/// One query of one or more datagrams.
fn query<'c>(
    server: &mut Party<'c>,
    client: &mut Party<'c>,
    to: IpEndpoint,
    query: Query<'static>,
    now: &mut Instant,
    page: Option<&mut Page>,
) -> Result<(), Fault> {
    client.node.query(to, query).map_err(|error| failed(&error))?;
    talk(server, client, 1, now, page)
}

/// Polls both nodes until this many ends have been reported: a connection has one on each side, a query has
/// one.
fn talk<'c>(
    server: &mut Party<'c>,
    client: &mut Party<'c>,
    ends: usize,
    now: &mut Instant,
    mut page: Option<&mut Page>,
) -> Result<(), Fault> {
    let (mut ended, mut trouble) = (0, None);
    while ended < ends {
        for (role, party) in [(Role::Server, &mut *server), (Role::Client, &mut *client)] {
            party.node.poll(*now, &mut party.end, |event| {
                if let Some(page) = &mut page {
                    page.event(role, &event);
                }
                match event {
                    Event::Closed { reason, .. } => {
                        ended += 1;
                        trouble =
                            (reason != CloseReason::Finished).then(|| reason.name()).or(trouble);
                    }
                    Event::Reported { report, .. } => {
                        ended += 1;
                        trouble = (report.lost > 0).then_some("no answer").or(trouble);
                    }
                    _ => {}
                }
            });
        }
        *now += TURN;
    }
    match trouble {
        Some(end) => Err(Fault::failed(format!("the dialogue ended: {end}"))),
        None => Ok(()),
    }
}

fn failed(error: &dyn std::error::Error) -> Fault {
    Fault::failed(error.to_string())
}
