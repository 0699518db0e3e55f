//! The library's devices pass the conformance check; a device with a defect fails it by that defect's name.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::rig::chip::{Chip, RING};
use smolecho::conformance::{self, BEYOND, Violation, Way, Wire};
use smolecho::phy::cable::{Cable, End, FRAME};
use smolecho::phy::embassy::Bridge;
use smolecho::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smolecho::smoltcp::phy::Checksum;
use smolecho::smoltcp::time::Instant;

const SCRATCH: usize = FRAME + BEYOND;

/// The far end of the cable under test.
struct Far<'c, const FRAMES: usize>(End<'c, FRAMES>);

impl<const FRAMES: usize> Wire for Far<'_, FRAMES> {
    const DROPS_REPLIES: bool = true;

    fn inject(&mut self, frame: &[u8]) -> bool {
        if frame.len() > FRAME {
            return false;
        }
        let token = self.0.transmit(Instant::ZERO);
        token.map(|token| token.consume(frame.len(), |room| room.copy_from_slice(frame))).is_some()
    }

    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        self.0.receive(Instant::ZERO).map(|(rx, _)| rx.consume(look))
    }
}

#[test]
fn a_cable_keeps_them_all() {
    let cable = Cable::<16>::new();
    let (mut left, right) = cable.ends();
    let outcome = conformance::check(&mut left, &mut Far(right), &mut [0; SCRATCH]);
    assert_eq!(outcome, Ok(()));
    assert!(cable.overflowed() > 0, "never tried without room");
}

#[test]
fn a_driver_behind_the_bridge_keeps_them_all() {
    for room in [1, 2, RING] {
        let mut chip = Chip::new();
        chip.state().room = room;
        let mut bridge = Bridge::new(chip.clone()).unwrap();
        let outcome = conformance::check(&mut bridge, &mut chip, &mut [0; SCRATCH]);
        assert_eq!(outcome, Ok(()), "with room for {room}");
        assert!(chip.state().refusals > 0, "never tried without room");
    }
}

#[test]
fn the_test_says_how_much_memory_it_takes() {
    let mut chip = Chip::new();
    let mut bridge = Bridge::new(chip.clone()).unwrap();
    let outcome = conformance::check(&mut bridge, &mut chip, &mut [0; SCRATCH - 1]);
    assert_eq!(outcome, Err(Violation::Scratch { needed: SCRATCH }));
}

/// A mistake of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    /// The MTU without the Ethernet header, the usual mistake.
    IpMtu,
    Shrinks,
    ClaimsALargerMtu,
    ClaimsABurst,
    ClaimsNoBurst,
    HearsItself,
    CutsWhatIsTooLong,
    LosesTheLastOfAFullRing,
    RoundsUp,
    LastComesFirst,
    Repeats,
    LendsMore,
    LeaksTokens,
    SendsWhatIsDropped,
    TakesWithoutRoom,
    LosesWithoutRoom,
    ClaimsToFill,
    ClaimsToVerify,
    #[cfg(feature = "proto-ipv6")]
    ClaimsIcmpv6,
}

/// Frames of a ring.
const PLACES: usize = 8;

/// A device with a defect, and its wire.
#[derive(Clone)]
struct Faulty(Rc<RefCell<Rings>>);

struct Rings {
    defect: Defect,
    rx: VecDeque<Vec<u8>>,
    tx: VecDeque<Vec<u8>>,
    /// Transmit tokens given to the stack.
    given: usize,
    /// Transmit tokens consumed.
    consumed: usize,
}

impl Faulty {
    fn new(defect: Defect) -> Self {
        let (rx, tx) = Default::default();
        Faulty(Rc::new(RefCell::new(Rings { defect, rx, tx, given: 0, consumed: 0 })))
    }

    fn check(defect: Defect) -> Result<(), Violation> {
        let mut device = Faulty::new(defect);
        let mut wire = device.clone();
        conformance::check(&mut device, &mut wire, &mut [0; SCRATCH + 4])
    }
}

impl Device for Faulty {
    type RxToken<'t> = Received;
    type TxToken<'t> = Room;

    fn receive(&mut self, now: Instant) -> Option<(Received, Room)> {
        if self.0.borrow().rx.is_empty() {
            return None;
        }
        let room = self.transmit(now);
        let mut rings = self.0.borrow_mut();
        let defect = rings.defect;
        if room.is_none() && defect == Defect::LosesWithoutRoom {
            rings.rx.pop_front();
        }
        let (room, mut frame) = (room?, rings.rx.pop_front()?);
        match defect {
            Defect::RoundsUp => frame.resize(frame.len().next_multiple_of(4), 0xCC),
            Defect::LastComesFirst => {
                if let Some(last) = rings.rx.pop_back() {
                    rings.rx.push_front(std::mem::replace(&mut frame, last));
                }
            }
            Defect::Repeats if rings.rx.len() == 3 => rings.rx.push_front(frame.clone()),
            _ => {}
        }
        drop(rings);
        Some((Received(frame), room))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room> {
        let mut rings = self.0.borrow_mut();
        let leaked =
            if rings.defect == Defect::LeaksTokens { rings.given - rings.consumed } else { 0 };
        if rings.tx.len() + leaked >= PLACES && rings.defect != Defect::TakesWithoutRoom {
            return None;
        }
        rings.given += 1;
        Some(Room(self.clone(), false))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut rings = self.0.borrow_mut();
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME;
        match rings.defect {
            Defect::IpMtu => capabilities.max_transmission_unit = 576,
            Defect::ClaimsALargerMtu => capabilities.max_transmission_unit = FRAME + 4,
            Defect::Shrinks => {
                rings.given += 1;
                capabilities.max_transmission_unit -= rings.given;
            }
            Defect::ClaimsABurst => capabilities.max_burst_size = Some(PLACES + 1),
            Defect::ClaimsNoBurst => capabilities.max_burst_size = Some(0),
            Defect::ClaimsToFill => capabilities.checksum.tcp = Checksum::Rx,
            Defect::ClaimsToVerify => capabilities.checksum.ipv4 = Checksum::Tx,
            #[cfg(feature = "proto-ipv6")]
            Defect::ClaimsIcmpv6 => capabilities.checksum.icmpv6 = Checksum::None,
            _ => {}
        }
        capabilities
    }
}

struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

/// A transmit token, and whether it was consumed.
struct Room(Faulty, bool);

impl TxToken for Room {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(mut self, len: usize, f: F) -> R {
        self.1 = true;
        let mut rings = self.0.0.borrow_mut();
        rings.consumed += 1;
        let lent = if rings.defect == Defect::LendsMore { len.next_multiple_of(4) } else { len };
        let mut frame = vec![0; lent];
        let result = f(&mut frame);
        if rings.defect == Defect::HearsItself {
            rings.rx.push_back(frame.clone());
        }
        if rings.tx.len() < PLACES {
            rings.tx.push_back(frame);
        }
        result
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut rings = self.0.0.borrow_mut();
        if !self.1 && rings.defect == Defect::SendsWhatIsDropped && rings.tx.len() < PLACES {
            rings.tx.push_back(vec![0; 60]);
        }
    }
}

impl Wire for Faulty {
    fn inject(&mut self, frame: &[u8]) -> bool {
        let mut rings = self.0.borrow_mut();
        let frame = match rings.defect {
            Defect::CutsWhatIsTooLong => &frame[..frame.len().min(FRAME)],
            _ if frame.len() > FRAME => return false,
            Defect::LosesTheLastOfAFullRing if rings.rx.len() == PLACES - 1 => return true,
            _ => frame,
        };
        let has_room = rings.rx.len() < PLACES;
        if has_room {
            rings.rx.push_back(frame.to_vec());
        }
        has_room
    }

    fn capture<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Option<R> {
        let frame = self.0.borrow_mut().tx.pop_front();
        frame.map(|frame| look(&frame))
    }
}

#[test]
fn what_has_no_defect_passes() {
    assert_eq!(Faulty::check(Defect::None), Ok(()));
}

#[test]
fn every_defect_is_caught_and_called_by_its_name() {
    use Way::{Received, Sent};
    let lost = |way, len| Violation::Lost { way, len };
    let altered = |way, len, got| Violation::Altered { way, len, got };
    for (defect, broken) in [
        (Defect::IpMtu, Violation::Mtu(576)),
        (Defect::Shrinks, Violation::Unsteady),
        (Defect::ClaimsALargerMtu, lost(Received, FRAME + 1)),
        (Defect::ClaimsABurst, Violation::Burst { claimed: PLACES + 1, held: PLACES }),
        (Defect::ClaimsNoBurst, Violation::NoBurst),
        (Defect::HearsItself, Violation::Invented(Received)),
        (Defect::CutsWhatIsTooLong, altered(Received, FRAME + 1, FRAME)),
        (Defect::RoundsUp, altered(Received, 14, 16)),
        (Defect::LastComesFirst, Violation::Order(Received)),
        (Defect::Repeats, Violation::Order(Received)),
        (Defect::LendsMore, Violation::Lends { asked: 14, lent: 16 }),
        (Defect::LeaksTokens, Violation::NoRoom),
        (Defect::SendsWhatIsDropped, Violation::Invented(Sent)),
        (Defect::ClaimsToFill, Violation::Checksum(Sent)),
        (Defect::ClaimsToVerify, Violation::Checksum(Received)),
        #[cfg(feature = "proto-ipv6")]
        (Defect::ClaimsIcmpv6, Violation::Checksum(Sent)),
    ] {
        assert_eq!(Faulty::check(defect), Err(broken), "{defect:?}");
    }
    for (defect, lost_way) in [
        (Defect::LosesTheLastOfAFullRing, Received),
        (Defect::TakesWithoutRoom, Sent),
        (Defect::LosesWithoutRoom, Received),
    ] {
        let outcome = Faulty::check(defect);
        assert!(
            matches!(outcome, Err(Violation::Lost { way, .. } | Violation::Order(way)) if way == lost_way),
            "{defect:?}: {outcome:?}"
        );
    }
}
