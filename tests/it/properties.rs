//! Properties that hold for any piece sizes and any memory, with drawn inputs; a failure is shrunk to the
//! smallest input.

use crate::rig::pattern::Pattern;
use crate::rig::talk::{Close, Talk};
use crate::rig::{FAR_MAC, Family, NODE_MAC, PORT, Port, Setup, memory, s};
use proptest::collection::vec;
use proptest::prelude::*;
use smolecho::phy::cable::{Cable, End};
use smolecho::server::tcp::{ONCE, Session};
use smolecho::smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smolecho::smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smolecho::smoltcp::time::{Duration, Instant};
use smolecho::smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};
use smolecho::storage::{IndexRecord, MAX_BUFFER};
use smolecho::{ConfigError, Memory, Node, TcpService};

fn config(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// A program over plain smoltcp with one socket.
struct Side<'c> {
    iface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
    end: End<'c, 4>,
}

impl<'c> Side<'c> {
    fn new(mac: EthernetAddress, host: u8, buffer: usize, mut end: End<'c, 4>) -> Self {
        let mut iface = Interface::new(Config::new(mac.into()), &mut end, Instant::ZERO);
        let address = IpCidr::new(IpAddress::v4(10, 0, 0, host), 24);
        iface.update_ip_addrs(|addresses| addresses.push(address).unwrap());
        let storage: &'static mut [SocketStorage<'static>] = vec![SocketStorage::EMPTY].leak();
        let mut sockets = SocketSet::new(storage);
        let [rx, tx] = [(); 2].map(|()| SocketBuffer::new(vec![0; buffer].leak()));
        let socket = sockets.add(Socket::new(rx, tx));
        Side { iface, sockets, socket, end }
    }

    fn poll(&mut self, now: Instant) -> &mut Socket<'static> {
        self.iface.poll(now, &mut self.end, &mut self.sockets);
        self.sockets.get_mut(self.socket)
    }
}

/// Runs a server that is only a [`Session`] over a socket, and a client that sends and reads in these
/// pieces. Returns the client's bytes at the server's FIN.
fn dialogue(
    service: TcpService,
    (buffer, scratch): (usize, usize),
    sends: &[usize],
    reads: &[usize],
) -> Vec<u8> {
    let cable = Cable::<4>::new();
    let (left, right) = cable.ends();
    let mut server = Side::new(NODE_MAC, 1, buffer, left);
    let mut client = Side::new(FAR_MAC, 2, 700, right);
    let mut scratch = vec![0; scratch];
    server.sockets.get_mut::<Socket<'_>>(server.socket).listen(PORT).unwrap();
    let at_server = (IpAddress::v4(10, 0, 0, 1), PORT);
    let socket = client.sockets.get_mut::<Socket<'_>>(client.socket);
    socket.connect(client.iface.context(), at_server, 40_000).unwrap();

    let (pattern, total) = (Pattern::new(1), sends.iter().sum::<usize>());
    let (mut session, mut heard) = (Session::new(service), Vec::new());
    let (mut sends, mut reads) = (sends.iter(), reads.iter().cycle());
    let (mut sent, mut back) = (0, Vec::new());
    let mut now = Instant::ZERO;
    loop {
        now += Duration::from_millis(1);
        assert!(now < Instant::from_secs(3600), "{} of {total} bytes came back", back.len());
        let socket = server.poll(now);
        session.serve(socket, &mut scratch, |data| heard.extend_from_slice(data));

        let socket = client.poll(now);
        if socket.may_send() {
            match sends.next() {
                Some(piece) => {
                    let mut piece = pattern.piece(sent..sent + *piece as u64).to_vec();
                    piece.truncate(socket.send_capacity() - socket.send_queue());
                    sent += socket.send_slice(&piece).unwrap() as u64;
                }
                None => socket.close(),
            }
        }
        let mut data = [0; 1000];
        let room = *reads.next().unwrap();
        if let Ok(n) = socket.recv_slice(&mut data[..room]) {
            back.extend_from_slice(&data[..n]);
        }
        // After a FIN before the last byte, bytes would be missing here.
        if !socket.may_recv() && !matches!(socket.state(), State::SynSent) {
            break;
        }
    }
    let said = pattern.piece(0..sent);
    assert!(said.starts_with(&heard), "the server received other bytes than were sent");
    if service == TcpService::Stream {
        assert_eq!(heard.len(), said.len());
        assert!(back == *said, "{} of {} bytes came back, or others", back.len(), said.len());
    }
    back
}

proptest! {
    #![proptest_config(config(64))]

    /// For any pieces and buffers: each byte, in order, then the FIN.
    #[test]
    fn every_byte_comes_back_and_then_the_fin(
        memory in (1..2000usize, 1..300usize),
        sends in vec(0..700usize, 0..12),
        reads in vec(1..1000usize, 1..5),
    ) {
        dialogue(TcpService::Stream, memory, &sends, &reads);
    }

    /// `once` answers the bytes of one `recv`, and no more.
    #[test]
    fn once_answers_at_most_the_lectures_recv(
        buffer in 1..2000usize,
        sends in vec(1..1400usize, 1..2),
    ) {
        let back = dialogue(TcpService::Once, (buffer, 256), &sends, &[1000]);
        assert!(!back.is_empty() && back.len() <= ONCE.min(buffer));
    }

    /// A node takes memory of consistent sizes, and no other.
    #[test]
    fn memory_fits_together_or_is_refused(
        (slots, records) in (0..4usize, 0..4usize),
        buffers in [0..3usize, 0..3],
        scratch in 0..2usize,
    ) {
        let [rx, tx] = buffers.map(|buffer| [0, 1, MAX_BUFFER + 1][buffer]);
        let memory = Memory {
            index: vec![IndexRecord::EMPTY; records].leak(),
            ..memory(slots, rx, tx, scratch)
        };
        let config = Setup::new(Family::V4).config();
        let made = Node::new(&config, memory, &mut Port::default(), Instant::ZERO);
        let expected = match (slots, rx, tx, scratch) {
            (0, ..) => Some(ConfigError::Slots(0)),
            _ if records != slots => Some(ConfigError::Slots(slots)),
            (_, 0 | MAX_BUFFER.., _, _) => Some(ConfigError::Buffer(rx)),
            (_, _, 0, _) => Some(ConfigError::Buffer(0)),
            (_, _, _, 0) => Some(ConfigError::Scratch),
            _ => None,
        };
        assert_eq!(made.err(), expected);
    }
}

proptest! {
    #![proptest_config(config(24))]

    /// The first property through a whole node, over both families, with more callers than slots.
    #[test]
    fn a_node_of_any_size_serves_one_after_the_other(
        (slots, rx, tx, scratch) in (1..4usize, 1..3000usize, 1..3000usize, 1..600usize),
        callers in vec((0..3000u64, prop::bool::ANY), 1..4),
        v6: bool,
    ) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let mut world = Setup { slots, rx, tx, scratch, ..Setup::new(family) }.world();
        for (len, early) in callers {
            let close = if early { Close::Early } else { Close::Late };
            let mut talk = Talk::new(world.far.caller(), len, len, close);
            world.run_until(s(600), |world| talk.pump(&mut world.far));
            world.run_until(s(30), |world| world.ours.node.occupancy().free > 0);
        }
        world.rest();
    }
}
