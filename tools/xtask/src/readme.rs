//! The test commands of the README.

use std::fs;

use crate::run::{Outcome, root};

/// The first shell block under the heading "Tests", a command a line.
pub(crate) fn test_commands() -> Outcome<Vec<String>> {
    let text = fs::read_to_string(root().join("README.md"))
        .map_err(|error| format!("README.md: {error}"))?;
    shell_block(&text, "## Tests")
        .ok_or_else(|| "README.md: no ```sh block with a command under \"## Tests\"".to_owned())
}

fn shell_block(text: &str, heading: &str) -> Option<Vec<String>> {
    let commands: Vec<String> = text
        .lines()
        .skip_while(|line| line.trim_end() != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .skip_while(|line| line.trim_end() != "```sh")
        .skip(1)
        .take_while(|line| !line.starts_with("```"))
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(str::to_owned)
        .collect();
    (!commands.is_empty()).then_some(commands)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_those_of_the_first_block_under_the_heading() {
        let text = "# A\n```sh\nno\n```\n## Tests\nSo:\n```sh\n# all\ncargo a\n\ncargo b\n```\n```sh\nno\n```\n";
        assert_eq!(shell_block(text, "## Tests"), Some(vec!["cargo a".into(), "cargo b".into()]));
    }

    #[test]
    fn no_block_under_the_heading_is_no_command() {
        for text in ["", "## Tests\n", "## Tests\n## More\n```sh\nno\n```\n", "```sh\nno\n```\n"] {
            assert_eq!(shell_block(text, "## Tests"), None, "{text:?}");
        }
    }
}
