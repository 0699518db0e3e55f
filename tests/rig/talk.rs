//! A dialogue of the far host with the node: sends a pattern and checks each echoed byte.

use smolecho::smoltcp::iface::SocketHandle;
use smolecho::smoltcp::socket::tcp::{RecvError, State};

use super::host::Host;
use super::pattern::Pattern;

/// The time of a dialogue's FIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Close {
    /// After the last sent byte, with the echo still under way.
    Early,
    /// After the last echoed byte.
    Late,
    /// After the node's FIN.
    Second,
}

pub struct Talk {
    pub socket: SocketHandle,
    pub back: u64,
    pub sent: u64,
    pattern: Pattern,
    len: u64,
    close: Close,
    eof: bool,
}

impl Talk {
    pub fn new(socket: SocketHandle, seed: u64, len: u64, close: Close) -> Self {
        Talk { socket, back: 0, sent: 0, pattern: Pattern::new(seed), len, close, eof: false }
    }

    /// Sends and receives as much as possible; returns whether all bytes and the node's FIN are back.
    #[track_caller]
    pub fn pump(&mut self, host: &mut Host) -> bool {
        self.send(host);
        self.recv(host, usize::MAX);
        self.send(host);
        self.eof && self.back == self.len
    }

    pub fn send(&mut self, host: &mut Host) {
        let socket = host.get(self.socket);
        while self.sent < self.len && socket.can_send() {
            let piece = self.pattern.piece(self.sent..self.len);
            self.sent += socket.send_slice(piece).unwrap() as u64;
        }
        let close = match self.close {
            Close::Early => self.sent == self.len,
            Close::Late => self.back == self.len,
            Close::Second => self.eof,
        };
        if close && socket.may_send() {
            socket.close();
        }
    }

    /// Reads at most `limit` bytes and compares them.
    #[track_caller]
    pub fn recv(&mut self, host: &mut Host, limit: usize) {
        let socket = host.get(self.socket);
        let mut left = limit;
        loop {
            let mut data = [0; 4096];
            let room = left.min(data.len());
            match socket.recv_slice(&mut data[..room]) {
                Ok(0) => return,
                Ok(n) => {
                    self.compare(&data[..n]);
                    left -= n;
                }
                Err(RecvError::Finished) => {
                    self.eof = true;
                    return;
                }
                Err(RecvError::InvalidState) => {
                    let opening = matches!(socket.state(), State::SynSent | State::SynReceived);
                    assert!(opening, "reset after {} of {} bytes", self.back, self.len);
                    return;
                }
            }
        }
    }

    #[track_caller]
    fn compare(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            assert!(self.back < self.sent, "a byte came back that was never sent");
            let expected = self.pattern.piece(self.back..self.sent);
            let n = expected.len().min(data.len());
            assert!(data[..n] == expected[..n], "wrong bytes after {}", self.back);
            self.back += n as u64;
            data = &data[n..];
        }
    }
}
