//! Log lines on the terminal of the emulating host; none without `semihosting`.

use core::{fmt::Arguments, panic::PanicInfo};

use smolecho::Event;

#[cfg(feature = "semihosting")]
use crate::processor::semihosting;

/// Logs each connection, and each dropped frame.
pub(crate) fn event(event: Event<'_>) {
    match event {
        Event::Accepted { tuple } => say(format_args!("Accepted connection from {}", tuple.remote)),
        Event::Closed { tuple, reason, received, sent } => say(format_args!(
            "Closed {}: {}, {received} bytes in, {sent} out",
            tuple.remote,
            reason.name()
        )),
        Event::DatagramDropped { reason, tuple } => {
            say(format_args!("No answer to {}: {}", tuple.remote, reason.name()));
        }
        Event::Dropped { reason, .. } => say(format_args!("Refused a frame: {}", reason.name())),
        _ => {}
    }
}

/// Logs that the board is ready.
pub fn ready(port: u16) {
    say(format_args!("Listening on port {port}, TCP and UDP"));
}

pub(crate) fn last_words(info: &PanicInfo<'_>) {
    say(format_args!("{info}"));
    #[cfg(feature = "semihosting")]
    semihosting::debug::exit(semihosting::debug::EXIT_FAILURE);
}

#[cfg(feature = "semihosting")]
fn say(line: Arguments<'_>) {
    semihosting::hprintln!("{}", line);
}

#[cfg(not(feature = "semihosting"))]
fn say(_: Arguments<'_>) {}
