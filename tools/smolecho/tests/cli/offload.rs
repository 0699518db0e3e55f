//! `--offload` and `--spin` change the speed only.

use libtest_mimic::Failed;
use smoltcp::wire::{EthernetFrame, IpProtocol, Ipv4Packet, TcpPacket};

use crate::Case;
use crate::output::{MEGABYTE, captured};
use crate::program::{LECTURE_SERVER, PROGRAM, Run, ensure};

pub(crate) const CASES: &[Case] = &[
    ("offload::the_probe_finds_nothing", examined),
    ("offload::the_client_has_it_too", client),
    ("offload::a_capture_has_its_checksums", capture),
    ("offload::bytes_come_through_a_bad_cable", bad_cable),
    ("offload::serves_while_spinning", spinning),
];

fn served(options: &[&str], command: &[&str]) -> Result<Run, Failed> {
    let serve = ["serve", "-q", "--buffer", "65535"];
    Run::of([&serve, options, &["--private", "--"], command].concat()).expect_status(0)
}

fn examined() -> Result<(), Failed> {
    served(&["--offload"], &[PROGRAM, "probe", "192.168.69.1:12345", "[fdaa::1]:12345"]).map(drop)
}

fn client() -> Result<(), Failed> {
    let client = ["client", "192.168.69.100:12345", "--offload"];
    let run = Run::of([&client[..], &LECTURE_SERVER].concat()).expect_status(0)?;
    run.expect_lines(&["Received from server: Hello, Server!"])
}

/// Checksums that neither side computes, in frames larger than an Ethernet frame.
fn capture() -> Result<(), Failed> {
    let frames =
        captured(|file| served(&["--offload", "--pcap", file], &["python3", "-c", MEGABYTE]))?;
    let (mut inward, mut outward) = (0, 0);
    for frame in &frames {
        let Ok(ethernet) = EthernetFrame::new_checked(&frame[..]) else { continue };
        let Ok(ip) = Ipv4Packet::new_checked(ethernet.payload()) else { continue };
        if ip.next_header() != IpProtocol::Tcp {
            continue;
        }
        let tcp = TcpPacket::new_checked(ip.payload())?;
        let right = tcp.verify_checksum(&ip.src_addr().into(), &ip.dst_addr().into());
        ensure(right, || format!("a wrong checksum in {} bytes", frame.len()))?;
        let longest = if tcp.dst_port() == 12_345 { &mut inward } else { &mut outward };
        *longest = frame.len().max(*longest);
    }
    ensure(inward > 1514 && outward > 1514, || format!("{inward} bytes in, {outward} out"))
}

/// A lost frame may hold 64 KiB here.
fn bad_cable() -> Result<(), Failed> {
    let bad = ["--loss", "2", "--duplicate", "3", "--reorder", "5", "--delay", "1ms"];
    let options = [&["--offload", "--seed", "3", "--stall-timeout", "60s"], &bad[..]].concat();
    served(&options, &["python3", "-c", MEGABYTE]).map(drop)
}

fn spinning() -> Result<(), Failed> {
    served(&["--spin", "5ms"], &[PROGRAM, "probe", "192.168.69.1:12345"]).map(drop)
}
