//! What RFC 9293 section 3.10.7 wants in each state for each kind of segment, and where the node deviates.

use After::*;
use At::*;
use Number::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
}

pub(super) const ALL: &[At] = &[
    Closed,
    Listen,
    SynSent,
    SynReceived,
    Established,
    FinWait1,
    FinWait2,
    CloseWait,
    Closing,
    LastAck,
    TimeWait,
];

/// The states in which the node has a receive window, and RFC 9293's synchronized ones.
const WITH_NUMBERS: &[At] = ALL.split_at(3).1;
const SYNCHRONIZED: &[At] = ALL.split_at(4).1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Syn,
    SynAck,
    Fin,
    Rst,
    Ack,
    Data,
}

pub(super) const ANY: &[Kind] =
    &[Kind::Syn, Kind::SynAck, Kind::Fin, Kind::Rst, Kind::Ack, Kind::Data];
const SYN: &[Kind] = &[Kind::Syn];
const SYNS: &[Kind] = &[Kind::Syn, Kind::SynAck];
const RST: &[Kind] = &[Kind::Rst];
const FIN: &[Kind] = &[Kind::Fin];
const DATA: &[Kind] = &[Kind::Data];
const ACK: &[Kind] = &[Kind::Ack];

/// A sequence number's place in the receive window, or an acknowledgement's among the sent numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    /// RCV.NXT.
    Next,
    /// After RCV.NXT, in the window.
    Inside,
    /// Before and beyond the window.
    Left,
    Right,
    /// SND.NXT.
    Full,
    /// Before SND.UNA.
    Old,
    /// SND.NXT + 1.
    Far,
    /// No ACK bit.
    None,
}

pub(super) const SEQS: &[Number] = &[Next, Inside, Left, Right];
const IN_WINDOW: &[Number] = &[Next, Inside];
const OUTSIDE: &[Number] = &[Left, Right];
pub(super) const ACKS: &[Number] = &[Full, Old, Far, None];
pub(super) const WITH_ACK: &[Number] = &[Full, Old, Far];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Silence,
    Ack,
    SynAck,
    Reset,
}

/// The state of the connection after the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    Stays,
    /// RCV.NXT has moved: data or a FIN was taken.
    Takes,
    /// A handshake has begun.
    Begins,
    /// A handshake is complete.
    Opens,
    /// Both sides have closed.
    Done,
    /// Reset, or forgotten.
    Gone,
}

pub(super) type Rule = (
    &'static str,
    &'static [At],
    &'static [Kind],
    &'static [Number],
    &'static [Number],
    Reply,
    After,
);

#[rustfmt::skip]
pub(super) const RFC: &[Rule] = &[
    ("3.10.7.1", &[Closed], RST, SEQS, ACKS, Reply::Silence, Stays),
    ("3.10.7.1", &[Closed], ANY, SEQS, ACKS, Reply::Reset, Stays),

    ("3.10.7.2 first",  &[Listen], RST, SEQS, ACKS, Reply::Silence, Stays),
    ("3.10.7.2 second", &[Listen], ANY, SEQS, WITH_ACK, Reply::Reset, Stays),
    ("3.10.7.2 third",  &[Listen], SYN, SEQS, ACKS, Reply::SynAck, Begins),
    ("3.10.7.2 fourth", &[Listen], ANY, SEQS, ACKS, Reply::Silence, Stays),

    ("3.10.7.3 first",  &[SynSent], RST, SEQS, &[Old, Far], Reply::Silence, Stays),
    ("3.10.7.3 first",  &[SynSent], ANY, SEQS, &[Old, Far], Reply::Reset, Stays),
    ("3.10.7.3 second", &[SynSent], RST, SEQS, &[Full], Reply::Silence, Gone),
    ("3.10.7.3 second", &[SynSent], RST, SEQS, &[None], Reply::Silence, Stays),
    ("3.10.7.3 fourth", &[SynSent], &[Kind::SynAck], SEQS, &[Full], Reply::Ack, Opens),
    ("3.10.7.3 fourth", &[SynSent], SYN, SEQS, &[None], Reply::SynAck, Stays),
    ("3.10.7.3 fifth",  &[SynSent], ANY, SEQS, ACKS, Reply::Silence, Stays),

    ("3.6.1 MAY-2", &[TimeWait], SYN, &[Next, Inside, Right], &[None], Reply::SynAck, Begins),
    ("3.10.7.4 first", WITH_NUMBERS, RST, OUTSIDE, ACKS, Reply::Silence, Stays),
    ("3.10.7.4 first", WITH_NUMBERS, ANY, OUTSIDE, ACKS, Reply::Ack, Stays),
    ("3.10.7.4 second, RFC 5961 3", &[LastAck], RST, &[Next], ACKS, Reply::Silence, Done),
    ("3.10.7.4 second, RFC 5961 3", WITH_NUMBERS, RST, &[Next], ACKS, Reply::Silence, Gone),
    ("3.10.7.4 second, RFC 5961 3", WITH_NUMBERS, RST, &[Inside], ACKS, Reply::Ack, Stays),
    ("3.10.7.4 fourth", &[SynReceived], SYNS, IN_WINDOW, ACKS, Reply::Silence, Gone),
    ("3.10.7.4 fourth, RFC 5961 4", SYNCHRONIZED, SYNS, IN_WINDOW, ACKS, Reply::Ack, Stays),
    ("3.10.7.4 fifth", WITH_NUMBERS, ANY, IN_WINDOW, &[None], Reply::Silence, Stays),
    ("3.10.7.4 fifth", &[SynReceived], ANY, IN_WINDOW, &[Old, Far], Reply::Reset, Stays),
    ("3.10.7.4 fifth", SYNCHRONIZED, ANY, IN_WINDOW, &[Far], Reply::Ack, Stays),

    ("3.10.7.4 fifth", &[SynReceived], ACK, IN_WINDOW, &[Full], Reply::Silence, Opens),
    ("3.10.7.4 seventh", &[SynReceived], DATA, IN_WINDOW, &[Full], Reply::Ack, Opens),
    ("3.10.7.4 eighth", &[SynReceived], FIN, &[Next], &[Full], Reply::Ack, Opens),
    ("3.10.7.4 fifth, 3.10.7.4 eighth", &[SynReceived], FIN, &[Inside], &[Full], Reply::Silence, Opens),

    ("3.10.7.4 fifth", &[Closing, LastAck], ANY, IN_WINDOW, &[Full], Reply::Silence, Done),
    ("3.10.7.4 fifth", SYNCHRONIZED, ACK, IN_WINDOW, ACKS, Reply::Silence, Stays),

    ("3.10.7.4 seventh", &[Established], DATA, &[Next], ACKS, Reply::Ack, Takes),
    ("3.6.1, RFC 1122 4.2.2.13", &[FinWait1, FinWait2], DATA, &[Next], ACKS, Reply::Reset, Gone),
    ("3.10.7.4 seventh", &[Established, FinWait1, FinWait2], DATA, &[Inside], ACKS, Reply::Ack, Stays),
    ("3.10.7.4 seventh", SYNCHRONIZED, DATA, IN_WINDOW, ACKS, Reply::Silence, Stays),

    ("3.10.7.4 eighth", &[Established], FIN, &[Next], ACKS, Reply::Ack, Takes),
    ("3.10.7.4 eighth", &[FinWait1], FIN, &[Next], &[Full], Reply::Ack, Done),
    ("3.10.7.4 eighth", &[FinWait1], FIN, &[Next], ACKS, Reply::Ack, Takes),
    ("3.10.7.4 eighth", &[FinWait2], FIN, &[Next], ACKS, Reply::Ack, Done),
    ("3.10.7.4 eighth", SYNCHRONIZED, FIN, IN_WINDOW, ACKS, Reply::Silence, Stays),
];

/// Accepted deviations, each with its reason.
#[rustfmt::skip]
pub(super) const DEVIATIONS: &[Rule] = &[
    ("no simultaneous open (MUST-10): smoltcp panics on it while our own SYN has not left",
        &[SynSent], SYN, SEQS, &[None], Reply::Silence, Stays),
    ("smoltcp drops a FIN in SYN-SENT silently; its sender gives up by itself",
        &[SynSent], FIN, SEQS, &[Old, Far], Reply::Silence, Stays),
    ("a SYN, repeated or forged, does not end a handshake; the SYN-ACK is retransmitted by its timer",
        &[SynReceived], SYNS, SEQS, &[Full, None], Reply::Silence, Stays),
    ("smoltcp checks the acknowledgement before the window: the reset carries the sender's own number",
        &[SynReceived], &[Kind::SynAck, Kind::Fin, Kind::Ack, Kind::Data], SEQS, &[Old, Far], Reply::Reset, Stays),
    ("smoltcp drops a whole segment with an old acknowledgement; its retransmission has a newer one",
        SYNCHRONIZED, &[Kind::Fin, Kind::Ack, Kind::Data], SEQS, &[Old], Reply::Silence, Stays),
    ("data that nobody will read waits for the ACK of our FIN: only then is the peer reset",
        &[FinWait1], DATA, &[Next], &[Old], Reply::Ack, Takes),
    ("a segment without ACK is dropped, in the window or not; no stack sends one",
        WITH_NUMBERS, &[Kind::Fin, Kind::Ack, Kind::Data], OUTSIDE, &[None], Reply::Silence, Stays),
    ("smoltcp drops a second FIN together with its acknowledgement; the peer acknowledges our next FIN",
        &[Closing, LastAck], FIN, &[Next], &[Full], Reply::Silence, Stays),
    ("data after the peer's FIN is answered with an ACK, not ignored",
        &[CloseWait], DATA, IN_WINDOW, &[Full, Old], Reply::Ack, Stays),
    ("smoltcp takes data after the peer's FIN once our own is sent, here with a gap before it",
        &[Closing, LastAck], DATA, &[Inside], &[Full], Reply::Ack, Done),
    ("the same without a gap: no program reads it, so the peer is reset (RFC 1122 section 4.2.2.13)",
        &[Closing], DATA, &[Next], &[Full], Reply::Reset, Gone),
    ("any SYN ends TIME-WAIT; if it is an old duplicate the peer resets the answer",
        &[TimeWait], SYN, &[Left], &[None], Reply::SynAck, Begins),
];

/// The indices of all rules that match a case.
pub(super) fn find(
    rules: &'static [Rule],
    at: At,
    kind: Kind,
    seq: Number,
    ack: Number,
) -> Vec<usize> {
    let holds = |rule: &Rule| {
        rule.1.contains(&at)
            && rule.2.contains(&kind)
            && rule.3.contains(&seq)
            && rule.4.contains(&ack)
    };
    (0..rules.len()).filter(|rule| holds(&rules[*rule])).collect()
}
