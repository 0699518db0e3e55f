//! The counters that are not zero, as text and as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use smolecho::phy::tap::Counters;
use smolecho::{CloseReason, DatagramDropReason, DropReason, Occupancy, Stats};

use super::stderr::say;

/// The counters at one moment.
pub(crate) struct Snapshot<'s> {
    pub(crate) stats: &'s Stats,
    pub(crate) occupancy: Occupancy,
    pub(crate) device: Counters,
}

type Reasons = BTreeMap<&'static str, u64>;

/// The JSON object: totals always, reasons only if not zero.
#[derive(Serialize)]
pub(super) struct Object {
    event: &'static str,
    frames: u64,
    delivered: u64,
    refused: Reasons,
    accepted: u64,
    connected: u64,
    open: usize,
    ended: Reasons,
    bytes_received: u64,
    bytes_sent: u64,
    datagrams_received: u64,
    datagrams_sent: u64,
    ignored: Reasons,
    recycled: u64,
    challenges: u64,
    cookies_given: u64,
    cookies_returned: u64,
    slots: Slots,
    device: Device,
}

#[derive(Serialize)]
struct Slots {
    free: usize,
    half_open: usize,
    open: usize,
    parting: usize,
}

#[derive(Serialize)]
struct Device {
    received: u64,
    sent: u64,
    rx_too_large: u64,
    rx_checksum: u64,
    rx_errors: u64,
    tx_dropped: u64,
}

impl Snapshot<'_> {
    pub(super) fn object(&self) -> Object {
        let Snapshot { stats, occupancy, device } = self;
        Object {
            event: "stats",
            frames: stats.frames,
            delivered: stats.delivered,
            refused: self.refused().collect(),
            accepted: stats.accepted,
            connected: stats.connected,
            open: occupancy.open,
            ended: self.ended().collect(),
            bytes_received: stats.bytes_received,
            bytes_sent: stats.bytes_sent,
            datagrams_received: stats.datagrams_received,
            datagrams_sent: stats.datagrams_sent,
            ignored: self.ignored().collect(),
            recycled: stats.recycled,
            challenges: stats.challenges,
            cookies_given: stats.cookies_given,
            cookies_returned: stats.cookies_returned,
            slots: Slots {
                free: occupancy.free,
                half_open: occupancy.half_open,
                open: occupancy.open,
                parting: occupancy.closing,
            },
            device: Device {
                received: device.received,
                sent: device.sent,
                rx_too_large: device.rx_too_large,
                rx_checksum: device.rx_checksum,
                rx_errors: device.rx_errors,
                tx_dropped: device.tx_dropped,
            },
        }
    }

    /// Prints the counters on stderr, one line for each layer.
    pub(super) fn say(&self) {
        let Snapshot { stats, occupancy, device } = self;
        line(
            "frames",
            [
                ("in", device.received),
                ("out", device.sent),
                ("too large", device.rx_too_large),
                ("with a wrong checksum", device.rx_checksum),
                ("unreadable", device.rx_errors),
                ("not sent", device.tx_dropped),
            ],
        );
        line("refused", self.refused());
        line(
            "connections",
            [
                ("accepted", stats.accepted),
                ("made", stats.connected),
                ("challenged", stats.challenges),
                ("answered with a cookie", stats.cookies_given),
                ("from a cookie", stats.cookies_returned),
                ("recycled", stats.recycled),
            ],
        );
        line("ended", self.ended());
        line(
            "slots",
            [
                ("free", occupancy.free as u64),
                ("half open", occupancy.half_open as u64),
                ("open", occupancy.open as u64),
                ("closing", occupancy.closing as u64),
            ],
        );
        line("datagrams", [("received", stats.datagrams_received), ("sent", stats.datagrams_sent)]);
        line("ignored", self.ignored());
        line("bytes", [("received", stats.bytes_received), ("sent", stats.bytes_sent)]);
    }

    fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        occurred(
            DropReason::ALL.iter().map(|refusal| (refusal.name(), self.stats.dropped(*refusal))),
        )
    }

    fn ended(&self) -> impl Iterator<Item = (&'static str, u64)> {
        occurred(CloseReason::ALL.iter().map(|end| (end.name(), self.stats.ended(*end))))
    }

    fn ignored(&self) -> impl Iterator<Item = (&'static str, u64)> {
        occurred(
            DatagramDropReason::ALL
                .iter()
                .map(|ignored| (ignored.name(), self.stats.datagrams_dropped(*ignored))),
        )
    }
}

fn occurred(
    counts: impl Iterator<Item = (&'static str, u64)>,
) -> impl Iterator<Item = (&'static str, u64)> {
    counts.filter(|(_, n)| *n > 0)
}

/// Prints the counts that are not zero; no line if there are none.
fn line(about: &str, counts: impl IntoIterator<Item = (&'static str, u64)>) {
    let counts = occurred(counts.into_iter()).map(|(name, n)| format!("{n} {name}"));
    let counts: Vec<String> = counts.collect();
    if !counts.is_empty() {
        say(format_args!("{about}: {}", counts.join(", ")));
    }
}
