//! Outgoing IPv4 fragments: smoltcp's buffer holds one datagram at a time.

use smoltcp::iface::{Interface, SocketSet};
use smoltcp::phy::Device;
use smoltcp::time::Instant;

use crate::phy::seq_tracker::SeqTracker;

/// More fragments than any datagram has: 65,535 bytes over the smallest MTU.
const MAX_FRAGMENTS: usize = 128;

/// Sends the remaining fragments of a datagram. Returns false if some are left: another datagram would
/// then overwrite them in smoltcp's buffer.
pub(super) fn fragments_have_left<D: Device + ?Sized>(
    iface: &mut Interface,
    now: Instant,
    device: &mut D,
) -> bool {
    for _ in 0..MAX_FRAGMENTS {
        if !is_fragmenting(iface, now) {
            return true;
        }
        let mut nothing = SocketSet::new(&mut [][..]);
        iface.poll_egress(now, &mut SeqTracker::new(device, &mut None), &mut nothing);
    }
    false
}

/// Without sockets, an interface is due for fragments only.
pub(super) fn is_fragmenting(iface: &mut Interface, now: Instant) -> bool {
    cfg!(feature = "ipv4-fragmentation")
        && iface.poll_at(now, &SocketSet::new(&mut [][..])).is_some()
}
