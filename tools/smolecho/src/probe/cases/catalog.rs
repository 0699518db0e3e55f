//! All cases, in the order in which a new board comes to life.

use super::{closing, datagrams, dialogue, frames, load, reach};
use crate::args::names::{self, is_named};
use crate::args::shared::Proto;
use crate::fault::Fault;
use crate::probe::case::{Case, Needs};
use crate::probe::options::Probe;

const REACH: &[Case] = &[
    Case {
        name: "link",
        expects: "a route to it over an interface that is up",
        rule: "RFC 1122 section 3.3.1",
        needs: Needs::Nothing,
        run: reach::link,
    },
    Case {
        name: "neighbor",
        expects: "an answer to ARP or neighbor solicitation",
        rule: "RFC 826, RFC 4861 section 7.2.4",
        needs: Needs::Nothing,
        run: reach::neighbor,
    },
    Case {
        name: "ping",
        expects: "an echo reply with the bytes of the request",
        rule: "RFC 1122 section 3.2.2.6, RFC 4443 section 4.2",
        needs: Needs::Nothing,
        run: reach::ping,
    },
];

const UDP: &[Case] = &[
    Case {
        name: "udp",
        expects: "a datagram is echoed from the address and port that it was sent to",
        rule: "RFC 862, RFC 1122 section 4.1.3.5",
        needs: Needs::Nothing,
        run: datagrams::echo,
    },
    Case {
        name: "udp-sizes",
        expects: "datagrams of 0 to 512 bytes are echoed unchanged; larger ones unchanged or not at all",
        rule: "RFC 791 section 3.1, RFC 862",
        needs: Needs::Udp,
        run: datagrams::sizes,
    },
    Case {
        name: "udp-fragments",
        expects: "a datagram of 2,000 bytes is echoed whole or not at all",
        rule: "RFC 1122 section 3.3.2, RFC 8200 section 4.5",
        needs: Needs::Udp,
        run: datagrams::fragments,
    },
    Case {
        name: "udp-window",
        expects: "32 datagrams at once are all echoed, once each and in order",
        rule: "RFC 862",
        needs: Needs::Udp,
        run: datagrams::window,
    },
    Case {
        name: "udp-low-port",
        expects: "no answer to a datagram from a port below 1024: two echo servers would loop",
        rule: "CVE-1999-0103, CVE-2024-2169",
        needs: Needs::Udp,
        run: datagrams::low_port,
    },
];

const TCP: &[Case] = &[
    Case {
        name: "tcp",
        expects: "a connection that echoes the first bytes",
        rule: "RFC 862, RFC 9293 section 3.5",
        needs: Needs::Nothing,
        run: dialogue::echo,
    },
    Case {
        name: "tcp-prompt",
        expects: "half of the answers within 100 ms",
        rule: "RFC 1122 section 4.2.3.2",
        needs: Needs::Stream,
        run: dialogue::prompt,
    },
    Case {
        name: "tcp-sizes",
        expects: "messages of 1 to 100,000 bytes are echoed unchanged",
        rule: "RFC 862",
        needs: Needs::Stream,
        run: dialogue::sizes,
    },
    Case {
        name: "tcp-patterns",
        expects: "every byte value is echoed; long runs of one byte upset no checksum",
        rule: "RFC 862, RFC 9293 section 3.1",
        needs: Needs::Stream,
        run: dialogue::patterns,
    },
    Case {
        name: "tcp-small-segments",
        expects: "200 segments of one byte are echoed in order",
        rule: "RFC 9293 section 3.8",
        needs: Needs::Stream,
        run: dialogue::small_segments,
    },
    Case {
        name: "tcp-both-ways",
        expects: "1 MiB is echoed while it is being sent",
        rule: "RFC 862",
        needs: Needs::Stream,
        run: dialogue::both_ways,
    },
    Case {
        name: "tcp-slow-writer",
        expects: "bytes with pauses between them are echoed",
        rule: "RFC 862",
        needs: Needs::Stream,
        run: dialogue::slow_writer,
    },
    Case {
        name: "tcp-slow-reader",
        expects: "a peer that does not read stops the flow, and no byte is lost",
        rule: "RFC 9293 section 3.8.6",
        needs: Needs::Stream,
        run: dialogue::slow_reader,
    },
    Case {
        name: "tcp-urgent",
        expects: "data around an urgent byte is echoed, and the connection stays open",
        rule: "RFC 9293 section 3.8.5, RFC 6093",
        needs: Needs::Stream,
        run: dialogue::urgent,
    },
    Case {
        name: "tcp-idle",
        expects: "a connection idle for 1 s, or half of the deadline, still echoes",
        rule: "RFC 1122 section 4.2.3.6",
        needs: Needs::Stream,
        run: dialogue::idle,
    },
    Case {
        name: "tcp-close",
        expects: "a FIN is answered with a FIN, not with a reset",
        rule: "RFC 9293 section 3.6",
        needs: Needs::Stream,
        run: closing::close,
    },
    Case {
        name: "tcp-half-close",
        expects: "everything sent before our FIN is echoed, then its own FIN",
        rule: "RFC 862, RFC 9293 section 3.6",
        needs: Needs::Stream,
        run: closing::half_close,
    },
    Case {
        name: "tcp-reset",
        expects: "a reset ends its connection and harms no other",
        rule: "RFC 9293 section 3.10.7.4",
        needs: Needs::Tcp,
        run: closing::reset,
    },
    Case {
        name: "tcp-same-port",
        expects: "after a reset the same port can connect again at once",
        rule: "RFC 9293 section 3.10.7.4",
        needs: Needs::Tcp,
        run: closing::same_port,
    },
    Case {
        name: "tcp-many",
        expects: "as many connections at once as --connections says are served",
        rule: "RFC 862",
        needs: Needs::Stream,
        run: load::many,
    },
    Case {
        name: "tcp-pool",
        expects: "one connection too many harms no other, and its slot is free again afterwards",
        rule: "RFC 9293 section 3.10.7",
        needs: Needs::Stream,
        run: load::pool,
    },
    Case {
        name: "tcp-churn",
        expects: "50 connections in a row are all served",
        rule: "RFC 9293 section 3.6.1",
        needs: Needs::Tcp,
        run: load::churn,
    },
];

/// The cases that the options choose.
pub(in crate::probe) fn chosen(options: &Probe) -> Result<Vec<&'static Case>, Fault> {
    let mut all: Vec<&Case> = REACH.iter().collect();
    if options.protocols.has(Proto::Udp) {
        all.extend(UDP);
    }
    if options.protocols.has(Proto::Tcp) {
        all.extend(TCP);
    }
    if options.protocols.has(Proto::Udp) {
        all.extend(frames::DATAGRAMS);
    }
    if options.protocols.has(Proto::Tcp) {
        all.extend(frames::SEGMENTS);
    }
    for (option, names) in [("--only", &options.only), ("--skip", &options.skip)] {
        names::check(option, names, "case", all.iter().map(|case| case.name))?;
    }
    let is_in = |case: &&Case, names: &[String]| names.iter().any(|name| is_named(case.name, name));
    all.retain(|case| options.only.is_empty() || is_in(case, &options.only));
    all.retain(|case| !is_in(case, &options.skip));
    if all.is_empty() {
        return Err(Fault::usage("--skip: no case is left; fewer would do"));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let all = || [REACH, UDP, TCP, frames::DATAGRAMS, frames::SEGMENTS].into_iter().flatten();
        let names: BTreeSet<_> = all().map(|case| case.name).collect();
        assert_eq!(names.len(), all().count());
    }
}
