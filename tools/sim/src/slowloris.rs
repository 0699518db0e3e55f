//! Slowloris: an attacker that completes handshakes, then sends and acknowledges little or nothing.

use smolecho::Tuple;
use smoltcp::wire::{IpEndpoint, TcpControl, TcpRepr, TcpSeqNumber};

use crate::dice::Dice;
use crate::dissect::Segment;
use crate::forge::{emit, repr, who_has};
use crate::network::{PORT, address};

/// Numbers of its addresses: few, so that it fills slots and not the neighbor cache.
const ADDRESSES: std::ops::Range<u64> = 90..94;

/// Its windows in bytes: closed, nearly closed, open.
const WINDOWS: [u16; 3] = [0, 1, 4096];

#[derive(Default)]
pub(crate) struct Slowloris {
    held: Vec<Held>,
}

/// One connection, from the attacker's side.
struct Held {
    tuple: Tuple,
    window: u16,
    /// Whether it acknowledges data.
    reads: bool,
    next: TcpSeqNumber,
    /// RCV.NXT; `None` before the SYN-ACK.
    ack: Option<TcpSeqNumber>,
}

impl Slowloris {
    pub(crate) fn hear(&mut self, frame: &[u8]) {
        if self.held.is_empty() {
            return;
        }
        let Some(heard) = Segment::in_frame(frame) else { return };
        let tuple = Tuple { local: heard.to, remote: heard.from };
        let Some(n) = self.held.iter().position(|held| held.tuple == tuple) else { return };
        let held = &mut self.held[n];
        if heard.is_rst {
            self.held.swap_remove(n);
        } else if heard.is_syn || held.reads && held.ack == Some(heard.seq) {
            held.ack = Some(heard.next());
        }
    }

    /// The next frame of an attacker with at most `most` connections.
    pub(crate) fn frame(&mut self, most: usize, dice: &mut Dice) -> Option<Vec<u8>> {
        let (from, to) = (address(dice.within(ADDRESSES) as usize, false), address(0, false));
        if self.held.len() < most {
            let local = IpEndpoint::new(from, dice.within(1024..65_536) as u16);
            let remote = IpEndpoint::new(to, PORT);
            self.held.push(Held {
                tuple: Tuple { local, remote },
                window: *dice.pick(&WINDOWS)?,
                reads: dice.chance(500_000),
                next: TcpSeqNumber(dice.roll() as i32),
                ack: None,
            });
            // Saves the server an ARP request.
            return Some(who_has(from, to));
        }
        let n = dice.within(0..most as u64) as usize;
        Some(self.held.get_mut(n)?.say(dice))
    }
}

impl Held {
    /// A SYN until it is answered, then an ACK with a byte or without.
    fn say(&mut self, dice: &mut Dice) -> Vec<u8> {
        let Tuple { local, remote } = self.tuple;
        let (control, byte): (_, &[u8]) = match self.ack {
            None => (TcpControl::Syn, &[]),
            Some(_) if dice.chance(300_000) => (TcpControl::Psh, b"a"),
            Some(_) => (TcpControl::None, &[]),
        };
        let seq = if control == TcpControl::Syn { self.next - 1 } else { self.next };
        let segment = repr(local, remote, control, seq, self.ack, byte);
        self.next += byte.len();
        emit(local, remote, &TcpRepr { window_len: self.window, ..segment })
    }
}
