//! The figures of one board.

use super::{
    firmware::{Board, Firmware, PLAIN, Variant},
    peer::{Connection, Peer},
    qemu::Machine,
};
use crate::{budgets::Figure, elf, run::Outcome};

/// Round trips whose mean is taken, after a few that are not counted.
const ROUNDS: u64 = 400;
const WARM_UP: u64 = 10;

/// What the stack is painted with at reset.
const PAINT: u32 = 0xCCCC_CCCC;

/// Connections of the large image.
const MANY: usize = 16;

const BRIDGED: Variant = Variant { features: "ipv6,meter,bridge", ..PLAIN };

const METERED: Variant = Variant { features: "ipv6,meter,paint-stack", ..PLAIN };

/// Builds the board, and what QEMU knows in all ways that matter, and runs that.
pub(crate) fn all(board: &Board) -> Outcome<Vec<Figure>> {
    let plain = board.build(PLAIN)?.sizes;
    let mut figures = vec![
        Figure::new("text", plain.text.into()),
        Figure::new("data", plain.data.into()),
        Figure::new("ram", ram(plain).into()),
    ];
    if let Some(instructions_per_tick) = board.instructions_per_tick {
        figures.extend(at_work(board, plain, instructions_per_tick)?);
    }
    Ok(figures)
}

fn at_work(board: &Board, plain: elf::Sizes, instructions_per_tick: u64) -> Outcome<Vec<Figure>> {
    let ipv4 = board.build(Variant { features: "", ..PLAIN })?.sizes;
    let next = board.build(Variant { connections: PLAIN.connections + 1, ..PLAIN })?.sizes;

    let metered = board.build(METERED)?;
    let mut bench = Bench::new(board, &metered, instructions_per_tick)?;
    let mut connection = bench.peer.connect(50_000)?;
    let tcp_14 = bench.tcp(&mut connection, 14)?;
    let tcp_512 = bench.tcp(&mut connection, 512)?;
    let udp_14 = bench.udp(14)?;
    let udp_512 = bench.udp(512)?;
    let stack = bench.stack()?;
    drop(bench);

    let bridged = board.build(BRIDGED)?;
    let mut bench = Bench::new(board, &bridged, instructions_per_tick)?;
    let mut connection = bench.peer.connect(50_000)?;
    let tcp_14_bridged = bench.tcp(&mut connection, 14)?;
    let tcp_512_bridged = bench.tcp(&mut connection, 512)?;
    let udp_14_bridged = bench.udp(14)?;
    let udp_512_bridged = bench.udp(512)?;
    drop(bench);

    let fast = board.build(Variant { optimization: "3", ..METERED })?;
    let mut bench = Bench::new(board, &fast, instructions_per_tick)?;
    let mut connection = bench.peer.connect(50_000)?;
    let tcp_14_fast = bench.tcp(&mut connection, 14)?;
    drop(bench);

    let large = board.build(Variant { connections: MANY, ..METERED })?;
    let mut bench = Bench::new(board, &large, instructions_per_tick)?;
    let mut first = bench.peer.connect(50_000)?;
    let alone = bench.tcp(&mut first, 14)?;
    for port in 1..MANY as u16 {
        bench.peer.connect(50_000 + port)?;
    }
    let among_many = bench.tcp(&mut first, 14)?;
    let ram_many = u64::from(ram(large.sizes)) + bench.stack()?;

    Ok(vec![
        Figure::new("text-ipv4", ipv4.text.into()),
        Figure::new("ram-per-connection", (ram(next) - ram(plain)).into()),
        Figure::new("stack", stack),
        Figure::new("ram-16-connections", ram_many),
        Figure::new("tcp-14", tcp_14),
        Figure::new("tcp-512", tcp_512),
        Figure::new("udp-14", udp_14),
        Figure::new("udp-512", udp_512),
        Figure::new("tcp-14-opt-level-3", tcp_14_fast),
        Figure::new("tcp-14-permille-bridged", 1000 * tcp_14_bridged / tcp_14),
        Figure::new("tcp-512-permille-bridged", 1000 * tcp_512_bridged / tcp_512),
        Figure::new("udp-14-permille-bridged", 1000 * udp_14_bridged / udp_14),
        Figure::new("udp-512-permille-bridged", 1000 * udp_512_bridged / udp_512),
        Figure::new("tcp-14-permille-among-16", 1000 * among_many / alone),
    ])
}

/// Bytes of RAM beside the stack.
fn ram(sizes: elf::Sizes) -> u32 {
    sizes.data + sizes.bss
}

/// A board at work, and what it takes to look into it.
struct Bench<'b> {
    instructions_per_tick: u64,
    firmware: &'b Firmware,
    machine: Machine,
    peer: Peer,
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
        Ok(Bench { instructions_per_tick, firmware, machine, peer })
    }

    /// Instructions for a round trip of so many bytes.
    fn tcp(&mut self, connection: &mut Connection, bytes: usize) -> Outcome<u64> {
        let data = vec![b'x'; bytes];
        self.mean(|peer| peer.round_trip(connection, &data))
    }

    fn udp(&mut self, bytes: usize) -> Outcome<u64> {
        let data = vec![b'x'; bytes];
        self.mean(|peer| peer.datagram(50_000, &data))
    }

    fn mean(&mut self, mut round_trip: impl FnMut(&mut Peer) -> Outcome) -> Outcome<u64> {
        for _ in 0..WARM_UP {
            round_trip(&mut self.peer)?;
        }
        let before = self.busy()?;
        for _ in 0..ROUNDS {
            round_trip(&mut self.peer)?;
        }
        let ticks = u64::from(self.busy()?.wrapping_sub(before));
        Ok(ticks * self.instructions_per_tick / ROUNDS)
    }

    /// Ticks in which the board was awake.
    fn busy(&mut self) -> Outcome<u32> {
        self.machine.word(self.firmware.symbols.address("METER_BUSY")?)
    }

    /// How deep the stack ever was.
    fn stack(&mut self) -> Outcome<u64> {
        let bottom = self.firmware.symbols.address("__sheap")?;
        let top = self.firmware.symbols.address("_stack_start")?;
        let words = self.machine.words(bottom, (top - bottom) / 4)?;
        let untouched = words.iter().take_while(|word| **word == PAINT).count();
        Ok(4 * (words.len() - untouched) as u64)
    }
}
