//! The character generator's pattern (RFC 864).

const PRINTABLE: u64 = 95;
const LINE: u64 = 72;

/// Writes the pattern from its byte number `position` on: lines of 72 of the 95 printable ASCII
/// characters, each beginning one character later than the line before.
pub fn fill(out: &mut [u8], position: u64) {
    for (byte, at) in out.iter_mut().zip(position..) {
        let (line, column) = (at / (LINE + 2), at % (LINE + 2));
        *byte = match column {
            LINE => b'\r',
            column if column > LINE => b'\n',
            column => b' ' + ((line + column) % PRINTABLE) as u8,
        };
    }
}
