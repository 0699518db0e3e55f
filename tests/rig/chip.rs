//! A network chip with an `embassy-net-driver` driver, and its wire: the test controls the arrival of
//! frames, the room of the rings and the link.

use std::cell::{RefCell, RefMut};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Waker};

use smolecho::conformance::Wire;
use smolecho::phy::cable::FRAME;
use smolecho::phy::embassy::embassy_net_driver::{
    Capabilities, Driver, HardwareAddress, LinkState, RxToken, TxToken,
};

use super::NODE_MAC;

/// Frames of the receive ring.
pub const RING: usize = 16;

/// A handle of the chip, for the driver's side or the wire's.
#[derive(Clone)]
pub struct Chip(Rc<RefCell<State>>);

pub struct State {
    pub capabilities: Capabilities,
    pub address: HardwareAddress,
    /// Frames that wait for the driver.
    pub inbox: VecDeque<Vec<u8>>,
    /// Frames that wait for the wire, at most `room`.
    pub outbox: VecDeque<Vec<u8>>,
    pub room: usize,
    pub is_up: bool,
    /// Frames sent while the link was down.
    pub lost: usize,
    /// Calls of the driver without a transmit token to give.
    pub refusals: usize,
    rx_waker: Option<Waker>,
    tx_waker: Option<Waker>,
    link_waker: Option<Waker>,
}

impl Chip {
    pub fn new() -> Self {
        let mut capabilities = Capabilities::default();
        capabilities.max_transmission_unit = FRAME;
        Chip(Rc::new(RefCell::new(State {
            capabilities,
            address: HardwareAddress::Ethernet(NODE_MAC.0),
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            room: RING,
            is_up: true,
            lost: 0,
            refusals: 0,
            rx_waker: None,
            tx_waker: None,
            link_waker: None,
        })))
    }

    pub fn state(&self) -> RefMut<'_, State> {
        self.0.borrow_mut()
    }

    /// Puts a frame into the receive ring; false if the link is down or the ring full.
    pub fn inject(&self, frame: Vec<u8>) -> bool {
        let mut state = self.state();
        if !state.is_up || state.inbox.len() == RING {
            return false;
        }
        state.inbox.push_back(frame);
        wake(&mut state.rx_waker);
        true
    }

    /// Takes the next sent frame from its ring.
    pub fn capture(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        let frame = state.outbox.pop_front()?;
        wake(&mut state.tx_waker);
        Some(frame)
    }

    pub fn set_link(&self, is_up: bool) {
        let mut state = self.state();
        state.is_up = is_up;
        wake(&mut state.link_waker);
    }
}

/// Wakes once, as an interrupt does.
fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

impl Driver for Chip {
    type RxToken<'t> = Frame;
    type TxToken<'t> = Room;

    /// A frame only with room for its answer, like most drivers.
    fn receive(&mut self, context: &mut Context<'_>) -> Option<(Frame, Room)> {
        let room = self.transmit(context)?;
        let mut state = self.state();
        match state.inbox.pop_front() {
            Some(frame) => Some((Frame(frame), room)),
            None => {
                state.rx_waker = Some(context.waker().clone());
                None
            }
        }
    }

    fn transmit(&mut self, context: &mut Context<'_>) -> Option<Room> {
        let mut state = self.state();
        if state.outbox.len() < state.room {
            return Some(Room(self.clone()));
        }
        state.refusals += 1;
        state.tx_waker = Some(context.waker().clone());
        None
    }

    fn link_state(&mut self, context: &mut Context<'_>) -> LinkState {
        let mut state = self.state();
        state.link_waker = Some(context.waker().clone());
        if state.is_up { LinkState::Up } else { LinkState::Down }
    }

    fn capabilities(&self) -> Capabilities {
        self.state().capabilities.clone()
    }

    fn hardware_address(&self) -> HardwareAddress {
        self.state().address
    }
}

pub struct Frame(Vec<u8>);

impl RxToken for Frame {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, f: F) -> R {
        f(&mut self.0)
    }
}

pub struct Room(Chip);

impl TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        let mut state = self.0.state();
        if state.is_up {
            state.outbox.push_back(frame);
        } else {
            state.lost += 1;
        }
        result
    }
}

impl Wire for Chip {
    fn inject(&mut self, frame: &[u8]) -> bool {
        Chip::inject(self, frame.to_vec())
    }

    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        Chip::capture(self).map(|frame| look(&frame))
    }
}
