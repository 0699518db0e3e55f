//! Reports events on stdout as text or JSON lines, and everything else on stderr.

use std::fmt;

use smolecho::{Event, Protocol};
use smoltcp::wire::IpEndpoint;

use super::counters::Snapshot;
use super::dialogue::Role;
use super::json::Json;
use super::stderr::say;
use super::stdout::Stdout;
use super::text::{self, Text};
use crate::args::shared::Output;
use crate::fault::Fault;

pub(crate) struct Report {
    role: Role,
    style: Style,
    out: Stdout,
    verbose: bool,
    /// Name of the TAP.
    link: String,
}

enum Style {
    Quiet,
    Text(Text),
    Json(Json),
}

impl Report {
    pub(crate) fn new(options: &Output, role: Role) -> Report {
        let style = if options.quiet {
            Style::Quiet
        } else if options.json {
            Style::Json(Json::new(role))
        } else {
            Style::Text(Text::new(role))
        };
        Report { role, style, out: Stdout::new(), verbose: options.verbose, link: String::new() }
    }

    /// Reports nothing.
    pub(crate) fn quiet() -> Report {
        let (role, style) = (Role::Server, Style::Quiet);
        Report { role, style, out: Stdout::new(), verbose: false, link: String::new() }
    }

    /// Sets the TAP's name, the scope of link-local addresses.
    pub(crate) fn set_link(&mut self, name: &str) {
        name.clone_into(&mut self.link);
    }

    pub(crate) fn listening(
        &mut self,
        local: IpEndpoint,
        service: &'static str,
        over: &[Protocol],
    ) {
        match &mut self.style {
            Style::Quiet => {}
            Style::Text(text) => text.listening(local, service, &self.link, &mut self.out),
            Style::Json(json) => json.listening(local, service, over, &mut self.out),
        }
    }

    /// Reports an event. Formats only what is printed: events come at any rate.
    pub(crate) fn event(&mut self, event: &Event<'_>) {
        match &mut self.style {
            Style::Quiet => {}
            Style::Text(text) => {
                text.event(event, &self.link, &mut self.out);
                text::news(event, &self.link);
                match self.role {
                    _ if self.verbose => text::detail(event, &self.link),
                    Role::Server => text::trouble(event, &self.link),
                    // The client reports the outcome of its one connection itself.
                    Role::Client => {}
                }
            }
            Style::Json(json) => json.event(event, &self.link, &mut self.out),
        }
    }

    pub(crate) fn link(&mut self, up: bool) {
        let state = if up { "up" } else { "down" };
        match &self.style {
            Style::Quiet => {}
            Style::Text(_) => say(format_args!("{} is {state}", self.link)),
            Style::Json(json) => json.link(&self.link, state, &mut self.out),
        }
    }

    /// `who` has not answered yet.
    pub(crate) fn unanswered(&mut self, who: &'static str) {
        match &self.style {
            Style::Quiet => {}
            Style::Text(_) => say(format_args!("{}: {who} has answered yet", self.link)),
            Style::Json(json) => json.unanswered(&self.link, who, &mut self.out),
        }
    }

    /// The counters, even with `--quiet`: SIGUSR1 requests them.
    pub(crate) fn stats(&mut self, snapshot: &Snapshot<'_>) {
        match &self.style {
            Style::Quiet | Style::Text(_) => snapshot.say(),
            Style::Json(json) => json.stats(snapshot, &mut self.out),
        }
    }

    /// The counters at the end. Text omits them unless `wanted` or verbose.
    pub(crate) fn final_stats(&mut self, snapshot: &Snapshot<'_>, wanted: bool) {
        match &self.style {
            Style::Quiet => {}
            Style::Text(_) if !wanted && !self.verbose => {}
            Style::Text(_) | Style::Json(_) => self.stats(snapshot),
        }
    }

    /// A note, on stderr.
    pub(crate) fn note(&self, line: impl fmt::Display) {
        if matches!(self.style, Style::Text(_)) || self.verbose {
            say(format_args!("{line}"));
        }
    }

    /// Fails if stdout failed.
    pub(crate) fn check(&self) -> Result<(), Fault> {
        self.out.check()
    }

    /// Whether stdout has lost its reader.
    pub(crate) fn is_unread(&self) -> bool {
        self.out.is_closed()
    }
}
