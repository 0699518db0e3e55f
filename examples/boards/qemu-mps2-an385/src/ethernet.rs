//! The LAN9118 (data sheet, SMSC LAN9118, revision 1.5).
//!
//! Each direction has a FIFO of words and one of statuses. A received frame has its length in its status, and two
//! bytes of padding before it, as RX_CFG sets; a frame to send has two command words before it.

use smolecho_board::{
    ethernet::Mac,
    frame::{Frame, LARGEST},
    registers::Registers,
};

/// Registers, by offset.
pub mod register {
    /// Received frames, a word at a time.
    pub const RX_DATA_FIFO: usize = 0x00;
    /// Frames to send.
    pub const TX_DATA_FIFO: usize = 0x20;
    /// Statuses of received frames.
    pub const RX_STATUS_FIFO: usize = 0x40;
    /// Statuses of sent frames.
    pub const TX_STATUS_FIFO: usize = 0x48;
    /// Interrupt configuration.
    pub const IRQ_CFG: usize = 0x54;
    /// Interrupt status.
    pub const INT_STS: usize = 0x58;
    /// Interrupt enable.
    pub const INT_EN: usize = 0x5C;
    /// FIFO levels that interrupt.
    pub const FIFO_INT: usize = 0x68;
    /// Receive configuration.
    pub const RX_CFG: usize = 0x6C;
    /// Transmit configuration.
    pub const TX_CFG: usize = 0x70;
    /// Hardware configuration.
    pub const HW_CFG: usize = 0x74;
    /// Fill levels of the receive FIFOs.
    pub const RX_FIFO_INF: usize = 0x7C;
    /// Fill levels of the transmit FIFOs.
    pub const TX_FIFO_INF: usize = 0x80;
    /// Power management.
    pub const PMT_CTRL: usize = 0x84;
    /// Access to a register of the MAC.
    pub const MAC_CSR_CMD: usize = 0xA4;
    /// Its data.
    pub const MAC_CSR_DATA: usize = 0xA8;
}
use register::*;

/// Receive interrupt: more statuses than FIFO_INT sets.
pub const RSFL_INT: u32 = 1 << 3;
const RXE_INT: u32 = 1 << 14;
const RXDFH_INT: u32 = 1 << 23;
const ALL_INT: u32 = !0;

const IRQ_EN: u32 = 1 << 8;
const IRQ_POL: u32 = 1 << 4;
const IRQ_TYPE: u32 = 1 << 0;

const SRST: u32 = 1 << 0;
const MUST_BE_ONE: u32 = 1 << 20;
/// 5 KiB of the 16 KiB are for transmission.
const TX_FIF_SZ: u32 = 5 << 16;
const READY: u32 = 1 << 0;

/// Two bytes before each frame align its IP header to a word.
const RXDOFF: u32 = 2 << 8;
const RX_DUMP: u32 = 1 << 15;
const TX_ON: u32 = 1 << 1;
const TXSAO: u32 = 1 << 2;

const CSR_BUSY: u32 = 1 << 31;
const MAC_CR: u32 = 1;
const ADDRH: u32 = 2;
const ADDRL: u32 = 3;
const FDPX: u32 = 1 << 20;
const MCPAS: u32 = 1 << 19;
const TXEN: u32 = 1 << 3;
const RXEN: u32 = 1 << 2;

const ERROR_STATUS: u32 = 1 << 15;

const FIRST_SEGMENT: u32 = 1 << 13;
const LAST_SEGMENT: u32 = 1 << 12;
/// The frame begins at the third byte of its first word.
const DATA_START: u32 = 2 << 16;

/// Bytes of the two command words.
const COMMANDS: usize = 8;

/// Bytes before a frame in the FIFO, and behind it.
const LEAD: usize = 2;
const CHECK: usize = 4;

/// Reads of a bit that the data sheet promises within microseconds, before the driver gives up.
const ATTEMPTS: usize = 10_000;

/// The chip.
pub struct Lan9118<R>(R);

impl<R: Registers> Lan9118<R> {
    /// Resets the chip. It then receives frames to `address`, broadcast and multicast.
    pub fn new(mut registers: R, address: [u8; 6]) -> Self {
        let [a, b, c, d, e, f] = address;
        registers.write(HW_CFG, SRST);
        until(|| registers.read(HW_CFG) & SRST == 0);
        until(|| registers.read(PMT_CTRL) & READY != 0);
        registers.write(HW_CFG, MUST_BE_ONE | TX_FIF_SZ);
        write_mac(&mut registers, ADDRL, u32::from_le_bytes([a, b, c, d]));
        write_mac(&mut registers, ADDRH, u32::from_le_bytes([e, f, 0, 0]));
        registers.write(INT_EN, 0);
        registers.write(INT_STS, ALL_INT);
        registers.write(FIFO_INT, 0);
        registers.write(RX_CFG, RXDOFF);
        registers.write(TX_CFG, TX_ON | TXSAO);
        write_mac(&mut registers, MAC_CR, FDPX | MCPAS | TXEN | RXEN);
        registers.write(IRQ_CFG, IRQ_EN | IRQ_POL | IRQ_TYPE);
        registers.write(INT_EN, RSFL_INT);
        Lan9118(registers)
    }
}

/// The MAC's registers are accessed one at a time.
fn write_mac(registers: &mut impl Registers, index: u32, value: u32) {
    registers.write(MAC_CSR_DATA, value);
    registers.write(MAC_CSR_CMD, CSR_BUSY | index);
    until(|| registers.read(MAC_CSR_CMD) & CSR_BUSY == 0);
}

fn until(mut is: impl FnMut() -> bool) {
    for _ in 0..ATTEMPTS {
        if is() {
            return;
        }
    }
}

impl<R: Registers> Mac for Lan9118<R> {
    fn acknowledge(&mut self) -> u32 {
        let status = self.0.read(INT_STS);
        self.0.write(INT_STS, status);
        if status & RXE_INT != 0 {
            // The start of the next frame is unknown: drop every frame.
            self.0.write(RX_CFG, RX_DUMP | RXDOFF);
            until(|| self.0.read(RX_CFG) & RX_DUMP == 0);
        }
        (status & (RXE_INT | RXDFH_INT)).count_ones()
    }

    fn has_frame(&mut self) -> bool {
        (self.0.read(RX_FIFO_INF) >> 16) as u8 != 0
    }

    fn take(&mut self, frame: &mut Frame) -> Option<usize> {
        let status = self.0.read(RX_STATUS_FIFO);
        let total = (status >> 16) as usize & 0x3FFF;
        let first = self.0.read(RX_DATA_FIFO);
        frame.take(first, (LEAD + total).div_ceil(4), || self.0.read(RX_DATA_FIFO));
        let len = total.checked_sub(CHECK)?;
        (status & ERROR_STATUS == 0).then_some(len)
    }

    /// Discards the statuses of sent frames: TCP retransmits what the MAC could not send.
    fn can_send(&mut self) -> bool {
        let room = self.0.read(TX_FIFO_INF);
        let (statuses, free) = ((room >> 16) as u8, room as u16);
        for _ in 0..statuses {
            self.0.read(TX_STATUS_FIFO);
        }
        usize::from(free) >= COMMANDS + LEAD + LARGEST
    }

    fn send(&mut self, frame: &mut Frame, len: usize) {
        let length = len as u32;
        self.0.write(TX_DATA_FIFO, DATA_START | FIRST_SEGMENT | LAST_SEGMENT | length);
        self.0.write(TX_DATA_FIFO, length);
        frame.give(0, len, |word| self.0.write(TX_DATA_FIFO, word));
    }
}
