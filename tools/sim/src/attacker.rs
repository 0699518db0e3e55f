//! Frames that no honest station sends. The attacker hears everything, and knows no secret.

use std::collections::VecDeque;

use smolecho::Tuple;
use smoltcp::wire::{
    IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, TcpControl, TcpRepr, TcpSeqNumber,
};

use crate::dice::Dice;
use crate::forge::{datagram, emit, packet, repr, segment};
use crate::heard::{self, Heard};
use crate::holder::Holder;
use crate::network::{PORT, address, mac};
use crate::plan::Attack;

/// Frames that it remembers.
const MEMORY: usize = 64;

/// Addresses where nobody is.
const NOBODY: std::ops::Range<u64> = 100..200;

#[derive(Default)]
pub(crate) struct Attacker {
    heard: VecDeque<Vec<u8>>,
    /// The last connection that somebody has begun: its port is all that there is to guess, and it is lucky.
    begun: Option<Tuple>,
    /// Who hangs up next, and with which number.
    hangs_up: Option<(IpEndpoint, TcpSeqNumber)>,
    holder: Holder,
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

    /// The next frame, if there is anything to make it of.
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
                let Heard { from, to, .. } = heard;
                Some(segment(from, to, TcpControl::Rst, heard.next() + off, None, &[]))
            }
            Attack::UnsentAck => {
                let heard = self.last(|heard| heard.from.port == PORT && heard.len > 0)?;
                // Beyond what may be under way in the window of a guest: what is under way could be known.
                let ack = heard.next() + dice.within(600..2000) as usize;
                let Heard { from, to, .. } = heard;
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

    /// The last segment like this.
    fn last(&self, is: impl Fn(&Heard) -> bool) -> Option<Heard> {
        self.heard.iter().rev().filter_map(|frame| Heard::in_frame(frame)).find(is)
    }

    fn remembered(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let heard = self.heard.len() as u64;
        (heard > 0).then(|| self.heard[dice.within(0..heard) as usize].clone())
    }

    /// Within a connection that it has heard, with numbers that it guesses.
    fn blind(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let Heard { from, to, .. } = self.last(|_| true)?;
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

    /// An acknowledgement that was heard, with another window: shut, next to shut, or smaller than it was,
    /// which nobody should do and everybody must bear (RFC 9293 section 3.8.6.1).
    fn window(&self, dice: &mut Dice) -> Option<Vec<u8>> {
        let is_pure = |frame: &&Vec<u8>| {
            Heard::in_frame(frame).is_some_and(|heard| heard.ack.is_some() && heard.len == 0)
        };
        let mut frame = self.heard.iter().rev().find(is_pure)?.clone();
        let part = dice.within(0..4) as u16;
        heard::alter(&mut frame, |tcp| {
            let window = if part < 2 { part } else { tcp.window_len() / part };
            tcp.set_window_len(window);
        });
        Some(frame)
    }

    /// Noise to the server, or a frame that was heard with a few bytes changed.
    fn garbage(&self, dice: &mut Dice) -> Vec<u8> {
        if let Some(mut frame) = self.remembered(dice).filter(|frame| frame.len() > 14)
            && dice.chance(700_000)
        {
            // ARP has no checksum, and a byte of IPv6's length is no loss of a sum: only what a checksum
            // finds for certain is changed, one byte.
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
            // So that more of it is read than a version.
            frame[14] = if frame[12] == 8 { 0x45 } else { 0x60 };
        }
        frame
    }
}

fn guess(dice: &mut Dice) -> TcpSeqNumber {
    TcpSeqNumber(dice.roll() as i32)
}

/// Sources that no single other host has.
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

/// One piece of some datagram, and perhaps the only one.
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
