//! The demo on a TAP: our server with a kernel client, and our client with a kernel server.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::thread::Builder;
use std::time;

use smolecho::{CloseReason, Event, Listener, Message, Query, UdpService};
use smoltcp::time::Duration;
use smoltcp::wire::IpEndpoint;

use super::kernel;
use super::page::{Page, family, grouped};
use super::setup::{MESSAGE, NAME, PORT};
use crate::fault::Fault;
use crate::host::cores::OneCore;
use crate::load::run::measure;
use crate::load::scene::Load;
use crate::node::defaults::{ADDRESSES, HOST_ADDRESSES};
use crate::node::run::Run;
use crate::output::dialogue::{self, Role};

/// The time of each figure.
const MEASURE: time::Duration = time::Duration::from_millis(250);

/// How often to check whether the kernel's side is done.
const TICK: Duration = Duration::from_millis(5);

const OUR_SERVER: &str = "our server on the userspace stack, a kernel socket as client";
const OUR_CLIENT: &str = "a kernel socket as server, our client on the userspace stack";

pub(super) fn show(mut run: Run, families: usize, page: &mut Page) -> Result<(), Fault> {
    let port = |error: &dyn std::error::Error| Fault::failed(format!("port {PORT}: {error}"));
    run.node.listen(Listener::new(PORT, 5)).map_err(|error| port(&error))?;
    run.node.bind(PORT, UdpService::Echo).map_err(|error| port(&error))?;
    page.line(format_args!(
        "TCP and UDP echo over the TAP {NAME}, in a private network namespace."
    ));
    for (ours, hosts) in ADDRESSES.iter().zip(&HOST_ADDRESSES).take(families) {
        let ours = IpEndpoint::new(ours.address(), PORT).into();
        let hosts = IpEndpoint::new(hosts.address(), PORT);
        tcp_server(&mut run, ours, page)?;
        tcp_client(&mut run, hosts, page)?;
        udp_server(&mut run, ours, page)?;
        udp_client(&mut run, hosts, page)?;
    }
    page.line("\nOur server, one kernel client at a time, all bytes compared:");
    for ours in &ADDRESSES[..families] {
        figures(&mut run, IpEndpoint::new(ours.address(), PORT).into(), page)?;
    }
    totals(&run, page);
    page.settle()?;
    run.end(false)
}

fn tcp_server(run: &mut Run, server: SocketAddr, page: &mut Page) -> Result<(), Fault> {
    page.heading("TCP", server, OUR_SERVER);
    page.say(Role::Server, dialogue::listening(server));
    let pen = page.pen(Role::Client);
    meanwhile(run, page, Some(Role::Server), 0, move || kernel::tcp_client(server, &pen))
}

fn tcp_client(run: &mut Run, server: IpEndpoint, page: &mut Page) -> Result<(), Fault> {
    let address = SocketAddr::from(server);
    let listener = TcpListener::bind(address).map_err(|error| failed(address, &error))?;
    page.heading("TCP", address, OUR_CLIENT);
    page.say(Role::Server, dialogue::listening(address));

    let (now, pen) = (run.now(), page.pen(Role::Server));
    run.node
        .connect(server, Message::new(MESSAGE), now)
        .map_err(|error| failed(address, &error))?;
    meanwhile(run, page, Some(Role::Client), 0, move || kernel::tcp_server(&listener, &pen))
}

fn udp_server(run: &mut Run, server: SocketAddr, page: &mut Page) -> Result<(), Fault> {
    page.heading("UDP", server, OUR_SERVER);
    page.say(Role::Server, dialogue::listening(server));
    let pen = page.pen(Role::Client);
    meanwhile(run, page, Some(Role::Server), 0, move || kernel::udp_client(server, &pen))
}

fn udp_client(run: &mut Run, server: IpEndpoint, page: &mut Page) -> Result<(), Fault> {
    let address = SocketAddr::from(server);
    let socket = UdpSocket::bind(address).map_err(|error| failed(address, &error))?;
    page.heading("UDP", address, OUR_CLIENT);
    page.say(Role::Server, dialogue::listening(address));

    let pen = page.pen(Role::Server);
    run.node.query(server, Query::new(MESSAGE)).map_err(|error| failed(address, &error))?;
    meanwhile(run, page, Some(Role::Client), 1, move || kernel::udp_server(&socket, &pen))
}

/// Measures and prints one line of figures.
fn figures(run: &mut Run, server: SocketAddr, page: &mut Page) -> Result<(), Fault> {
    let one_core = OneCore::stay();
    let mut rate = |load| {
        let sample = meanwhile(run, page, None, 0, move || measure(server, load, MEASURE))?;
        Ok::<f64, Fault>(sample.done as f64 / sample.seconds)
    };
    let tcp = rate(Load::TcpRoundTrips { bytes: MESSAGE.len() })?;
    let udp = rate(Load::UdpRoundTrips { bytes: MESSAGE.len() })?;
    drop(one_core);
    let bytes = rate(Load::Bulk)?;
    page.line(format_args!(
        "  {}  {:>7} TCP and {:>7} UDP round trips per second on one core, {:.0} MB/s both ways at once",
        family(server),
        grouped(tcp as u64),
        grouped(udp as u64),
        bytes / 1e6,
    ));
    Ok(())
}

fn totals(run: &Run, page: &mut Page) {
    let (stats, device) = run.counters();
    page.line(format_args!(
        "  {} connections, all finished; {} datagrams sent; {} frames in, {} out, {} dropped",
        stats.ended(CloseReason::Finished),
        grouped(stats.datagrams_sent),
        grouped(device.received),
        grouped(device.sent),
        device.rx_too_large + device.rx_errors + device.tx_dropped,
    ));
}

/// Runs the node while `part`, the kernel's side, runs in a thread; until both are done, our connection is
/// closed and this many questions are answered.
fn meanwhile<T: Send + 'static>(
    run: &mut Run,
    page: &mut Page,
    role: Option<Role>,
    mut questions: usize,
    part: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, Fault> {
    let thread = Builder::new().spawn(part)?;
    while !thread.is_finished() || run.node.occupancy().open > 0 || questions > 0 {
        questions -= turn(run, page, role)?;
    }
    let part = thread.join().map_err(|_| Fault::failed("the kernel's side failed"))?;
    page.settle()?;
    part.map_err(|error| Fault::failed(format!("the kernel's side: {error}")))
}

/// One turn of the loop; returns the number of questions answered. A connection or question that fails ends the
/// demo.
fn turn(run: &mut Run, page: &mut Page, role: Option<Role>) -> Result<usize, Fault> {
    let (mut failed, mut answered) = (None, 0);
    let latest = run.now() + TICK;
    let pending = run.turn(Some(latest), |_, event| {
        if let Some(role) = role {
            page.event(role, event);
        }
        match *event {
            Event::Closed { reason, .. } if reason != CloseReason::Finished => {
                failed = Some(reason.name())
            }
            Event::Reported { report, .. } if report.lost > 0 => failed = Some("no answer"),
            Event::Reported { .. } => answered += 1,
            _ => {}
        }
    })?;
    page.settle()?;
    match failed {
        Some(end) => Err(Fault::failed(format!("the dialogue ended: {end}"))),
        None if pending.stop => Err(Fault::failed("interrupted")),
        None => Ok(answered),
    }
}

fn failed(address: SocketAddr, error: &dyn std::error::Error) -> Fault {
    Fault::failed(format!("{address}: {error}"))
}
