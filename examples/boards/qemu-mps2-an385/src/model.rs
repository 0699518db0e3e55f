//! A model of the chip's registers by the data sheet.

extern crate std;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, vec::Vec};

use smolecho_board::{registers::Registers, trial::Wire};

use crate::ethernet::{RSFL_INT, register::*};

/// Words of the receive FIFO.
const FIFO: usize = 2640;

#[derive(Clone, Default)]
pub(crate) struct Model(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    status: u32,
    enabled: u32,
    rx_config: u32,
    rx_statuses: VecDeque<u32>,
    rx: VecDeque<u32>,
    tx: Vec<u32>,
    tx_statuses: u32,
    sent: VecDeque<Vec<u8>>,
}

impl Registers for Model {
    fn read(&mut self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        match offset {
            RX_STATUS_FIFO => state.rx_statuses.pop_front().expect("a status, or nothing is read"),
            RX_DATA_FIFO => state.rx.pop_front().expect("a word, or nothing is read"),
            RX_FIFO_INF => ((state.rx_statuses.len() as u32) << 16) | (4 * state.rx.len() as u32),
            TX_FIFO_INF => (state.tx_statuses << 16) | 4608,
            TX_STATUS_FIFO => {
                state.tx_statuses = state.tx_statuses.checked_sub(1).expect("a status");
                0
            }
            INT_STS => state.status,
            HW_CFG | MAC_CSR_CMD => 0,
            PMT_CTRL => 1,
            _ => panic!("register {offset:#x} is not read"),
        }
    }

    fn write(&mut self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            INT_STS => state.status &= !value,
            INT_EN => state.enabled = value,
            RX_CFG => state.rx_config = value,
            TX_DATA_FIFO => state.push(value),
            HW_CFG | FIFO_INT | TX_CFG | IRQ_CFG | MAC_CSR_CMD | MAC_CSR_DATA => {}
            _ => panic!("register {offset:#x} is not written"),
        }
    }
}

impl State {
    fn push(&mut self, word: u32) {
        self.tx.push(word);
        let [command_a, command_b, ref data @ ..] = self.tx[..] else { return };
        let (start, len) = ((command_a >> 16) as usize & 0x1F, command_a as usize & 0x7FF);
        assert_eq!(command_a & (3 << 12), 3 << 12, "first and last segment");
        assert_eq!(command_b as usize & 0x7FF, len);
        if 4 * data.len() >= start + len {
            let bytes: Vec<u8> = data.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.sent.push_back(bytes[start..start + len].to_vec());
            self.tx.clear();
            self.tx_statuses += 1;
        }
    }

    fn inject(&mut self, frame: &[u8], error: u32) -> bool {
        let lead = (self.rx_config >> 8) as usize & 0x1F;
        let mut bytes = std::vec![0; lead];
        bytes.extend(frame);
        bytes.extend([0xCC; 4]);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        if self.rx.len() + bytes.len() / 4 > FIFO {
            return false;
        }
        let words = bytes.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4")));
        self.rx.extend(words);
        self.rx_statuses.push_back(((frame.len() as u32 + 4) << 16) | error);
        self.status |= RSFL_INT;
        true
    }
}

impl Wire for Model {
    fn inject(&self, frame: &[u8]) -> bool {
        // The chip itself drops runts.
        frame.len() >= 14 && self.0.borrow_mut().inject(frame, 0)
    }

    fn arrive_damaged(&self, frame: &[u8]) {
        self.0.borrow_mut().inject(frame, 1 << 15);
    }

    fn capture(&self) -> Option<Vec<u8>> {
        self.0.borrow_mut().sent.pop_front()
    }

    fn interrupts(&self) -> bool {
        let state = self.0.borrow();
        state.status & state.enabled != 0
    }
}
