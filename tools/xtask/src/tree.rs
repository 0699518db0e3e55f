//! The files of the repository.

use std::{fs, path::PathBuf};

use crate::run::{Outcome, command, read, root, run};

/// `git status`, a line for each file that is not as committed.
pub(crate) fn status() -> Outcome<String> {
    read(&mut command(&["git", "status", "--porcelain"]))
}

/// Files that git tracks or would add, as paths from the root.
pub(crate) fn files() -> Outcome<Vec<PathBuf>> {
    let list = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let names = read(&mut command(&list))?;
    let mut files: Vec<PathBuf> = names
        .split_terminator('\0')
        .map(PathBuf::from)
        .filter(|p| root().join(p).is_file())
        .collect();
    files.dedup();
    Ok(files)
}

/// Whether each lock file satisfies its manifest; otherwise a build would change it.
pub(crate) fn locks() -> Outcome {
    for lock in files()?.iter().filter(|path| path.ends_with("Cargo.lock")) {
        let manifest = lock.with_extension("toml");
        let line = ["cargo", "update", "--workspace", "--locked", "--quiet", "--manifest-path"];
        run(command(&line).arg(manifest))
            .map_err(|error| format!("{error}; run it without --locked"))?;
    }
    Ok(())
}

/// Text files, without lock files.
pub(crate) fn texts() -> Outcome<Vec<(PathBuf, String)>> {
    let is_written = |path: &PathBuf| !path.ends_with("Cargo.lock");
    let text = |path: PathBuf| {
        let text = fs::read_to_string(root().join(&path)).ok()?;
        Some((path, text))
    };
    Ok(files()?.into_iter().filter(is_written).filter_map(text).collect())
}

/// Whether every to-do names an issue.
pub(crate) fn todos() -> Outcome {
    let mut found = Vec::new();
    for (path, text) in texts()? {
        for (i, line) in text.lines().enumerate().filter(|(_, line)| has_stray_todo(line)) {
            found.push(format!("{}:{}: {}", path.display(), i + 1, line.trim()));
        }
    }
    if found.is_empty() {
        return Ok(());
    }
    let example = concat!("TO", "DO(#12)");
    Err(format!("a to-do names no issue, as in {example}:\n{}", found.join("\n")))
}

fn has_stray_todo(line: &str) -> bool {
    let names_issue = |rest: &str| {
        let number = rest.strip_prefix("(#").and_then(|rest| rest.split_once(')'));
        number.is_some_and(|(n, _)| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()))
    };
    [concat!("TO", "DO"), concat!("FIX", "ME")]
        .into_iter()
        .flat_map(|word| line.split(word).skip(1))
        .any(|rest| !names_issue(rest))
}

/// Features of the library that need an operating system.
const HOSTED: &[&str] = &["phy-tap", "phy-tap-offload", "phy-tap-uring"];

/// The features of the library that work without an operating system, in the order of Cargo.toml.
pub(crate) fn bare_features() -> Outcome<Vec<String>> {
    let manifest = fs::read_to_string(root().join("Cargo.toml"))
        .map_err(|error| format!("Cargo.toml: {error}"))?;
    Ok(features(&manifest).into_iter().filter(|name| !HOSTED.contains(&name.as_str())).collect())
}

fn features(manifest: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|line| line.trim_end() != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with([' ', '#', ']']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim().to_owned())
        .filter(|name| name != "default")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_todo_names_its_issue() {
        let (todo, fixme) = (concat!("TO", "DO"), concat!("FIX", "ME"));
        for stray in [todo.to_owned(), format!("// {fixme}: later"), format!("{todo}(#)")] {
            assert!(has_stray_todo(&stray), "{stray}");
        }
        assert!(has_stray_todo(&format!("{todo}(#1) and {todo}")));
        for fine in ["to do", "", &format!("// {todo}(#12): faster")] {
            assert!(!has_stray_todo(fine), "{fine}");
        }
    }

    #[test]
    fn features_are_those_of_their_section() {
        let manifest = "[package]\na = 1\n[features]\ndefault = []\n## b\nb = [\n    \"c\",\n]\nd-e = []\n\n[lib]\nf = 1\n";
        assert_eq!(features(manifest), ["b", "d-e"]);
    }
}
