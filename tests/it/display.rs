//! The text of an event, and its line in `log`.

use std::sync::Mutex;

use log::{Level, LevelFilter, Log, Metadata, Record};
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint};
use smolecho::{CloseReason, DropReason, Event, Protocol, Report, Tuple};

const TUPLE: Tuple = Tuple {
    local: IpEndpoint::new(IpAddress::v4(10, 0, 0, 1), 7),
    remote: IpEndpoint::new(IpAddress::v6(0xfe80, 0, 0, 0, 0, 0, 0, 2), 40312),
};

static LINES: Mutex<Vec<(Level, String)>> = Mutex::new(Vec::new());

struct Notebook;

impl Log for Notebook {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "smolecho"
    }

    fn log(&self, record: &Record<'_>) {
        LINES.lock().unwrap().push((record.level(), record.args().to_string()));
    }

    fn flush(&self) {}
}

#[test]
fn each_event_has_its_line() {
    log::set_logger(&Notebook).unwrap();
    log::set_max_level(LevelFilter::Trace);
    let report = Report { sent: 3, answered: 2, lost: 1, ..Report::default() };
    let cidr = IpCidr::new(IpAddress::v4(10, 0, 0, 1), 24);
    let (protocol, tuple, data) = (Protocol::Tcp, TUPLE, b"hello".as_slice());
    for (event, level, line) in [
        (Event::Accepted { tuple }, Level::Info, "Accepted connection from [fe80::2]:40312"),
        (
            Event::Received { protocol, tuple, data },
            Level::Debug,
            "Received 5 bytes from [fe80::2]:40312",
        ),
        (
            Event::Closed { tuple, reason: CloseReason::IdleTimeout, received: 5, sent: 4 },
            Level::Info,
            "Closed [fe80::2]:40312: idle timeout, 5 bytes received, 4 sent",
        ),
        (
            Event::Dropped { reason: DropReason::Full, tuple: Some(tuple) },
            Level::Debug,
            "Refused a frame of [fe80::2]:40312: full",
        ),
        (
            Event::Dropped { reason: DropReason::Malformed, tuple: None },
            Level::Debug,
            "Refused a frame: malformed",
        ),
        (
            Event::Reported { tuple, report },
            Level::Info,
            "Asked [fe80::2]:40312: 3 sent, 2 answered, 1 lost",
        ),
        (Event::AddressGained { cidr }, Level::Info, "Gained the address 10.0.0.1/24"),
        (
            Event::AddressConflict { cidr, mac: EthernetAddress([2, 0, 0, 0, 0, 0x1f]) },
            Level::Info,
            "Another station has the address 10.0.0.1/24: 02:00:00:00:00:1f",
        ),
    ] {
        event.log();
        assert_eq!(LINES.lock().unwrap().pop(), Some((level, line.to_string())));
    }
}
