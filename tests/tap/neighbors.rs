//! Address conflicts and ARP between the node and the kernel.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    thread,
    time::{Duration as Wall, Instant as Clock},
};

use smolecho::smoltcp::wire::IpCidr;

use crate::{
    host,
    lab::{Naming, Setup},
    program::Change,
    rig::Family,
    served,
    sockets::PATIENCE,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![
        kernel_does_not_take_the_address_of_the_node,
        node_does_not_take_an_address_of_the_kernel,
        node_uses_an_address_that_nobody_has,
        kernel_of_another_network_resolves_the_node,
    ]
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let give_up = Clock::now() + PATIENCE;
    while !is() {
        assert!(Clock::now() < give_up, "not in {PATIENCE:?}: {what}");
        thread::sleep(Wall::from_millis(20));
    }
}

/// RFC 4862 as Linux does it: `dadfailed`.
fn kernel_does_not_take_the_address_of_the_node() {
    let lab = Setup::default().run();
    let IpAddr::V6(own) = lab.network.node(Family::V6) else { panic!("IPv6") };
    host::probe_and_add_address(&lab.network.interface, own);
    // IFA_F_DADFAILED, in the fifth column.
    until("the kernel finds the duplicate", || flags(own).is_some_and(|flags| flags & 8 != 0));
    assert_eq!(lab.last_stats().dropped_total(), 0);
}

/// The flags that the kernel has for an IPv6 address of its own.
fn flags(address: Ipv6Addr) -> Option<u32> {
    let hex: String = address.octets().iter().map(|octet| format!("{octet:02x}")).collect();
    let all = fs::read_to_string("/proc/net/if_inet6").expect("/proc/net/if_inet6");
    let line = all.lines().find(|line| line.starts_with(&hex))?;
    u32::from_str_radix(line.split_whitespace().nth(4)?, 16).ok()
}

fn cidr(family: Family, address: IpAddr) -> IpCidr {
    IpCidr::new(address.into(), if family == Family::V4 { 24 } else { 64 })
}

/// The kernel answers our probes for an address that it has, in both families.
fn node_does_not_take_an_address_of_the_kernel() {
    let lab = Setup { naming: Naming::Stolen, ..Setup::default() }.run();
    for family in [Family::V4, Family::V6] {
        let cidr = cidr(family, lab.network.host(family));
        lab.until("the kernel says that it has the address", |view| {
            let is = |change: &&Change| matches!(change, Change::Conflict(of) if *of == cidr);
            view.changes.iter().find(is).map(|_| ())
        });
    }
    thread::sleep(Wall::from_secs(2));
    let gained = |change: &Change| matches!(change, Change::Gained(_));
    assert!(!lab.until("the changes", |view| Some(view.changes.iter().any(gained))));
}

/// After a second each address is in use, and the kernel knows whose it is without asking.
fn node_uses_an_address_that_nobody_has() {
    let lab = Setup { naming: Naming::Probed, ..Setup::default() }.run();
    for family in [Family::V4, Family::V6] {
        let cidr = cidr(family, lab.network.node(family));
        lab.until("the address is in use", |view| {
            view.changes.contains(&Change::Gained(cidr)).then_some(())
        });
        served::say_hello(&lab.connect(family));
    }
}

/// RFC 826: a host whose address is in another network asks for ours, and is answered.
fn kernel_of_another_network_resolves_the_node() {
    let lab = Setup::default().run();
    let IpAddr::V4(own) = lab.network.node(Family::V4) else { panic!("IPv4") };
    let elsewhere = Ipv4Addr::new(192, 0, 2, 1);
    host::add_address(&lab.network.interface, elsewhere.into());
    let socket = UdpSocket::bind((elsewhere, 0)).expect("bind");
    socket.send_to(b"hello", (own, 9)).expect("send");
    // ATF_COM, in the third column.
    until("the kernel knows the node", || {
        let all = fs::read_to_string("/proc/net/arp").expect("/proc/net/arp");
        let is_known = |line: &str| {
            let mut columns = line.split_whitespace();
            columns.next() == Some(&own.to_string()) && columns.nth(1) == Some("0x2")
        };
        all.lines().any(is_known)
    });
}
