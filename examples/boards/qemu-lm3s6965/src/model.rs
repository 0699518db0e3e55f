//! A model of the MAC's registers by the data sheet, with room for 31 frames as in QEMU.

extern crate std;

use std::{cell::RefCell, collections::VecDeque, rc::Rc, vec::Vec};

use smolecho_board::{registers::Registers, trial::Wire};

use crate::ethernet::{interrupt::*, register::*};

const SLOTS: usize = 31;

/// Bytes of one slot: a longer frame is an overflow.
const SLOT: usize = 2048;

#[derive(Clone, Default)]
pub(crate) struct Model(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    status: u32,
    mask: u32,
    rx: VecDeque<VecDeque<u32>>,
    tx: Vec<u8>,
    sent: VecDeque<Vec<u8>>,
}

impl Registers for Model {
    fn read(&mut self, offset: usize) -> u32 {
        let mut state = self.0.borrow_mut();
        match offset {
            MACRIS => state.status,
            MACNP => state.rx.len() as u32,
            MACTR => 0,
            MACDATA => {
                let frame = state.rx.front_mut().expect("a frame, or nothing is read");
                let word = frame.pop_front().expect("no empty frame");
                if frame.is_empty() {
                    state.rx.pop_front();
                }
                word
            }
            _ => panic!("register {offset:#x} is not read"),
        }
    }

    fn write(&mut self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        match offset {
            MACIACK => state.status &= !value,
            MACIM => state.mask = value,
            MACRCTL if value & (1 << 4) != 0 => state.rx.clear(),
            MACDATA => state.tx.extend(value.to_le_bytes()),
            MACTR => state.transmit(),
            MACRCTL | MACTCTL | MACIA0 | MACIA1 | MACTHR => {}
            _ => panic!("register {offset:#x} is not written"),
        }
    }
}

impl State {
    fn transmit(&mut self) {
        let tx = core::mem::take(&mut self.tx);
        let len = 14 + usize::from(u16::from_le_bytes([tx[0], tx[1]]));
        assert_eq!(tx.len(), (2 + len).next_multiple_of(4), "as many words as the frame has");
        let mut frame = tx[2..2 + len].to_vec();
        frame.resize(len.max(60), 0);
        self.sent.push_back(frame);
    }

    fn inject(&mut self, total: usize, bytes: &[u8]) {
        let mut words: Vec<u8> = (total as u16).to_le_bytes().into();
        words.extend(bytes);
        words.resize(words.len().next_multiple_of(4), 0);
        let words = words.chunks(4).map(|word| u32::from_le_bytes(word.try_into().expect("4")));
        self.rx.push_back(words.collect());
        self.status |= RXINT;
    }
}

impl Wire for Model {
    fn inject(&self, frame: &[u8]) -> bool {
        let mut state = self.0.borrow_mut();
        if frame.len() >= SLOT - 6 {
            state.status |= FOV;
            return false;
        }
        if state.rx.len() == SLOTS {
            return false;
        }
        let with_check = [frame, &[0xCC; 4]].concat();
        state.inject(frame.len() + 6, &with_check);
        true
    }

    /// A frame with an impossible length.
    fn arrive_damaged(&self, _: &[u8]) {
        self.0.borrow_mut().inject(3, &[0; 6]);
    }

    fn capture(&self) -> Option<Vec<u8>> {
        self.0.borrow_mut().sent.pop_front()
    }

    fn interrupts(&self) -> bool {
        let state = self.0.borrow();
        state.status & state.mask != 0
    }
}
