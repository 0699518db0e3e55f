//! Small echo servers on loopback, each with one thing wrong.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// What does not fit into the peer's buffer is forgotten.
    DropsTail,
    /// The peer's FIN is answered with a reset.
    ResetsOnFin,
    /// Every answer waits.
    Late,
    /// The next connection waits until this one is over.
    OneAtATime,
    /// A byte with the high bit set loses it.
    SevenBits,
    /// Datagrams end after 512 bytes.
    Truncates,
    /// Anybody is answered, whatever the port.
    AnswersEcho,
    /// Takes datagrams, and answers none.
    Mute,
    /// Takes everything, and never says anything.
    Hangs,
    /// Takes its time for what is long, always soon enough to seem alive, and keeps it.
    Sips,
    /// Says something else.
    Garbage,
    /// Accepts and closes; answers no datagram.
    ClosesAtOnce,
}

/// Where no server is, and none of another test can come to be.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// It ends with this value.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start(wrong: Wrong) -> Server {
        let (listener, socket) = bind();
        let address = listener.local_addr().expect("address");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("timeout");
        let stop = Arc::new(AtomicBool::new(false));
        let [first, second] = [Arc::clone(&stop), Arc::clone(&stop)];
        let threads = vec![
            thread::spawn(move || streams(&listener, wrong, &first)),
            thread::spawn(move || datagrams(&socket, wrong, &second)),
        ];
        Server { address, stop, threads }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Lets `accept` return.
        let _ = TcpStream::connect(self.address);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Both on one port. Other tests are at work: a port that is free for one may not be for the other.
fn bind() -> (TcpListener, UdpSocket) {
    (0..100)
        .find_map(|_| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("listen");
            let socket = UdpSocket::bind(listener.local_addr().expect("address"));
            socket.ok().map(|socket| (listener, socket))
        })
        .expect("no port is free for both")
}

fn streams(listener: &TcpListener, wrong: Wrong, stop: &AtomicBool) {
    for stream in listener.incoming().flatten() {
        if stop.load(Ordering::SeqCst) {
            return;
        }
        if wrong == Wrong::OneAtATime {
            serve(stream, wrong);
        } else {
            thread::spawn(move || serve(stream, wrong));
        }
    }
}

/// Ends when the peer does.
fn serve(mut stream: TcpStream, wrong: Wrong) {
    let mut buffer = vec![0; if wrong == Wrong::Sips { 16_384 } else { 65_536 }];
    if wrong == Wrong::ClosesAtOnce {
        return;
    }
    if wrong == Wrong::DropsTail {
        let _ = SockRef::from(&stream).set_send_buffer_size(4096);
    }
    loop {
        let data = match stream.read(&mut buffer) {
            Ok(0) if wrong == Wrong::ResetsOnFin => {
                let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                return;
            }
            Ok(0) | Err(_) => break,
            Ok(n) => &mut buffer[..n],
        };
        match wrong {
            Wrong::Hangs => continue,
            Wrong::Garbage => data.fill(b'#'),
            Wrong::Late => thread::sleep(Duration::from_millis(150)),
            Wrong::Sips if data.len() > 4096 => {
                thread::sleep(Duration::from_millis(50));
                continue;
            }
            Wrong::SevenBits => data.iter_mut().for_each(|byte| *byte &= 0x7f),
            _ => {}
        }
        if wrong == Wrong::DropsTail {
            let _ = stream.set_nonblocking(true);
            match stream.write(data) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => return,
                _ => {}
            }
            let _ = stream.set_nonblocking(false);
        } else if stream.write_all(data).is_err() {
            return;
        }
    }
    let _ = stream.shutdown(Shutdown::Write);
}

fn datagrams(socket: &UdpSocket, wrong: Wrong, stop: &AtomicBool) {
    let mut buffer = [0; 65_536];
    while !stop.load(Ordering::SeqCst) {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let len = match wrong {
            Wrong::Mute | Wrong::Hangs | Wrong::ClosesAtOnce => continue,
            Wrong::Truncates => len.min(512),
            _ => len,
        };
        if wrong == Wrong::Garbage {
            buffer.fill(b'#');
        }
        if from.port() >= 1024 || wrong == Wrong::AnswersEcho {
            let _ = socket.send_to(&buffer[..len], from);
        }
    }
}
