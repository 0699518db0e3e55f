//! How much flash and RAM a program takes, from its file: the sections of a 32-bit little-endian ELF.

use std::{fs, path::Path};

use crate::run::Outcome;

/// Bytes in flash, and in RAM from the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code and constants.
    pub(crate) text: u32,
    /// Initialised variables: in flash as well.
    pub(crate) data: u32,
    /// Zeroed variables.
    pub(crate) bss: u32,
}

const SHT_NOBITS: u32 = 8;
const SHF_WRITE: u32 = 1;
const SHF_ALLOC: u32 = 2;

pub(crate) fn sizes(path: &Path) -> Outcome<Sizes> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    of_sections(&bytes).ok_or_else(|| format!("{}: not a 32-bit ELF file", path.display()))
}

fn of_sections(bytes: &[u8]) -> Option<Sizes> {
    if !bytes.starts_with(b"\x7fELF\x01\x01") {
        return None;
    }
    let half = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let (table, entry, count) = (word(0x20)? as usize, half(0x2e)? as usize, half(0x30)? as usize);
    let names = word(table + half(0x32)? as usize * entry + 0x10)? as usize;
    let mut sizes = Sizes::default();
    for header in (0..count).map(|section| table + section * entry) {
        let name = bytes.get(names + word(header)? as usize..)?;
        // What the variables leave, which RISC-V's linker script gives to a section of its own.
        if name.starts_with(b".stack\0") {
            continue;
        }
        let (kind, flags, size) = (word(header + 4)?, word(header + 8)?, word(header + 0x14)?);
        match (flags & SHF_ALLOC != 0, kind == SHT_NOBITS, flags & SHF_WRITE != 0) {
            (false, _, _) => {}
            (true, true, _) => sizes.bss += size,
            (true, false, true) => sizes.data += size,
            (true, false, false) => sizes.text += size,
        }
    }
    Some(sizes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header and a table of sections: kind, flags, size.
    fn file(sections: &[(u32, u32, u32)]) -> Vec<u8> {
        let mut bytes = vec![0; 0x34];
        bytes[..6].copy_from_slice(b"\x7fELF\x01\x01");
        bytes[0x20] = 0x34;
        bytes[0x2e] = 0x28;
        bytes[0x30] = sections.len() as u8;
        for (kind, flags, size) in sections {
            let mut header = [0; 0x28];
            header[4..8].copy_from_slice(&kind.to_le_bytes());
            header[8..12].copy_from_slice(&flags.to_le_bytes());
            header[0x14..0x18].copy_from_slice(&size.to_le_bytes());
            bytes.extend(header);
        }
        bytes
    }

    #[test]
    fn sections_are_told_apart() {
        let file =
            file(&[(0, 0, 99), (1, 6, 1000), (1, 2, 24), (1, 3, 8), (8, 3, 4096), (1, 0, 7)]);
        assert_eq!(of_sections(&file), Some(Sizes { text: 1024, data: 8, bss: 4096 }));
    }

    #[test]
    fn what_variables_leave_to_the_stack_is_not_theirs() {
        let mut file = file(&[(0, 0, 0), (8, 3, 4096), (8, 3, 65536)]);
        let names = file.len() as u32;
        file[0x34 + 0x10..][..4].copy_from_slice(&names.to_le_bytes());
        file[0x34 + 2 * 0x28] = 1;
        file.extend(b"\0.stack\0");
        assert_eq!(of_sections(&file), Some(Sizes { text: 0, data: 0, bss: 4096 }));
    }

    #[test]
    fn what_is_cut_or_something_else_is_refused() {
        let file = file(&[(1, 6, 1000)]);
        for end in 0..file.len() - 0x10 {
            assert_eq!(of_sections(&file[..end]), None, "{end}");
        }
        assert_eq!(of_sections(b"#!/bin/sh"), None);
    }
}
