//! The client's flow over one connection: send – recv – verify – close.
//!
//! Like the server's it needs nothing but a connected [`tcp::Socket`](Socket).

use smoltcp::socket::tcp::{Socket, State};

/// What the client says: a pattern, repeated until so many bytes are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'m> {
    pattern: &'m [u8],
    len: u64,
    half_close: bool,
}

impl<'m> Message<'m> {
    /// Says `bytes` once.
    pub const fn new(bytes: &'m [u8]) -> Self {
        Self::repeated(bytes, bytes.len() as u64)
    }

    /// Says `pattern` again and again, `len` bytes in all. An empty pattern says nothing.
    pub const fn repeated(pattern: &'m [u8], len: u64) -> Self {
        Message { pattern, len: if pattern.is_empty() { 0 } else { len }, half_close: false }
    }

    /// Sends the FIN right behind the last byte instead of waiting for the echo first: the lecture's
    /// client reads its answer before it closes, most pipes do not.
    pub const fn half_close(mut self) -> Self {
        self.half_close = true;
        self
    }

    /// How many bytes it is.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Whether there is nothing to say.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The bytes from `offset` on, as far as they lie in one piece.
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

/// How far an exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Bytes are under way, or the connection is still closing.
    Pending,
    /// Everything came back as it was sent.
    Verified,
    /// A byte came back that is not the one sent; the connection has been reset.
    Mismatch,
    /// The peer closed before everything had come back; our side is closed too.
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
    /// An exchange whose connection is not up yet.
    pub const fn new(message: Message<'m>) -> Self {
        TcpExchange { message, sent: 0, verified: 0, outcome: Outcome::Pending }
    }

    /// How many bytes have been given to the socket.
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// How far it is.
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Goes as far as the socket's buffers allow; call it after every poll of the socket.
    ///
    /// `received` sees each piece of the answer once, in order.
    pub fn serve(
        &mut self,
        socket: &mut Socket<'_>,
        scratch: &mut [u8],
        received: impl FnMut(&[u8]),
    ) {
        self.send(socket);
        // Whoever has said it all may still say too much.
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
            // What was not sent cannot come back.
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
