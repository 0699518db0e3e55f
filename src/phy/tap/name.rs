//! Names of interfaces.

extern crate std;

use std::{borrow::ToOwned, format, io, string::String};

/// Refuses names that the kernel refuses, and those that `tun-tap` would silently truncate.
pub(super) fn check(name: &str) -> io::Result<()> {
    let reason = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.len() >= libc::IFNAMSIZ {
        let max = libc::IFNAMSIZ - 1;
        format!("it has {} bytes, at most {max} are allowed", name.len())
    } else if name == "." || name == ".." {
        "it is the name of a directory".to_owned()
    } else if let Some(bad) = name.chars().find(|&c| forbidden_in_name(c)) {
        format!("it contains {bad:?}")
    } else if name.replacen("%d", "", 1).contains('%') {
        "it contains '%' other than in one %d".to_owned()
    } else {
        return Ok(());
    };
    let message: String = format!("{name:?} cannot be the name of an interface: {reason}");
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// As the kernel's `dev_valid_name`, and NUL, which would end the name early.
fn forbidden_in_name(c: char) -> bool {
    c == '\0' || c == '/' || c == ':' || c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["tap0", "a", "smolecho-12345-", "tap%d"] {
            assert!(check(good).is_ok(), "{good:?}");
        }
        for bad in ["", ".", "..", "a/b", "a b", "a:1", "a\0", "tap%s", "%d%d", "sixteen-bytes-xx"]
        {
            let error = check(bad).expect_err(bad);
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
}
