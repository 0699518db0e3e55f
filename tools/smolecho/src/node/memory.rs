//! Memory of a node whose sizes are known at run time only.

use std::hint::black_box;

use smolecho::storage::{IndexRecord, Slot};
use smolecho::{DatagramMemory, DatagramStorage, Memory};
use smoltcp::iface::SocketStorage;

use crate::fault::Fault;

/// Bytes that an echo moves at once.
const SCRATCH: usize = 16 * 1024;

/// The largest datagram in bytes; smoltcp's fragment buffers in `Cargo.toml` have the same size.
pub(crate) const DATAGRAM: usize = 8192;

/// Ports that can be bound: echo, discard, chargen.
const PORTS: usize = 3;

/// Datagrams that may wait for the peer's hardware address.
const SENDERS: usize = 16;

/// Memory for `connections` with two buffers of `buffer` bytes each. It is never freed: the node lives as long
/// as the program.
pub(crate) fn leak(connections: u16, buffer: u16) -> Result<Memory<'static>, Fault> {
    let slots = usize::from(connections);
    let buffer = ring(usize::from(buffer));
    let rx = zeroed(slots * buffer)?;
    let tx = zeroed(slots * buffer)?;
    let sockets = leak_records(slots, || SocketStorage::EMPTY);
    let slots: Vec<Slot<'static>> = sockets
        .chunks_exact_mut(1)
        .zip(rx.chunks_exact_mut(buffer).zip(tx.chunks_exact_mut(buffer)))
        .map(|(socket, (rx, tx))| Slot::new(socket, rx, tx))
        .collect();
    Ok(Memory {
        index: leak_records(slots.len(), || IndexRecord::EMPTY),
        slots: slots.leak(),
        scratch: vec![0; SCRATCH].leak(),
        datagrams: DatagramMemory::none(),
    })
}

/// Rounds down to a multiple of four. Linux sends at most half of the largest window; a remainder of one or two
/// bytes would go in a frame of its own each time.
fn ring(buffer: usize) -> usize {
    if buffer < 4 { buffer } else { buffer - buffer % 4 }
}

/// Memory for datagrams, never freed.
pub(crate) fn datagrams() -> DatagramMemory<'static> {
    Box::leak(Box::new(DatagramStorage::<PORTS, SENDERS, DATAGRAM>::new())).memory()
}

/// Zeroed pages from the kernel; they take no memory until used.
fn zeroed(bytes: usize) -> Result<&'static mut [u8], Fault> {
    // `vec!` aborts the process if memory is short, so the reservation is tried first. `black_box` keeps the
    // compiler from removing it.
    let mut asked = Vec::<u8>::new();
    let answer = asked.try_reserve_exact(bytes);
    drop(black_box(asked));
    match answer {
        Ok(()) => Ok(vec![0; bytes].leak()),
        Err(_) => Err(Fault::machine(format!(
            "not enough memory for buffers of twice {bytes} bytes: fewer --connections or a smaller --buffer \
             would do, or: sudo sysctl vm.overcommit_memory=1"
        ))),
    }
}

fn leak_records<T>(len: usize, empty: impl FnMut() -> T) -> &'static mut [T] {
    let records: Vec<T> = std::iter::repeat_with(empty).take(len).collect();
    records.leak()
}
