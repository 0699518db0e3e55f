//! What is to be reached, and whether it was.

use serde::{Deserialize, Serialize};

use super::peer::{KERNEL, OURS, OURS_HELD, OURS_LARGE, OURS_OFFLOAD, REFLECTOR, USUAL};
use super::results::Results;
use super::spread::Spread;

/// A figure of ours, beside another.
struct Goal {
    figure: &'static str,
    peer: &'static str,
    base: Base,
    bound: Bound,
}

#[derive(Clone, Copy)]
enum Base {
    /// The same figure of this peer.
    Peer(&'static str),
    /// This figure of the same peer.
    Figure(&'static str),
    /// None: the figure itself.
    One,
    /// None: what was lost.
    Lost,
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

use Base::{Figure, Lost, One, Peer};
use Bound::{AtLeast, AtMost};

const GOALS: &[Goal] = &[
    goal("tcp-rtt-14", OURS, Peer(USUAL), AtMost(0.60)),
    goal("tcp-rtt-14", OURS, Peer(KERNEL), AtMost(0.85)),
    goal("tcp-rtt-1024", OURS, Peer(USUAL), AtMost(0.60)),
    goal("tcp-rtt-1024", OURS, Peer(KERNEL), AtMost(0.85)),
    goal("udp-rtt-14", OURS, Peer(REFLECTOR), AtMost(1.15)),
    goal("udp-rtt-1024", OURS, Peer(REFLECTOR), AtMost(1.15)),
    goal("udp-window-32", OURS, Peer(REFLECTOR), AtLeast(0.90)),
    goal("udp-window-32", OURS, Lost, AtMost(0.0)),
    goal("bulk", OURS, Peer(USUAL), AtLeast(1.5)),
    goal("bulk", OURS_LARGE, Peer(KERNEL), AtLeast(0.80)),
    goal("bulk", OURS_OFFLOAD, Peer(KERNEL), AtLeast(1.10)),
    goal("bulk-calls", OURS_LARGE, One, AtMost(45.0)),
    goal("connections-8", OURS, Peer(KERNEL), AtLeast(1.3)),
    goal("connections-64", OURS, Peer(KERNEL), AtLeast(1.3)),
    goal("connects-1", OURS, Peer(KERNEL), AtLeast(1.35)),
    goal("connects-8", OURS, Peer(KERNEL), AtLeast(1.35)),
    goal("held-10000", OURS_HELD, Figure("held-1"), AtMost(1.2)),
    goal("turn-10000", OURS_HELD, Figure("held-1"), AtMost(1.5)),
    goal("idle-10000", OURS_HELD, One, AtMost(0.0)),
    goal("tcp-calls", OURS, One, AtMost(3.0)),
];

const fn goal(figure: &'static str, peer: &'static str, base: Base, bound: Bound) -> Goal {
    Goal { figure, peer, base, bound }
}

/// A goal, and what was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Verdict {
    pub(super) figure: String,
    pub(super) about: String,
    pub(super) peer: String,
    /// What it is compared with; nothing if the figure stands for itself.
    pub(super) of: Option<String>,
    pub(super) value: Spread,
    pub(super) goal: String,
    pub(super) met: bool,
}

/// Of the goals for which everything was measured. A ratio is taken round by round: what slows the machine
/// down for a while slows both.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    GOALS.iter().filter_map(|goal| verdict(goal, results)).collect()
}

fn verdict(goal: &Goal, results: &Results) -> Option<Verdict> {
    let Goal { figure, peer, base, bound } = *goal;
    let row = results.row(figure)?;
    let cell = row.cell(peer)?;
    let (of, other) = match base {
        Peer(other) => (Some(other.to_owned()), Some(row.cell(other)?)),
        Figure(other) => {
            let other = results.row(other)?;
            // "…, 1 connection": what is different is said last.
            let of = other.about.rsplit(", ").next().unwrap_or_default();
            (Some(of.to_owned()), Some(other.cell(peer)?))
        }
        One | Lost => (None, None),
    };
    let value = match (base, other) {
        (Lost, _) => Spread::of([cell.lost as f64]),
        (_, None) => Spread::of(cell.rounds.iter().copied()),
        (_, Some(other)) => Spread::of(cell.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b)),
    };
    let value = value.filter(|value| value.median.is_finite())?;
    let (goal, met) = match bound {
        AtMost(most) => (format!("≤ {most}"), value.median <= most),
        AtLeast(least) => (format!("≥ {least}"), value.median >= least),
    };
    let about = match base {
        Lost => format!("{}: lost", row.about),
        _ => row.about.clone(),
    };
    Some(Verdict { figure: figure.into(), about, peer: peer.into(), of, value, goal, met })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::FIGURES;
    use crate::bench::peer::PEERS;

    /// A goal whose figure nobody takes would never be shown, and nobody would miss it.
    #[test]
    fn every_goal_can_be_judged() {
        let takes = |peer: &str, figure: &str| {
            let figure = FIGURES.iter().find(|it| it.name == figure);
            let peer = PEERS.iter().find(|it| it.name == peer);
            peer.zip(figure).is_some_and(|(peer, figure)| peer.takes(figure.load))
        };
        for Goal { figure, peer, base, .. } in GOALS {
            assert!(takes(peer, figure), "{peer} {figure}");
            match base {
                Peer(other) => assert!(takes(other, figure), "{other} {figure}"),
                Figure(other) => assert!(takes(peer, other), "{peer} {other}"),
                One | Lost => {}
            }
        }
    }
}
