//! A trial and the conditions under which it runs.

use std::{env, path::PathBuf};

use libtest_mimic::{Completion, Trial};

use crate::{network::Opening, rig::Family};

/// The variable with the folder of the boards' firmware.
pub(crate) const FIRMWARE: &str = "SMOLECHO_BOARDS";

/// A trial and its conditions.
pub(crate) struct Case {
    name: String,
    soak: bool,
    needs: Option<&'static str>,
    firmware: bool,
    run: Box<dyn FnOnce() + Send>,
}

impl Case {
    /// A trial named after its module and function.
    pub(crate) fn new(module: &str, name: &str, run: impl FnOnce() + Send + 'static) -> Case {
        let module = module.rsplit("::").next().unwrap_or(module);
        Case {
            name: format!("{module}::{name}"),
            soak: false,
            needs: None,
            firmware: false,
            run: Box::new(run),
        }
    }

    /// One trial over IPv4 and one over IPv6.
    pub(crate) fn families(module: &str, name: &str, run: fn(Family)) -> [Case; 2] {
        [Family::V4, Family::V6]
            .map(|family| Case::new(module, &format!("{name}::{family}"), move || run(family)))
    }

    /// One trial over each device.
    pub(crate) fn openings(module: &str, name: &str, run: fn(Opening)) -> [Case; 2] {
        [Opening::Plain, Opening::Offload]
            .map(|opening| Case::new(module, &format!("{name}::{opening}"), move || run(opening)))
    }

    /// Runs only with `SMOLECHO_SOAK=1`.
    pub(crate) fn soak(mut self) -> Case {
        self.soak = true;
        self
    }

    /// Needs a program; without it the trial is treated as without a TAP interface.
    pub(crate) fn needs(mut self, program: &'static str) -> Case {
        self.needs = Some(program);
        self
    }

    /// Needs the firmware.
    pub(crate) fn firmware(mut self) -> Case {
        self.firmware = true;
        self
    }

    /// The trial for the runner; an ignored one carries its reason.
    pub(crate) fn trial(self, usable: &Result<(), String>) -> Trial {
        let Case { name, soak, needs, firmware, run } = self;
        let usable = usable.clone().and_then(|()| needs.map_or(Ok(()), find));
        Trial::ignorable_test(name, move || match usable {
            _ if firmware && env::var_os(FIRMWARE).is_none() => {
                Ok(Completion::ignored_with("`cargo xtask boards --serve` runs it"))
            }
            Err(reason) if is_set("SMOLECHO_REQUIRE_TAP") => Err(reason.into()),
            Err(reason) => Ok(Completion::ignored_with(reason)),
            Ok(()) if soak && !is_soak() => Ok(Completion::ignored_with("SMOLECHO_SOAK=1 runs it")),
            Ok(()) => {
                run();
                Ok(Completion::Completed)
            }
        })
    }
}

fn find(program: &'static str) -> Result<(), String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let sbin = [PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")];
    let found = env::split_paths(&path).chain(sbin).any(|dir| dir.join(program).is_file());
    if found { Ok(()) } else { Err(format!("{program} is not installed")) }
}

/// The long value in a soak run, the short one otherwise.
pub(crate) fn soak<T>(long: T, short: T) -> T {
    if is_soak() { long } else { short }
}

fn is_soak() -> bool {
    is_set("SMOLECHO_SOAK") || in_full()
}

/// Whether this is the longest soak run.
pub(crate) fn in_full() -> bool {
    env::var_os("SMOLECHO_SOAK").is_some_and(|value| value == "full")
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| value == "1")
}

/// The trials of a module: each function once, once per address family, or once per device.
macro_rules! cases {
    ($($name:ident),* $(,)?) => {
        vec![$($crate::trial::Case::new(module_path!(), stringify!($name), $name)),*]
    };
    (each $by:ident: $($name:ident),* $(,)?) => {
        [$($crate::trial::Case::$by(module_path!(), stringify!($name), $name)),*]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
    };
    (families: $($name:ident),* $(,)?) => { $crate::trial::cases![each families: $($name),*] };
    (openings: $($name:ident),* $(,)?) => { $crate::trial::cases![each openings: $($name),*] };
}
pub(crate) use cases;
