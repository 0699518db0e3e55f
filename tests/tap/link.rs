//! The link goes down and comes back under traffic.

use std::{
    io::{self, ErrorKind},
    net::{Shutdown, SocketAddr},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use smolecho::{CloseReason, Message};

use crate::{
    lab::{Lab, Setup},
    rig::{Family, pattern::Pattern},
    stream::expect_end,
    trial::{Case, cases},
};

pub(crate) fn cases() -> Vec<Case> {
    cases![families:
        server_outlasts_a_link_that_goes_down_and_up,
        client_outlasts_a_link_that_goes_down_and_up,
    ]
}

const HELLO: Message<'static> = Message::new(b"Hello, Server!");

/// Waits until the link that is down has dropped a frame of the node.
fn until_dropped(lab: &Lab) {
    lab.until("a frame is dropped", |view| (view.tap.tx_dropped > 0).then_some(()));
}

fn server_outlasts_a_link_that_goes_down_and_up(family: Family) {
    let lab = Setup::default().run();
    let pattern = Pattern::new(20);
    let stream = lab.connect(family);
    let enough = AtomicBool::new(false);
    let transfer = || -> io::Result<()> {
        let mut range = 0..100_000;
        while !enough.load(Ordering::SeqCst) {
            pattern.echo(&stream, range.clone())?;
            range = range.end..range.end + 100_000;
        }
        stream.shutdown(Shutdown::Write)?;
        expect_end(&mut &stream)
    };
    thread::scope(|scope| {
        let transfer = scope.spawn(transfer);
        lab.until("it runs", |view| (view.stats.bytes_sent > 1 << 20).then_some(()));
        lab.link_down();
        // Sends a frame even if the transfer waits.
        let nobody = SocketAddr::new(lab.network.nobody(family), 9);
        lab.node_connects(nobody, HELLO).expect("connect");
        until_dropped(&lab);
        lab.link_up();
        let resumed = lab.connect(family);
        pattern.echo(&resumed, 0..100_000).expect("a new connection works");
        enough.store(true, Ordering::SeqCst);
        match transfer.join().expect("the transfer") {
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    });
}

fn client_outlasts_a_link_that_goes_down_and_up(family: Family) {
    let lab = Setup::default().run();
    let (listener, server) = lab.listen(family);
    lab.link_down();
    lab.node_connects(server, HELLO).expect("connect");
    until_dropped(&lab);
    lab.link_up();
    let (stream, _) = listener.accept().expect("accept");
    let mut reader = &stream;
    io::copy(&mut reader, &mut &stream).expect("echo");
    drop(stream);
    assert_eq!(lab.until_closed(server).end, CloseReason::Finished);
}
