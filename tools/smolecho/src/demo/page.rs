//! The demo's output: headings, and two transcripts in the order of events.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, Sender, channel};

use smolecho::Event;

use crate::fault::Fault;
use crate::output::dialogue::{self, Role};
use crate::output::excerpt::Excerpt;
use crate::output::stdout::Stdout;

pub(super) struct Page {
    out: Stdout,
    pen: Sender<(Role, String)>,
    said: Receiver<(Role, String)>,
}

/// Writes one side of the dialogue from another thread.
pub(super) struct Pen {
    role: Role,
    pen: Sender<(Role, String)>,
}

impl Pen {
    pub(super) fn say(&self, line: String) {
        // The page outlives the threads.
        let _ = self.pen.send((self.role, line));
    }
}

impl Page {
    pub(super) fn new() -> Page {
        let (pen, said) = channel();
        Page { out: Stdout::new(), pen, said }
    }

    pub(super) fn line(&mut self, line: impl fmt::Display) {
        self.out.line(line);
    }

    pub(super) fn heading(&mut self, protocol: &str, server: SocketAddr, who: &str) {
        self.line(format_args!("\n{protocol} over {}: {who}", family(server)));
    }

    pub(super) fn pen(&self, role: Role) -> Pen {
        Pen { role, pen: self.pen.clone() }
    }

    pub(super) fn say(&mut self, role: Role, line: impl fmt::Display) {
        let side = match role {
            Role::Server => "server",
            Role::Client => "client",
        };
        self.out.line(format_args!("  {side} | {line}"));
    }

    /// Prints an event of the node in this role, after what its peer has said until now.
    pub(super) fn event(&mut self, role: Role, event: &Event<'_>) {
        self.gather();
        match (role, event) {
            (_, Event::Accepted { tuple }) => self.say(role, dialogue::accepted(tuple.remote)),
            (_, Event::Connected { tuple }) => self.say(role, dialogue::connected(tuple.remote)),
            (Role::Server, Event::Received { data, .. }) => {
                self.say(role, dialogue::request(&Excerpt::of(data)));
            }
            (Role::Client, Event::Received { data, .. }) => {
                self.say(role, dialogue::answer(&Excerpt::of(data)));
            }
            _ => {}
        }
    }

    fn gather(&mut self) {
        while let Ok((role, line)) = self.said.try_recv() {
            self.say(role, line);
        }
    }

    /// Prints what the threads have said. Fails if stdout failed.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        self.gather();
        self.out.check()
    }
}

pub(super) fn family(address: SocketAddr) -> &'static str {
    match address {
        SocketAddr::V4(_) => "IPv4",
        SocketAddr::V6(_) => "IPv6",
    }
}

/// Groups digits by three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1234567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
