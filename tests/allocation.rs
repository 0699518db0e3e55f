//! The library allocates no memory while it runs, measured with a counting allocator.

#[allow(dead_code, unused_imports)] // Unused parts of the rig.
mod rig;

use allocation_counter::measure;
use rig::frames::{Segment, who_has};
use rig::udp::Datagram;
use rig::{FAR_MAC, Family, NODE_MAC, PORT, in_both_families, ms};
use smolecho::phy::cable::{Cable, End as CableEnd};
use smolecho::phy::{Device, TxToken};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, IpEndpoint, TcpControl};
use smolecho::{
    CloseReason, Config, DatagramDropReason, DatagramStorage, DropReason, Event, Listener, Message,
    Node, Query, Stats, Storage, UdpService,
};

const FRAMES: usize = 64;

/// The begin of each dialogue, in ms; the client stops in the middle of the last.
const DIALOGUES: [i64; 3] = [0, 2000, 4000];
const GONE: i64 = 4003;

/// The instants of the client's connection to a closed port, of the hostile frames, and of the end, in ms.
const NOBODY: i64 = 1000;
const STRANGERS: i64 = 3000;
const OVER: i64 = 60_000;

/// The allocations of a server and a client in a minute of virtual time, and the server's counters.
fn allocations(family: Family, mut on_event: impl FnMut(Event<'_>)) -> (u64, Stats) {
    let cable = Cable::<FRAMES>::new();
    let (mut left, mut right) = cable.ends();
    let mut storage = (Storage::<4, 512>::new(), DatagramStorage::<1, 2, 512>::new());
    let memory = storage.0.memory().with(storage.1.memory());
    let config = config(NODE_MAC, family.node());
    let mut server = Node::new(&config, memory, &mut left, Instant::ZERO).unwrap();
    server.listen(Listener::new(PORT, 2)).unwrap();
    server.bind(PORT, UdpService::Echo).unwrap();
    let mut storage = (Storage::<2, 512>::new(), DatagramStorage::<1, 1, 512>::new());
    let memory = storage.0.memory().with(storage.1.memory());
    let config = self::config(FAR_MAC, family.far());
    let mut client = Node::new(&config, memory, &mut right, Instant::ZERO).unwrap();
    let hostile = hostile(family);

    let mut allocations = 0;
    for millis in 0..OVER {
        let now = Instant::from_millis(millis);
        if DIALOGUES.contains(&millis) {
            let message = Message::repeated(b"There and back. ", 3000);
            client.connect(family.server(), message, now).unwrap();
            client.query(family.server(), Query::new(b"once").patience(ms(100), 3)).unwrap();
        }
        if millis == NOBODY {
            let nobody = IpEndpoint::new(family.node(), 9);
            client.connect(nobody, Message::new(b"?"), now).unwrap();
        }
        if millis == STRANGERS {
            hostile.iter().for_each(|frame| put(&mut right, frame, now));
        }
        let info = measure(|| {
            server.poll(now, &mut left, &mut on_event);
            server.poll_at(now);
            if millis < GONE {
                client.poll(now, &mut right, &mut on_event);
                client.poll_at(now);
            }
        });
        allocations += info.count_total;
    }
    (allocations, *server.stats())
}

fn config(mac: EthernetAddress, address: IpAddress) -> Config {
    Config::new(mac.0, 1).address(IpCidr::new(address, 16)).unwrap()
}

/// More SYNs than the backlog, a segment without a connection, a truncated frame, a datagram that is too
/// large.
fn hostile(family: Family) -> Vec<Vec<u8>> {
    let stranger = |n| IpEndpoint::new(family.stranger(n), 2000);
    let syn = |n| Segment::syn(stranger(n), family.server());
    let mut frames = vec![who_has(family.stranger(0), family.node())];
    frames.extend((0..10).map(|n| syn(n).frame()));
    frames.push(Segment { control: TcpControl::None, ack: Some(1), ..syn(20) }.frame());
    frames.push(syn(21).frame()[..30].to_vec());
    let (from, to) = (stranger(0), family.server());
    frames.push(Datagram { from, to, payload: vec![7; 1000] }.frame());
    frames
}

fn put(end: &mut CableEnd<'_, FRAMES>, frame: &[u8], now: Instant) {
    let token = end.transmit(now).expect("room on the cable");
    token.consume(frame.len(), |room| room.copy_from_slice(frame));
}

fn a_poll_takes_no_memory(family: Family) {
    let (allocations, stats) = allocations(family, |_| {});
    assert_eq!(allocations, 0);
    // The minute had all of these in it.
    assert_eq!(stats.ended(CloseReason::Finished), 2, "{stats:?}");
    assert_eq!(stats.ended(CloseReason::StallTimeout), 1, "{stats:?}");
    assert_eq!(stats.datagrams_sent, 3, "{stats:?}");
    assert_eq!(stats.datagrams_dropped(DatagramDropReason::Unreadable), 1, "{stats:?}");
    assert!(stats.ended(CloseReason::HandshakeTimeout) > 0, "{stats:?}");
    assert!(stats.cookies_given > 0, "{stats:?}");
    for refusal in [DropReason::Malformed, DropReason::NoConnection, DropReason::NoListener] {
        assert_eq!(stats.dropped(refusal), 1, "{refusal:?}: {stats:?}");
    }
}

/// The allocator does count: an allocation in each event.
fn memory_that_is_taken_in_a_poll_is_seen(family: Family) {
    let mut events = 0;
    let (allocations, _) = allocations(family, |event| {
        events += 1;
        std::hint::black_box(Box::new(event));
    });
    assert_eq!(allocations, events);
}

in_both_families!(a_poll_takes_no_memory, memory_that_is_taken_in_a_poll_is_seen);
