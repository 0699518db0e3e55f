//! A model of a virtio network device by the standard. It finds the queues in the test's memory, by the addresses
//! that the driver writes.

extern crate std;

use core::ptr::{with_exposed_provenance, with_exposed_provenance_mut};
use std::{cell::RefCell, rc::Rc, vec::Vec};

use smolecho_board::{registers::Registers, trial::Wire};

use crate::{
    ethernet::{HEADER, KIND, RX, TX},
    transport::register::*,
};

const ADDRESS: [u8; 8] = [2, 0, 0, 0, 0, 1, 0, 0];

#[derive(Clone, Default)]
pub(crate) struct Model(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    status: u32,
    features_half: u32,
    interrupts: u32,
    selected: u32,
    queues: [Queue; 2],
    notified: bool,
}

#[derive(Default)]
struct Queue {
    size: u16,
    parts: [u64; 3],
    is_ready: bool,
    seen: u16,
    returned: u16,
}

impl Registers for Model {
    fn read(&mut self, offset: usize) -> u32 {
        let state = self.0.borrow();
        match offset {
            MAGIC_VALUE => 0x7472_6976,
            VERSION => 2,
            DEVICE_ID => KIND,
            // The hardware address; the standard.
            DEVICE_FEATURES => [1 << 5, 1][state.features_half as usize],
            QUEUE_NUM_MAX => 1024,
            STATUS => state.status,
            INTERRUPT_STATUS => state.interrupts,
            _ => {
                let at = offset.checked_sub(CONFIG).expect("a register that is read");
                u32::from_le_bytes(ADDRESS[at..at + 4].try_into().expect("4"))
            }
        }
    }

    fn write(&mut self, offset: usize, value: u32) {
        let mut state = self.0.borrow_mut();
        let selected = state.selected as usize;
        match offset {
            STATUS => state.status = value,
            DEVICE_FEATURES_SEL => state.features_half = value,
            DRIVER_FEATURES_SEL | DRIVER_FEATURES => {}
            QUEUE_SEL => state.selected = value,
            QUEUE_NUM => state.queues[selected].size = value as u16,
            QUEUE_READY => state.queues[selected].is_ready = value == 1,
            QUEUE_NOTIFY => state.notified = true,
            INTERRUPT_ACK => state.interrupts &= !value,
            _ => {
                let part = QUEUE_PARTS.iter().position(|low| offset & !4 == *low);
                let part = part.expect("a register that is written");
                state.queues[selected].parts[part] |= u64::from(value) << (8 * (offset & 4));
            }
        }
    }
}

/// A buffer that the driver offers.
struct Offer {
    number: u16,
    address: u64,
    length: usize,
    is_for_us: bool,
}

impl Queue {
    fn next(&mut self) -> Option<Offer> {
        assert!(self.is_ready);
        let [descriptors, available, _] = self.parts;
        if read::<u16>(available + 2) == self.seen {
            return None;
        }
        let number = read::<u16>(available + 4 + 2 * u64::from(self.seen % self.size));
        assert!(number < self.size);
        self.seen = self.seen.wrapping_add(1);
        let at = descriptors + 16 * u64::from(number);
        let is_for_us = read::<u16>(at + 12) & 2 != 0;
        Some(Offer { number, address: read(at), length: read::<u32>(at + 8) as usize, is_for_us })
    }

    fn give_back(&mut self, number: u16, written: usize) {
        let [_, _, used] = self.parts;
        let at = used + 4 + 8 * u64::from(self.returned % self.size);
        write(at, u32::from(number));
        write(at + 4, written as u32);
        self.returned = self.returned.wrapping_add(1);
        write(used + 2, self.returned);
    }
}

impl State {
    fn inject(&mut self, bytes: &[u8]) -> bool {
        let queue = &mut self.queues[RX as usize];
        let Some(offer) = queue.next() else { return false };
        assert!(offer.is_for_us);
        if offer.length < bytes.len() {
            // The frame does not fit: the device keeps the buffer for the next (section 5.1.6.4).
            queue.seen = queue.seen.wrapping_sub(1);
            return false;
        }
        for (at, byte) in (offer.address..).zip(bytes) {
            write(at, *byte);
        }
        queue.give_back(offer.number, bytes.len());
        self.interrupts |= 1;
        true
    }
}

impl Wire for Model {
    fn inject(&self, frame: &[u8]) -> bool {
        self.0.borrow_mut().inject(&[&[0; HEADER], frame].concat())
    }

    /// A frame shorter than a header.
    fn arrive_damaged(&self, _: &[u8]) {
        self.0.borrow_mut().inject(&[0; HEADER - 1]);
    }

    /// The device takes a frame from the queue when the test asks for it.
    fn capture(&self) -> Option<Vec<u8>> {
        let mut state = self.0.borrow_mut();
        let queue = &mut state.queues[TX as usize];
        let offer = queue.next()?;
        assert!(!offer.is_for_us && offer.length >= HEADER);
        let bytes: Vec<u8> =
            (offer.address..).take(offer.length).map(|address| read(address)).collect();
        queue.give_back(offer.number, 0);
        assert!(state.notified, "a device is told of what is offered");
        assert_eq!(bytes[..HEADER], [0; HEADER], "nothing is offloaded");
        Some(bytes[HEADER..].to_vec())
    }

    fn interrupts(&self) -> bool {
        self.0.borrow().interrupts != 0
    }
}

fn read<T>(address: u64) -> T {
    // SAFETY: the driver has offered this memory and does not access it until it is returned. The rings are atomic,
    // and there is only one thread.
    unsafe { with_exposed_provenance::<T>(address as usize).read_volatile() }
}

fn write<T>(address: u64, value: T) {
    // SAFETY: as for `read`.
    unsafe { with_exposed_provenance_mut::<T>(address as usize).write_volatile(value) }
}
