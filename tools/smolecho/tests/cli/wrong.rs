//! Small echo servers on loopback, each with one fault.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::SockRef;

/// The fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wrong {
    Nothing,
    /// Drops data that does not fit into the peer's buffer.
    DropsTail,
    /// Answers a FIN with a reset.
    ResetsOnFin,
    /// Delays every answer.
    Late,
    /// Serves one connection after another.
    OneAtATime,
    /// Clears the high bit of each byte.
    SevenBits,
    /// Truncates datagrams to 512 bytes.
    Truncates,
    /// Answers datagrams from any port.
    AnswersEcho,
    /// Answers no datagram.
    Mute,
    /// Receives everything and answers nothing.
    Hangs,
    /// Reads long messages slowly and holds their answers.
    Sips,
    /// Answers with other bytes.
    Garbage,
    /// Accepts and closes; answers no datagram.
    ClosesAtOnce,
}

/// A port without a server, and where no test starts one.
pub(crate) const UNUSED: &str = "127.0.0.1:1";

/// Stops on drop.
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

/// TCP and UDP on one port. Other tests run in parallel, so a port free for one may be taken for the other.
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

/// Until the peer closes.
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
