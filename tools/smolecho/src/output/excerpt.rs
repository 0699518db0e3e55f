//! Network data, escaped and shortened for a terminal.

use std::fmt;

/// Bytes shown in a line.
const SHOWN: usize = 512;

/// The first bytes of some data, and its length.
#[derive(Default)]
pub(crate) struct Excerpt {
    head: Vec<u8>,
    len: u64,
}

impl Excerpt {
    pub(crate) fn of(data: &[u8]) -> Excerpt {
        let mut excerpt = Excerpt::default();
        excerpt.push(data);
        excerpt
    }

    /// Adds a piece; costs nothing once [`SHOWN`] bytes are there.
    pub(crate) fn push(&mut self, data: &[u8]) {
        let room = SHOWN - self.head.len();
        self.head.extend_from_slice(&data[..data.len().min(room)]);
        self.len += data.len() as u64;
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = self.len - self.head.len() as u64;
        let head = if more > 0 { whole_characters(&self.head) } else { &self.head };
        escape(head, f)?;
        match self.len - head.len() as u64 {
            0 => Ok(()),
            more => write!(f, "… ({more} more bytes)"),
        }
    }
}

/// Without a character that is cut at the end.
fn whole_characters(head: &[u8]) -> &[u8] {
    match std::str::from_utf8(head) {
        Err(error) if error.error_len().is_none() => &head[..error.valid_up_to()],
        _ => head,
    }
}

/// Printable UTF-8 unchanged; the rest escaped as in a Rust or Python string.
fn escape(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for chunk in data.utf8_chunks() {
        for part in chunk.valid().split_inclusive(['\\', '"', '\'']) {
            let text = part.trim_end_matches(['\\', '"', '\'']);
            write!(f, "{}{}", text.escape_debug(), &part[text.len()..])?;
        }
        for byte in chunk.invalid() {
            write!(f, "\\x{byte:02x}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_and_the_rest_is_escaped() {
        for (data, shown) in [
            (&b"Hello, Server!"[..], "Hello, Server!"),
            ("Grüße, \"世界\" \\o/ e\u{301}".as_bytes(), "Grüße, \"世界\" \\o/ e\u{301}"),
            (b"", ""),
            (b"a\r\n\tb\0", "a\\r\\n\\tb\\0"),
            (b"\x1b[31m", "\\u{1b}[31m"),
            (b"\xff\xc3", "\\xff\\xc3"),
            ("\u{202e}".as_bytes(), "\\u{202e}"),
        ] {
            assert_eq!(Excerpt::of(data).to_string(), shown);
        }
    }

    #[test]
    fn much_is_cut_between_characters() {
        let mut excerpt = Excerpt::of(&[b'x'; SHOWN - 1]);
        excerpt.push("ü".as_bytes());
        excerpt.push(&[b'y'; 1000]);
        let shown = excerpt.to_string();
        assert!(shown.ends_with("x… (1002 more bytes)"), "{shown}");
    }
}
