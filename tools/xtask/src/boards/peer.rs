//! The other end of an emulated board's cable. It sends every frame itself, so that no figure depends on when
//! a kernel acknowledges.

use std::{
    io::ErrorKind,
    net::{SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

use crate::run::Outcome;

const BOARD: [u8; 4] = [10, 0, 2, 15];
const OURS: [u8; 4] = [10, 0, 2, 2];
const OUR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
const BROADCAST: [u8; 6] = [0xFF; 6];
const PORT: u16 = 12345;

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const TCP: u8 = 6;
const UDP: u8 = 17;

const SYN: u8 = 0x02;
const PSH: u8 = 0x08;
const ACK: u8 = 0x10;

/// An answer that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(2);

/// Longer than a board takes to fall asleep again.
const PAUSE: Duration = Duration::from_millis(1);

/// One end of the cable.
pub(crate) struct Peer {
    socket: UdpSocket,
    board: SocketAddr,
    mac: [u8; 6],
}

/// A connection with the board.
pub(crate) struct Connection {
    port: u16,
    seq: u32,
    ack: u32,
}

impl Peer {
    /// A cable, and the UDP addresses of its two ends.
    pub(crate) fn new() -> Outcome<(Peer, SocketAddr, SocketAddr)> {
        let text = |error| format!("a socket for Ethernet frames: {error}");
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(text)?;
        socket.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        let ours = socket.local_addr().map_err(text)?;
        // A free port, which QEMU binds next.
        let board =
            UdpSocket::bind("127.0.0.1:0").and_then(|other| other.local_addr()).map_err(text)?;
        Ok((Peer { socket, board, mac: BROADCAST }, ours, board))
    }

    /// Asks for the board's hardware address until it answers.
    pub(crate) fn find_board(&mut self) -> Outcome {
        let question = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &OUR_MAC, &OURS, &[0; 6], &BOARD].concat();
        for _ in 0..50 {
            self.send(ARP, &question)?;
            thread::sleep(Duration::from_millis(20));
            self.socket.set_nonblocking(true).map_err(|error| error.to_string())?;
            let frame = self.receive();
            self.socket.set_nonblocking(false).map_err(|error| error.to_string())?;
            if let Ok(frame) = frame
                && frame.get(12..14) == Some(&ARP.to_be_bytes())
            {
                self.mac.copy_from_slice(&frame[6..12]);
                thread::sleep(Duration::from_millis(20));
                return Ok(());
            }
        }
        Err("the board does not answer".into())
    }

    /// Opens a connection from this source port.
    pub(crate) fn connect(&mut self, port: u16) -> Outcome<Connection> {
        let mut connection = Connection { port, seq: 1000, ack: 0 };
        self.send_segment(&connection, SYN, &[])?;
        let (answer, _) = self.receive_segment(port)?;
        connection.seq += 1;
        connection.ack = answer.wrapping_add(1);
        self.send_segment(&connection, ACK, &[])?;
        thread::sleep(PAUSE);
        Ok(connection)
    }

    /// Sends data that acknowledges the last echo, and waits for its echo.
    pub(crate) fn round_trip(&mut self, connection: &mut Connection, data: &[u8]) -> Outcome {
        self.send_segment(connection, PSH | ACK, data)?;
        connection.seq += data.len() as u32;
        let mut back = Vec::new();
        while back.len() < data.len() {
            let (seq, bytes) = self.receive_segment(connection.port)?;
            if seq == connection.ack {
                connection.ack += bytes.len() as u32;
                back.extend_from_slice(&bytes);
            }
        }
        thread::sleep(PAUSE);
        if back == data { Ok(()) } else { Err("the echo differs".into()) }
    }

    /// Sends a datagram, and waits for its echo.
    pub(crate) fn datagram(&mut self, port: u16, data: &[u8]) -> Outcome {
        let length = (8 + data.len()) as u16;
        let ports = [port.to_be_bytes(), PORT.to_be_bytes()].concat();
        let header = [&ports[..], &length.to_be_bytes(), &[0, 0]].concat();
        self.send_packet(UDP, &[&header[..], data].concat(), 6)?;
        loop {
            let frame = self.receive()?;
            if frame.get(23) == Some(&UDP) && frame.get(36..38) == Some(&port.to_be_bytes()) {
                thread::sleep(PAUSE);
                let is_same = frame.get(42..42 + data.len()) == Some(data);
                return if is_same { Ok(()) } else { Err("the echo differs".into()) };
            }
        }
    }

    fn send_segment(&mut self, connection: &Connection, flags: u8, data: &[u8]) -> Outcome {
        let Connection { port, seq, ack } = connection;
        let mut segment = [port.to_be_bytes(), PORT.to_be_bytes()].concat();
        segment.extend(seq.to_be_bytes());
        segment.extend(ack.to_be_bytes());
        segment.extend([5 << 4, flags, 0x20, 0, 0, 0, 0, 0]);
        segment.extend(data);
        self.send_packet(TCP, &segment, 16)
    }

    /// Sends an IPv4 packet. The payload's checksum is at `at`.
    fn send_packet(&mut self, protocol: u8, payload: &[u8], at: usize) -> Outcome {
        let length = payload.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend((20 + length).to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(OURS);
        packet.extend(BOARD);
        let header = checksum(&packet);
        packet[10..12].copy_from_slice(&header);
        packet.extend(payload);
        let pseudo = [&OURS[..], &BOARD, &[0, protocol], &length.to_be_bytes(), payload].concat();
        packet[20 + at..22 + at].copy_from_slice(&checksum(&pseudo));
        self.send(IPV4, &packet)
    }

    fn send(&mut self, protocol: u16, payload: &[u8]) -> Outcome {
        let mut frame = [&self.mac[..], &OUR_MAC, &protocol.to_be_bytes(), payload].concat();
        frame.resize(frame.len().max(60), 0);
        // Refused: QEMU does not listen yet.
        match self.socket.send_to(&frame, self.board) {
            Err(error) if error.kind() != ErrorKind::ConnectionRefused => Err(error.to_string()),
            _ => Ok(()),
        }
    }

    /// Sequence number and payload of the next segment to this port.
    fn receive_segment(&mut self, port: u16) -> Outcome<(u32, Vec<u8>)> {
        loop {
            let frame = self.receive()?;
            if frame.get(23) == Some(&TCP) && frame.get(36..38) == Some(&port.to_be_bytes()) {
                let end = 14 + usize::from(u16::from_be_bytes([frame[16], frame[17]]));
                let start = 34 + 4 * usize::from(frame[46] >> 4);
                let seq = u32::from_be_bytes([frame[38], frame[39], frame[40], frame[41]]);
                let data = frame.get(start..end).ok_or("a segment is cut short")?;
                return Ok((seq, data.to_vec()));
            }
        }
    }

    fn receive(&mut self) -> Outcome<Vec<u8>> {
        let mut frame = vec![0; 2048];
        match self.socket.recv(&mut frame) {
            Ok(length) => {
                frame.truncate(length);
                Ok(frame)
            }
            Err(error) => Err(format!("no answer from the board: {error}")),
        }
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let words =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xFFFF {
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    (!(sum as u16)).to_be_bytes()
}
