//! Hash chains: the slots with a 4-tuple, with a peer's address, or waiting for a next hop.

use smoltcp::wire::{IpAddress, IpEndpoint};

use super::index::{IndexRecord, SlotRef};
use crate::event::Tuple;

/// What a chain's slots have in common.
#[derive(Clone, Copy)]
pub(super) enum Chain {
    /// The 4-tuple.
    Tuple,
    /// The peer's address; kept only where the number of slots for each source is limited.
    Source,
    /// The next hop whose hardware address they wait for.
    NextHop,
}

/// The chains' buckets are in the index records, as many as slots.
pub(super) struct Chains {
    /// A peer chooses its ports: without a secret it could choose them all into one bucket.
    secret: u32,
}

impl Chains {
    pub(super) fn new(secret: u32) -> Self {
        Chains { secret }
    }

    /// Calls `is` with each slot whose hash agrees until it returns true.
    pub(super) fn find(
        &self,
        index: &[IndexRecord],
        chain: Chain,
        hash: u32,
        mut is: impl FnMut(usize) -> bool,
    ) -> Option<usize> {
        let mut next = index[bucket(index, hash)].chains[chain as usize].head;
        while let Some(slot) = next.get() {
            let link = &index[slot].chains[chain as usize];
            if link.hash == hash && is(slot) {
                return Some(slot);
            }
            next = link.after;
        }
        None
    }

    pub(super) fn insert(&self, index: &mut [IndexRecord], chain: Chain, hash: u32, slot: usize) {
        self.remove(index, chain, slot);
        let bucket = bucket(index, hash);
        let head = &mut index[bucket].chains[chain as usize].head;
        let after = core::mem::replace(head, SlotRef::to(slot));
        if let Some(after) = after.get() {
            index[after].chains[chain as usize].before = SlotRef::to(slot);
        }
        let link = &mut index[slot].chains[chain as usize];
        (link.after, link.hash) = (after, hash);
    }

    /// Takes a slot out. One that is in no chain stays out.
    pub(super) fn remove(&self, index: &mut [IndexRecord], chain: Chain, slot: usize) {
        let link = index[slot].chains[chain as usize];
        let bucket = bucket(index, link.hash);
        match link.before.get() {
            Some(before) => index[before].chains[chain as usize].after = link.after,
            None if index[bucket].chains[chain as usize].head == SlotRef::to(slot) => {
                index[bucket].chains[chain as usize].head = link.after;
            }
            None => return,
        }
        if let Some(after) = link.after.get() {
            index[after].chains[chain as usize].before = link.before;
        }
        let link = &mut index[slot].chains[chain as usize];
        (link.before, link.after) = (SlotRef::NONE, SlotRef::NONE);
    }

    pub(super) fn hash_tuple(&self, tuple: &Tuple) -> u32 {
        let IpEndpoint { addr, port } = tuple.remote;
        let ports = (u32::from(tuple.local.port) << 16) | u32::from(port);
        // Not the local address: there are few, and they tell hardly any connections apart.
        mix_address(mix(self.secret, ports), &addr)
    }

    pub(super) fn hash_address(&self, address: &IpAddress) -> u32 {
        mix_address(self.secret, address)
    }
}

/// The high half of a product maps a hash to `0..len` without a division.
fn bucket(index: &[IndexRecord], hash: u32) -> usize {
    ((u64::from(hash) * index.len() as u64) >> 32) as usize
}

fn mix_address(hash: u32, address: &IpAddress) -> u32 {
    match address {
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
