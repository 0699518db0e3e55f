//! `smolecho sim`: repeatable runs and their files.

use std::fs;

use libtest_mimic::Failed;

use crate::Case;
use crate::output::read_pcap;
use crate::program::{Run, ensure};

pub(crate) const CASES: &[Case] = &[
    ("sim::the_same_seed_prints_the_same_trace", same_seed),
    ("sim::a_run_is_written_and_drawn", written),
];

/// The hash of the trace; the rest of the line has the time taken.
fn trace(run: &Run) -> Result<&str, Failed> {
    run.stdout.rsplit_once("trace ").map(|(_, hash)| hash.trim()).ok_or_else(|| "no trace".into())
}

fn same_seed() -> Result<(), Failed> {
    let run = |seed| Run::of(["sim", "--runs", "22", "--seed", seed]).expect_status(0);
    let (first, second, other) = (run("5")?, run("5")?, run("6")?);
    ensure(first.stdout.starts_with("22 runs, "), || format!("{first:#?}"))?;
    ensure(trace(&first)? == trace(&second)?, || format!("{first:#?} {second:#?}"))?;
    ensure(trace(&first)? != trace(&other)?, || format!("{first:#?} {other:#?}"))
}

fn written() -> Result<(), Failed> {
    let file = |name| std::env::temp_dir().join(format!("smolecho-{}-{name}", std::process::id()));
    let (pcap, svg) = (file("sim.pcap"), file("sim.svg"));
    let files = ["--pcap", pcap.to_str().ok_or("a path")?, "--svg", svg.to_str().ok_or("a path")?];
    let run = ["sim", "--scenario", "loss", "--seed", "4", "--runs", "1"];
    let run = Run::of([&run[..], &files].concat()).expect_status(0)?;
    let frames = run.stdout.split(' ').zip(run.stdout.split(' ').skip(1));
    let frames: usize = frames
        .filter(|(_, word)| *word == "frames,")
        .find_map(|(n, _)| n.parse().ok())
        .ok_or("none")?;
    let captured = read_pcap(&fs::read(&pcap)?, 0..3600)?.len();
    ensure(captured == frames, || format!("{captured} of {frames} frames"))?;
    let svg_text = fs::read_to_string(&svg)?;
    for part in ["<svg", "SYN, ACK 1", "class=\"lost\"", "class=\"again\"", "</svg>"] {
        ensure(svg_text.contains(part), || format!("no {part} in the picture"))?;
    }
    fs::remove_file(pcap)?;
    fs::remove_file(svg)?;
    Ok(())
}
