//! Runs the cases one after the other, and minds signals meanwhile.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use super::case::{Case, Scene, Trouble};
use super::findings::Finding;
use crate::cli::Probe;
use crate::fault::Fault;
use crate::host::signals::Signals;

/// What the one who prints is told.
pub(super) enum News {
    Target(SocketAddr),
    Begun(&'static Case),
    Done(Finding),
    /// A signal says to stop.
    Stop,
}

/// Whether it came to its end, or a signal ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Whole,
    Stopped,
}

/// The case that is under way when a signal comes is left behind: the process ends soon.
pub(super) fn all(
    targets: Vec<SocketAddr>,
    cases: Vec<&'static Case>,
    options: &Probe,
    mut on_news: impl FnMut(News),
) -> Result<Ended, Fault> {
    let (news, inbox) = mpsc::channel();
    let signals = Signals::new()?;
    let stop = news.clone();
    thread::spawn(move || {
        signals.wait_for_stop();
        // Whoever is not there any more does not need to be told.
        let _ = stop.send(Some(News::Stop));
    });
    let (deadline, connections) = (options.deadline, options.connections);
    thread::spawn(move || {
        for target in targets {
            let scene = Scene {
                target,
                connections,
                deadline,
                until: Instant::now(),
                flow: None,
                no_tcp: false,
                no_udp: false,
            };
            if examine(scene, &cases, &news).is_none() {
                return;
            }
        }
        let _ = news.send(None);
    });
    loop {
        match inbox.recv() {
            Ok(Some(News::Stop)) => return Ok(Ended::Stopped),
            Ok(Some(news)) => on_news(news),
            Ok(None) | Err(_) => return Ok(Ended::Whole),
        }
    }
}

fn examine(mut scene: Scene, cases: &[&'static Case], news: &Sender<Option<News>>) -> Option<()> {
    news.send(Some(News::Target(scene.target))).ok()?;
    for case in cases {
        news.send(Some(News::Begun(case))).ok()?;
        let begin = Instant::now();
        scene.until = begin + scene.deadline;
        let outcome = match scene.lacks(case.needs) {
            Some(reason) => Trouble::not_run(reason),
            None => (case.run)(&mut scene),
        };
        let finding = Finding { case, outcome, took: begin.elapsed() };
        news.send(Some(News::Done(finding))).ok()?;
    }
    Some(())
}
