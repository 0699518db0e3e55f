//! Which file uses which, and what must not be among these imports: a circle, or a higher floor.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Names, module};

/// Each file, a path below `src/`, with the files that it uses.
pub(crate) type Imports = BTreeMap<String, BTreeSet<String>>;

/// The imports between these files; each is a path and its source.
pub(crate) fn imports(files: &[(String, String)]) -> Imports {
    // In a package of both, `crate` is lib.rs for all files but main.rs.
    let modules = files.iter().rev().map(|(file, _)| (module(file), file));
    let modules: BTreeMap<_, _> = modules.collect();
    let used = |(file, source): &(String, String)| {
        let names = Names::of(file, source);
        let resolve = |path: &Vec<String>| {
            let path = match &path[..] {
                [root, rest @ ..] if root == "crate" => rest.to_vec(),
                // A module that is declared here, or a name from elsewhere.
                path => [&names.module, path].concat(),
            };
            let file_of = |len| modules.get(&path[..len]).copied();
            let used = (0..=path.len()).rev().find_map(file_of)?;
            (used != file).then(|| used.clone())
        };
        (file.clone(), names.paths.iter().filter_map(resolve).collect())
    };
    files.iter().map(used).collect()
}

/// A circle of imports: each file uses the next, and the last is the first.
pub(crate) fn circle(imports: &Imports) -> Option<Vec<&str>> {
    let mut left = imports.clone();
    // A file that uses none of those that are left is in no circle.
    while let Some(file) = left
        .iter()
        .find(|(_, used)| !used.iter().any(|used| left.contains_key(used)))
        .map(|(file, _)| file.clone())
    {
        left.remove(&file);
    }
    let mut way = vec![imports.get_key_value(left.keys().next()?)?.0.as_str()];
    loop {
        let used = imports[*way.last()?].iter().find(|used| left.contains_key(*used))?;
        let start = way.iter().position(|file| file == used);
        way.push(used);
        if let Some(start) = start {
            return Some(way.split_off(start));
        }
    }
}

/// The imports that lead to a higher floor, and the files that are on none. A floor is a list of files and
/// folders below `src/`.
pub(crate) fn upwards(imports: &Imports, floors: &[&[&str]]) -> Vec<String> {
    let floor = |file: &str| {
        let room = file.split(['/', '.']).next()?;
        floors.iter().position(|rooms| rooms.contains(&room))
    };
    let mut found = Vec::new();
    for (file, used) in imports {
        match floor(file) {
            None => found.push(format!("{file} is on no floor")),
            Some(own) => found.extend(
                used.iter()
                    .filter(|used| floor(used).is_some_and(|other| other < own))
                    .map(|used| format!("{file} uses {used}")),
            ),
        }
    }
    found
}
