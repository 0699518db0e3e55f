//! Any command line, one argument a line: it is valid, or the error has a text.
#![no_main]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let arguments = input.split(|byte| *byte == b'\n').map(OsStr::from_bytes);
    if let Err(error) = smolecho_cli::check(arguments) {
        assert!(!error.trim().is_empty(), "an error without a text");
    }
});
