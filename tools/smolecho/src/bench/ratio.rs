//! Our figures as ratios to those of other peers.

use super::peer::{KERNEL, OURS, OURS_HELD, OURS_LARGE, OURS_OFFLOAD, REFLECTOR, USUAL};
use super::results::{Ratio, Results};
use super::spread::Spread;

/// A figure, a server of ours, and the divisor: the same figure of another peer, or another figure of that
/// server.
const RATIOS: &[(&str, &str, &str)] = &[
    ("tcp-rtt-14", OURS, USUAL),
    ("tcp-rtt-14", OURS, KERNEL),
    ("tcp-rtt-1024", OURS, USUAL),
    ("tcp-rtt-1024", OURS, KERNEL),
    ("udp-rtt-14", OURS, REFLECTOR),
    ("udp-rtt-1024", OURS, REFLECTOR),
    ("udp-window-32", OURS, REFLECTOR),
    ("bulk", OURS, USUAL),
    ("bulk", OURS_LARGE, KERNEL),
    ("bulk", OURS_OFFLOAD, KERNEL),
    ("connections-8", OURS, KERNEL),
    ("connections-64", OURS, KERNEL),
    ("connects-1", OURS, KERNEL),
    ("connects-8", OURS, KERNEL),
    ("held-10000", OURS_HELD, "held-1"),
    ("turn-10000", OURS_HELD, "held-1"),
];

/// The ratios whose two sides were measured.
pub(super) fn ratios(results: &Results) -> Vec<Ratio> {
    RATIOS.iter().filter_map(|ratio| taken(*ratio, results)).collect()
}

/// The ratio is taken round by round: load on the machine then affects both sides.
fn taken((figure, peer, of): (&str, &str, &str), results: &Results) -> Option<Ratio> {
    let row = results.row(figure)?;
    let ours = row.cell(peer)?;
    let (of, other) = match results.row(of) {
        // "…, 1 connection": the difference comes last.
        Some(row) => (row.about.rsplit(", ").next().unwrap_or_default(), row.cell(peer)?),
        None => (of, row.cell(of)?),
    };
    let value = Spread::of(ours.rounds.iter().zip(&other.rounds).map(|(a, b)| a / b))?;
    value.median.is_finite().then(|| Ratio {
        figure: figure.into(),
        about: row.about.clone(),
        peer: peer.into(),
        of: of.into(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::figure::FIGURES;
    use crate::bench::peer::PEERS;

    #[test]
    fn both_sides_of_every_ratio_are_measured() {
        let takes = |peer: &str, figure: &str| {
            let figure = FIGURES.iter().find(|it| it.name == figure);
            let peer = PEERS.iter().find(|it| it.name == peer);
            peer.zip(figure).is_some_and(|(peer, figure)| peer.takes(figure.load))
        };
        for (figure, peer, of) in RATIOS {
            assert!(takes(peer, figure), "{peer} {figure}");
            assert!(takes(of, figure) || takes(peer, of), "{of} {figure}");
        }
    }
}
