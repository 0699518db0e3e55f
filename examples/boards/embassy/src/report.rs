//! Log lines through the debug probe. Without a probe they are dropped.

use defmt::{info, warn};
use defmt_rtt as _;
use smolecho::Event;

/// Logs link, addresses, connections and drops.
pub(crate) fn event(event: Event<'_>) {
    match event {
        Event::LinkUp => info!("The link is up"),
        Event::LinkDown => info!("The link is down"),
        Event::AddressGained { cidr } => info!("The address is {}", cidr),
        Event::AddressLost { cidr } => info!("The address {} is lost", cidr),
        Event::Accepted { tuple } => info!("Accepted connection from {}", tuple.remote),
        Event::Closed { tuple, reason, received, sent } => info!(
            "Closed {}: {=str}, {} bytes in, {} out",
            tuple.remote,
            reason.name(),
            received,
            sent
        ),
        Event::DatagramDropped { reason, tuple } => {
            warn!("No answer to {}: {=str}", tuple.remote, reason.name());
        }
        Event::Dropped { reason, .. } => warn!("Refused a frame: {=str}", reason.name()),
        _ => {}
    }
}
