//! Runs the cases in order, until done or interrupted.

use std::net::SocketAddr;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Instant;

use super::case::{Case, Scene, Trouble};
use super::findings::Finding;
use super::options::Probe;
use crate::fault::Fault;
use crate::host::signals::Signals;

/// An event of the run.
pub(super) enum News {
    Target(SocketAddr),
    Begun(&'static Case),
    Done(Finding),
    /// Every case has ended.
    End,
    /// SIGINT or SIGTERM.
    Stop,
}

/// Runs all cases on all targets. When a signal comes, the current case is abandoned: the process ends soon.
pub(super) fn all(
    targets: Vec<SocketAddr>,
    cases: Vec<&'static Case>,
    options: &Probe,
    mut on_news: impl FnMut(News),
) -> Result<(), Fault> {
    let (news, inbox) = mpsc::channel();
    Signals::new()?.send_stop(news.clone(), News::Stop);
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
        let _ = news.send(News::End);
    });
    for news in inbox {
        let is_last = matches!(news, News::End | News::Stop);
        on_news(news);
        if is_last {
            break;
        }
    }
    Ok(())
}

fn examine(mut scene: Scene, cases: &[&'static Case], news: &Sender<News>) -> Option<()> {
    news.send(News::Target(scene.target)).ok()?;
    for case in cases {
        news.send(News::Begun(case)).ok()?;
        let begin = Instant::now();
        scene.until = begin + scene.deadline;
        let outcome = match scene.lacks(case.needs) {
            Some(reason) => Trouble::not_run(reason),
            None => (case.run)(&mut scene),
        };
        let finding = Finding { case, outcome, took: begin.elapsed() };
        news.send(News::Done(finding)).ok()?;
    }
    Some(())
}
