//! What a device did wrong.

use core::fmt;

/// In which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Way {
    /// From the wire to the stack.
    Received,
    /// From the stack to the wire.
    Sent,
}

/// The rule that was broken, and the frame that showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// The caller gave too little memory.
    Scratch {
        /// Bytes that it takes.
        needed: usize,
    },
    /// The device carries something else than Ethernet frames.
    Medium,
    /// No Ethernet has so small an MTU.
    Mtu(usize),
    /// The capabilities change from call to call.
    Unsteady,
    /// A burst size of nothing.
    NoBurst,
    /// A frame that nobody sent.
    Invented(Way),
    /// A frame did not come out on the other side.
    Lost {
        /// In which direction.
        way: Way,
        /// Its bytes.
        len: usize,
    },
    /// A frame came before one that was sent before it, or twice.
    Order(Way),
    /// A frame is not what was sent.
    Altered {
        /// In which direction.
        way: Way,
        /// The bytes that were sent.
        len: usize,
        /// The bytes that came.
        got: usize,
    },
    /// A token lends more or fewer bytes than it was asked for.
    Lends {
        /// Bytes that it was asked for.
        asked: usize,
        /// Bytes that it lends.
        lent: usize,
    },
    /// No token to transmit, though everything that was sent has left.
    NoRoom,
    /// Fewer frames than the burst size that the device claims.
    Burst {
        /// What it claims.
        claimed: usize,
        /// What it took.
        held: usize,
    },
    /// A checksum that the device claims to take care of is wrong: it was handed on, or it was sent.
    Checksum(Way),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Received => "received",
            Way::Sent => "sent",
        })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Violation::Scratch { needed } => {
                write!(f, "the test is to bring {needed} bytes of scratch memory")
            }
            Violation::Medium => f.write_str("the medium is not Ethernet"),
            Violation::Mtu(mtu) => {
                write!(f, "an MTU of {mtu}: it counts the Ethernet header, IP MTU + 14")
            }
            Violation::Unsteady => f.write_str("the capabilities change from call to call"),
            Violation::NoBurst => {
                f.write_str("a max_burst_size of 0: leave it None, or say at least 1")
            }
            Violation::Invented(way) => write!(f, "a frame was {way} that there was not"),
            Violation::Lost { way, len } => write!(f, "a frame of {len} bytes was not {way}"),
            Violation::Order(way) => write!(f, "frames were {way} out of order, or twice"),
            Violation::Altered { way, len, got } if len == got => {
                write!(f, "a frame of {len} bytes was {way} with other bytes in it")
            }
            Violation::Altered { way, len, got } => {
                write!(f, "a frame of {len} bytes was {way} as one of {got}")
            }
            Violation::Lends { asked, lent } => {
                write!(f, "a token that was asked for {asked} bytes lends {lent}")
            }
            Violation::NoRoom => {
                f.write_str("no token to transmit, though everything that was sent has left")
            }
            Violation::Burst { claimed, held } => {
                write!(f, "a max_burst_size of {claimed}, and room for {held} frames")
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
