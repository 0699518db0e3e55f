//! Frames that no kernel sends, from a peer of our own on the link: a [`station::Station`] with a spare address
//! of the network.
//!
//! The address is not the kernel's, so the kernel does not reset connections that it does not know.

mod packets;
mod segments;
mod spare;
mod station;
mod stream;
mod wire;

use crate::probe::case::{Case, Needs};

pub(super) const DATAGRAMS: &[Case] = &[
    Case {
        name: "frame-ip-checksum",
        expects: "an IPv4 packet with a wrong header checksum is dropped",
        rule: "RFC 1122 section 3.2.1.2",
        needs: Needs::Udp,
        run: packets::ip_checksum,
    },
    Case {
        name: "frame-udp-checksum",
        expects: "a datagram with a wrong checksum is dropped",
        rule: "RFC 1122 section 4.1.3.4, RFC 8200 section 8.1",
        needs: Needs::Udp,
        run: packets::udp_checksum,
    },
    Case {
        name: "frame-spoofed",
        expects: "no answer to a broadcast, multicast or unspecified source, nor to the server's own address",
        rule: "RFC 1122 section 4.1.3.6, RFC 4291 section 2.7",
        needs: Needs::Udp,
        run: packets::spoofed,
    },
    Case {
        name: "frame-nobody",
        expects: "an answer to an unreachable host delays no other answer",
        rule: "RFC 1122 section 2.3.2.2, RFC 4861 section 7.2.2",
        needs: Needs::Udp,
        run: packets::unreachable_source,
    },
    Case {
        name: "frame-fragments",
        expects: "fragments in any order, or overlapping, are echoed as one datagram or not at all",
        rule: "RFC 1122 section 3.3.2, RFC 1858",
        needs: Needs::Udp,
        run: packets::fragments,
    },
];

pub(super) const SEGMENTS: &[Case] = &[
    Case {
        name: "frame-tcp-checksum",
        expects: "a segment with a wrong checksum is dropped",
        rule: "RFC 9293 section 3.1, MUST-3",
        needs: Needs::Tcp,
        run: segments::checksum,
    },
    Case {
        name: "frame-group-syn",
        expects: "no answer to a SYN for a broadcast or multicast address",
        rule: "RFC 9293 section 3.9.2.3, MUST-57",
        needs: Needs::Tcp,
        run: segments::group,
    },
    Case {
        name: "frame-replayed-syn",
        expects: "a repeated SYN does not affect its connection",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 4",
        needs: Needs::Stream,
        run: segments::replayed_syn,
    },
    Case {
        name: "frame-blind-reset",
        expects: "a reset in the window, but not at RCV.NXT, resets nothing",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 3",
        needs: Needs::Stream,
        run: segments::blind_reset,
    },
    Case {
        name: "frame-blind-data",
        expects: "data with an ACK beyond SND.NXT is dropped",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 5",
        needs: Needs::Stream,
        run: segments::blind_data,
    },
    Case {
        name: "frame-syn-flood",
        expects: "2,000 unfinished handshakes do not keep other clients out",
        rule: "RFC 4987 section 3",
        needs: Needs::Tcp,
        run: segments::syn_flood,
    },
];
