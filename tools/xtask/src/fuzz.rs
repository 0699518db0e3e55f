//! Fuzzing: runs the targets of `tools/fuzz`, two at a time. Corpora and failing inputs stay in `target/fuzz`.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Child,
};

use crate::run::{self, Outcome, command, root, target};

struct Target {
    name: &'static str,
    /// Bytes of the longest input.
    longest: u32,
    seeds: Seeds,
}

/// The first inputs of a target.
enum Seeds {
    Nothing,
    /// Each of the simulator's frames.
    Frames,
    /// Rows of frames, in the format of the target `frames`.
    Rows,
    /// A dictionary of command-line words.
    Words,
}

const TARGETS: &[Target] = &[
    Target { name: "frames", longest: 16_384, seeds: Seeds::Rows },
    Target { name: "segments", longest: 2_048, seeds: Seeds::Nothing },
    Target { name: "gate", longest: 1_600, seeds: Seeds::Frames },
    Target { name: "config", longest: 512, seeds: Seeds::Nothing },
    Target { name: "command_line", longest: 512, seeds: Seeds::Words },
    Target { name: "drivers", longest: 16_384, seeds: Seeds::Nothing },
];

/// Targets that run at once: CI has two cores.
const AT_ONCE: usize = 2;

/// Scenarios of the simulator whose frames are first inputs.
const SCENARIOS: &[&str] = &["calm", "loss", "fragments", "impossible", "everything"];

/// Frames in a row.
const ROW: usize = 8;

/// Seconds after which an input counts as a hang.
const HANGS: u64 = 20;

/// Runs each target for `seconds`. With a seed and an empty corpus the inputs are the same each time.
pub(crate) fn run(seconds: u64, seed: Option<u32>) -> Outcome {
    let place = target().join("fuzz");
    build(&place)?;
    plant(&place)?;
    for pair in TARGETS.chunks(AT_ONCE) {
        let started: Outcome<Vec<_>> =
            pair.iter().map(|target| target.start(&place, seconds, seed)).collect();
        let mut failed = Vec::new();
        for (target, mut child) in pair.iter().zip(started?) {
            let status = child.wait().map_err(|error| format!("{}: {error}", target.name))?;
            let log = fs::read_to_string(target.log(&place)).unwrap_or_default();
            if !status.success() {
                println!("{log}");
                failed.push(target.name);
            }
            let runs =
                log.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
            println!("{}: {} inputs in {seconds} s", target.name, runs.unwrap_or("?").trim());
        }
        if !failed.is_empty() {
            let folder = place.display();
            return Err(format!("{}: the failing input is in {folder}", failed.join(", ")));
        }
    }
    Ok(())
}

/// Without a sanitizer: no code here is unsafe, and an overflow panics.
fn build(place: &Path) -> Outcome {
    let mut build = command(&["cargo", "fuzz", "build", "--fuzz-dir", "tools/fuzz"]);
    run::run(build.args(["--sanitizer", "none", "--target-dir"]).arg(place))
}

/// Writes the first inputs, from frames of the simulator.
fn plant(place: &Path) -> Outcome {
    let mut frames = Vec::new();
    for scenario in SCENARIOS {
        let pcap = place.join(format!("{scenario}.pcap"));
        let mut sim = command(&["cargo", "run", "--quiet", "--release", "--", "sim"]);
        sim.args(["--runs", "1", "--seed", "1", "--scenario", scenario, "--pcap"]).arg(&pcap);
        run::run(&mut sim)?;
        let bytes = fs::read(&pcap).map_err(|error| format!("{}: {error}", pcap.display()))?;
        frames.extend(captured(&bytes).map(<[u8]>::to_vec));
    }
    for target in TARGETS {
        let inputs: Vec<Vec<u8>> = match target.seeds {
            Seeds::Nothing | Seeds::Words => Vec::new(),
            Seeds::Frames => frames.clone(),
            Seeds::Rows => frames.chunks(ROW).map(row).collect(),
        };
        let corpus = target.corpus(place);
        let written = fs::create_dir_all(&corpus).and_then(|()| {
            let mut inputs = inputs.iter().enumerate();
            inputs.try_for_each(|(n, input)| fs::write(corpus.join(format!("seed-{n}")), input))
        });
        written.map_err(|error| format!("{}: {error}", corpus.display()))?;
    }
    Ok(())
}

/// Each frame behind a wait of zero and its length.
fn row(frames: &[Vec<u8>]) -> Vec<u8> {
    let record = |frame: &Vec<u8>| {
        let [low, high] = (frame.len() as u16).to_le_bytes();
        [&[0, low, high][..], frame].concat()
    };
    frames.iter().flat_map(record).collect()
}

/// The frames of a pcap file: a header of 24 bytes, then a header of 16 bytes before each frame, with its length
/// in the third word.
fn captured(mut pcap: &[u8]) -> impl Iterator<Item = &[u8]> {
    pcap = pcap.get(24..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (header, rest) = pcap.split_first_chunk::<16>()?;
        let len = u32::from_le_bytes(header[8..12].try_into().ok()?) as usize;
        let (frame, rest) = rest.split_at_checked(len)?;
        pcap = rest;
        Some(frame)
    })
}

impl Target {
    fn corpus(&self, place: &Path) -> PathBuf {
        place.join("corpus").join(self.name)
    }

    fn log(&self, place: &Path) -> PathBuf {
        place.join(format!("{}.log", self.name))
    }

    fn start(&self, place: &Path, seconds: u64, seed: Option<u32>) -> Outcome<Child> {
        let program = place.join("x86_64-unknown-linux-gnu/release").join(self.name);
        let log = self.log(place);
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut fuzz = command(&[&program.display().to_string()]);
        fuzz.arg(self.corpus(place))
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-max_len={}", self.longest))
            .arg(format!("-timeout={HANGS}"))
            .arg(format!("-artifact_prefix={}/{}-", place.display(), self.name))
            .arg("-print_final_stats=1")
            .stderr(file);
        if let Some(seed) = seed {
            fuzz.arg(format!("-seed={seed}"));
        }
        if matches!(self.seeds, Seeds::Words) {
            let words = root().join("tools/fuzz").join(format!("{}.dict", self.name));
            fuzz.arg(format!("-dict={}", words.display()));
        }
        fuzz.spawn().map_err(|error| format!("{}: {error}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_a_capture_are_found_and_a_row_has_their_lengths() {
        let mut pcap = vec![0; 24];
        for frame in [&b"first"[..], b"", b"the third"] {
            pcap.extend([0; 8]);
            pcap.extend([(frame.len() as u32).to_le_bytes(); 2].concat());
            pcap.extend(frame);
        }
        pcap.extend([0; 7]);
        let frames: Vec<_> = captured(&pcap).map(<[u8]>::to_vec).collect();
        assert_eq!(frames, [&b"first"[..], b"", b"the third"]);
        assert_eq!(row(&frames[..2]), b"\0\x05\0first\0\0\0");
    }
}
