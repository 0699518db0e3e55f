//! Frames that no kernel would send, from a peer that only this link has: a [`Station`] with a spare
//! address of the network.
//!
//! Because its address is not the kernel's, the kernel does not reset what it knows nothing of.

mod packets;
mod segments;
mod spare;
mod station;
mod stream;

use crate::probe::case::{Case, Needs};

pub(super) const DATAGRAMS: &[Case] = &[
    Case {
        name: "frame-ip-checksum",
        expects: "a packet whose IPv4 header has a wrong checksum is dropped",
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
        expects: "no answer to a source that is no single host, or the server itself",
        rule: "RFC 1122 section 4.1.3.6, RFC 4291 section 2.7",
        needs: Needs::Udp,
        run: packets::spoofed,
    },
    Case {
        name: "frame-nobody",
        expects: "an answer that nobody takes holds no other answer up",
        rule: "RFC 1122 section 2.3.2.2, RFC 4861 section 7.2.2",
        needs: Needs::Udp,
        run: packets::nobody,
    },
    Case {
        name: "frame-fragments",
        expects: "fragments come back as one datagram or not at all, whatever their order or overlap",
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
        expects: "a SYN that comes again leaves its connection as it is",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 4",
        needs: Needs::Stream,
        run: segments::replayed_syn,
    },
    Case {
        name: "frame-blind-reset",
        expects: "a reset that is in the window, but not the next in sequence, resets nothing",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 3",
        needs: Needs::Stream,
        run: segments::blind_reset,
    },
    Case {
        name: "frame-blind-data",
        expects: "data that acknowledges what was never sent is dropped",
        rule: "RFC 9293 section 3.10.7.4, RFC 5961 section 5",
        needs: Needs::Stream,
        run: segments::blind_data,
    },
    Case {
        name: "frame-syn-flood",
        expects: "2,000 handshakes that nobody ends keep no honest peer out",
        rule: "RFC 4987 section 3",
        needs: Needs::Tcp,
        run: segments::syn_flood,
    },
];
