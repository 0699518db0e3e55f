//! Runs each board's firmware, built as a user builds it, against the TAP tests and the host program's `probe`.

use std::{fs, path::Path};

use super::firmware::Board;
use crate::run::{self, Outcome, command, target};

/// The images of each board: name, connections, features.
const IMAGES: [(&str, usize, &str); 3] = [("4", 4, ""), ("16", 16, ""), ("panics", 4, "panics")];

/// Builds the images and runs the tests that need them.
pub(super) fn run(boards: impl Iterator<Item = &'static Board>) -> Outcome {
    let folder = target().join("boards/images");
    fs::create_dir_all(&folder).map_err(|error| at(&folder, &error))?;
    for board in boards {
        for (image, connections, features) in IMAGES {
            let built = board.build_usual(connections, features)?;
            let kept = folder.join(format!("{}-{image}", board.name));
            fs::copy(&built, &kept).map_err(|error| at(&built, &error))?;
        }
    }
    run::run(&mut command(&["cargo", "build", "--package", "smolecho-cli"]))?;
    let mut tests = command(&["cargo", "test", "--package", "smolecho", "--test", "tap", "--"]);
    let program = target().join("debug/smolecho");
    let tests = tests.arg("boards::").env("SMOLECHO_BOARDS", &folder);
    run::run(tests.env("SMOLECHO_PROGRAM", program))
}

fn at(path: &Path, error: &std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
