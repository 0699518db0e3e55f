//! The minimum supported Rust version: only Cargo.toml states it.

use crate::{
    run::{Outcome, command, read, run},
    tree,
};

/// Whether it is stated once, and that compiler accepts the code.
pub(crate) fn check() -> Outcome {
    let msrv = stated_once()?;
    let toolchain = toolchain(&msrv).ok_or_else(|| {
        format!("{msrv} is missing: rustup toolchain install {msrv} --profile minimal")
    })?;
    let check = ["cargo", "check", "--locked", "--workspace", "--all-targets"];
    run(command(&["rustup", "run", &toolchain]).args(check))
}

fn stated_once() -> Outcome<String> {
    let texts = tree::texts()?;
    let mut statements = texts.iter().flat_map(|(path, text)| {
        let lines = text.lines().filter_map(|line| line.strip_prefix("rust-version = \""));
        lines.map(move |rest| (path, rest.trim_end_matches('"')))
    });
    let msrv = match (statements.next(), statements.next()) {
        (Some((path, msrv)), None) if path.as_os_str() == "Cargo.toml" => msrv.to_owned(),
        found => {
            return Err(format!(
                "rust-version must be stated once, in Cargo.toml; found: {found:?}"
            ));
        }
    };
    let repeated: Vec<_> = texts
        .iter()
        .filter(|(path, text)| path.as_os_str() != "Cargo.toml" && names(text, &msrv))
        .map(|(path, _)| path.display().to_string())
        .collect();
    if !repeated.is_empty() {
        return Err(format!(
            "only Cargo.toml may name {msrv}; these files do too: {}",
            repeated.join(", ")
        ));
    }
    Ok(msrv)
}

/// Whether the text names the version, not only as part of a longer number.
fn names(text: &str, version: &str) -> bool {
    text.match_indices(version).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + version.len()..].chars().next();
        !before.is_some_and(|c| c.is_ascii_digit() || c == '.')
            && !after.is_some_and(|c| c.is_ascii_digit())
    })
}

fn numbers(version: &str) -> Vec<u32> {
    version.split(['.', '-']).map_while(|part| part.parse().ok()).collect()
}

/// An installed toolchain of exactly this version.
fn toolchain(version: &str) -> Option<String> {
    let list = read(&mut command(&["rustup", "toolchain", "list"])).ok()?;
    let is_it = |name: &&str| numbers(name).starts_with(&numbers(version));
    list.lines().filter_map(|line| line.split_whitespace().next()).find(is_it).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert!(!numbers("1.100.0").starts_with(&numbers("1.10")));
        assert_eq!(numbers("1.99.1-x86_64-unknown-linux-gnu"), [1, 99, 1]);
    }

    #[test]
    fn a_version_is_named_by_itself_alone() {
        for text in ["1.99", "rustc 1.99.", "1.99.0", "(1.99)"] {
            assert!(names(text, "1.99"), "{text}");
        }
        for text in ["", "1.9", "11.99", "0.1.99", "1.990"] {
            assert!(!names(text, "1.99"), "{text}");
        }
    }
}
