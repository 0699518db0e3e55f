//! One slot's place in every index of the pool.

use smoltcp::time::Instant;

/// A slot's number, or none. Zero is none, so that an unused index is all zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlotRef(u16);

impl SlotRef {
    pub(super) const NONE: SlotRef = SlotRef(0);

    pub(super) fn to(slot: usize) -> SlotRef {
        SlotRef(slot as u16 + 1)
    }

    pub(super) fn get(self) -> Option<usize> {
        (self.0 as usize).checked_sub(1)
    }
}

/// The most slots that a [`SlotRef`] can tell apart.
pub(crate) const MAX_SLOTS: usize = u16::MAX as usize - 1;

/// Listeners whose handshakes are counted apart.
pub(crate) const MAX_LISTENERS: usize = 4;

/// What a slot is used for; derived from its role and its socket's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Unused.
    Free,
    /// SYN-SENT.
    Connecting,
    /// LISTEN or SYN-RECEIVED on behalf of the listener with this number: counts against its backlog.
    HalfOpen(u8),
    /// A connection that a listener accepted.
    Accepted,
    /// A connection that this node opened.
    Connected,
    /// TIME-WAIT: the first to be reused.
    TimeWait,
    /// Reset by this node; the RST has not left yet.
    Closing,
}

impl SlotState {
    /// Before ESTABLISHED.
    pub(crate) fn is_handshake(self) -> bool {
        matches!(self, SlotState::Connecting | SlotState::HalfOpen(_))
    }

    /// From ESTABLISHED until the connection has ended.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, SlotState::Accepted | SlotState::Connected)
    }

    pub(super) const COUNT: usize = 6 + MAX_LISTENERS;

    /// The number of its age list.
    pub(super) fn list(self) -> usize {
        match self {
            SlotState::Free => 0,
            SlotState::Connecting => 1,
            SlotState::Accepted => 2,
            SlotState::Connected => 3,
            SlotState::TimeWait => 4,
            SlotState::Closing => 5,
            SlotState::HalfOpen(listener) => 6 + usize::from(listener) % MAX_LISTENERS,
        }
    }
}

/// One slot's place in the pool's indexes: by 4-tuple, by peer, by next hop, by deadline and by age.
#[derive(Clone, Copy, Debug)]
pub struct IndexRecord {
    pub(super) chains: [ChainLink; 3],
    pub(super) deadline: DeadlineEntry,
    pub(super) age: AgeLink,
}

impl IndexRecord {
    /// An unused record: all zeros.
    pub const EMPTY: IndexRecord = IndexRecord {
        chains: [ChainLink::EMPTY; 3],
        deadline: DeadlineEntry::EMPTY,
        age: AgeLink::EMPTY,
    };
}

/// One slot in one kind of hash chain.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainLink {
    /// First slot of the bucket with this record's number.
    pub(super) head: SlotRef,
    pub(super) before: SlotRef,
    pub(super) after: SlotRef,
    pub(super) hash: u32,
}

impl ChainLink {
    const EMPTY: ChainLink =
        ChainLink { head: SlotRef::NONE, before: SlotRef::NONE, after: SlotRef::NONE, hash: 0 };
}

/// One slot's deadline, and one place of the heap.
#[derive(Clone, Copy, Debug)]
pub(super) struct DeadlineEntry {
    /// When the slot is due.
    pub(super) at: Instant,
    /// The slot's key in the heap; never after `at`.
    pub(super) key: Instant,
    /// The slot's place in the heap.
    pub(super) place: SlotRef,
    /// The slot at this record's place in the heap.
    pub(super) slot: SlotRef,
}

impl DeadlineEntry {
    const EMPTY: DeadlineEntry = DeadlineEntry {
        at: Instant::ZERO,
        key: Instant::ZERO,
        place: SlotRef::NONE,
        slot: SlotRef::NONE,
    };
}

/// One slot's neighbours in its age list.
#[derive(Clone, Copy, Debug)]
pub(super) struct AgeLink {
    pub(super) before: SlotRef,
    pub(super) after: SlotRef,
    pub(super) state: SlotState,
}

impl AgeLink {
    pub(super) const EMPTY: AgeLink =
        AgeLink { before: SlotRef::NONE, after: SlotRef::NONE, state: SlotState::Free };
}
