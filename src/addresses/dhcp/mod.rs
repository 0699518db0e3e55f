//! A DHCP client (RFC 2131).
//!
//! It replaces smoltcp's (`socket::dhcpv4`, smoltcp 0.14.0), which ignores the answer to a renewal that does not
//! repeat the mask, loses the router if that is not repeated, sends all renewals to the server of the first
//! offer, and has neither INIT-REBOOT nor DHCPDECLINE.

mod message;

use smoltcp::phy::{ChecksumCapabilities, Device};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{DhcpMessageType, EthernetAddress, IpAddress, IpCidr, Ipv4Address, Ipv4Cidr};

use self::message::{Answer, Question, Server};
use super::Learned;
use crate::config::{Config, is_host_address};
use crate::random::SplitMix64;

/// The time before a message is repeated (RFC 2131 section 4.1). For a request it doubles with each try: 60 s for
/// all tries (section 3.1 item 5).
const ANSWER_TIME: Duration = Duration::from_secs(4);
const TRIES: u8 = 4;

/// RFC 2131 section 4.4.5: a renewal is repeated after half of the time left, but not sooner than this.
const MIN_RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// RFC 2131 section 3.1 item 5: the pause after DHCPDECLINE.
const DECLINED_PAUSE: Duration = Duration::from_secs(10);

/// The length of a lease without a lease time.
const DEFAULT_LEASE: Duration = Duration::from_secs(120);

pub(super) struct Dhcp {
    mac: EthernetAddress,
    random: SplitMix64,
    /// The transaction ID of the message that is not answered yet.
    transaction: Option<u32>,
    state: State,
    /// The time of the state's next message.
    due: Instant,
    /// The earliest time of the next DHCPDISCOVER. A server that refuses its own offers, or grants leases of 0 s,
    /// must not cause a storm.
    next_discovery: Instant,
    lease: Option<Lease>,
}

/// RFC 2131 figure 5.
#[derive(Clone, Copy)]
enum State {
    /// INIT and SELECTING.
    Selecting,
    Requesting {
        offer: Offer,
        tries: u8,
    },
    /// INIT-REBOOT and REBOOTING: there is a lease, but the network may be another.
    Rebooting {
        tries: u8,
    },
    /// BOUND, RENEWING and REBINDING: there is a lease.
    Bound,
    /// Another station has the address.
    Declining {
        address: Ipv4Address,
        server: Server,
    },
}

#[derive(Clone, Copy)]
struct Offer {
    address: Ipv4Address,
    server: Server,
    mask: Option<Ipv4Address>,
    router: Option<Ipv4Address>,
}

#[derive(Clone, Copy)]
struct Lease {
    cidr: Ipv4Cidr,
    router: Option<Ipv4Address>,
    /// The server of the last DHCPACK.
    server: Server,
    t1: Instant,
    t2: Instant,
    expires: Instant,
}

impl Dhcp {
    /// If the configuration asks for it.
    pub(super) fn new(config: &Config, now: Instant) -> Option<Self> {
        config.dhcpv4.then(|| Dhcp {
            mac: config.mac,
            random: SplitMix64::new(!config.seed),
            transaction: None,
            state: State::Selecting,
            due: now,
            next_discovery: now,
            lease: None,
        })
    }

    /// Sends the message that is due, and ends an expired lease.
    pub(super) fn poll<D: Device + ?Sized>(&mut self, now: Instant, device: &mut D) -> Learned {
        if self.lease.is_some_and(|lease| lease.expires <= now) {
            self.begin_again(now);
        }
        if self.due <= now {
            self.ask(now, device);
        }
        self.learned()
    }

    pub(super) fn poll_at(&self) -> Instant {
        self.lease.map_or(self.due, |lease| lease.expires.min(self.due))
    }

    fn learned(&self) -> Learned {
        Learned {
            address: self.lease.map(|lease| IpCidr::Ipv4(lease.cidr)),
            router: self.lease.and_then(|lease| lease.router).map(IpAddress::Ipv4),
        }
    }

    /// After a link has come up the network may be another: confirms the lease (RFC 2131 section 3.7). It stays in
    /// use until the answer, and without an answer.
    pub(super) fn link_up(&mut self, now: Instant) {
        self.state = match self.lease {
            Some(_) => State::Rebooting { tries: 0 },
            None => State::Selecting,
        };
        self.due = now;
    }

    /// Declines the lease: another station has the address.
    pub(super) fn decline(&mut self, now: Instant) {
        if let Some(lease) = self.lease.take() {
            let address = lease.cidr.address();
            (self.state, self.due) = (State::Declining { address, server: lease.server }, now);
        }
    }

    /// Sends the state's message, and sets the time of the next.
    fn ask<D: Device + ?Sized>(&mut self, now: Instant, device: &mut D) {
        if let State::Requesting { tries: TRIES, .. } = self.state {
            self.begin_again(now);
            if self.due > now {
                return;
            }
        }
        if let (State::Rebooting { tries: TRIES }, Some(lease)) = (self.state, self.lease) {
            // RFC 2131 section 3.2 item 4: the lease may be used until it expires.
            (self.state, self.due) = (State::Bound, lease.t1.max(now));
            return;
        }
        let Some(token) = device.transmit(now) else { return };
        let transaction = match (self.state, self.transaction) {
            // RFC 2131 section 4.4.1: a request has the transaction ID of its offer.
            (State::Requesting { .. }, Some(transaction)) => transaction,
            _ => self.random.next() as u32,
        };
        self.transaction = Some(transaction);
        let mut question = Question {
            kind: DhcpMessageType::Request,
            transaction,
            client: Ipv4Address::UNSPECIFIED,
            requested: None,
            server: None,
            to: None,
        };
        let after = |tries: u8| now + ANSWER_TIME * (1 << tries);
        match (&mut self.state, self.lease) {
            (State::Requesting { offer, tries }, _) => {
                question.requested = Some(offer.address);
                question.server = Some(offer.server.identifier);
                self.due = after(*tries);
                *tries += 1;
            }
            (State::Rebooting { tries }, Some(lease)) => {
                question.requested = Some(lease.cidr.address());
                self.due = after(*tries);
                *tries += 1;
            }
            (State::Bound, Some(lease)) => {
                question.client = lease.cidr.address();
                let is_rebinding = lease.t2 <= now;
                question.to = (!is_rebinding).then_some(lease.server);
                let until = if is_rebinding { lease.expires } else { lease.t2 };
                let half = (until - now) / 2;
                self.due = (now + half.max(MIN_RENEWAL_INTERVAL)).min(until);
            }
            (&mut State::Declining { address, server }, _) => {
                question.kind = DhcpMessageType::Decline;
                question.requested = Some(address);
                question.server = Some(server.identifier);
                self.transaction = None;
                (self.state, self.due) = (State::Selecting, now + DECLINED_PAUSE);
                self.next_discovery = self.due;
            }
            (State::Selecting, _) | (_, None) => {
                question.kind = DhcpMessageType::Discover;
                self.due = now + ANSWER_TIME;
                self.next_discovery = self.due;
            }
        }
        question.send(self.mac, token);
    }

    /// Takes a frame with a server's message.
    pub(super) fn deliver(
        &mut self,
        frame: &[u8],
        now: Instant,
        checksums: &ChecksumCapabilities,
    ) -> Option<()> {
        let answer = Answer::read(frame, self.mac, checksums)?;
        if self.transaction != Some(answer.transaction) {
            return None;
        }
        match (self.state, answer.kind) {
            (State::Selecting, DhcpMessageType::Offer) => {
                let Answer { address, server, mask, router, .. } = answer;
                let offer = Offer { address, server, mask, router };
                (self.state, self.due) = (State::Requesting { offer, tries: 0 }, now);
            }
            (State::Selecting | State::Declining { .. }, _) => {}
            (_, DhcpMessageType::Ack) => self.bind(&answer, now)?,
            (_, DhcpMessageType::Nak) => self.begin_again(now),
            _ => {}
        }
        Some(())
    }

    /// Takes the lease of a DHCPACK. Mask and router that it does not repeat are those of the offer, or of the
    /// lease before it. `None` if the lease cannot be used.
    fn bind(&mut self, answer: &Answer, now: Instant) -> Option<()> {
        let known = self.lease.filter(|lease| lease.cidr.address() == answer.address);
        let offer = match self.state {
            State::Requesting { offer, .. } if offer.address == answer.address => Some(offer),
            _ => None,
        };
        let mask = answer.mask.or(offer.and_then(|offer| offer.mask));
        let cidr = match (mask, known) {
            (Some(mask), _) => Ipv4Cidr::new(answer.address, IpAddress::Ipv4(mask).prefix_len()?),
            (None, known) => known?.cidr,
        };
        if !is_host_address(&IpCidr::Ipv4(cidr)) {
            return None;
        }
        let router = answer
            .router
            .or(offer.and_then(|offer| offer.router))
            .or(known.and_then(|lease| lease.router))
            // Some servers send 0.0.0.0 for no router; smoltcp panics when it routes to it.
            .filter(|router| IpAddress::Ipv4(*router).is_unicast());
        let time = answer.lease.unwrap_or(DEFAULT_LEASE);
        if time == Duration::ZERO {
            self.begin_again(now);
            return None;
        }
        // RFC 2131 section 4.4.5: T1 before T2 before the end.
        let t2 = answer.t2.filter(|t2| *t2 < time).unwrap_or(time * 7 / 8);
        let t1 = answer.t1.filter(|t1| *t1 < t2).unwrap_or((time / 2).min(t2));
        let (t1, t2, expires) = (now + t1, now + t2, now + time);
        self.lease = Some(Lease { cidr, router, server: answer.server, t1, t2, expires });
        (self.state, self.due, self.transaction) = (State::Bound, t1, None);
        Some(())
    }

    /// INIT: ends the lease.
    fn begin_again(&mut self, now: Instant) {
        (self.lease, self.transaction) = (None, None);
        (self.state, self.due) = (State::Selecting, now.max(self.next_discovery));
    }
}
