//! The node over the TAP device with offloads.

use smolecho::{CloseReason, Message, UdpService};

use crate::{
    client,
    lab::{Lab, Setup},
    network::Opening,
    rig::{Family, PORT, pattern::Pattern},
    served::{self, SIZES, assert_echoes, say_goodbye},
    sockets::datagram_client,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = cases![families:
        server_serves,
        sixty_four_connections_do_not_mix,
        client_has_everything_back,
        bulk_stays_uncut,
        datagrams_come_back,
    ];
    cases.extend(cases![datagrams_come_back_in_fragments]);
    cases
}

fn lab(setup: Setup) -> Lab {
    Setup { opening: Opening::Offload, buffer: 65_535, ..setup }.run()
}

fn datagrams() -> Lab {
    lab(Setup { services: vec![(PORT, UdpService::Echo)], ..Setup::default() })
}

fn server_serves(family: Family) {
    let lab = lab(Setup::default());
    served::dialogue(&lab.connect(family));
    served::slow_reader(&lab.connect(family));
    served::half_close(&lab.connect(family));
    for len in SIZES {
        served::message(&lab.connect(family), len);
    }
    let stats = lab.until_nobody_is_served();
    assert_eq!(stats.ended(CloseReason::Finished), 3 + SIZES.len() as u64, "{stats:?}");
}

fn sixty_four_connections_do_not_mix(family: Family) {
    let lab = lab(Setup { slots: 64, ..Setup::default() });
    served::peers_at_once(lab.server(family), 64, 100_000);
    let stats = lab.until_nobody_is_served();
    assert_eq!((stats.bytes_received, stats.bytes_sent), (6_400_000, 6_400_000));
}

/// Against a kernel server.
fn client_has_everything_back(family: Family) {
    let lab = lab(Setup { listener: None, ..Setup::default() });
    let len = (2 << 20) + 1;
    let message = Message::repeated(b"0123456789!", len);
    let closed = client::talk(&lab, family, message, client::echo);
    assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, len, len));
}

/// Far fewer frames than the MTU would take. Over IPv6 sent frames are cut: smoltcp sends no larger ones.
fn bulk_stays_uncut(family: Family) {
    const LEN: u64 = 8 << 20;
    let lab = lab(Setup::default());
    let stream = lab.connect(family);
    Pattern::new(1500).echo(&stream, 0..LEN).expect("echo");
    say_goodbye(&stream);
    let closed = lab.until_closed(stream.local_addr().expect("address"));
    assert_eq!((closed.end, closed.received), (CloseReason::Finished, LEN));
    let (tap, cut) = lab.until("the transfer", |view| Some((view.tap, LEN / 1500)));
    assert!(tap.received < cut, "{tap:?}");
    match family {
        Family::V4 => assert!(tap.sent < cut, "{tap:?}"),
        Family::V6 => assert!(tap.sent > cut, "{tap:?}"),
    }
    assert_eq!((tap.rx_too_large, tap.rx_checksum, tap.tx_dropped), (0, 0, 0));
}

/// The kernel leaves out the checksums of these datagrams.
fn datagrams_come_back(family: Family) {
    let lab = datagrams();
    served::datagrams(&datagram_client(lab.server(family)), 0..1453);
    assert_eq!(lab.stats().datagrams_sent, 1453);
}

/// The kernel computes the checksums of fragmented datagrams.
fn datagrams_come_back_in_fragments() {
    let lab = datagrams();
    let socket = datagram_client(lab.server(Family::V4));
    for len in [1473, 1480, 1481, 8000] {
        assert_echoes(&socket, &vec![0xA5; len]);
    }
}
