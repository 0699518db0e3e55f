//! Names that an option takes: cases, figures, peers, scenarios.

use crate::fault::Fault;

/// Whether `pattern` is `name`, or its first letters and an asterisk.
pub(crate) fn is_named(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

/// Checks that each pattern given to `option` names at least one of `names`; `kind` says what they are.
pub(crate) fn check<'n>(
    option: &str,
    patterns: &[String],
    kind: &str,
    names: impl Iterator<Item = &'n str> + Clone,
) -> Result<(), Fault> {
    match patterns.iter().find(|pattern| !names.clone().any(|name| is_named(name, pattern))) {
        None => Ok(()),
        Some(pattern) => Err(unknown(option, pattern, kind)),
    }
}

/// The fault of a name that nothing has.
pub(crate) fn unknown(option: &str, name: &str, kind: &str) -> Fault {
    Fault::usage(format!("{option} {name}: no {kind} has this name; --list shows the names"))
}
