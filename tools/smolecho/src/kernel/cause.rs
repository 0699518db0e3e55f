//! Why a socket call failed, in words.

use std::io::{self, ErrorKind};

use nix::errno::Errno;

use crate::fault::errno;

pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// What the server did, or what the client lacks.
pub(crate) fn cause(error: &io::Error) -> String {
    let text = match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "no answer",
        ErrorKind::ConnectionRefused => "refused: nothing listens on the port",
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => "it reset the connection",
        ErrorKind::UnexpectedEof => "it closed the connection",
        ErrorKind::HostUnreachable => "no host has this address",
        ErrorKind::AddrNotAvailable => "no local port is left: all are in TIME-WAIT",
        _ if errno(error) == Errno::EMFILE => "too many open files: ulimit -n shows the limit",
        _ => return error.to_string(),
    };
    text.into()
}
