//! The TCP client, with kernel sockets as its servers.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    thread,
};

use smolecho::{CloseReason, Message, Timeouts, smoltcp::time::Duration};

use crate::{
    lab::{Lab, Setup},
    program::Closed,
    rig::Family,
    sockets::be_patient,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        message_comes_back_from_an_echo_server,
        half_closed_message_comes_back_from_an_echo_server,
        mebibytes_come_back_from_an_echo_server,
        lectures_server_answers_and_closes_first,
        more_than_the_lectures_server_takes_is_a_short_answer,
        wrong_answer_is_told_and_reset,
        closed_port_is_refused,
        address_without_a_station_times_out,
        host_that_fell_silent_times_out,
        server_that_resets_is_told,
    ]
}

const HELLO: Message<'static> = Message::new(b"Hello, Server!");

fn lab() -> Lab {
    let handshake = Some(Duration::from_millis(400));
    let timeouts = Timeouts { handshake, ..Timeouts::DEFAULT };
    Setup { slots: 2, listener: None, timeouts, ..Setup::default() }.run()
}

/// Connects the node to a kernel server, which handles its one connection with `serve`.
pub(crate) fn talk(
    lab: &Lab,
    family: Family,
    message: Message<'static>,
    serve: impl FnOnce(TcpStream) + Send,
) -> Closed {
    let (listener, server) = lab.listen(family);
    thread::scope(|scope| {
        let served = scope.spawn(|| {
            let (stream, _) = listener.accept().expect("accept");
            be_patient(&stream);
            serve(stream);
        });
        let closed = connect(lab, server, message);
        served.join().expect("the server");
        closed
    })
}

/// Connects the node and waits for the end of the connection.
fn connect(lab: &Lab, server: SocketAddr, message: Message<'static>) -> Closed {
    let tuple = lab.node_connects(server, message).expect("connect");
    let closed = lab.until_closed(server);
    assert_eq!(closed.tuple, tuple);
    closed
}

/// Echoes until the client closes (RFC 862).
pub(crate) fn echo(mut stream: TcpStream) {
    let mut buffer = [0; 16_384];
    while let Ok(n @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..n]).expect("send");
    }
}

/// The server of the lecture: recv(1024), send, close.
pub(crate) fn echo_once(mut stream: TcpStream) {
    let mut buffer = [0; 1024];
    let n = stream.read(&mut buffer).expect("recv");
    stream.write_all(&buffer[..n]).expect("send");
}

fn message_comes_back_from_an_echo_server(family: Family) {
    let lab = lab();
    let closed = talk(&lab, family, HELLO, echo);
    let len = HELLO.len();
    assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, len, len));
    assert_eq!(lab.stats().connected, 1);
}

fn half_closed_message_comes_back_from_an_echo_server(family: Family) {
    let message = Message::repeated(b"0123456789", 100_001).half_close();
    let closed = talk(&lab(), family, message, echo);
    assert_eq!((closed.end, closed.received), (CloseReason::Finished, 100_001));
}

fn mebibytes_come_back_from_an_echo_server(family: Family) {
    let len = (2 << 20) + 1;
    let closed = talk(&lab(), family, Message::repeated(b"0123456789!", len), echo);
    assert_eq!((closed.end, closed.received, closed.sent), (CloseReason::Finished, len, len));
}

fn lectures_server_answers_and_closes_first(family: Family) {
    let lab = lab();
    // One connection at a time, as in the lecture.
    for _ in 0..3 {
        assert_eq!(talk(&lab, family, HELLO, echo_once).end, CloseReason::Finished);
    }
}

fn more_than_the_lectures_server_takes_is_a_short_answer(family: Family) {
    let closed = talk(&lab(), family, Message::repeated(b"!", 1025), |mut stream| {
        stream.read_exact(&mut [0; 1025]).expect("recv");
        stream.write_all(&[b'!'; 1024]).expect("send");
    });
    assert_eq!((closed.end, closed.received), (CloseReason::Short, 1024));
}

fn wrong_answer_is_told_and_reset(family: Family) {
    let lab = lab();
    let closed = talk(&lab, family, HELLO, |mut stream| {
        stream.read_exact(&mut [0; 14]).expect("recv");
        stream.write_all(b"Hello, Client!").expect("send");
        stream.read(&mut [0]).expect_err("a reset");
    });
    assert_eq!(closed.end, CloseReason::Mismatch);
}

fn closed_port_is_refused(family: Family) {
    let lab = lab();
    let closed = connect(&lab, SocketAddr::new(lab.network.host(family), 9), HELLO);
    assert_eq!(closed.end, CloseReason::ConnectRefused);
    assert_eq!(lab.stats().connected, 0);
}

/// The request for the hardware address is never answered.
fn address_without_a_station_times_out(family: Family) {
    let lab = lab();
    let closed = connect(&lab, SocketAddr::new(lab.network.nobody(family), 12_345), HELLO);
    assert_eq!(closed.end, CloseReason::HandshakeTimeout);
    lab.until("all slots are free", |view| (view.occupancy.free == 2).then_some(()));
}

/// The hardware address is known; the SYNs get no answer.
fn host_that_fell_silent_times_out(family: Family) {
    let lab = lab();
    let address = lab.network.host(family);
    assert_eq!(talk(&lab, family, HELLO, echo).end, CloseReason::Finished);
    lab.host_vanishes(family);
    let closed = connect(&lab, SocketAddr::new(address, 12_345), HELLO);
    assert_eq!(closed.end, CloseReason::HandshakeTimeout);
    // The host is back.
    lab.host_returns(family);
    assert_eq!(talk(&lab, family, HELLO, echo).end, CloseReason::Finished);
}

/// The kernel resets a connection that is closed with unread data.
fn server_that_resets_is_told(family: Family) {
    let closed = talk(&lab(), family, HELLO, |stream| {
        // The data stays unread.
        stream.peek(&mut [0]).expect("peek");
    });
    assert_eq!(closed.end, CloseReason::Reset);
}
