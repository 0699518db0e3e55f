//! The runner in a Cargo configuration.

/// The words of the first runner.
pub(crate) fn words(config: &str) -> Option<Vec<String>> {
    let (_, rest) = config.split_once("runner = [")?;
    let (words, _) = rest.split_once(']')?;
    Some(words.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_is_its_words() {
        let expected = Some(["a", "b c", "d"].map(str::to_owned).to_vec());
        assert_eq!(words("runner = [\n \"a\", \"b c\",\n \"d\",\n]"), expected);
        assert_eq!(words("runner = \"a b\""), None);
    }
}
