//! The client's side of a TCP connection: send – recv – verify – close.
//!
//! Like the server's side it needs only a [`tcp::Socket`](Socket).

use smoltcp::socket::tcp::{Socket, State};

/// The data that a client sends: a pattern, repeated up to a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'m> {
    pattern: &'m [u8],
    len: u64,
    half_close: bool,
}

impl<'m> Message<'m> {
    /// Sends `bytes` once.
    pub const fn new(bytes: &'m [u8]) -> Self {
        Self::repeated(bytes, bytes.len() as u64)
    }

    /// Sends `len` bytes in total, repeating `pattern`. An empty pattern sends nothing.
    pub const fn repeated(pattern: &'m [u8], len: u64) -> Self {
        Message { pattern, len: if pattern.is_empty() { 0 } else { len }, half_close: false }
    }

    /// Closes the sending side right after the last byte, instead of after the echo has arrived.
    pub const fn half_close(mut self) -> Self {
        self.half_close = true;
        self
    }

    /// The length in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to send.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from `offset` to the end of the pattern or of the message.
    fn piece(&self, offset: u64) -> &'m [u8] {
        let left = self.len - offset;
        if left == 0 {
            return &[];
        }
        let start = (offset % self.pattern.len() as u64) as usize;
        let piece = &self.pattern[start..];
        &piece[..piece.len().min(usize::try_from(left).unwrap_or(usize::MAX))]
    }
}

/// The state of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not all of the echo has arrived yet.
    Pending,
    /// The echo is complete and correct.
    Verified,
    /// A received byte differs from the one sent; the connection has been reset.
    Mismatch,
    /// The peer closed before the echo was complete; our side is closed too.
    Short,
}

/// The client's side of one connection.
#[derive(Clone, Copy, Debug)]
pub struct TcpExchange<'m> {
    message: Message<'m>,
    sent: u64,
    verified: u64,
    outcome: Outcome,
}

impl<'m> TcpExchange<'m> {
    /// An exchange that has sent nothing yet.
    pub const fn new(message: Message<'m>) -> Self {
        TcpExchange { message, sent: 0, verified: 0, outcome: Outcome::Pending }
    }

    /// Bytes written to the socket so far.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// The state of the exchange.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Moves as much data as the socket's buffers allow. Call it after every poll of the socket.
    ///
    /// `received` is called with each piece of the echo, in order. `scratch`, not empty, is the copy buffer.
    pub fn serve(
        &mut self,
        socket: &mut Socket<'_>,
        scratch: &mut [u8],
        received: impl FnMut(&[u8]),
    ) {
        self.send(socket);
        // After a complete echo, more data is a mismatch.
        if self.outcome != Outcome::Mismatch {
            self.recv(socket, scratch, received);
        }
        match (self.outcome, socket.state()) {
            (Outcome::Mismatch, _) => socket.abort(),
            (Outcome::Verified | Outcome::Short, _) => socket.close(),
            (Outcome::Pending, State::Established)
                if self.message.half_close && self.sent == self.message.len =>
            {
                socket.close();
            }
            _ => {}
        }
    }

    fn send(&mut self, socket: &mut Socket<'_>) {
        while socket.can_send() {
            let piece = self.message.piece(self.sent);
            match socket.send_slice(piece) {
                Ok(n @ 1..) => self.sent += n as u64,
                _ => return,
            }
        }
    }

    fn recv(
        &mut self,
        socket: &mut Socket<'_>,
        scratch: &mut [u8],
        mut received: impl FnMut(&[u8]),
    ) {
        while let Ok(n @ 1..) = socket.recv_slice(scratch) {
            received(&scratch[..n]);
            if !self.verify(&scratch[..n]) {
                self.outcome = Outcome::Mismatch;
                return;
            }
        }
        if self.verified == self.message.len && has_been_open(socket) {
            self.outcome = Outcome::Verified;
        } else if has_been_open(socket) && !socket.may_recv() {
            self.outcome = Outcome::Short;
        }
    }

    fn verify(&mut self, mut data: &[u8]) -> bool {
        while !data.is_empty() {
            // Bytes that were not sent yet cannot be an echo.
            let expected =
                if self.verified < self.sent { self.message.piece(self.verified) } else { &[] };
            let n = data.len().min(expected.len());
            if n == 0 || data[..n] != expected[..n] {
                return false;
            }
            self.verified += n as u64;
            data = &data[n..];
        }
        self.verified <= self.sent
    }
}

fn has_been_open(socket: &Socket<'_>) -> bool {
    !matches!(socket.state(), State::Closed | State::Listen | State::SynSent | State::SynReceived)
}
