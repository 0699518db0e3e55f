//! Interfaces of the host, over rtnetlink (`man 7 rtnetlink`): state, MTU, queue, addresses.

use std::io;
use std::net::IpAddr;

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage,
};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::unistd::Pid;
use smoltcp::wire::IpCidr;

use super::netlink::Netlink;
use super::route::RouteNews;
use crate::fault::{Fault, errno};

/// The smallest MTU for IPv6 (RFC 8200 section 5).
const IPV6_MIN_MTU: usize = 1280;

/// Whether the interface exists in the caller's network namespace.
pub(crate) fn exists(name: &str) -> bool {
    if_nametoindex(name).is_ok()
}

/// Requests about the interfaces of the network namespace where it was opened.
pub(crate) struct Links(Netlink);

impl Links {
    pub(crate) fn open() -> Result<Links, Fault> {
        Netlink::open().map(Links).map_err(|error| {
            Fault::machine(format!(
                "cannot talk to the kernel over netlink: {error}; the kernel needs CONFIG_NET"
            ))
        })
    }

    /// `ip link set NAME up`, or `down`.
    pub(crate) fn set_up(&mut self, name: &str, up: bool) -> Result<(), Fault> {
        let mut link = link(name)?;
        link.header.change_mask = LinkFlags::Up;
        if up {
            link.header.flags = LinkFlags::Up;
        }
        let word = if up { "up" } else { "down" };
        self.ask(RouteNetlinkMessage::SetLink(link), 0)
            .map_err(|error| fault(name, &format!("cannot set it {word}"), &error))
    }

    /// `ip link set NAME mtu MTU`.
    pub(crate) fn set_mtu(&mut self, name: &str, mtu: u16) -> Result<(), Fault> {
        let mut link = link(name)?;
        link.attributes.push(LinkAttribute::Mtu(mtu.into()));
        self.ask(RouteNetlinkMessage::SetLink(link), 0).map_err(|error| match errno(&error) {
            Errno::EINVAL => Fault::usage(format!("--mtu {mtu}: {name} rejects it; 1500 would do")),
            _ => fault(name, &format!("cannot set its MTU to {mtu}"), &error),
        })
    }

    /// `ip link set NAME txqueuelen LEN`: frames from the host that may wait to be read.
    pub(crate) fn set_queue(&mut self, name: &str, len: u32) -> Result<(), Fault> {
        let mut link = link(name)?;
        link.attributes.push(LinkAttribute::TxQueueLen(len));
        self.ask(RouteNetlinkMessage::SetLink(link), 0)
            .map_err(|error| fault(name, &format!("cannot set its queue to {len}"), &error))
    }

    /// `tc qdisc replace dev NAME root noqueue`: frames from the host go straight to the interface's own queue,
    /// as on a veth. A kernel that refuses keeps its scheduler, which also works.
    pub(crate) fn bypass_scheduler(&mut self, name: &str) -> Result<(), Fault> {
        let mut message = TcMessage::with_index(index(name)?.cast_signed());
        message.header.parent = TcHandle::ROOT;
        message.attributes.push(TcAttribute::Kind("noqueue".to_owned()));
        let request = RouteNetlinkMessage::NewQueueDiscipline(message);
        let _ = self.ask(request, NLM_F_CREATE | NLM_F_REPLACE);
        Ok(())
    }

    /// `ip link add NAME type veth peer name NAME netns PID`.
    pub(crate) fn add_veth(&mut self, name: &str, other: Pid) -> Result<(), Fault> {
        let mut end = LinkMessage::default();
        end.attributes.push(LinkAttribute::IfName(name.to_owned()));
        end.attributes.push(LinkAttribute::NetNsPid(other.as_raw().unsigned_abs()));
        let mut link = LinkMessage::default();
        link.attributes.push(LinkAttribute::IfName(name.to_owned()));
        link.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(end))),
        ]));
        self.ask(RouteNetlinkMessage::NewLink(link), NLM_F_CREATE | NLM_F_EXCL).map_err(|error| {
            match errno(&error) {
                Errno::EOPNOTSUPP => Fault::machine("this kernel has no veth: sudo modprobe veth"),
                _ => fault(name, "cannot create a veth", &error),
            }
        })
    }

    /// `ip address add CIDR dev NAME`. An IPv6 address is usable at once, without duplicate address detection.
    pub(crate) fn add_address(&mut self, name: &str, cidr: IpCidr) -> Result<(), Fault> {
        if !cidr.address().is_unicast() {
            return Err(Fault::usage(format!(
                "--host-address {cidr}: not a unicast address; \
                 one like 192.168.69.100/24 would do"
            )));
        }
        let address = IpAddr::from(cidr.address());
        let mut message = AddressMessage::default();
        message.header.index = index(name)?;
        message.header.prefix_len = cidr.prefix_len();
        // IPv4 requires the local address, IPv6 any address; both accept both.
        message.attributes.push(AddressAttribute::Local(address));
        message.attributes.push(AddressAttribute::Address(address));
        match address {
            IpAddr::V4(v4) => {
                message.header.family = AddressFamily::Inet;
                if let Some(broadcast) = broadcast(v4, cidr.prefix_len()) {
                    message.attributes.push(AddressAttribute::Broadcast(broadcast));
                }
            }
            IpAddr::V6(_) => {
                message.header.family = AddressFamily::Inet6;
                message.header.flags = AddressHeaderFlags::Nodad;
                message.attributes.push(AddressAttribute::Flags(AddressFlags::Nodad));
            }
        }
        let routes = RouteNews::open();
        self.ask(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL)
            .map_err(|error| address_fault(name, cidr, &error))?;
        if let (IpAddr::V6(v6), Ok(mut routes)) = (address, routes) {
            routes.wait_for(v6);
        }
        Ok(())
    }

    /// Sends one request and waits for the kernel's ACK or error.
    fn ask(&mut self, request: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        self.0.request(request, NLM_F_ACK | flags, |_| {})
    }
}

fn index(name: &str) -> Result<u32, Fault> {
    if_nametoindex(name).map_err(|_| {
        Fault::machine(format!("there is no interface {name}; ip link lists the interfaces"))
    })
}

/// A request about this interface that changes nothing yet.
fn link(name: &str) -> Result<LinkMessage, Fault> {
    let mut message = LinkMessage::default();
    message.header.index = index(name)?;
    Ok(message)
}

/// The broadcast address of the subnet. A /31 (RFC 3021) and a /32 have none.
fn broadcast(address: std::net::Ipv4Addr, prefix_len: u8) -> Option<std::net::Ipv4Addr> {
    let host_bits = u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
    (prefix_len < 31).then(|| (address.to_bits() | host_bits).into())
}

/// Why the kernel refuses an address.
fn address_fault(name: &str, cidr: IpCidr, error: &io::Error) -> Fault {
    let is_v6 = IpAddr::from(cidr.address()).is_ipv6();
    match errno(error) {
        Errno::EEXIST => Fault::usage(format!("--host-address {cidr}: {name} already has it")),
        Errno::EACCES | Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT if is_v6 => {
            Fault::machine(format!(
                "{name}: IPv6 is disabled, so {cidr} cannot be added: sudo sysctl \
             net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0, \
             or give only IPv4 addresses with --host-address and --address"
            ))
        }
        Errno::EINVAL | Errno::ENOBUFS if is_v6 => Fault::usage(format!(
            "--host-address {cidr}: {name} rejects it; \
             IPv6 needs an --mtu of at least {IPV6_MIN_MTU}"
        )),
        Errno::EINVAL | Errno::EADDRNOTAVAIL => Fault::usage(format!(
            "--host-address {cidr}: {name} rejects it as its address; \
             one like 192.168.69.100/24 would do"
        )),
        _ => fault(name, &format!("cannot add the address {cidr}"), error),
    }
}

/// A failure that no option could have avoided.
fn fault(name: &str, what: &str, error: &io::Error) -> Fault {
    let mend = match errno(error) {
        Errno::EPERM => {
            "it requires CAP_NET_ADMIN: run as root, or with --private -- CMD, \
             or create and configure the interface beforehand"
        }
        Errno::ENODEV => "it was removed meanwhile",
        _ => "see ip -details link show",
    };
    Fault::machine(format!("{name}: {what}: {error}; {mend}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_addresses() {
        let broadcast = |text: &str, prefix| {
            broadcast(text.parse().expect(text), prefix).map(|a| a.to_string())
        };
        assert_eq!(broadcast("192.168.69.100", 24).as_deref(), Some("192.168.69.255"));
        assert_eq!(broadcast("10.1.2.3", 30).as_deref(), Some("10.1.2.3"));
        assert_eq!(broadcast("10.1.2.3", 0).as_deref(), Some("255.255.255.255"));
        assert_eq!(broadcast("10.1.2.3", 31), None);
        assert_eq!(broadcast("10.1.2.3", 32), None);
    }
}
