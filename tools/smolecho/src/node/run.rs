//! The loop of serve, client and demo: poll the node, wait for the TAP, handle signals and link changes.

use std::os::fd::AsFd;
use std::path::Path;

use smolecho::phy::LinkState;
use smolecho::phy::tap::{Counters, Tap};
use smolecho::{Event, Node, Stats};
use smoltcp::phy::PcapWriter;
use smoltcp::time::{Duration, Instant};

use super::awaited::Awaited;
use super::capture::{self, Capture};
use super::clock::Clock;
use super::impaired::Impaired;
use super::memory;
use super::plan::{self, Plan};
use crate::fault::Fault;
use crate::host::signals::{Pending, Signals};
use crate::host::tap::HostTap;
use crate::host::watch::LinkWatch;
use crate::output::counters::Snapshot;
use crate::output::report::Report;

/// How long connections may take to finish at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// A node on a TAP, with everything that its loop waits for.
pub(crate) struct Run {
    pub(crate) node: Node<'static>,
    pub(crate) report: Report,
    device: Impaired<PcapWriter<Tap, Capture>>,
    capture: Capture,
    clock: Clock,
    signals: Signals,
    link: LinkWatch,
    pub(crate) awaited: Awaited,
    spin: Option<Duration>,
    /// The loop does not sleep before this time.
    awake: Instant,
}

impl Run {
    /// Opens the TAP in the caller's namespace and creates a node on it.
    pub(crate) fn start(plan: Plan, pcap: Option<&Path>, mut report: Report) -> Result<Run, Fault> {
        let clock = Clock::start();
        pcap.map(capture::check).transpose()?;
        // To open a FIFO waits for its reader. Until then signals end the program as usual.
        let fifo = pcap.filter(|path| capture::is_fifo(path)).map(Capture::create).transpose()?;
        let signals = Signals::new()?;
        let mut memory = memory::leak(plan.connections, plan.buffer)?;
        if plan.datagrams {
            memory = memory.with(memory::datagrams());
        }
        for note in &plan.notes {
            report.note(note);
        }
        let HostTap { mut tap, created } = HostTap::open(&plan.tap)?;
        let link = LinkWatch::open(&tap)?;
        tap.watch(signals.as_fd())?;
        tap.watch(link.as_fd())?;
        report.set_link(tap.name());
        if created {
            report.note(format_args!("{}: created, {}", tap.name(), host_side(&plan)));
        } else if !link.is_up() {
            report.note(format_args!("{0} is down: sudo ip link set {0} up", tap.name()));
        }
        let capture = match (fifo, pcap) {
            (Some(fifo), _) => fifo,
            (None, Some(path)) => Capture::create(path)?,
            (None, None) => Capture::default(),
        };
        let mut device = Impaired::new(capture.attach(tap), plan.impairments, plan.config.seed);
        let mut node =
            Node::new(&plan.config, memory, &mut device, clock.now()).map_err(plan::fault)?;
        node.link_changed(link_state(link.is_up()), clock.now());
        let own = node.interface().ip_addrs();
        let awaited = Awaited::new(&plan.config, own, clock.now());
        let (spin, awake) = (plan.spin, clock.now());
        Ok(Run { node, report, device, capture, clock, signals, link, awaited, spin, awake })
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// One turn of the loop: sleeps, at most until `latest`, and polls. The caller sees all events before the
    /// next sleep.
    pub(crate) fn turn(
        &mut self,
        latest: Option<Instant>,
        mut on_event: impl FnMut(&mut Report, &Event<'_>),
    ) -> Result<Pending, Fault> {
        let before = self.tap().counters().received;
        let before_wait = self.clock.now();
        let sleeps = before_wait >= self.awake;
        if sleeps {
            self.wait(before_wait, latest)?;
        }
        let now = self.clock.now();
        let (report, awaited) = (&mut self.report, &mut self.awaited);
        self.node.poll(now, &mut self.device, |event| {
            awaited.see(&event);
            on_event(report, &event);
        });
        self.device.flush(now);
        for who in awaited.overdue(now) {
            report.unanswered(who);
        }

        let pending = self.signals.take();
        if pending.stats {
            self.stats();
        }
        if self.tap().counters().received > before {
            self.awake = self.spin.map_or(now, |spin| now + spin);
        } else if sleeps {
            // While frames arrive, a link change is not urgent.
            self.mind_the_link();
        }
        self.capture.flush();
        self.report.check()?;
        Ok(pending)
    }

    /// Sleeps until a frame, a signal, a deadline or `latest`.
    fn wait(&mut self, now: Instant, latest: Option<Instant>) -> Result<(), Fault> {
        let wakes = [self.node.poll_at(now), self.device.due(), self.awaited.due(), latest];
        let wake = wakes.into_iter().flatten().min();
        let timeout = wake.map(|at| at.max(now) - now);
        Ok(self.device.get_mut().get_mut().wait(timeout)?)
    }

    /// Ends in order: lets connections finish for [`FAREWELL`], then resets the rest.
    pub(crate) fn end(mut self, want_stats: bool) -> Result<(), Fault> {
        let now = self.now();
        let limit = now + FAREWELL;
        self.node.finish(now);
        while self.node.occupancy().open > 0 && self.now() < limit {
            self.turn(Some(limit), Report::event)?;
        }
        let report = &mut self.report;
        self.node.abort(self.clock.now(), &mut self.device, |event| report.event(&event));
        self.device.flush(self.clock.now());
        let snapshot = snapshot(&self.node, &self.device);
        self.report.final_stats(&snapshot, want_stats);
        self.report.check()?;
        self.capture.finish()
    }

    /// The counters of the node and of its device.
    pub(crate) fn counters(&self) -> (&Stats, Counters) {
        (self.node.stats(), self.tap().counters())
    }

    fn stats(&mut self) {
        self.report.stats(&snapshot(&self.node, &self.device));
    }

    fn mind_the_link(&mut self) {
        let tap = self.device.get_ref().get_ref();
        if let Some(up) = self.link.changed(tap) {
            self.node.link_changed(link_state(up), self.clock.now());
            self.report.link(up);
        }
    }

    fn tap(&self) -> &Tap {
        self.device.get_ref().get_ref()
    }
}

fn link_state(up: bool) -> LinkState {
    if up { LinkState::Up } else { LinkState::Down }
}

fn snapshot<'s>(node: &'s Node<'_>, device: &Impaired<PcapWriter<Tap, Capture>>) -> Snapshot<'s> {
    Snapshot {
        stats: node.stats(),
        occupancy: node.occupancy(),
        device: device.get_ref().get_ref().counters(),
    }
}

fn host_side(plan: &Plan) -> String {
    let addresses: Vec<String> =
        plan.tap.host_addresses.iter().map(|cidr| cidr.to_string()).collect();
    match addresses.as_slice() {
        [] => "no address on the host's side".into(),
        addresses => format!("the host's side is {}", addresses.join(" and ")),
    }
}
