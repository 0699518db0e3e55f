//! `--loss` and similar options: frames lost, corrupted, duplicated or delayed in both directions, as the seed
//! decides.

use std::collections::BTreeMap;

use smolecho_sim::{Cable, Dice, Impairments};
use smoltcp::phy::{self, Device, DeviceCapabilities, PacketMeta};
use smoltcp::time::Instant;

/// Frames taken from the device at a time.
const BATCH: usize = 64;

/// A device behind an impaired cable in each direction. Without impairments it costs one branch per frame.
pub(crate) struct Impaired<D> {
    device: D,
    cables: Option<Box<Cables>>,
}

struct Cables {
    impairments: Impairments,
    dice: Dice,
    inward: Way,
    outward: Way,
}

/// One direction: the cable, and the frames on it.
#[derive(Default)]
struct Way {
    cable: Cable,
    /// By arrival, then in the order of sending.
    frames: BTreeMap<(Instant, u64), Frame>,
    count: u64,
}

#[derive(Clone)]
struct Frame {
    bytes: Vec<u8>,
    meta: PacketMeta,
}

impl Way {
    fn send(&mut self, mut frame: Frame, now: Instant, how: &Impairments, dice: &mut Dice) {
        for at in self.cable.carry(&mut frame.bytes, now, how, dice).into_iter().flatten() {
            self.count += 1;
            self.frames.insert((at, self.count), frame.clone());
        }
    }

    fn due(&self) -> Option<Instant> {
        self.frames.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next frame that has arrived.
    fn receive(&mut self, now: Instant) -> Option<Frame> {
        self.due().filter(|at| *at <= now)?;
        self.frames.pop_first().map(|(_, frame)| frame)
    }
}

impl<D: Device> Impaired<D> {
    pub(crate) fn new(device: D, impairments: Impairments, seed: u64) -> Impaired<D> {
        let cables = (impairments != Impairments::default()).then(|| {
            let (inward, outward) = (Way::default(), Way::default());
            Box::new(Cables { impairments, dice: Dice::new(seed), inward, outward })
        });
        Impaired { device, cables }
    }

    /// The device.
    pub(crate) fn get_ref(&self) -> &D {
        &self.device
    }

    /// The device, to wait for it.
    pub(crate) fn get_mut(&mut self) -> &mut D {
        &mut self.device
    }

    /// When the next frame arrives at its end.
    pub(crate) fn due(&self) -> Option<Instant> {
        let cables = self.cables.as_ref()?;
        [cables.inward.due(), cables.outward.due()].into_iter().flatten().min()
    }

    /// Hands the device all frames that have arrived at its end.
    pub(crate) fn flush(&mut self, now: Instant) {
        let Some(cables) = &mut self.cables else { return };
        while let Some(Frame { bytes, meta }) = cables.outward.receive(now) {
            if let Some(mut token) = self.device.transmit(now) {
                phy::TxToken::set_meta(&mut token, meta);
                phy::TxToken::consume(token, bytes.len(), |buffer| buffer.copy_from_slice(&bytes));
            }
        }
    }
}

impl<D: Device> Device for Impaired<D> {
    type RxToken<'a>
        = Token<D::RxToken<'a>, Arrived>
    where
        D: 'a;
    type TxToken<'a>
        = Token<D::TxToken<'a>, Leaving<'a>>
    where
        D: 'a;

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        self.flush(now);
        let Some(cables) = &mut self.cables else {
            let (rx, tx) = self.device.receive(now)?;
            return Some((Token::Off(rx), Token::Off(tx)));
        };
        for _ in 0..BATCH {
            let Some((rx, _)) = self.device.receive(now) else { break };
            let meta = phy::RxToken::meta(&rx);
            let frame = Frame { bytes: phy::RxToken::consume(rx, <[u8]>::to_vec), meta };
            cables.inward.send(frame, now, &cables.impairments, &mut cables.dice);
        }
        let frame = cables.inward.receive(now)?;
        Some((Token::On(Arrived(frame)), Token::On(Leaving::new(cables, now))))
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        match &mut self.cables {
            None => self.device.transmit(now).map(Token::Off),
            Some(cables) => Some(Token::On(Leaving::new(cables, now))),
        }
    }
}

/// A frame that has arrived.
pub(crate) struct Arrived(Frame);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0.bytes)
    }

    fn meta(&self) -> PacketMeta {
        self.0.meta
    }
}

/// A frame that enters the cable.
pub(crate) struct Leaving<'t> {
    cables: &'t mut Cables,
    now: Instant,
    meta: PacketMeta,
}

impl<'t> Leaving<'t> {
    fn new(cables: &'t mut Cables, now: Instant) -> Leaving<'t> {
        Leaving { cables, now, meta: PacketMeta::default() }
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut bytes = vec![0; len];
        let result = f(&mut bytes);
        let frame = Frame { bytes, meta: self.meta };
        let Cables { impairments, dice, outward, .. } = self.cables;
        outward.send(frame, self.now, impairments, dice);
        result
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        self.meta = meta;
    }
}

/// A token of the device or of a cable.
pub(crate) enum Token<A, B> {
    /// Of the device itself.
    Off(A),
    /// Of a cable.
    On(B),
}

impl<A: phy::RxToken, B: phy::RxToken> phy::RxToken for Token<A, B> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        match self {
            Token::Off(token) => token.consume(f),
            Token::On(token) => token.consume(f),
        }
    }

    fn meta(&self) -> PacketMeta {
        match self {
            Token::Off(token) => token.meta(),
            Token::On(token) => token.meta(),
        }
    }
}

impl<A: phy::TxToken, B: phy::TxToken> phy::TxToken for Token<A, B> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        match self {
            Token::Off(token) => token.consume(length, f),
            Token::On(token) => token.consume(length, f),
        }
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        match self {
            Token::Off(token) => token.set_meta(meta),
            Token::On(token) => token.set_meta(meta),
        }
    }
}

#[cfg(test)]
mod tests {
    use smoltcp::phy::{RxToken, TxToken};
    use smoltcp::time::Duration;

    use super::*;

    /// Receives numbered frames and keeps what is sent.
    struct Double {
        numbers: std::ops::Range<u8>,
        sent: Vec<Vec<u8>>,
    }

    impl Device for Double {
        type RxToken<'a> = Arrived;
        type TxToken<'a> = Kept<'a>;

        fn receive(&mut self, _: Instant) -> Option<(Arrived, Kept<'_>)> {
            let bytes = vec![self.numbers.next()?; 60];
            let frame = Frame { bytes, meta: PacketMeta::default() };
            Some((Arrived(frame), Kept(&mut self.sent)))
        }

        fn transmit(&mut self, _: Instant) -> Option<Kept<'_>> {
            Some(Kept(&mut self.sent))
        }

        fn capabilities(&self) -> DeviceCapabilities {
            DeviceCapabilities::default()
        }
    }

    struct Kept<'a>(&'a mut Vec<Vec<u8>>);

    impl TxToken for Kept<'_> {
        fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
            let mut frame = vec![0; len];
            let result = f(&mut frame);
            self.0.push(frame);
            result
        }
    }

    fn impaired(impairments: Impairments) -> Impaired<Double> {
        Impaired::new(Double { numbers: 0..100, sent: Vec::new() }, impairments, 1)
    }

    fn arrivals(device: &mut Impaired<Double>, now: Instant) -> Vec<u8> {
        let mut numbers = Vec::new();
        while let Some((rx, _)) = device.receive(now) {
            numbers.push(rx.consume(|frame| frame[0]));
        }
        numbers
    }

    #[test]
    fn a_delay_is_a_delay_both_ways() {
        let delay = Duration::from_millis(5);
        let mut device = impaired(Impairments { delay, ..Impairments::default() });
        assert!(arrivals(&mut device, Instant::ZERO).is_empty());
        assert_eq!(device.due(), Some(Instant::ZERO + delay));
        let later = Instant::ZERO + delay;
        assert_eq!(arrivals(&mut device, later), (0..64).collect::<Vec<u8>>());

        device.transmit(later).expect("room").consume(3, |frame| frame.fill(7));
        device.flush(later);
        assert!(device.get_ref().sent.is_empty());
        device.flush(later + delay);
        assert_eq!(device.get_ref().sent, [[7; 3]]);
    }

    #[test]
    fn full_loss_loses_every_frame() {
        let mut device = impaired(Impairments { loss: 1_000_000, ..Impairments::default() });
        assert!(arrivals(&mut device, Instant::ZERO).is_empty());
        device.transmit(Instant::ZERO).expect("room").consume(3, |_| ());
        device.flush(Instant::from_secs(1));
        assert!(device.get_ref().sent.is_empty() && device.due().is_none());
    }

    #[test]
    fn without_impairments_frames_pass() {
        let mut device = impaired(Impairments::default());
        assert_eq!(arrivals(&mut device, Instant::ZERO).len(), 100);
        device.transmit(Instant::ZERO).expect("room").consume(3, |_| ());
        assert_eq!(device.get_ref().sent.len(), 1);
    }
}
