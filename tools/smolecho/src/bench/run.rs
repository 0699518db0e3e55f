//! Asks peer after peer, figure after figure, round after round, and minds signals meanwhile.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::figure::{self, Figure};
use super::goal;
use super::load::{Load, PATIENCE};
use super::machine::Machine;
use super::options::Bench;
use super::peer::PEERS;
use super::report::Progress;
use super::results::{Named, Results, Row};
use super::stage::{self, Answer, Order, Part, Places, Services, Setting};
use super::{cores, peer};
use crate::fault::Fault;
use crate::host::signals::Signals;
use crate::probe;

/// A stage says something within what it was told to take and this, or it hangs: to make ten thousand
/// connections takes its time.
const GRACE: Duration = Duration::from_secs(60);

/// What is measured, and on whom.
pub(super) struct Plan {
    pub(super) figures: Vec<&'static Figure>,
    pub(super) peers: Vec<Asked>,
    rounds: u16,
    time: Duration,
    two_cores: bool,
    cores: [usize; 2],
    command: String,
}

/// Who is asked.
pub(super) struct Asked {
    pub(super) name: Named,
    /// Its place among those that we start.
    at: Option<usize>,
    places: Places,
}

impl Plan {
    pub(super) fn new(options: &Bench) -> Result<Plan, Fault> {
        let figures = figure::chosen(options)?;
        let peers = match &options.target {
            Some(target) => vec![theirs(target, options)?],
            None => peer::chosen(&options.peers)?.into_iter().map(ours).collect(),
        };
        Ok(Plan {
            figures,
            peers,
            rounds: options.rounds(),
            time: options.time(),
            two_cores: options.two_cores,
            cores: cores::choose(options.two_cores)?,
            command: options.command(),
        })
    }

    /// How many figures there are to take.
    pub(super) fn steps(&self) -> u64 {
        let asked = |figure: &&Figure| self.peers.iter().filter(|it| self.has(it, figure)).count();
        u64::from(self.rounds) * self.figures.iter().map(|it| asked(it) as u64).sum::<u64>()
    }

    /// Whether this peer is asked for that figure.
    pub(super) fn has(&self, asked: &Asked, figure: &Figure) -> bool {
        match asked.at {
            Some(at) => PEERS[at].takes(figure.load),
            None => {
                let is_seen = !figure.value.counts_calls() && !is_held(figure.load);
                is_seen && asked.places.of(figure.load).is_some()
            }
        }
    }

    fn results(&self) -> Results {
        Results {
            smolecho: env!("CARGO_PKG_VERSION").into(),
            smoltcp: env!("SMOLTCP_VERSION").into(),
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            command: self.command.clone(),
            machine: Machine::this(),
            rounds: self.rounds,
            milliseconds: u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX),
            two_cores: self.two_cores,
            complete: false,
            notes: Vec::new(),
            peers: self.peers.iter().map(|asked| asked.name.clone()).collect(),
            verdicts: Vec::new(),
            figures: self.figures.iter().map(|figure| Row::new(figure)).collect(),
        }
    }
}

/// What needs a look at the server.
fn is_held(load: Load) -> bool {
    matches!(load, Load::Held { .. } | Load::Idle { .. })
}

fn ours(at: usize) -> Asked {
    let name = Named { name: PEERS[at].name.into(), about: PEERS[at].about.into() };
    Asked { name, at: Some(at), places: Places::of_peers() }
}

fn theirs(target: &str, options: &Bench) -> Result<Asked, Fault> {
    let resolved = probe::resolve(&[target.to_owned()])?;
    let echo = *resolved.first().ok_or_else(|| {
        Fault::usage(format!(
            "{target}: no address has this name; one like 192.168.69.1:7 would do"
        ))
    })?;
    let places = Places { echo, discard: options.discard, chargen: options.chargen };
    let name = Named { name: echo.to_string(), about: "as it answers the kernel's sockets".into() };
    Ok(Asked { name, at: None, places })
}

/// What the one who asks is told.
enum News {
    /// A stage, by its place, has answered.
    Said(usize, Answer),
    /// A stage has ended.
    Gone(usize),
    /// A signal says to stop.
    Stop,
}

/// Whether to go on.
enum Goes {
    On,
    Stopped,
}

pub(super) fn all(plan: &Plan) -> Result<Results, Fault> {
    let (news, inbox) = mpsc::channel();
    let signals = Signals::new()?;
    let stop = news.clone();
    thread::spawn(move || {
        signals.wait_for_stop();
        // Whoever is not there any more does not need to be told.
        let _ = stop.send(News::Stop);
    });
    let mut results = plan.results();
    let mut progress = Progress::new(plan);
    let mut crew = Crew { stages: Vec::new(), services: Vec::new(), inbox };
    let goes = crew.set_up(plan, &news, &mut progress)?;
    for (asked, services) in plan.peers.iter().zip(&crew.services) {
        let Services { tcp, udp } = services;
        for (protocol, lack) in [("TCP", tcp), ("UDP", udp)] {
            results
                .notes
                .extend(lack.iter().map(|it| format!("{}: {protocol}: {it}", asked.name.name)));
        }
    }
    if let Goes::On = goes {
        results.complete = matches!(crew.measure(plan, &mut results, &mut progress)?, Goes::On);
    }
    progress.finish();
    results.figures.retain(|row| !row.cells.is_empty());
    results.verdicts = goal::verdicts(&results);
    Ok(results)
}

/// All stages, in the order of the plan's peers.
struct Crew {
    stages: Vec<Option<Stage>>,
    services: Vec<Services>,
    inbox: Receiver<News>,
}

/// A stage, which ends with this value, and its server with it: both are in a process group of their own.
struct Stage(Child);

impl Drop for Stage {
    fn drop(&mut self) {
        if let Ok(group) = i32::try_from(self.0.id()) {
            // There is nothing to put away: namespaces, TAPs and veths end with their last process.
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.0.wait();
    }
}

impl Crew {
    fn set_up(
        &mut self,
        plan: &Plan,
        news: &Sender<News>,
        progress: &mut Progress,
    ) -> Result<Goes, Fault> {
        for (at, asked) in plan.peers.iter().enumerate() {
            progress.says(&format!("{}: start", asked.name.name));
            self.stages.push(Some(Stage::start(at, asked, plan.cores, news.clone())?));
            match self.answer_of(at, GRACE)? {
                None => return Ok(Goes::Stopped),
                Some(Answer::Ready(services)) => self.services.push(services),
                Some(Answer::Refused(status, line)) => return Err(Fault::of(status, line)),
                Some(_) => return Err(Fault::failed("its stage did not begin")),
            }
        }
        Ok(Goes::On)
    }

    fn measure(
        &mut self,
        plan: &Plan,
        results: &mut Results,
        progress: &mut Progress,
    ) -> Result<Goes, Fault> {
        for round in 0..plan.rounds {
            for (figure, row) in plan.figures.iter().zip(&mut results.figures) {
                for i in 0..plan.peers.len() {
                    // Nobody is always the one who comes after somebody else.
                    let at = (i + usize::from(round)) % plan.peers.len();
                    let asked = &plan.peers[at];
                    let name = &asked.name.name;
                    let is_lost = row.cell(name).is_some_and(|cell| cell.failed.is_some());
                    if !plan.has(asked, figure) || is_lost || self.lacks(at, figure.load) {
                        continue;
                    }
                    progress.says(&format!("{}: {name}", figure.name));
                    let Some(answer) = self.ask(at, figure, plan.time)? else {
                        return Ok(Goes::Stopped);
                    };
                    progress.step();
                    match answer {
                        Answer::Done(sample) => row.cell_of(name).add(figure, &sample),
                        Answer::Failed(reason) => row.cell_of(name).failed = Some(reason),
                        Answer::Ready(_) | Answer::Refused(..) => {}
                    }
                }
            }
        }
        Ok(Goes::On)
    }

    /// Whether it does not echo over the protocol that the load needs.
    fn lacks(&self, at: usize, load: Load) -> bool {
        let Services { tcp, udp } = &self.services[at];
        if load.is_udp() { udp.is_some() } else { tcp.is_some() }
    }

    fn ask(&mut self, at: usize, figure: &Figure, time: Duration) -> Result<Option<Answer>, Fault> {
        let time = time * figure.weight;
        let order = Order { load: figure.load, time, counts_calls: figure.value.counts_calls() };
        let Some(stage) = &mut self.stages[at] else {
            return Ok(Some(Answer::Failed("its stage has ended".into())));
        };
        stage.tell(&order);
        self.answer_of(at, time + PATIENCE + GRACE)
    }

    /// None if a signal came before.
    fn answer_of(&mut self, at: usize, limit: Duration) -> Result<Option<Answer>, Fault> {
        loop {
            match self.inbox.recv_timeout(limit) {
                Ok(News::Said(who, answer)) if who == at => return Ok(Some(answer)),
                // Of one that was given up.
                Ok(News::Said(..)) => {}
                Ok(News::Gone(who)) => {
                    self.stages[who] = None;
                    if who == at {
                        return Ok(Some(Answer::Failed("its stage has ended".into())));
                    }
                }
                Ok(News::Stop) => return Ok(None),
                Err(RecvTimeoutError::Timeout) => {
                    self.stages[at] = None;
                    return Ok(Some(Answer::Failed(format!("it hangs: nothing in {limit:?}"))));
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::failed("a thread of ours failed"));
                }
            }
        }
    }
}

impl Stage {
    /// Ctrl-C is for us alone.
    fn start(
        at: usize,
        asked: &Asked,
        cores: [usize; 2],
        news: Sender<News>,
    ) -> Result<Stage, Fault> {
        let setting = Setting { peer: asked.at, places: asked.places, cores };
        let mut command = Command::new(env::current_exe()?);
        command.args(stage::arguments(&Part::Stage(setting))?);
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let stdout = process.stdout.take();
        thread::spawn(move || {
            let lines = stdout.into_iter().flat_map(|it| BufReader::new(it).lines());
            for line in lines.map_while(Result::ok) {
                let answer = serde_json::from_str(&line);
                let answer = answer.unwrap_or_else(|error| Answer::Failed(error.to_string()));
                if news.send(News::Said(at, answer)).is_err() {
                    return;
                }
            }
            let _ = news.send(News::Gone(at));
        });
        Ok(Stage(process))
    }

    /// Should it have ended, its silence says so.
    fn tell(&mut self, order: &Order) {
        if let (Some(stdin), Ok(line)) = (&mut self.0.stdin, serde_json::to_string(order)) {
            let _ = writeln!(stdin, "{line}").and_then(|()| stdin.flush());
        }
    }
}
