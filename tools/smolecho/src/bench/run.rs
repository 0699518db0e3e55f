//! Measures peer after peer, figure after figure, round after round, until done or interrupted.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use indicatif::ProgressBar;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::figure::Figure;
use super::message::{Answer, Order, Part, Services, Setting, arguments};
use super::plan::{Asked, Plan};
use super::ratio::ratios;
use super::results::Results;
use crate::fault::Fault;
use crate::host::signals::Signals;
use crate::load::scene::{Load, PATIENCE};
use crate::output::progress;

/// How much longer than its order a stage may take: opening 10,000 connections takes seconds.
const GRACE: Duration = Duration::from_secs(60);

/// An event of a run.
enum News {
    /// The stage with this index has answered.
    Answered(usize, Answer),
    /// The stage with this index has ended.
    Gone(usize),
    /// SIGINT or SIGTERM.
    Stop,
}

pub(super) fn all(plan: &Plan) -> Result<Results, Fault> {
    let (news, inbox) = mpsc::channel();
    Signals::new()?.send_stop(news.clone(), News::Stop);
    let mut results = plan.results();
    let bar = progress::bar(plan.steps(), " {msg}, {eta} left");
    let mut stages = Stages { stages: Vec::new(), services: Vec::new(), inbox };
    let is_set_up = stages.set_up(plan, &news, &bar)?;
    for (asked, services) in plan.peers.iter().zip(&stages.services) {
        let Services { tcp, udp } = services;
        for (protocol, lack) in [("TCP", tcp), ("UDP", udp)] {
            results
                .notes
                .extend(lack.iter().map(|it| format!("{}: {protocol}: {it}", asked.name.name)));
        }
    }
    results.complete = is_set_up && stages.measure(plan, &mut results, &bar)?;
    bar.finish_and_clear();
    results.figures.retain(|row| !row.cells.is_empty());
    results.ratios = ratios(&results);
    Ok(results)
}

/// The stages, in the order of the plan's peers.
struct Stages {
    stages: Vec<Option<Stage>>,
    services: Vec<Services>,
    inbox: Receiver<News>,
}

/// A stage and its server, in a process group that is killed on drop.
struct Stage(Child);

impl Drop for Stage {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.0.id()) {
            // Namespaces, TAPs and veths end with their last process.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Stages {
    /// Starts all stages; false if interrupted.
    fn set_up(
        &mut self,
        plan: &Plan,
        news: &Sender<News>,
        bar: &ProgressBar,
    ) -> Result<bool, Fault> {
        for (at, asked) in plan.peers.iter().enumerate() {
            bar.set_message(format!("{}: start", asked.name.name));
            self.stages.push(Some(Stage::start(at, asked, plan.cores, news.clone())?));
            match self.answer_of(at, GRACE)? {
                None => return Ok(false),
                Some(Answer::Ready(services)) => self.services.push(services),
                Some(Answer::Refused(status, line)) => return Err(Fault::of(status, line)),
                Some(_) => return Err(Fault::failed("the stage did not start")),
            }
        }
        Ok(true)
    }

    /// Takes all figures; false if interrupted.
    fn measure(
        &mut self,
        plan: &Plan,
        results: &mut Results,
        bar: &ProgressBar,
    ) -> Result<bool, Fault> {
        for round in 0..plan.rounds {
            for (figure, row) in plan.figures.iter().zip(&mut results.figures) {
                for i in 0..plan.peers.len() {
                    // Each round begins with another peer, so that none always follows the same one.
                    let at = (i + usize::from(round)) % plan.peers.len();
                    let asked = &plan.peers[at];
                    let name = &asked.name.name;
                    let is_lost = row.cell(name).is_some_and(|cell| cell.failed.is_some());
                    if !plan.has(asked, figure) || is_lost || self.lacks(at, figure.load) {
                        continue;
                    }
                    bar.set_message(format!("{}: {name}", figure.name));
                    let Some(answer) = self.ask(at, figure, plan.time)? else {
                        return Ok(false);
                    };
                    bar.inc(1);
                    match answer {
                        Answer::Done(sample) => row.cell_of(name).add(figure, &sample),
                        Answer::Failed(reason) => row.cell_of(name).failed = Some(reason),
                        Answer::Ready(_) | Answer::Refused(..) => {}
                    }
                }
            }
        }
        Ok(true)
    }

    /// Whether the server lacks the protocol of the load.
    fn lacks(&self, at: usize, load: Load) -> bool {
        let Services { tcp, udp } = &self.services[at];
        if load.is_udp() { udp.is_some() } else { tcp.is_some() }
    }

    fn ask(&mut self, at: usize, figure: &Figure, time: Duration) -> Result<Option<Answer>, Fault> {
        let time = time * figure.weight;
        let order = Order { load: figure.load, time, counts_calls: figure.value.counts_calls() };
        let Some(stage) = &mut self.stages[at] else {
            return Ok(Some(Answer::Failed("the stage has ended".into())));
        };
        stage.tell(&order);
        self.answer_of(at, time + PATIENCE + GRACE)
    }

    /// The answer of a stage; `None` if a signal came first.
    fn answer_of(&mut self, at: usize, limit: Duration) -> Result<Option<Answer>, Fault> {
        loop {
            match self.inbox.recv_timeout(limit) {
                Ok(News::Answered(who, answer)) if who == at => return Ok(Some(answer)),
                // A late answer of a stage that was given up.
                Ok(News::Answered(..)) => {}
                Ok(News::Gone(who)) => {
                    self.stages[who] = None;
                    if who == at {
                        return Ok(Some(Answer::Failed("the stage has ended".into())));
                    }
                }
                Ok(News::Stop) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    self.stages[at] = None;
                    return Ok(Some(Answer::Failed(format!(
                        "it hangs: no answer within {limit:?}"
                    ))));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::failed("a thread of this program failed"));
                }
            }
        }
    }
}

impl Stage {
    /// Starts a stage in its own process group, so that Ctrl-C reaches this process only.
    fn start(
        at: usize,
        asked: &Asked,
        cores: [usize; 2],
        news: Sender<News>,
    ) -> Result<Stage, Fault> {
        let setting = Setting { peer: asked.at, places: asked.places, cores };
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments(&Part::Stage(setting))?);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let stdout = process.stdout.take();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|it| BufReader::new(it).lines());
            for line in lines.map_while(Result::ok) {
                let answer = serde_json::from_str(&line);
                let answer = answer.unwrap_or_else(|error| Answer::Failed(error.to_string()));
                if news.send(News::Answered(at, answer)).is_err() {
                    return;
                }
            }
            let _ = news.send(News::Gone(at));
        });
        Ok(Stage(process))
    }

    /// Sends an order. A stage that has ended reports itself as [`News::Gone`].
    fn tell(&mut self, order: &Order) {
        if let (Some(stdin), Ok(line)) = (&mut self.0.stdin, serde_json::to_string(order)) {
            let _ = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        }
    }
}
