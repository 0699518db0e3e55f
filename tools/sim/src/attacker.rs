//! Frames that no correct station sends. The attacker hears every frame, and knows no secret.

use std::collections::VecDeque;

use smolecho::Tuple;
use smoltcp::wire::{
    IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, TcpControl, TcpRepr, TcpSeqNumber,
};

use crate::dice::Dice;
use crate::dissect::{self, Segment};
use crate::forge::{datagram, emit, packet, repr, segment};
use crate::network::{PORT, address, mac};
use crate::plan::Attack;
use crate::slowloris::Slowloris;

/// Frames that it remembers.
const MEMORY: usize = 64;

/// Numbers of unused addresses.
const NOBODY: std::ops::Range<u64> = 100..200;

#[derive(Default)]
pub(crate) struct Attacker {
    heard: VecDeque<Vec<u8>>,
    /// The last connection that a client began. A real attacker would have to guess its port.
    begun: Option<Tuple>,
    /// The next RST: its source and sequence number.
    hangs_up: Option<(IpEndpoint, TcpSeqNumber)>,
    holder: Slowloris,
}

impl Attacker {
    pub(crate) fn hear(&mut self, frame: &[u8]) {
        self.holder.hear(frame);
        let is_full = self.heard.len() == MEMORY;
        let mut place = is_full.then(|| self.heard.pop_front()).flatten().unwrap_or_default();
        place.clear();
        place.extend_from_slice(frame);
        self.heard.push_back(place);
    }

    pub(crate) fn suspect(&mut self, tuple: Tuple) {
        self.begun = Some(tuple);
    }

    /// The next frame; `None` if the attack needs a frame that was not heard yet.
    pub(crate) fn frame(&mut self, attack: Attack, dice: &mut Dice) -> Option<Vec<u8>> {
        let v6 = dice.chance(500_000);
        let server = IpEndpoint::new(address(0, v6), PORT);
        let nobody = address(dice.within(NOBODY) as usize, v6);
        let stranger = IpEndpoint::new(nobody, dice.within(1024..65_536) as u16);
        match attack {
            Attack::SynFlood => {
                Some(segment(stranger, server, TcpControl::Syn, guess(dice), None, &[]))
            }
            Attack::Replay => self.remembered(dice),
            Attack::Blind => self.blind(dice),
            Attack::SpoofedDatagrams => Some(datagram(stranger, server, &[7; 64])),
            Attack::Fragments => Some(fragment(dice)),
            Attack::Garbage => Some(self.garbage(dice)),
            Attack::Impossible => {
                let sources = impossible(v6);
                let from = IpEndpoint::new(*dice.pick(&sources)?, stranger.port);
                let groups = [IpAddress::v4(255, 255, 255, 255), IpAddress::v4(224, 0, 0, 1)];
                let to =
                    if v6 || dice.chance(500_000) { server.addr } else { *dice.pick(&groups)? };
                let to = IpEndpoint::new(to, PORT);
                let frame = if dice.chance(500_000) {
                    segment(from, to, TcpControl::Syn, guess(dice), None, &[])
                } else {
                    datagram(from, to, b"echo?")
                };
                Some(frame)
            }
            Attack::BareSyn => {
                let Tuple { local, remote } = self.begun?;
                Some(segment(remote, local, TcpControl::Syn, guess(dice), None, &[]))
            }
            Attack::InexactReset => {
                let heard = self.last(|heard| heard.to.port == PORT)?;
                let off = dice.within(1..50) as usize;
                let Segment { from, to, .. } = heard;
                Some(segment(from, to, TcpControl::Rst, heard.next() + off, None, &[]))
            }
            Attack::UnsentAck => {
                let heard = self.last(|heard| heard.from.port == PORT && heard.len > 0)?;
                // Beyond the data in flight, which an attacker could know.
                let ack = heard.next() + dice.within(600..2000) as usize;
                let Segment { from, to, .. } = heard;
                Some(segment(to, from, TcpControl::None, heard.ack?, Some(ack), &[]))
            }
            Attack::HangUp => match self.hangs_up.take() {
                Some((from, next)) => {
                    let to = IpEndpoint::new(address(0, false), PORT);
                    Some(segment(from, to, TcpControl::Rst, next, None, &[]))
                }
                None => {
                    let from = IpEndpoint::new(address(150, false), stranger.port);
                    let to = IpEndpoint::new(address(0, false), PORT);
                    let seq = guess(dice);
                    self.hangs_up = Some((from, seq + 1));
                    let syn = repr(from, to, TcpControl::Syn, seq, None, &[]);
                    Some(emit(from, to, &TcpRepr { max_seg_size: Some(64), ..syn }))
                }
            },
            Attack::Hold(most) => self.holder.frame(most, dice),
            Attack::Windows => self.window(dice),
        }
    }

    /// The last segment that `is` accepts.
    fn last(&self, is: impl Fn(&Segment) -> bool) -> Option<Segment> {
        self.heard.iter().rev().filter_map(|frame| Segment::in_frame(frame)).find(is)
    }

    fn remembered(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let heard = self.heard.len() as u64;
        (heard > 0).then(|| self.heard[dice.within(0..heard) as usize].clone())
    }

    /// A segment of the connection heard last, with guessed numbers.
    fn blind(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let Segment { from, to, .. } = self.last(|_| true)?;
        let (control, ack) = *dice.pick(&[
            (TcpControl::Rst, false),
            (TcpControl::Rst, true),
            (TcpControl::Syn, false),
            (TcpControl::Syn, true),
            (TcpControl::Fin, true),
            (TcpControl::None, true),
            (TcpControl::Psh, true),
        ])?;
        let data: &[u8] = if control == TcpControl::Psh { b"not what was said" } else { &[] };
        let ack = ack.then(|| guess(dice));
        Some(segment(from, to, control, guess(dice), ack, data))
    }

    /// An ACK that was heard, with a window of 0 or 1 byte or a smaller one. A peer should not shrink its window,
    /// and its peer must cope with one that does (RFC 9293 section 3.8.6).
    fn window(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let is_pure = |frame: &&Vec<u8>| {
            Segment::in_frame(frame).is_some_and(|heard| heard.ack.is_some() && heard.len == 0)
        };
        let mut frame = self.heard.iter().rev().find(is_pure)?.clone();
        let part = dice.within(0..4) as u16;
        dissect::alter(&mut frame, |tcp| {
            let window = if part < 2 { part } else { tcp.window_len() / part };
            tcp.set_window_len(window);
        });
        Some(frame)
    }

    /// Random bytes to the server, or a frame that was heard with one byte changed.
    fn garbage(&self, dice: &mut Dice) -> Vec<u8> {
        if let Some(mut frame) = self.remembered(dice).filter(|frame| frame.len() > 14)
            && dice.chance(700_000)
        {
            // A change must be one that a checksum detects. ARP has none, and no checksum covers IPv6's length.
            let at = dice.within(14..frame.len() as u64) as usize;
            let is_checked = frame[12..14] != [8, 6] && !(18..20).contains(&at);
            if is_checked {
                frame[at] ^= dice.within(1..256) as u8;
            }
            let cut = dice.within(0..frame.len() as u64) as usize;
            if dice.chance(300_000) {
                frame.truncate(cut);
            }
            return frame;
        }
        let len = dice.within(0..1600) as usize;
        let mut frame: Vec<u8> = (0..len).map(|_| dice.roll() as u8).collect();
        let types = [[8, 0], [0x86, 0xdd], [8, 6], [0x12, 0x34]];
        if len >= 15 {
            frame[..6].copy_from_slice(&mac(0).0);
            frame[12..14].copy_from_slice(&types[dice.within(0..4) as usize]);
            // A valid version, so that the rest is parsed.
            frame[14] = if frame[12] == 8 { 0x45 } else { 0x60 };
        }
        frame
    }
}

fn guess(dice: &mut Dice) -> TcpSeqNumber {
    TcpSeqNumber(dice.roll() as i32)
}

/// Source addresses that no other single host has.
fn impossible(v6: bool) -> Vec<IpAddress> {
    if v6 {
        let group = IpAddress::v6(0xff02, 0, 0, 0, 0, 0, 0, 1);
        vec![group, IpAddress::v6(0, 0, 0, 0, 0, 0, 0, 0), address(0, true)]
    } else {
        let v4 =
            [[255, 255, 255, 255], [0, 0, 0, 0], [224, 0, 0, 1], [127, 0, 0, 1], [10, 7, 255, 255]];
        let v4 = v4.map(|[a, b, c, d]| IpAddress::v4(a, b, c, d));
        v4.into_iter().chain([address(0, false)]).collect()
    }
}

/// One fragment of a datagram whose other fragments may never be sent.
fn fragment(dice: &mut Dice) -> Vec<u8> {
    let from = address(dice.within(NOBODY) as usize, false);
    let payload = vec![dice.roll() as u8; 8 * dice.within(1..180) as usize];
    let mut frame = packet(from, address(0, false), IpProtocol::Udp, payload.len(), |buffer, _| {
        buffer.copy_from_slice(&payload);
    });
    let mut ip = Ipv4Packet::new_unchecked(&mut frame[14..]);
    ip.set_ident(dice.within(0..4) as u16);
    ip.set_dont_frag(false);
    ip.set_more_frags(dice.chance(700_000));
    ip.set_frag_offset(8 * dice.within(0..1000) as u16);
    ip.fill_checksum();
    frame
}
