//! The flow of one connection: recv – echo – close.
//!
//! ```text
//!            SYN              ACK                 FIN, all echoed         ACK of our FIN
//!   LISTEN ──────▶ SYN-RCVD ──────▶ ESTABLISHED ──────────────▶ LAST-ACK ──────────────▶ LISTEN
//!                                        │           Flow::Stream: the peer closes first
//!                                        │
//!                                        │ echoed once     ACK, FIN             10 s
//!                                        └──────────▶ FIN-WAIT ──────▶ TIME-WAIT ──────▶ LISTEN
//!                                                    Flow::Once: we close first
//! ```
//!
//! It needs nothing but a [`tcp::Socket`](Socket), so it serves a program that keeps an `Interface` and a
//! `SocketSet` of its own just as well as our [`Node`](crate::Node).

use smoltcp::socket::tcp::{Socket, State};

use super::chargen;
use crate::config::TcpService;

/// The most that [`TcpService::Once`] takes: the lecture's `recv(1024)`.
pub const ONCE: usize = 1024;

/// The server's side of one accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    service: TcpService,
    /// Where the character generator is.
    position: u64,
    /// The program wants to stop.
    finishing: bool,
    /// Nothing more will be read: the next thing to send is our FIN.
    answered: bool,
}

impl Session {
    /// A connection that has just been accepted.
    pub const fn new(service: TcpService) -> Self {
        Session { service, position: 0, finishing: false, answered: false }
    }

    /// From now on only what has arrived is answered, then the connection is closed: for a program
    /// that wants to stop politely.
    pub const fn finish(&mut self) {
        self.finishing = true;
    }

    /// Goes as far as the socket's buffers allow, and says how many bytes it sent; call it after every
    /// poll of the socket.
    ///
    /// `received` sees each piece of data once, in order. `scratch` is where a piece stands between
    /// the two buffers; the larger, the fewer pieces. One ends where the receive buffer does, too.
    pub fn serve(
        &mut self,
        socket: &mut Socket<'_>,
        scratch: &mut [u8],
        received: impl FnMut(&[u8]),
    ) -> usize {
        let mut sent = 0;
        if !self.answered {
            sent = match self.service {
                TcpService::Stream => echo(socket, scratch, usize::MAX, received),
                TcpService::Once => echo(socket, scratch, ONCE, received),
                TcpService::Discard => discard(socket, scratch, received),
                TcpService::Chargen => {
                    discard(socket, scratch, received);
                    self.generate(socket, scratch)
                }
            };
            self.answered = (self.service == TcpService::Once && sent > 0)
                || (self.finishing && socket.recv_queue() == 0);
        }
        let is_unread = self.answered && socket.recv_queue() > 0;
        let is_acked = socket.send_queue() == 0;
        match socket.state() {
            // RFC 1122 section 4.2.2.13: data that nobody will read is answered with a reset instead of
            // a FIN, but only once the peer has all that we sent.
            State::Established | State::CloseWait if is_unread && is_acked => socket.abort(),
            State::Established | State::CloseWait if is_unread => {}
            State::FinWait2 | State::TimeWait if is_unread => socket.abort(),
            State::Established if self.answered => socket.close(),
            // RFC 862: until the peer closes. Our FIN is queued behind the last byte.
            State::CloseWait if socket.recv_queue() == 0 => socket.close(),
            _ => {}
        }
        sent
    }

    /// Fills the transmit buffer with characters while the peer has not closed.
    fn generate(&mut self, socket: &mut Socket<'_>, scratch: &mut [u8]) -> usize {
        let start = self.position;
        while socket.state() == State::Established && socket.can_send() {
            let room = socket.send_capacity() - socket.send_queue();
            let n = room.min(scratch.len());
            let piece = &mut scratch[..n];
            chargen::fill(piece, self.position);
            match socket.send_slice(piece) {
                Ok(n @ 1..) => self.position += n as u64,
                _ => break,
            }
        }
        (self.position - start) as usize
    }
}

fn discard(socket: &mut Socket<'_>, scratch: &mut [u8], mut received: impl FnMut(&[u8])) -> usize {
    while let Ok(n @ 1..) = socket.recv_slice(scratch) {
        received(&scratch[..n]);
    }
    0
}

/// Moves up to `limit` bytes from the receive to the transmit buffer, and says how many: never more
/// than there is room for, so a byte that was acknowledged is echoed, or waits where it is.
fn echo(
    socket: &mut Socket<'_>,
    scratch: &mut [u8],
    limit: usize,
    mut received: impl FnMut(&[u8]),
) -> usize {
    let mut moved = 0;
    while socket.recv_queue() > 0 && socket.may_send() {
        let room = socket.send_capacity() - socket.send_queue();
        let room = room.min(scratch.len()).min(limit - moved);
        // What lies behind the buffer's end comes the next time round.
        let Ok(n @ 1..) = socket.recv(|data| {
            let n = data.len().min(room);
            scratch[..n].copy_from_slice(&data[..n]);
            (n, n)
        }) else {
            break;
        };
        received(&scratch[..n]);
        let sent = socket.send_slice(&scratch[..n]);
        debug_assert_eq!(sent, Ok(n));
        moved += n;
    }
    moved
}
