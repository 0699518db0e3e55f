//! The machine that the figures are from, without anything that identifies it.

use std::fs;
use std::thread::available_parallelism;

use nix::sys::utsname::uname;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Machine {
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) is_virtual: bool,
    pub(super) kernel: String,
    pub(super) architecture: String,
    /// Whether this program is optimized.
    pub(super) optimized: bool,
}

impl Machine {
    pub(super) fn this() -> Machine {
        let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = processor.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let is_virtual = field("flags").is_some_and(|it| it.split(' ').any(|f| f == "hypervisor"));
        Machine {
            processor: field("model name").unwrap_or_else(|| "unknown".into()),
            cores: available_parallelism().map_or(1, usize::from),
            is_virtual,
            kernel: kernel(),
            architecture: std::env::consts::ARCH.into(),
            optimized: !cfg!(debug_assertions),
        }
    }

    /// The machine in one line.
    pub(super) fn words(&self) -> String {
        let Machine { processor, cores, kernel, architecture, .. } = self;
        let kind = if self.is_virtual { "virtual machine" } else { "machine" };
        format!("{cores}-core {kind}, {processor}, {architecture}, Linux {kernel}")
    }
}

/// The kernel's version without its suffix, which may identify the machine.
fn kernel() -> String {
    let release = uname().map(|it| it.release().display().to_string()).unwrap_or_default();
    release.split('-').next().unwrap_or_default().to_owned()
}
