//! Which slot has this 4-tuple: a hash table with chains, in memory as long as the pool.

use smoltcp::wire::{IpAddress, IpEndpoint};

use super::SlotRef;
use crate::event::Tuple;

/// One slot's place in the table.
#[derive(Clone, Copy, Debug)]
pub struct TableRecord {
    /// First slot of the bucket with this record's number.
    head: SlotRef,
    /// Next slot of the same bucket.
    next: SlotRef,
    hash: u32,
}

impl TableRecord {
    /// Nothing in it: all zeros.
    pub const EMPTY: TableRecord =
        TableRecord { head: SlotRef::NONE, next: SlotRef::NONE, hash: 0 };
}

pub(crate) struct Table<'a> {
    records: &'a mut [TableRecord],
    /// A peer chooses its ports: without a secret it could choose them all into one bucket.
    secret: u32,
}

impl<'a> Table<'a> {
    pub(crate) fn new(records: &'a mut [TableRecord], secret: u32) -> Self {
        records.fill(TableRecord::EMPTY);
        Table { records, secret }
    }

    /// The slot with this tuple; `is` confirms a slot whose hash agrees.
    pub(crate) fn find(&self, tuple: &Tuple, is: impl Fn(usize) -> bool) -> Option<usize> {
        let hash = self.hash(tuple);
        let mut link = self.records[self.bucket(hash)].head;
        while let Some(slot) = link.get() {
            let record = &self.records[slot];
            if record.hash == hash && is(slot) {
                return Some(slot);
            }
            link = record.next;
        }
        None
    }

    pub(crate) fn insert(&mut self, tuple: &Tuple, slot: usize) {
        let hash = self.hash(tuple);
        let bucket = self.bucket(hash);
        self.records[slot].hash = hash;
        self.records[slot].next = self.records[bucket].head;
        self.records[bucket].head = SlotRef::to(slot);
    }

    /// Takes a slot out; one that is not in stays out.
    pub(crate) fn remove(&mut self, slot: usize) {
        let bucket = self.bucket(self.records[slot].hash);
        let next = self.records[slot].next;
        if self.records[bucket].head == SlotRef::to(slot) {
            self.records[bucket].head = next;
            return;
        }
        let mut link = self.records[bucket].head;
        while let Some(before) = link.get() {
            if self.records[before].next == SlotRef::to(slot) {
                self.records[before].next = next;
                return;
            }
            link = self.records[before].next;
        }
    }

    fn bucket(&self, hash: u32) -> usize {
        // The high half of a product maps a hash to 0..len without a division.
        ((u64::from(hash) * self.records.len() as u64) >> 32) as usize
    }

    fn hash(&self, tuple: &Tuple) -> u32 {
        let ports = (u32::from(tuple.local.port) << 16) | u32::from(tuple.remote.port);
        // Not the local address: there are few, and they tell hardly any connections apart.
        mix_address(mix(self.secret, ports), &tuple.remote)
    }
}

fn mix_address(hash: u32, endpoint: &IpEndpoint) -> u32 {
    match endpoint.addr {
        IpAddress::Ipv4(v4) => mix(hash, v4.to_bits()),
        #[cfg(feature = "proto-ipv6")]
        IpAddress::Ipv6(v6) => v6.octets().chunks_exact(4).fold(hash, |hash, word| {
            mix(hash, u32::from_be_bytes([word[0], word[1], word[2], word[3]]))
        }),
    }
}

/// One multiplication and one shift a word: the bucket is taken from the high bits.
fn mix(hash: u32, word: u32) -> u32 {
    let product = (hash ^ word).wrapping_mul(0x9E37_79B1);
    product ^ (product >> 15)
}
