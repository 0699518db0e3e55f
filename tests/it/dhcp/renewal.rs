//! What becomes of a lease: what a renewal leaves out, who is asked next, a link that comes back, and a router
//! outside of the lease's network.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use crate::rig::dhcp::{Lan, Mood, SERVER, Said};

use crate::rig::host::Host;
use crate::rig::router::{Advertisement, router};
use crate::rig::udp::Asker;
use crate::rig::{FAR_MAC, Family, Happened, NODE_MAC, PORT, Port, Setup, World, ms, s};
use smolecho::phy::{Device, DeviceCapabilities, LinkState, WakeDevice};
use smolecho::smoltcp::socket::tcp::Socket;
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{
    DhcpMessageType, EthernetFrame, Icmpv6Message, IpAddress, IpCidr, IpEndpoint, Ipv4Address,
    Ipv6Packet,
};
use smolecho::{Message, Timeouts, UdpService};

const LEASED: Ipv4Address = Ipv4Address::new(10, 7, 0, 100);
const OTHER: Ipv4Address = Ipv4Address::new(10, 7, 0, 101);

fn world_with(lan: Lan) -> World<Lan> {
    let timeouts = Timeouts { idle: None, stall: None, ..Timeouts::DEFAULT };
    let setup = Setup { nameless: true, dhcpv4: true, timeouts, ..Setup::new(Family::V4) };
    let mut world = Setup { datagrams: crate::rig::udp::memory, ..setup }.opposite(lan);
    world.ours.node.bind(PORT, UdpService::Echo).unwrap();
    world
}

fn changes(world: &World<Lan>) -> Vec<Happened> {
    let is_change = |event: &&Happened| matches!(event, Happened::Gained(_) | Happened::Lost(_));
    world.ours.log.iter().filter(is_change).copied().collect()
}

fn gained(prefix: u8) -> Happened {
    Happened::Gained(IpCidr::new(LEASED.into(), prefix))
}

#[track_caller]
fn bound(world: &mut World<Lan>, prefix: u8) {
    world.run_until(s(15), |world| !changes(world).is_empty());
    assert_eq!(changes(world), [gained(prefix)]);
}

fn route(world: &World<Lan>) -> Option<IpAddress> {
    let routes = world.ours.node.interface().routes();
    routes.get_default_ipv4_route().map(|route| route.via_router)
}

/// RFC 2131 section 4.4.5 asks for nothing but the lease's time: mask and router are as they were.
#[test]
fn a_renewal_that_says_less_changes_nothing() {
    let mut world = world_with(Lan { is_terse: true, ..Lan::new() });
    bound(&mut world, 16);
    world.run_for(s(5000));
    assert!(world.far.said.len() > 8, "it renews at half of each lease: {:?}", world.far.said);
    assert_eq!(changes(&world), [gained(16)]);
    assert_eq!(route(&world), Some(SERVER.into()));
}

/// But an address without any mask is none.
#[test]
fn another_address_without_a_mask_is_not_taken() {
    let mut world = world_with(Lan { is_terse: true, ..Lan::new() });
    bound(&mut world, 16);
    world.far.address = OTHER;
    world.run_until(s(1200), |world| changes(world).len() == 3);
    // What brought it was a new lease, and that has one.
    assert_eq!(changes(&world)[2], Happened::Gained(IpCidr::new(OTHER.into(), 16)));
}

/// Another server answers while the lease is rebound: the next renewal goes to it, and to it alone.
#[test]
fn the_next_renewal_goes_to_who_answered_last() {
    let mut world = world_with(Lan::new());
    bound(&mut world, 16);
    world.far.mood = Mood::Silent;
    world.run_for(s(870));
    let second = Ipv4Address::new(10, 7, 0, 3);
    (world.far.mood, world.far.identifier) = (Mood::Kind, second);
    let rebound = world.far.said.len();
    world.run_for(s(1500));
    let said = &world.far.said[rebound..];
    assert_eq!((said[0].from, said[0].to), (LEASED, Ipv4Address::BROADCAST), "{said:?}");
    assert!(said.len() > 2 && said[1..].iter().all(|said| said.to == second), "{said:?}");
    assert_eq!(changes(&world), [gained(16)]);
}

/// The link comes back: RFC 2131 section 3.2, INIT-REBOOT.
#[test]
fn a_link_that_comes_back_confirms_the_lease() {
    let mut world = world_with(Lan::new());
    bound(&mut world, 16);
    world.run_for(s(100));
    let before = world.far.said.len();
    for link in [LinkState::Down, LinkState::Up] {
        world.ours.node.link_changed(link, world.now);
    }
    let up = world.now;
    world.run_for(s(1));
    let [said] = world.far.said[before..] else { panic!("{:?}", &world.far.said[before..]) };
    assert_eq!(
        said,
        Said {
            at: up + ms(1),
            message: DhcpMessageType::Request,
            from: Ipv4Address::UNSPECIFIED,
            to: Ipv4Address::BROADCAST,
            requested: Some(LEASED),
            server: None,
        },
    );
    assert_eq!(changes(&world), [gained(16)]);
    // The answer has begun a new lease.
    world.run_for(s(490));
    assert_eq!(world.far.said.len(), before + 1);
    world.run_for(s(20));
    assert_eq!(world.far.said.len(), before + 2);
}

/// It has come back to another network, whose server says no: another address, at once.
#[test]
fn a_link_to_another_network_changes_the_address_at_once() {
    let mut world = world_with(Lan::new());
    bound(&mut world, 16);
    world.run_for(s(100));
    world.ours.node.link_changed(LinkState::Down, world.now);
    (world.far.mood, world.far.address) = (Mood::Nak, OTHER);
    world.ours.node.link_changed(LinkState::Up, world.now);
    world.run_until(s(1), |world| changes(world).len() == 2);
    world.far.mood = Mood::Kind;
    world.run_until(s(10), |world| changes(world).len() == 3);
    let cidr = |address: Ipv4Address| IpCidr::new(address.into(), 16);
    assert_eq!(changes(&world)[1..], [Happened::Lost(cidr(LEASED)), Happened::Gained(cidr(OTHER))]);
}

/// No server answers: it asks a few times, and the lease goes on, renewed in its time (section 3.2 item 4).
#[test]
fn without_an_answer_the_lease_goes_on() {
    let mut world = world_with(Lan::new());
    bound(&mut world, 16);
    world.run_for(s(100));
    let before = world.far.said.len();
    world.far.mood = Mood::Silent;
    world.ours.node.link_changed(LinkState::Up, world.now);
    world.run_for(s(350));
    assert_eq!(world.far.kinds_since(before), [DhcpMessageType::Request; 4]);
    world.far.mood = Mood::Kind;
    world.run_for(s(2000));
    assert_eq!(changes(&world), [gained(16)]);
    assert_eq!(world.far.said[before + 4].to, SERVER);
}

/// A cable with a loose contact makes no storm.
#[test]
fn a_link_that_flaps_asks_once_each_time() {
    let mut world = world_with(Lan { mood: Mood::Silent, ..Lan::new() });
    world.run_for(s(1));
    for _ in 0..10 {
        world.ours.node.link_changed(LinkState::Up, world.now);
        world.ours.node.link_changed(LinkState::Up, world.now);
        world.run_for(ms(100));
    }
    assert!(world.far.said.len() <= 11, "{:?}", world.far.said);
}

/// Hardware addresses may be others behind it.
#[test]
fn a_link_that_comes_back_asks_for_hardware_addresses_again() {
    let mut world = Setup::new(Family::V4).world();
    let socket = world.far.caller();
    world.run_until(s(5), |world| world.far.is_established(socket));
    let asks = |world: &World<Host>, mark| {
        world.sent_since(mark).filter(|frame| frame.bytes[12..14] == [8, 6]).count()
    };
    let mark = world.mark();
    world.far.send(socket, b"known");
    world.run_for(s(1));
    assert_eq!(asks(&world, mark), 0);
    world.ours.node.link_changed(LinkState::Up, world.now);
    world.far.send(socket, b"asked for");
    world.run_for(s(3));
    assert!(asks(&world, mark) > 0);
    assert!(world.far.is_established(socket));
}

/// RFC 4861 section 6.3.7: routers are solicited when the link comes, known or not, until one has answered.
#[test]
fn a_link_that_comes_back_solicits_routers() {
    let mut world = Setup { nameless: true, slaac: true, ..Setup::new(Family::V6) }.alone();
    world.inject_and_settle(Advertisement::default().frame());
    world.run_for(s(60));
    let solicited = |world: &World<_>, mark| -> Vec<Instant> {
        let is = |frame: &&crate::rig::frames::Frame| {
            let ip =
                Ipv6Packet::new_unchecked(EthernetFrame::new_unchecked(&frame.bytes[..]).payload());
            Icmpv6Message::from(ip.payload()[0]) == Icmpv6Message::RouterSolicit
        };
        world.sent_since(mark).filter(is).map(|frame| frame.at).collect()
    };
    let (mark, up) = (world.mark(), world.now);
    world.ours.node.link_changed(LinkState::Up, world.now);
    world.run_for(s(60));
    assert_eq!(solicited(&world, mark), [up, up + s(4), up + s(8)]);

    let (mark, up) = (world.mark(), world.now);
    world.ours.node.link_changed(LinkState::Up, world.now);
    world.run_for(s(1));
    world.inject_and_settle(Advertisement { from: router(2), ..Default::default() }.frame());
    world.run_for(s(60));
    assert_eq!(solicited(&world, mark), [up]);
    assert!(!world.ours.log.iter().any(|event| matches!(event, Happened::Lost(_))));
}

/// Clouds and some providers lend a /32 with a router outside of it. Everybody is reached by the router, and
/// reaches us.
#[test]
fn a_lease_of_32_bits_is_reachable_by_its_router() {
    for router in [SERVER, Ipv4Address::new(172, 31, 1, 1)] {
        let mask = Ipv4Address::BROADCAST;
        let mut world = world_with(Lan { mask, router: Some(router), ..Lan::new() });
        // The host opposite is that router.
        let own = IpCidr::new(router.into(), if router == SERVER { 16 } else { 0 });
        world.far.host.iface.update_ip_addrs(|all| all[0] = own);
        bound(&mut world, 32);
        world.run_for(s(1));

        let peer = IpEndpoint::new(IpAddress::v4(203, 0, 113, 5), 40_000);
        let server = IpEndpoint::new(LEASED.into(), PORT);
        let asker = Asker { me: peer, server };
        for pause in [1, 100, 1000] {
            world.run_for(s(pause));
            assert_eq!(asker.ask(&mut world, b"hello"), [b"hello"], "by {router}");
        }
        let is_answer = |frame: &&crate::rig::frames::Frame| frame.bytes.ends_with(b"hello");
        let answers = world.sent_since(0).filter(is_answer);
        assert!(answers.map(|frame| &frame.bytes[..6]).all(|to| to == FAR_MAC.as_bytes()));

        // And a TCP connection, from the router itself.
        let socket = world.far.host.socket(2048, 2048);
        let host = &mut world.far.host;
        let tcp = host.sockets.get_mut::<Socket<'_>>(socket);
        tcp.connect(host.iface.context(), server, 30_000).unwrap();
        world.run_until(s(10), |world| world.far.host.is_established(socket));
    }
}

/// A connection of the node's own waits for the router, not for its peer, and goes out as soon as it answers.
#[test]
fn a_connection_waits_for_a_router_outside_the_lease() {
    let router = Ipv4Address::new(172, 31, 1, 1);
    let lan = Lan { mask: Ipv4Address::BROADCAST, router: Some(router), ..Lan::new() };
    let mut world = world_with(lan);
    bound(&mut world, 32);
    let peer = IpEndpoint::new(IpAddress::v4(203, 0, 113, 5), 9);
    world.connect(peer, Message::new(b"hello"));
    world.run_for(s(2));
    let syn = |world: &World<Lan>| world.sent_since(0).find(|frame| frame.tcp().is_some()).cloned();
    assert!(syn(&world).is_none());
    let own = IpCidr::new(router.into(), 0);
    world.far.host.iface.update_ip_addrs(|all| all[0] = own);
    let there = world.now;
    world.run_for(s(4));
    let syn = syn(&world).expect("a SYN");
    assert_eq!(&syn.bytes[..6], FAR_MAC.as_bytes());
    assert!(syn.at - there < s(3) + ms(10), "{}", syn.at - there);
}

/// The router is asked for every half minute, and no more.
#[test]
fn a_router_outside_the_lease_costs_little() {
    let router = Some(Ipv4Address::new(172, 31, 1, 1));
    let mut world = world_with(Lan { mask: Ipv4Address::BROADCAST, router, ..Lan::new() });
    let own = IpCidr::new(IpAddress::v4(172, 31, 1, 1), 0);
    world.far.host.iface.update_ip_addrs(|all| all[0] = own);
    bound(&mut world, 32);
    let before = world.turns;
    world.run_for(s(300));
    assert!(world.turns - before < 60, "{} turns", world.turns - before);
}

/// The router tells that it has moved.
#[test]
fn a_router_outside_the_lease_may_move() {
    let router = Ipv4Address::new(172, 31, 1, 1);
    let mut world =
        world_with(Lan { mask: Ipv4Address::BROADCAST, router: Some(router), ..Lan::new() });
    let own = IpCidr::new(router.into(), 0);
    world.far.host.iface.update_ip_addrs(|all| all[0] = own);
    bound(&mut world, 32);
    world.run_for(s(1));
    let moved = crate::rig::frames::RAW_MAC;
    world.inject_and_settle(crate::rig::frames::moved(router.into(), moved));
    let peer = IpEndpoint::new(IpAddress::v4(203, 0, 113, 5), 40_000);
    let asker = Asker { me: peer, server: IpEndpoint::new(LEASED.into(), PORT) };
    let mark = world.mark();
    asker.ask(&mut world, b"hello");
    let is_answer = |frame: &&crate::rig::frames::Frame| frame.bytes.ends_with(b"hello");
    let to: Vec<_> =
        world.sent_since(mark).filter(is_answer).map(|f| f.bytes[..6].to_vec()).collect();
    assert_eq!(to, [moved.as_bytes()]);
}

/// Two routers in one option: the first counts.
#[test]
fn the_first_of_several_routers_is_taken() {
    let mut world = world_with(Lan { mood: Mood::Silent, ..Lan::new() });
    world.run_for(ms(10));
    let discover = world.sent_since(0).last().expect("a question").bytes.clone();
    let transaction = &discover[14 + 20 + 8 + 4..][..4];
    let message = |kind: u8| {
        let mut payload = vec![0; 240];
        payload[..4].copy_from_slice(&[2, 1, 6, 0]);
        payload[4..8].copy_from_slice(transaction);
        payload[16..20].copy_from_slice(&LEASED.octets());
        payload[28..34].copy_from_slice(NODE_MAC.as_bytes());
        payload[236..].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
        payload.extend([53, 1, kind, 54, 4, 10, 7, 0, 2, 1, 4, 255, 255, 0, 0]);
        payload.extend([3, 8, 10, 7, 0, 9, 10, 7, 0, 8, 51, 4, 0, 0, 1, 0, 255]);
        crate::rig::dhcp::dhcp_frame(SERVER, &payload)
    };
    world.inject_and_settle(message(2));
    world.inject_and_settle(message(5));
    assert_eq!(changes(&world), [gained(16)]);
    assert_eq!(route(&world), Some(IpAddress::v4(10, 7, 0, 9)));
}

/// A device without frames, whose link the test switches.
struct Switched {
    link: Rc<Cell<LinkState>>,
    sent: Rc<Cell<usize>>,
    port: Port,
}

impl Device for Switched {
    type RxToken<'t> = <Port as Device>::RxToken<'t>;
    type TxToken<'t> = <Port as Device>::TxToken<'t>;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.port.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        self.sent.set(self.sent.get() + 1);
        self.port.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.port.capabilities()
    }
}

impl WakeDevice for Switched {
    fn register_waker(&mut self, _: &Waker) -> LinkState {
        self.link.get()
    }
}

/// `run` tells the node of its link: routers are solicited three times, and three times again.
#[test]
fn the_loop_for_executors_tells_of_the_link() {
    let (link, sent) = (Rc::new(Cell::new(LinkState::Up)), Rc::new(Cell::new(0)));
    let port = Port::default();
    let mut device = Switched { link: Rc::clone(&link), sent: Rc::clone(&sent), port };
    let setup = Setup { nameless: true, slaac: true, ..Setup::new(Family::V6) };
    let mut node = setup.node(&mut device);
    let now = Cell::new(Instant::ZERO);
    let timer = async |_| std::future::pending().await;
    let mut task = pin!(smolecho::run(&mut node, &mut device, || now.get(), timer, |_| {}));
    let mut context = Context::from_waker(Waker::noop());
    let mut solicited = |seconds: u64, state: LinkState| {
        link.set(state);
        for _ in 0..seconds {
            now.set(now.get() + s(1));
            assert!(task.as_mut().poll(&mut context).is_pending());
        }
        sent.replace(0)
    };
    assert_eq!(solicited(60, LinkState::Up), 3);
    assert_eq!(solicited(60, LinkState::Down), 0);
    assert_eq!(solicited(60, LinkState::Up), 3);
}
