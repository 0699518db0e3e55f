//! The server's side of a TCP connection: recv – echo – close.
//!
//! ```text
//!            SYN              ACK                 FIN, all echoed         ACK of our FIN
//!   LISTEN ──────▶ SYN-RCVD ──────▶ ESTABLISHED ──────────────▶ LAST-ACK ──────────────▶ LISTEN
//!                                        │           TcpService::Stream: the peer closes first
//!                                        │
//!                                        │ echoed once     ACK, FIN             10 s
//!                                        └──────────▶ FIN-WAIT ──────▶ TIME-WAIT ──────▶ LISTEN
//!                                                    TcpService::Once: we close first
//! ```
//!
//! It needs only a [`tcp::Socket`](Socket), so a program with its own `Interface` and `SocketSet` can use it
//! without a [`Node`](crate::Node).

use smoltcp::socket::tcp::{Socket, State};

#[cfg(feature = "services")]
use super::chargen;
use crate::config::TcpService;

/// The longest message that [`TcpService::Once`] reads, in bytes.
#[cfg(feature = "services")]
pub const ONCE: usize = 1024;

/// The server's side of one accepted connection.
#[derive(Clone, Copy, Debug)]
pub struct Session {
    service: TcpService,
    /// The next byte of the character generator.
    #[cfg(feature = "services")]
    position: u64,
    /// The program is shutting down: see [`finish`](Session::finish).
    finishing: bool,
    /// Nothing more will be read; our FIN is next.
    answered: bool,
    /// Bytes that the peer has room for, as far as is known.
    peer_window: usize,
}

impl Session {
    /// The session of a new connection.
    pub const fn new(service: TcpService) -> Self {
        Session {
            service,
            #[cfg(feature = "services")]
            position: 0,
            finishing: false,
            answered: false,
            peer_window: 0,
        }
    }

    /// Closes the connection once all data received so far is answered: a graceful shutdown.
    pub const fn finish(&mut self) {
        self.finishing = true;
    }

    /// Tells the peer's receive window in bytes, or less. Bytes that fit into it share their segment with
    /// the FIN; otherwise the FIN waits until they are acknowledged.
    pub const fn set_peer_window(&mut self, bytes: usize) {
        self.peer_window = bytes;
    }

    /// Moves as much data as the socket's buffers allow, and returns the number of bytes sent. Call it after
    /// every poll of the socket.
    ///
    /// `received` is called with each piece of received data, in order. `scratch`, not empty, is the copy
    /// buffer, which bounds the pieces; they also end where the ring buffer wraps.
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
                #[cfg(feature = "services")]
                TcpService::Once => {
                    let sent = echo(socket, scratch, ONCE, received);
                    self.answered = sent > 0;
                    sent
                }
                #[cfg(feature = "services")]
                TcpService::Discard => discard(socket, scratch, received),
                #[cfg(feature = "services")]
                TcpService::Chargen => {
                    discard(socket, scratch, received);
                    self.generate(socket, scratch)
                }
            };
            self.answered |= self.finishing && socket.recv_queue() == 0;
        }
        let is_unread = self.answered && socket.recv_queue() > 0;
        let is_acked = socket.send_queue() == 0;
        match socket.state() {
            // RFC 1122 section 4.2.2.13: unread data is answered with a reset instead of a FIN, but only
            // after the peer has acknowledged all that we sent.
            State::Established | State::CloseWait if is_unread && is_acked => socket.abort(),
            State::Established | State::CloseWait if is_unread => {}
            State::FinWait2 | State::TimeWait if is_unread => socket.abort(),
            State::Established if self.answered => socket.close(),
            // RFC 862: until the peer closes. RFC 9293 section 3.10.4: our FIN is sent when the queue has
            // left. smoltcp ignores window updates in LAST-ACK, so bytes that wait for one keep it out.
            State::CloseWait
                if socket.recv_queue() == 0 && socket.send_queue() <= self.peer_window =>
            {
                socket.close();
            }
            _ => {}
        }
        sent
    }
}

#[cfg(feature = "services")]
impl Session {
    /// Fills the transmit buffer with characters until the peer closes.
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

#[cfg(feature = "services")]
fn discard(socket: &mut Socket<'_>, scratch: &mut [u8], mut received: impl FnMut(&[u8])) -> usize {
    while let Ok(n @ 1..) = socket.recv_slice(scratch) {
        received(&scratch[..n]);
    }
    0
}

/// Moves up to `limit` bytes from the receive to the transmit buffer and returns their number. It reads no
/// more than the transmit buffer can hold, so that no acknowledged byte is lost.
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
        // `recv` gives the data up to the end of the ring buffer; the rest comes in the next round.
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
