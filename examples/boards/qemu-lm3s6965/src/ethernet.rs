//! The LM3S6965's Ethernet MAC (data sheet, chapter Ethernet Controller).
//!
//! Frames pass through two FIFOs, a word at a time. The lower half of a frame's first word is its length: of a
//! received frame with this half word and the check sequence, of a frame to send without the Ethernet header. The
//! upper half is the frame's first two bytes.

use smolecho_board::{
    ethernet::Mac,
    frame::{Frame, SMALLEST},
    registers::Registers,
};

/// Registers, by offset.
pub mod register {
    /// Raw interrupt status.
    pub const MACRIS: usize = 0x00;
    /// Interrupt acknowledge: writes to the same register.
    pub const MACIACK: usize = 0x00;
    /// Interrupt mask.
    pub const MACIM: usize = 0x04;
    /// Receive control.
    pub const MACRCTL: usize = 0x08;
    /// Transmit control.
    pub const MACTCTL: usize = 0x0C;
    /// The two FIFOs.
    pub const MACDATA: usize = 0x10;
    /// Individual address, bytes 0 to 3.
    pub const MACIA0: usize = 0x14;
    /// Individual address, bytes 4 and 5.
    pub const MACIA1: usize = 0x18;
    /// FIFO threshold at which a transmission starts.
    pub const MACTHR: usize = 0x1C;
    /// Number of packets in the receive FIFO.
    pub const MACNP: usize = 0x34;
    /// Transmission request.
    pub const MACTR: usize = 0x38;
}
use register::*;

/// Bits of MACRIS, MACIACK and MACIM.
pub mod interrupt {
    /// A frame was received.
    pub const RXINT: u32 = 1 << 0;
    /// A transmission failed.
    pub const TXER: u32 = 1 << 1;
    /// The receive FIFO overflowed.
    pub const FOV: u32 = 1 << 3;
    /// A damaged frame was received.
    pub const RXER: u32 = 1 << 4;
    /// All of them.
    pub const ALL: u32 = 0x7F;
}
use interrupt::*;

const RXEN: u32 = 1 << 0;
const AMUL: u32 = 1 << 1;
const BADCRC: u32 = 1 << 3;
const RSTFIFO: u32 = 1 << 4;

const TXEN: u32 = 1 << 0;
const PADEN: u32 = 1 << 1;
const CRC: u32 = 1 << 2;
const DUPLEX: u32 = 1 << 4;

/// A transmission starts on a write to MACTR, not at a FIFO threshold.
const NO_THRESHOLD: u32 = 0x3F;

const NPR: u32 = 0x3F;
const NEWTX: u32 = 1 << 0;

/// Bytes beside the frame in a received frame's length: the length itself, and the check sequence.
const OVERHEAD: usize = 2 + 4;

/// The MAC.
pub struct Stellaris<R>(R);

impl<R: Registers> Stellaris<R> {
    /// Resets the MAC. It then receives frames to `address`, broadcast and multicast.
    pub fn new(mut registers: R, address: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = address;
        registers.write(MACRCTL, RSTFIFO);
        registers.write(MACIM, 0);
        registers.write(MACIACK, ALL);
        registers.write(MACIA0, u32::from_le_bytes([a, b, c, d]));
        registers.write(MACIA1, u32::from_le_bytes([e, f, 0, 0]));
        registers.write(MACTHR, NO_THRESHOLD);
        registers.write(MACTCTL, TXEN | PADEN | CRC | DUPLEX);
        registers.write(MACRCTL, RXEN | AMUL | BADCRC);
        registers.write(MACIM, RXINT);
        Stellaris(registers)
    }
}

impl<R: Registers> Mac for Stellaris<R> {
    fn acknowledge(&mut self) -> u32 {
        let status = self.0.read(MACRIS);
        self.0.write(MACIACK, status & ALL);
        (status & (FOV | RXER | TXER)).count_ones()
    }

    fn has_frame(&mut self) -> bool {
        self.0.read(MACNP) & NPR != 0
    }

    fn take(&mut self, frame: &mut Frame) -> Option<usize> {
        let first = self.0.read(MACDATA);
        let total = usize::from(first as u16);
        let len = total.checked_sub(OVERHEAD);
        if len.is_some() {
            frame.take(first, total.div_ceil(4), || self.0.read(MACDATA));
        } else {
            // The start of the next frame is unknown: drop every frame.
            self.0.write(MACRCTL, RSTFIFO);
            self.0.write(MACRCTL, RXEN | AMUL | BADCRC);
        }
        len
    }

    fn can_send(&mut self) -> bool {
        self.0.read(MACTR) & NEWTX == 0
    }

    fn send(&mut self, frame: &mut Frame, len: usize) {
        frame.give((len - SMALLEST) as u16, len, |word| self.0.write(MACDATA, word));
        self.0.write(MACTR, NEWTX);
    }
}
