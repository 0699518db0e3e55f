//! A node's memory when its sizes are known at run time only.

use std::hint::black_box;

use smolecho::storage::{AgeRecord, DeadlineRecord, Slot, TableRecord};
use smolecho::{DatagramMemory, DatagramStorage, Memory};
use smoltcp::iface::SocketStorage;

use crate::fault::Fault;

/// The largest piece that an echo moves at once.
const SCRATCH: usize = 16 * 1024;

/// The largest datagram, and what smoltcp's buffers for fragments are set to in `Cargo.toml`.
pub(crate) const DATAGRAM: usize = 8192;

/// Ports that can be bound: echo, discard, chargen.
const PORTS: usize = 3;

/// Answers that may wait until their peer's hardware address is known.
const SENDERS: usize = 16;

/// Memory for so many connections with two buffers of `buffer` bytes each. It is never given back:
/// there is one node in the program, and it lives as long.
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
        table: leak_records(slots.len(), || TableRecord::EMPTY),
        due: leak_records(slots.len(), || DeadlineRecord::EMPTY),
        order: leak_records(slots.len(), || AgeRecord::EMPTY),
        slots: slots.leak(),
        scratch: vec![0; SCRATCH].leak(),
        datagrams: DatagramMemory::none(),
    })
}

/// Linux sends at most half of the largest window that it has seen; of one that does not divide well a
/// byte or two are left, and go in a frame of their own every time.
fn ring(buffer: usize) -> usize {
    if buffer < 4 { buffer } else { buffer - buffer % 4 }
}

/// Memory for datagrams; it is not given back either.
pub(crate) fn datagrams() -> DatagramMemory<'static> {
    Box::leak(Box::new(DatagramStorage::<PORTS, SENDERS, DATAGRAM>::new())).memory()
}

/// Zeros that come from the kernel as such: pages that no connection touches cost nothing.
fn zeroed(bytes: usize) -> Result<&'static mut [u8], Fault> {
    // Asked first, because `vec!` cannot be told no: it would end the process. The compiler must not
    // see that nothing is done with the answer, or it does not ask.
    let mut asked = Vec::<u8>::new();
    let answer = asked.try_reserve_exact(bytes);
    drop(black_box(asked));
    match answer {
        Ok(()) => Ok(vec![0; bytes].leak()),
        Err(_) => Err(Fault::machine(format!(
            "no memory for twice {bytes} bytes of buffers: fewer --connections or a smaller --buffer \
             would do, or: sudo sysctl vm.overcommit_memory=1"
        ))),
    }
}

fn leak_records<T>(len: usize, empty: impl FnMut() -> T) -> &'static mut [T] {
    let records: Vec<T> = std::iter::repeat_with(empty).take(len).collect();
    records.leak()
}
