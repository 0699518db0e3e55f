//! Discard (RFC 863) and chargen (RFC 864) over TCP: only the receive path, and only the send path.

use crate::rig::host::Host;
use crate::rig::talk::{Close, Talk};
use crate::rig::{Family, Fate, PORT, Setup, World, in_both_families, ms, s};
use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::socket::tcp::State;
use smolecho::smoltcp::wire::IpEndpoint;
use smolecho::{CloseReason, Listener, TcpService, Timeouts};

const DISCARD: u16 = 9;
const CHARGEN: u16 = 19;

fn world_of(setup: Setup) -> World<Host> {
    let mut world = setup.world();
    for (port, service) in [(DISCARD, TcpService::Discard), (CHARGEN, TcpService::Chargen)] {
        world.ours.node.listen(Listener::new(port, 4).service(service)).unwrap();
    }
    world
}

fn connect(world: &mut World, family: Family, port: u16, buffer: usize) -> SocketHandle {
    let socket = world.far.socket(buffer, buffer);
    let server = IpEndpoint::new(family.node(), port);
    world.far.connect_to(socket, server, 21_000 + port);
    socket
}

/// Byte `at` of RFC 864's pattern, computed in another way than the library does.
fn chargen_byte(at: usize) -> u8 {
    let (line, column) = (at / 74, at % 74);
    match column {
        72 => b'\r',
        73 => b'\n',
        _ => (b' '..=b'~').cycle().nth(line % 95 + column).unwrap(),
    }
}

/// Compares all received bytes with the pattern.
#[track_caller]
fn take(host: &mut Host, socket: SocketHandle, taken: &mut usize) {
    for byte in host.recv(socket) {
        assert_eq!(byte, chargen_byte(*taken), "byte {taken}");
        *taken += 1;
    }
}

/// Lines of 72 characters, each beginning one character later, until the peer closes; then the FIN.
fn chargen_says_its_lines_until_the_peer_closes(family: Family) {
    for (buffer, lossy) in [(2048, false), (300, false), (2048, true)] {
        let mut world = world_of(Setup { rx: buffer, tx: buffer, ..Setup::new(family) });
        if lossy {
            let mut n = 0;
            world.fate = Box::new(move |_| {
                n += 1;
                if n % 13 == 0 { Fate::Drop } else { Fate::Deliver }
            });
        }
        let socket = connect(&mut world, family, CHARGEN, 4096);
        let mut taken = 0;
        world.run_until(s(600), |world| {
            take(&mut world.far, socket, &mut taken);
            taken > 100 * 74
        });
        world.far.get(socket).close();
        world.run_until(s(60), |world| {
            take(&mut world.far, socket, &mut taken);
            world.far.state(socket) == State::TimeWait
        });
        take(&mut world.far, socket, &mut taken);
        world.run_for(s(1));
        assert_eq!(world.ours.ends(), [CloseReason::Finished]);
        assert_eq!(world.stats().bytes_sent, taken as u64, "the FIN follows the last byte");
        world.assert_all_free();
    }
}

/// Data from the peer is received and ignored.
fn chargen_takes_what_is_said_to_it(family: Family) {
    let mut world = world_of(Setup::new(family));
    let socket = connect(&mut world, family, CHARGEN, 4096);
    let (mut taken, mut sent) = (0, 0);
    world.run_until(s(60), |world| {
        take(&mut world.far, socket, &mut taken);
        if world.far.get(socket).can_send() {
            sent += world.far.get(socket).send_slice(b"be quiet").unwrap();
        }
        taken > 50_000 && sent > 50_000
    });
}

/// A peer that does not read stops chargen; no byte is lost when the peer goes on.
fn chargen_waits_for_its_reader(family: Family) {
    let timeouts = Timeouts { stall: None, ..Timeouts::DEFAULT };
    let mut world = world_of(Setup { timeouts, ..Setup::new(family) });
    let socket = connect(&mut world, family, CHARGEN, 1000);
    let mut taken = 0;
    for _ in 0..5 {
        world.run_for(s(100));
        let before = world.turns;
        world.run_for(s(100));
        assert!(world.turns - before < 200, "{} turns with a full window", world.turns - before);
        take(&mut world.far, socket, &mut taken);
    }
    world.run_until(s(200), |world| {
        take(&mut world.far, socket, &mut taken);
        taken > 20_000
    });
}

/// 4 MiB are received without a byte in answer, and the FIN is answered with a FIN.
fn discard_takes_mebibytes(family: Family) {
    let mut world = world_of(Setup { rx: 8192, ..Setup::new(family) });
    let socket = connect(&mut world, family, DISCARD, 65_535);
    let len = 4 << 20;
    let mut talk = Talk::new(socket, 1, len, Close::Early);
    world.run_until(s(600), |world| {
        talk.send(&mut world.far);
        world.far.state(socket) == State::TimeWait
    });
    assert_eq!(world.far.get(socket).recv_queue(), 0);
    world.run_for(ms(100));
    assert_eq!(world.ours.ends(), [CloseReason::Finished]);
    assert_eq!((world.stats().bytes_received, world.stats().bytes_sent), (len, 0));
    world.assert_all_free();
}

/// Chargen at full speed and an echo: neither starves.
fn an_echo_beside_chargen_is_served(family: Family) {
    let mut world = world_of(Setup::new(family));
    let noisy = connect(&mut world, family, CHARGEN, 65_535);
    let echo = connect(&mut world, family, PORT, 4096);
    let (mut talk, mut taken) = (Talk::new(echo, 2, 200_000, Close::Early), 0);
    world.run_until(s(60), |world| {
        let _ = world.far.recv(noisy).iter().inspect(|_| taken += 1).count();
        talk.pump(&mut world.far)
    });
    assert!(taken > 100_000, "{taken} characters meanwhile");
}

in_both_families!(
    chargen_says_its_lines_until_the_peer_closes,
    chargen_takes_what_is_said_to_it,
    chargen_waits_for_its_reader,
    discard_takes_mebibytes,
    an_echo_beside_chargen_is_served,
);
