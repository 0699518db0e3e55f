//! A connection as a sequence diagram: time runs down, the client is on the left.

use std::collections::BTreeMap;

use smolecho_sim::Frame;
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpAddress, IpEndpoint, IpProtocol, Ipv4Packet, Ipv6Packet,
    TcpPacket, TcpSeqNumber,
};
use svg::Document;
use svg::node::element::{Line, Style, Text};

/// The most segments in a diagram.
const MOST: usize = 400;

const LEFT: f64 = 180.0;
const RIGHT: f64 = 620.0;
const ROW: f64 = 26.0;
const TOP: f64 = 70.0;

const STYLE: &str = "
text { font: 12px ui-monospace, monospace; fill: #222 }
line { stroke: #333; stroke-width: 1.3 }
.life { stroke: #999 }
.again { stroke: #b26a00 } text.again { fill: #b26a00; stroke: none }
.lost { stroke: #c62828; stroke-dasharray: 5 3 } text.lost { fill: #c62828; stroke: none }
@media (prefers-color-scheme: dark) {
  svg { background: #111 } text { fill: #ddd } line { stroke: #bbb }
}";

/// A segment, as far as the diagram shows it.
struct Segment {
    at: smoltcp::time::Instant,
    from: IpEndpoint,
    to: IpEndpoint,
    flags: String,
    seq: TcpSeqNumber,
    ack: Option<TcpSeqNumber>,
    len: usize,
    lost: bool,
}

/// The connection with the most losses and retransmissions; `None` without any connection.
pub(super) fn of(frames: &[Frame]) -> Option<Document> {
    let mut connections: BTreeMap<String, Vec<Segment>> = BTreeMap::new();
    for segment in frames.iter().filter_map(read) {
        let mut ends = [segment.from.to_string(), segment.to.to_string()];
        ends.sort();
        connections.entry(ends.join(" ")).or_default().push(segment);
    }
    // The first segment must be a SYN, and must have been answered.
    connections.retain(|_, segments| {
        segments[0].flags == "SYN" && segments.iter().any(|it| it.from != segments[0].from)
    });
    let trouble = |segments: &[Segment]| {
        let again = repeated(segments).into_iter().filter(|again| *again).count();
        again + segments.iter().filter(|segment| segment.lost).count()
    };
    let mut best: Option<(usize, Vec<Segment>)> = None;
    for segments in connections.into_values() {
        let trouble = trouble(&segments);
        if best.as_ref().is_none_or(|(most, _)| trouble > *most) {
            best = Some((trouble, segments));
        }
    }
    best.map(|(_, segments)| draw(&segments))
}

fn read(frame: &Frame) -> Option<Segment> {
    let ethernet = EthernetFrame::new_checked(&frame.bytes).ok()?;
    let (from, to, payload): (IpAddress, IpAddress, &[u8]) = match ethernet.ethertype() {
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(ethernet.payload()).ok()?;
            (ip.next_header() == IpProtocol::Tcp).then_some(())?;
            (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
        }
        EthernetProtocol::Ipv6 => {
            let ip = Ipv6Packet::new_checked(ethernet.payload()).ok()?;
            (ip.next_header() == IpProtocol::Tcp).then_some(())?;
            (ip.src_addr().into(), ip.dst_addr().into(), ip.payload())
        }
        _ => return None,
    };
    let tcp = TcpPacket::new_checked(payload).ok()?;
    let flags = [("SYN", tcp.syn()), ("FIN", tcp.fin()), ("RST", tcp.rst())];
    let flags: Vec<&str> =
        flags.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect();
    Some(Segment {
        at: frame.at,
        from: IpEndpoint::new(from, tcp.src_port()),
        to: IpEndpoint::new(to, tcp.dst_port()),
        flags: flags.join(" "),
        seq: tcp.seq_number(),
        ack: tcp.ack().then(|| tcp.ack_number()),
        len: tcp.payload().len(),
        lost: frame.lost,
    })
}

/// Whether each segment carries only what its sender has sent before.
fn repeated(segments: &[Segment]) -> Vec<bool> {
    let mut next: BTreeMap<String, TcpSeqNumber> = BTreeMap::new();
    let is_again = |segment: &Segment| {
        let control = segment.flags.contains("SYN") || segment.flags.contains("FIN");
        let len = segment.len + usize::from(control);
        let end = segment.seq + len;
        let known = next.entry(segment.from.to_string()).or_insert(segment.seq);
        let again = len > 0 && end <= *known;
        *known = (*known).max(end);
        again
    };
    segments.iter().map(is_again).collect()
}

fn draw(segments: &[Segment]) -> Document {
    let shown = &segments[..segments.len().min(MOST)];
    let (client, server) = (segments[0].from, segments[0].to);
    let height = TOP + ROW * shown.len() as f64 + 50.0;
    let mut document = Document::new()
        .set("viewBox", (0, 0, 800, height as i64))
        .set("width", 800)
        .add(Style::new(STYLE))
        .add(text(LEFT, 30.0, "middle", "", client.to_string()))
        .add(text(RIGHT, 30.0, "middle", "", server.to_string()))
        .add(line((LEFT, 40.0), (LEFT, height), "life"))
        .add(line((RIGHT, 40.0), (RIGHT, height), "life"));
    let first = |of: IpEndpoint| segments.iter().find(|it| it.from == of).map(|it| it.seq);
    let (client_first, server_first) = (first(client), first(server));
    for (row, (segment, again)) in shown.iter().zip(repeated(segments)).enumerate() {
        let y = TOP + ROW * row as f64;
        let is_clients = segment.from == client;
        let (start, end) = if is_clients { (LEFT, RIGHT) } else { (RIGHT, LEFT) };
        let class = match (segment.lost, again) {
            (true, _) => "lost",
            (false, true) => "again",
            (false, false) => "",
        };
        // The arrow of a lost segment ends early.
        let reach = if segment.lost { 0.6 } else { 1.0 };
        let tip = (start + (end - start) * reach, y + 10.0 * reach);
        document = document.add(line((start, y), tip, class));
        document = if segment.lost {
            document.add(text(tip.0, tip.1 + 4.0, "middle", class, "\u{d7}"))
        } else {
            let back = if is_clients { -8.0 } else { 8.0 };
            document.add(line(tip, (tip.0 + back, tip.1 - 4.0), class)).add(line(
                tip,
                (tip.0 + back, tip.1 + 4.0),
                class,
            ))
        };
        let (ours, theirs) =
            if is_clients { (client_first, server_first) } else { (server_first, client_first) };
        let label = label(segment, ours, theirs);
        let aside = if is_clients { (LEFT - 10.0, "end") } else { (RIGHT + 10.0, "start") };
        let at = segment.at.total_micros() as f64 / 1000.0;
        document = document
            .add(text((LEFT + RIGHT) / 2.0, y - 1.0, "middle", class, label))
            .add(text(aside.0, y + 4.0, aside.1, class, format!("{at:.1} ms")));
    }
    let left_out = segments.len() - shown.len();
    let legend = match left_out {
        0 => "dashed: lost; orange: retransmitted".to_owned(),
        more => format!("dashed: lost; orange: retransmitted; {more} more segments"),
    };
    document.add(text((LEFT + RIGHT) / 2.0, height - 15.0, "middle", "", legend))
}

/// Flags, byte numbers relative to the SYN, and the acknowledgment.
fn label(segment: &Segment, ours: Option<TcpSeqNumber>, theirs: Option<TcpSeqNumber>) -> String {
    let since = |number: TcpSeqNumber, first: Option<TcpSeqNumber>| {
        i64::from(number.0.wrapping_sub(first.unwrap_or(number).0))
    };
    let mut parts = Vec::new();
    if !segment.flags.is_empty() {
        parts.push(segment.flags.clone());
    }
    if segment.len > 0 {
        let from = since(segment.seq, ours);
        parts.push(format!("{from}..{}", from + segment.len as i64));
    }
    if let Some(ack) = segment.ack {
        parts.push(format!("ACK {}", since(ack, theirs)));
    }
    parts.join(", ")
}

fn line(from: (f64, f64), to: (f64, f64), class: &str) -> Line {
    let line = Line::new().set("x1", from.0).set("y1", from.1).set("x2", to.0).set("y2", to.1);
    if class.is_empty() { line } else { line.set("class", class) }
}

fn text(x: f64, y: f64, anchor: &str, class: &str, content: impl Into<String>) -> Text {
    let text = Text::new(content).set("x", x).set("y", y).set("text-anchor", anchor);
    if class.is_empty() { text } else { text.set("class", class) }
}
