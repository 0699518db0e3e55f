//! The character generator's pattern (RFC 864).

const PRINTABLE: u64 = 95;
const LINE: u64 = 72;

/// Fills `out` with the pattern from its byte `position` on: lines of 72 printable ASCII characters, each
/// starting one character later than the last, with CR LF at the end.
#[inline(never)]
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
