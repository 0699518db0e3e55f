//! The kernel's neighbor table: `ip neighbor show`.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::NLM_F_DUMP;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use smoltcp::wire::EthernetAddress;

use super::netlink::Netlink;
use crate::fault::Fault;

/// The state of a neighbor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Neighbor {
    /// Not in the table.
    Unknown,
    /// Solicited, without an answer yet.
    Asked,
    /// Reachable or stale: the hardware address.
    Known(EthernetAddress),
    /// No answer.
    Failed,
}

/// The state of this address, on any link.
pub(crate) fn look_up(address: IpAddr) -> Result<Neighbor, Fault> {
    dump(address).map_err(|error| {
        Fault::machine(format!("cannot read the neighbor table: {error}; see ip neighbor"))
    })
}

fn dump(address: IpAddr) -> io::Result<Neighbor> {
    let mut question = NeighbourMessage::default();
    question.header.family =
        if address.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let mut found = Neighbor::Unknown;
    let question = RouteNetlinkMessage::GetNeighbour(question);
    Netlink::open()?.request(question, NLM_F_DUMP, |message| match &message {
        RouteNetlinkMessage::NewNeighbour(neighbor) if is_of(neighbor, address) => {
            found = state(neighbor);
        }
        _ => {}
    })?;
    Ok(found)
}

fn is_of(neighbor: &NeighbourMessage, address: IpAddr) -> bool {
    neighbor.attributes.iter().any(|attribute| match (attribute, address) {
        (NeighbourAttribute::Destination(NeighbourAddress::Inet(it)), IpAddr::V4(v4)) => *it == v4,
        (NeighbourAttribute::Destination(NeighbourAddress::Inet6(it)), IpAddr::V6(v6)) => *it == v6,
        _ => false,
    })
}

fn state(neighbor: &NeighbourMessage) -> Neighbor {
    let mac = neighbor.attributes.iter().find_map(|attribute| match attribute {
        NeighbourAttribute::LinkLayerAddress(bytes) => bytes.as_slice().try_into().ok(),
        _ => None,
    });
    match (neighbor.header.state, mac) {
        (NeighbourState::Incomplete, _) => Neighbor::Asked,
        (NeighbourState::Failed, _) => Neighbor::Failed,
        (_, Some(mac)) => Neighbor::Known(EthernetAddress(mac)),
        _ => Neighbor::Unknown,
    }
}
