//! The kernel's side: a private network namespace, and `ip link` and `ip address` over rtnetlink.

use std::{
    fs, io,
    net::{IpAddr, Ipv6Addr, SocketAddrV6, UdpSocket},
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressHeaderFlags, AddressMessage},
    link::{
        AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoKind, InfoVeth, LinkAttribute,
        LinkFlags, LinkInfo, LinkMessage,
    },
    route::{
        RouteAddress, RouteAttribute, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
        RouteType,
    },
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    errno::Errno,
    ifaddrs::getifaddrs,
    libc,
    net::if_::if_nametoindex,
    sched::{CloneFlags, unshare},
    sys::{
        socket::{setsockopt, sockopt},
        time::{TimeVal, TimeValLike},
    },
    unistd::{Gid, Uid},
};
use smolecho::phy::tap::Tap;

use crate::sockets::PATIENCE;

/// Enters a new network namespace with only `lo`.
pub(crate) fn enter_private_namespace() -> Result<(), String> {
    let no_namespace = |error: io::Error| format!("no private network namespace: {error}");
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => enter_as_user().map_err(no_namespace)?,
        Err(error) => return Err(no_namespace(error.into())),
    }
    set_up("lo", true);
    Ok(())
}

/// A network namespace takes privileges, which any user has in a user namespace.
fn enter_as_user() -> io::Result<()> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// Moves this thread into a new namespace with a veth whose peer is in the process's namespace: `ip link
/// add NAME type veth peer name PEER netns PID`. It ends with the thread.
pub(crate) fn enter_beyond_a_veth(name: &str, peer: &str) {
    unshare(CloneFlags::CLONE_NEWNET).expect("a namespace");
    let mut end = LinkMessage::default();
    end.attributes.push(LinkAttribute::IfName(peer.into()));
    end.attributes.push(LinkAttribute::NetNsPid(std::process::id()));
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(name.into()));
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(end))),
    ]));
    ask(RouteNetlinkMessage::NewLink(link));
}

/// `sysctl net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1`: the namespace becomes a router.
pub(crate) fn forward_packets() {
    for switch in ["ipv4/ip_forward", "ipv6/conf/all/forwarding"] {
        fs::write(format!("/proc/sys/net/{switch}"), "1").expect(switch);
    }
}

/// `ip route add default via ROUTER`.
pub(crate) fn add_default_route(router: IpAddr) {
    let mut route = RouteMessage::default();
    route.header.table = RouteHeader::RT_TABLE_MAIN;
    route.header.protocol = RouteProtocol::Static;
    route.header.scope = RouteScope::Universe;
    route.header.kind = RouteType::Unicast;
    let via = match router {
        IpAddr::V4(router) => {
            route.header.address_family = AddressFamily::Inet;
            RouteAddress::Inet(router)
        }
        IpAddr::V6(router) => {
            route.header.address_family = AddressFamily::Inet6;
            RouteAddress::Inet6(router)
        }
    };
    route.attributes.push(RouteAttribute::Gateway(via));
    ask(RouteNetlinkMessage::NewRoute(route));
}

/// Whether a TAP interface can be opened.
pub(crate) fn try_tap() -> Result<(), String> {
    Tap::open("try%d").map(drop).map_err(|error| format!("no TAP: /dev/net/tun: {error}"))
}

/// `ip link set NAME up`, or `down`.
pub(crate) fn set_up(name: &str, up: bool) {
    let mut link = link(name);
    link.header.change_mask = LinkFlags::Up;
    link.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    ask(RouteNetlinkMessage::SetLink(link));
}

/// `ip link set NAME mtu MTU`.
pub(crate) fn set_mtu(name: &str, mtu: u32) {
    let mut link = link(name);
    link.attributes.push(LinkAttribute::Mtu(mtu));
    ask(RouteNetlinkMessage::SetLink(link));
}

/// `ip link set NAME addrgenmode none`: without an IPv6 address the kernel sends no frames by itself.
pub(crate) fn keep_silent(name: &str) {
    let mut link = link(name);
    let inet6 = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
    link.attributes.push(LinkAttribute::AfSpecUnspec(vec![inet6]));
    ask(RouteNetlinkMessage::SetLink(link));
}

/// `ip link delete NAME`.
pub(crate) fn remove(name: &str) {
    ask(RouteNetlinkMessage::DelLink(link(name)));
}

/// `ip address add ADDRESS dev NAME`, with prefix /24 or /64; returns when the address can be used.
pub(crate) fn add_address(name: &str, address: IpAddr) {
    // The kernel acknowledges an IPv6 address before it accepts packets for it: wait for the route.
    let mut news = netlink();
    news.add_membership(libc::RTNLGRP_IPV6_ROUTE).expect("membership");
    let mut message = address_message(name, address);
    if let IpAddr::V4(v4) = address {
        let [a, b, c, _] = v4.octets();
        message.attributes.push(AddressAttribute::Broadcast([a, b, c, 255].into()));
    }
    ask(RouteNetlinkMessage::NewAddress(message));
    while address.is_ipv6() && !is_local_route(&receive(&mut news).payload, address) {}
}

/// `ip address add ADDRESS dev NAME` with duplicate address detection, which takes a second.
pub(crate) fn probe_and_add_address(name: &str, address: Ipv6Addr) {
    let mut message = address_message(name, address.into());
    message.header.flags = AddressHeaderFlags::empty();
    ask(RouteNetlinkMessage::NewAddress(message));
}

fn is_local_route(news: &NetlinkPayload<RouteNetlinkMessage>, address: IpAddr) -> bool {
    let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) = news else {
        return false;
    };
    let is_to = |attribute: &RouteAttribute| match (attribute, address) {
        (RouteAttribute::Destination(RouteAddress::Inet6(to)), IpAddr::V6(v6)) => *to == v6,
        _ => false,
    };
    route.header.kind == RouteType::Local && route.attributes.iter().any(is_to)
}

/// Waits for the end of duplicate address detection on the interface's link-local address.
pub(crate) fn until_link_local(name: &str) -> SocketAddrV6 {
    let give_up = Clock::now() + PATIENCE;
    loop {
        let link_local = getifaddrs()
            .expect("interfaces")
            .filter(|interface| interface.interface_name == name)
            .filter_map(|interface| interface.address?.as_sockaddr_in6().map(|it| (*it).into()))
            .find(|address: &SocketAddrV6| address.ip().is_unicast_link_local());
        match link_local {
            Some(address) if UdpSocket::bind(address).is_ok() => return address,
            _ => assert!(Clock::now() < give_up, "no link-local address"),
        }
        thread::sleep(Wall::from_millis(20));
    }
}

/// `ip address delete ADDRESS dev NAME`: the kernel's sockets stay open and fall silent.
pub(crate) fn remove_address(name: &str, address: IpAddr) {
    ask(RouteNetlinkMessage::DelAddress(address_message(name, address)));
}

fn address_message(name: &str, address: IpAddr) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.index = if_nametoindex(name).expect(name);
    (message.header.family, message.header.prefix_len) = match address {
        IpAddr::V4(_) => (AddressFamily::Inet, 24),
        IpAddr::V6(_) => (AddressFamily::Inet6, 64),
    };
    // Duplicate address detection would take a second.
    message.header.flags = AddressHeaderFlags::Nodad;
    message.attributes.push(AddressAttribute::Local(address));
    message.attributes.push(AddressAttribute::Address(address));
    message
}

fn link(name: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = if_nametoindex(name).expect(name);
    message
}

/// One rtnetlink request and its acknowledgement.
fn ask(request: RouteNetlinkMessage) {
    let mut socket = netlink();
    let mut message = NetlinkMessage::from(request);
    message.header.flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    socket.send(&bytes, 0).expect("send");
    let answer = receive(&mut socket);
    assert!(
        matches!(answer.payload, NetlinkPayload::Error(ref error) if error.code.is_none()),
        "{answer:?}"
    );
}

fn netlink() -> Socket {
    let mut socket = Socket::new(NETLINK_ROUTE).expect("netlink");
    let patience = TimeVal::seconds(PATIENCE.as_secs().cast_signed());
    setsockopt(&socket, sockopt::ReceiveTimeout, &patience).expect("SO_RCVTIMEO");
    socket.bind_auto().expect("bind");
    socket.connect(&SocketAddr::new(0, 0)).expect("connect");
    socket
}

fn receive(socket: &mut Socket) -> NetlinkMessage<RouteNetlinkMessage> {
    let (bytes, _) = socket.recv_from_full().expect("an answer");
    NetlinkMessage::deserialize(&bytes).expect("an answer")
}
