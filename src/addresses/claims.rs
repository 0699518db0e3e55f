//! Address conflict detection: RFC 5227 for IPv4, RFC 4862 section 5.4 for IPv6. An address is probed for before
//! it is used, then announced and defended.

use heapless::Vec;
use smoltcp::config::IFACE_MAX_ADDR_COUNT;
use smoltcp::phy::Device;
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::config::Config;
use crate::neighbor::{Heard, Message};
use crate::random::SplitMix64;

/// The times of RFC 5227 section 1.1, divided by five: stations on Ethernet answer within milliseconds, so an
/// address can be used after 0.8 to 1.4 s.
const PROBE_NUM: u8 = 3;
const PROBE_WAIT: Duration = Duration::from_millis(200);
const PROBE_MIN: Duration = Duration::from_millis(200);
const ANNOUNCE_WAIT: Duration = Duration::from_millis(400);

/// RFC 4862 section 5.1, RFC 4861 section 10.
#[cfg(feature = "proto-ipv6")]
const DUP_ADDR_DETECT_TRANSMITS: u8 = 1;
#[cfg(feature = "proto-ipv6")]
const RETRANS_TIMER: Duration = Duration::from_secs(1);

/// RFC 5227 section 1.1; RFC 4861 section 7.2.6 allows three, a second apart or more.
const ANNOUNCE_NUM: u8 = 2;
const ANNOUNCE_INTERVAL: Duration = Duration::from_secs(2);

/// RFC 5227 section 2.4: after a second conflict within this time the address is given up.
const DEFEND_INTERVAL: Duration = Duration::from_secs(10);

/// RFC 5227 section 1.1 (RATE_LIMIT_INTERVAL): the pause before an address in conflict is probed for again.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// The addresses in use, and those to be used.
pub(super) struct Claims {
    mac: EthernetAddress,
    random: SplitMix64,
    has_link: bool,
    list: Vec<Claim, IFACE_MAX_ADDR_COUNT>,
}

struct Claim {
    cidr: IpCidr,
    stage: Stage,
    /// The time of the stage's next step.
    due: Option<Instant>,
    /// A conflict before this time is the second one.
    defended_until: Instant,
    /// The other station of a conflict that is not reported yet.
    rival: Option<EthernetAddress>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The number of probes sent; the address is not in use.
    Tentative(u8),
    /// The number of announcements sent; the address is in use.
    Announced(u8),
    /// Another station has the address.
    Taken,
}

/// A result of probing or of a conflict.
pub(super) enum Outcome {
    /// No other station has the address.
    Won(IpCidr),
    /// Another station uses the address.
    Conflict {
        cidr: IpCidr,
        mac: EthernetAddress,
        /// The node does not use it, or no longer.
        is_lost: bool,
    },
}

impl Claims {
    /// If the configuration asks for it.
    pub(super) fn new(config: &Config) -> Option<Self> {
        config.conflict_detection.then(|| Claims {
            mac: config.mac,
            random: SplitMix64::new(config.seed.rotate_left(32)),
            has_link: true,
            list: Vec::new(),
        })
    }

    pub(super) fn contains(&self, address: IpAddress) -> bool {
        self.list.iter().any(|claim| claim.cidr.address() == address)
    }

    /// Begins to probe for an address. For a known address only the network is new.
    pub(super) fn begin(&mut self, cidr: IpCidr, now: Instant) {
        let due = Some(now + self.up_to(PROBE_WAIT));
        match self.list.iter_mut().find(|claim| claim.cidr.address() == cidr.address()) {
            Some(claim) => claim.cidr = cidr,
            None => {
                let stage = Stage::Tentative(0);
                let claim = Claim { cidr, stage, due, defended_until: now, rival: None };
                // `Node::new` has seen that there is room.
                let _ = self.list.push(claim);
            }
        }
    }

    pub(super) fn end(&mut self, cidr: IpCidr) {
        self.list.retain(|claim| claim.cidr.address() != cidr.address());
    }

    /// RFC 5227 section 2.1: after a link has come up the stations may be others. An address in use stays in use
    /// and is announced; a station that has it objects.
    pub(super) fn link_changed(&mut self, has_link: bool, now: Instant) {
        self.has_link = has_link;
        let due = Some(now + self.up_to(PROBE_WAIT));
        for claim in self.list.iter_mut().filter(|_| has_link) {
            claim.due = due;
            claim.stage = match claim.stage {
                Stage::Announced(_) => Stage::Announced(0),
                _ => Stage::Tentative(0),
            };
        }
    }

    pub(super) fn poll_at(&self) -> Option<Instant> {
        let due = self.list.iter().filter_map(|claim| claim.due).min();
        due.filter(|_| self.has_link)
    }

    /// Sends the probes and announcements that are due. Returns one result; to be called until there is none.
    pub(super) fn poll<D: Device + ?Sized>(
        &mut self,
        now: Instant,
        device: &mut D,
    ) -> Option<Outcome> {
        if !self.has_link {
            return None;
        }
        let pause = PROBE_MIN + self.up_to(PROBE_MIN);
        for claim in &mut self.list {
            if let Some(mac) = claim.rival.take() {
                let is_lost = claim.is_lost(now);
                (claim.stage, claim.due) = if is_lost {
                    (Stage::Taken, Some(now + RETRY_INTERVAL))
                } else {
                    // RFC 5227 section 2.4 (b): one announcement as the defence.
                    (Stage::Announced(ANNOUNCE_NUM - 1), Some(now))
                };
                claim.defended_until = now + DEFEND_INTERVAL;
                return Some(Outcome::Conflict { cidr: claim.cidr, mac, is_lost });
            }
            if claim.due.is_none_or(|due| due > now) {
                continue;
            }
            if claim.stage == Stage::Tentative(claim.probes()) {
                (claim.stage, claim.due) = (Stage::Announced(0), Some(now));
                return Some(Outcome::Won(claim.cidr));
            }
            let token = device.transmit(now)?;
            let address = claim.cidr.address();
            match &mut claim.stage {
                Stage::Tentative(sent) => {
                    *sent += 1;
                    Message::probe(self.mac, address).send(token);
                }
                Stage::Announced(sent) => {
                    *sent += 1;
                    Message::announce(self.mac, address).send(token);
                }
                Stage::Taken => {
                    claim.stage = Stage::Tentative(1);
                    Message::probe(self.mac, address).send(token);
                }
            }
            claim.due = claim.pause(pause).map(|pause| now + pause);
        }
        None
    }

    /// Takes a message about an address that may be one of these.
    pub(super) fn hear(&mut self, heard: &Heard, now: Instant) {
        let Heard { address, mac, is_probe, .. } = *heard;
        if mac == self.mac {
            return;
        }
        for claim in &mut self.list {
            // RFC 5227 sections 2.1.1 and 2.4, RFC 4862 sections 5.4.3 and 5.4.4: a probe for an address in use
            // is answered, and no conflict.
            let counts = match claim.stage {
                Stage::Tentative(_) => true,
                Stage::Announced(_) => !is_probe,
                Stage::Taken => false,
            };
            if claim.cidr.address() == address && counts && !claim.is_deaf(now) {
                (claim.rival, claim.due) = (Some(mac), Some(now));
            }
        }
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        Duration::from_micros(self.random.next() % most.total_micros())
    }
}

impl Claim {
    fn probes(&self) -> u8 {
        match self.cidr {
            IpCidr::Ipv4(_) => PROBE_NUM,
            #[cfg(feature = "proto-ipv6")]
            IpCidr::Ipv6(_) => DUP_ADDR_DETECT_TRANSMITS,
        }
    }

    /// The pause after the probe or announcement just sent.
    fn pause(&self, between_probes: Duration) -> Option<Duration> {
        match self.stage {
            Stage::Tentative(sent) => Some(match self.cidr {
                IpCidr::Ipv4(_) if sent == PROBE_NUM => ANNOUNCE_WAIT,
                IpCidr::Ipv4(_) => between_probes,
                #[cfg(feature = "proto-ipv6")]
                IpCidr::Ipv6(_) => RETRANS_TIMER,
            }),
            Stage::Announced(sent) => (sent < ANNOUNCE_NUM).then_some(ANNOUNCE_INTERVAL),
            Stage::Taken => Some(RETRY_INTERVAL),
        }
    }

    /// Whether a conflict takes the address away: before it is in use, or after a defence that failed.
    fn is_lost(&self, now: Instant) -> bool {
        !matches!(self.stage, Stage::Announced(_)) || now < self.defended_until
    }

    /// Whether a conflict is ignored. RFC 4862 has no rule like RFC 5227 section 2.4: an IPv6 address in use is
    /// defended once in that time, and kept.
    fn is_deaf(&self, now: Instant) -> bool {
        let is_kept = !matches!(self.cidr, IpCidr::Ipv4(_));
        is_kept && matches!(self.stage, Stage::Announced(_)) && now < self.defended_until
    }
}
