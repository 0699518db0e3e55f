//! Violations of the rules.

use core::fmt;

use crate::named::named;

named! {
    /// The direction of a frame.
    Way {
        /// From the wire to the stack.
        Received = "received",
        /// From the stack to the wire.
        Sent = "sent",
    }
}

/// A rule that a device violated, and the frame that showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// The caller's scratch buffer is too short.
    Scratch {
        /// Its minimum length in bytes.
        needed: usize,
    },
    /// The medium is not Ethernet.
    Medium,
    /// The MTU, in bytes, is below 14 + 576.
    Mtu(usize),
    /// The capabilities differ from call to call.
    Unsteady,
    /// `max_burst_size` is 0.
    NoBurst,
    /// A frame appeared that was not sent.
    Invented(Way),
    /// A frame did not arrive.
    Lost {
        /// The direction.
        way: Way,
        /// The frame's length in bytes.
        len: usize,
    },
    /// Frames arrived out of order, or twice.
    Order(Way),
    /// A frame arrived altered.
    Altered {
        /// The direction.
        way: Way,
        /// The length in bytes as sent.
        len: usize,
        /// The length in bytes as it arrived.
        got: usize,
    },
    /// A token lent another number of bytes than it was asked for.
    Lends {
        /// Bytes asked for.
        asked: usize,
        /// Bytes lent.
        lent: usize,
    },
    /// There is no token to transmit, although all sent frames have left.
    NoRoom,
    /// The device holds fewer frames than its `max_burst_size`.
    Burst {
        /// The claimed number of frames.
        claimed: usize,
        /// The number of frames held.
        held: usize,
    },
    /// A wrong checksum passed, although the device claims to verify it (received) or to fill it in (sent).
    Checksum(Way),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Scratch { needed } => {
                write!(f, "the scratch buffer is too short: pass at least {needed} bytes")
            }
            Violation::Medium => f.write_str("the medium is not Ethernet"),
            Violation::Mtu(mtu) => {
                write!(f, "an MTU of {mtu} bytes is below 14 + 576: it is the IP MTU + 14")
            }
            Violation::Unsteady => f.write_str("the capabilities differ from call to call"),
            Violation::NoBurst => f.write_str("a max_burst_size of 0: use None, or at least 1"),
            Violation::Invented(way) => {
                write!(f, "a frame was {way} that the other side did not send")
            }
            Violation::Lost { way, len } => write!(f, "a frame of {len} bytes was not {way}"),
            Violation::Order(way) => write!(f, "frames were {way} out of order or twice"),
            Violation::Altered { way, len, got } if len == got => {
                write!(f, "a frame of {len} bytes was {way} with altered content")
            }
            Violation::Altered { way, len, got } => {
                write!(f, "a frame of {len} bytes was {way} with a length of {got}")
            }
            Violation::Lends { asked, lent } => {
                write!(f, "a token that was asked for {asked} bytes lent {lent}")
            }
            Violation::NoRoom => {
                f.write_str("no token to transmit, although all sent frames have left")
            }
            Violation::Burst { claimed, held } => {
                write!(f, "a max_burst_size of {claimed}, but room for only {held} frames")
            }
            Violation::Checksum(Way::Received) => f.write_str(
                "a frame with a wrong checksum was received, which the device claims to verify",
            ),
            Violation::Checksum(Way::Sent) => f.write_str(
                "a frame was sent with a wrong checksum, which the device claims to fill in",
            ),
        }
    }
}

impl core::error::Error for Violation {}
