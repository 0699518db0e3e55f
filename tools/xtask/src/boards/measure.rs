//! Measures one board.

use super::{
    firmware::{Board, Firmware, PLAIN, Variant},
    peer::{Connection, Peer},
    qemu::Machine,
};
use crate::{budgets::Figure, elf::Sizes, run::Outcome};

/// Round trips that are averaged, after a warm-up.
const ROUNDS: u64 = 400;
const WARM_UP: u64 = 10;

/// First source port of the peer.
const PORT: u16 = 50_000;

/// Fill of the unused stack after reset.
const PAINT: u32 = 0xCCCC_CCCC;

/// Connections of the large image.
const MANY: usize = 16;

const BRIDGED: Variant = Variant { features: "ipv6,meter,bridge", ..PLAIN };

const METERED: Variant = Variant { features: "ipv6,meter,paint-stack", ..PLAIN };

/// The same services over smoltcp alone.
const SMOLTCP: Variant = Variant { features: "ipv6,plain", ..PLAIN };
const SMOLTCP_IPV4: Variant = Variant { features: "plain", ..PLAIN };
const SMOLTCP_METERED: Variant = Variant { features: "ipv6,plain,meter", ..PLAIN };

/// Builds the firmware and measures its sizes. If QEMU emulates the board, builds its variants and runs them.
pub(crate) fn all(board: &Board) -> Outcome<Vec<Figure>> {
    let plain = board.build(PLAIN)?.sizes;
    let mut figures = vec![
        Figure::new("text", plain.text),
        Figure::new("data", plain.data),
        Figure::new("ram", ram(plain)),
    ];
    if let Some(instructions_per_tick) = board.instructions_per_tick {
        figures.extend(at_work(board, plain, instructions_per_tick)?);
    }
    Ok(figures)
}

fn at_work(board: &Board, plain: Sizes, instructions_per_tick: u64) -> Outcome<Vec<Figure>> {
    let ipv4 = board.build(Variant { features: "", ..PLAIN })?.sizes;
    let next = board.build(Variant { connections: PLAIN.connections + 1, ..PLAIN })?.sizes;

    let smoltcp = flash(board.build(SMOLTCP)?.sizes);
    let smoltcp_ipv4 = flash(board.build(SMOLTCP_IPV4)?.sizes);
    let compared = board.build(SMOLTCP_METERED)?;
    let smoltcp_tcp_14 = Bench::new(board, &compared, instructions_per_tick)?.tcp(14)?;

    let metered = board.build(METERED)?;
    let mut bench = Bench::new(board, &metered, instructions_per_tick)?;
    let [tcp_14, tcp_512, udp_14, udp_512] = bench.round_trips()?;
    let stack = bench.stack()?;
    drop(bench);

    let bridged = board.build(BRIDGED)?;
    let bridged = Bench::new(board, &bridged, instructions_per_tick)?.round_trips()?;

    let fast = board.build(Variant { optimization: "3", ..METERED })?;
    let fast = Bench::new(board, &fast, instructions_per_tick)?.tcp(14)?;

    let large = board.build(Variant { connections: MANY, ..METERED })?;
    let mut bench = Bench::new(board, &large, instructions_per_tick)?;
    let alone = bench.tcp(14)?;
    for port in 1..MANY as u16 {
        bench.peer.connect(PORT + port)?;
    }
    let among_many = bench.tcp(14)?;
    let ram_many = ram(large.sizes) + bench.stack()?;

    Ok(vec![
        Figure::new("text-ipv4", ipv4.text),
        Figure::new("flash-permille-of-smoltcp", 1000 * flash(plain) / smoltcp),
        Figure::new("flash-ipv4-permille-of-smoltcp", 1000 * flash(ipv4) / smoltcp_ipv4),
        Figure::new("ram-per-connection", ram(next) - ram(plain)),
        Figure::new("stack", stack),
        Figure::new("ram-16-connections", ram_many),
        Figure::new("tcp-14", tcp_14),
        Figure::new("tcp-512", tcp_512),
        Figure::new("udp-14", udp_14),
        Figure::new("udp-512", udp_512),
        Figure::new("tcp-14-permille-of-smoltcp", 1000 * tcp_14 / smoltcp_tcp_14),
        Figure::new("tcp-14-opt-level-3", fast),
        Figure::new("tcp-14-permille-bridged", 1000 * bridged[0] / tcp_14),
        Figure::new("tcp-512-permille-bridged", 1000 * bridged[1] / tcp_512),
        Figure::new("udp-14-permille-bridged", 1000 * bridged[2] / udp_14),
        Figure::new("udp-512-permille-bridged", 1000 * bridged[3] / udp_512),
        Figure::new("tcp-14-permille-among-16", 1000 * among_many / alone),
    ])
}

/// Bytes of flash.
fn flash(sizes: Sizes) -> u64 {
    sizes.text + sizes.data
}

/// Bytes of RAM without the stack.
fn ram(sizes: Sizes) -> u64 {
    sizes.data + sizes.bss
}

/// A running board, its peer, and one connection between them.
struct Bench<'b> {
    instructions_per_tick: u64,
    firmware: &'b Firmware,
    machine: Machine,
    peer: Peer,
    connection: Connection,
}

impl<'b> Bench<'b> {
    fn new(
        board: &Board,
        firmware: &'b Firmware,
        instructions_per_tick: u64,
    ) -> Outcome<Bench<'b>> {
        let (mut peer, ours, theirs) = Peer::new()?;
        let machine = Machine::start(board, &firmware.path, ours, theirs)?;
        peer.find_board()?;
        let connection = peer.connect(PORT)?;
        Ok(Bench { instructions_per_tick, firmware, machine, peer, connection })
    }

    /// Instructions of a TCP round trip of 14 and of 512 bytes, then the same of UDP.
    fn round_trips(&mut self) -> Outcome<[u64; 4]> {
        Ok([self.tcp(14)?, self.tcp(512)?, self.udp(14)?, self.udp(512)?])
    }

    fn tcp(&mut self, bytes: usize) -> Outcome<u64> {
        let data = vec![b'x'; bytes];
        self.mean(|bench| bench.peer.round_trip(&mut bench.connection, &data))
    }

    fn udp(&mut self, bytes: usize) -> Outcome<u64> {
        let data = vec![b'x'; bytes];
        self.mean(|bench| bench.peer.datagram(PORT, &data))
    }

    fn mean(&mut self, round_trip: impl Fn(&mut Self) -> Outcome) -> Outcome<u64> {
        for _ in 0..WARM_UP {
            round_trip(self)?;
        }
        let before = self.busy()?;
        for _ in 0..ROUNDS {
            round_trip(self)?;
        }
        let ticks = u64::from(self.busy()?.wrapping_sub(before));
        Ok(ticks * self.instructions_per_tick / ROUNDS)
    }

    /// Clock ticks in which the board was awake.
    fn busy(&mut self) -> Outcome<u32> {
        self.machine.word(self.firmware.elf.address("METER_BUSY")?)
    }

    /// Bytes of the stack that were ever written.
    fn stack(&mut self) -> Outcome<u64> {
        let bottom = self.firmware.elf.address("__sheap")?;
        let top = self.firmware.elf.address("_stack_start")?;
        let words = self.machine.words(bottom, (top - bottom) / 4)?;
        let untouched = words.iter().take_while(|word| **word == PAINT).count();
        Ok(4 * (words.len() - untouched) as u64)
    }
}
