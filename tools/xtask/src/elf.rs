//! Flash and RAM of a firmware, and the addresses of its variables, from its ELF file.

use std::{fs, path::Path};

use object::{
    File, Object, ObjectSection, ObjectSymbol, SectionFlags,
    elf::{SHF_ALLOC, SHF_WRITE, SHT_NOBITS},
};

use crate::run::Outcome;

/// Bytes that a firmware takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// Code and constants: flash.
    pub(crate) text: u64,
    /// Initialised variables: RAM, and flash for their first values.
    pub(crate) data: u64,
    /// Zeroed variables: RAM.
    pub(crate) bss: u64,
}

/// An ELF file.
pub(crate) struct Elf {
    name: String,
    bytes: Vec<u8>,
}

impl Elf {
    pub(crate) fn read(path: &Path) -> Outcome<Elf> {
        let name = path.display().to_string();
        let bytes = fs::read(path).map_err(|error| format!("{name}: {error}"))?;
        Ok(Elf { name, bytes })
    }

    fn file(&self) -> Outcome<File<'_>> {
        File::parse(&self.bytes[..]).map_err(|error| format!("{}: {error}", self.name))
    }

    pub(crate) fn sizes(&self) -> Outcome<Sizes> {
        let mut sizes = Sizes::default();
        for section in self.file()?.sections() {
            let SectionFlags::Elf { sh_type, sh_flags } = section.flags() else { continue };
            // riscv-rt gives what the variables leave of the RAM to a section of its own.
            if !sh_flags.contains(SHF_ALLOC) || section.name() == Ok(".stack") {
                continue;
            }
            match (sh_type == SHT_NOBITS, sh_flags.contains(SHF_WRITE)) {
                (true, _) => sizes.bss += section.size(),
                (false, true) => sizes.data += section.size(),
                (false, false) => sizes.text += section.size(),
            }
        }
        Ok(sizes)
    }

    /// The address of a symbol.
    pub(crate) fn address(&self, symbol: &str) -> Outcome<u32> {
        let found = self.file()?.symbol_by_name(symbol).map(|found| found.address());
        found
            .and_then(|address| address.try_into().ok())
            .ok_or_else(|| format!("{}: no symbol {symbol}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header, the names, and a table of sections: name, kind, flags, size. The first two are there always.
    fn file(sections: &[(u32, u32, u32, u32)]) -> Elf {
        const NAMES: &[u8; 8] = b"\0.stack\0";
        let mut bytes = vec![0; 0x34];
        bytes[..7].copy_from_slice(b"\x7fELF\x01\x01\x01");
        bytes[0x14] = 1;
        bytes[0x20] = 0x34 + NAMES.len() as u8;
        bytes[0x28] = 0x34;
        bytes[0x2e] = 0x28;
        bytes[0x30] = sections.len() as u8 + 2;
        bytes[0x32] = 1;
        bytes.extend(NAMES);
        for (name, kind, flags, size) in [&[(0, 0, 0, 0), (0, 3, 0, 8)], sections].concat() {
            let place = if kind == 3 { 0x34 } else { 0 };
            let header = [name, kind, flags, 0, place, size, 0, 0, 0, 0];
            bytes.extend(header.iter().flat_map(|word| word.to_le_bytes()));
        }
        Elf { name: "test".into(), bytes }
    }

    #[test]
    fn sections_are_told_apart() {
        let file =
            file(&[(0, 1, 6, 1000), (0, 1, 2, 24), (0, 1, 3, 8), (0, 8, 3, 4096), (0, 1, 0, 7)]);
        assert_eq!(file.sizes(), Ok(Sizes { text: 1024, data: 8, bss: 4096 }));
    }

    #[test]
    fn what_variables_leave_to_the_stack_is_not_theirs() {
        let file = file(&[(0, 8, 3, 4096), (1, 8, 3, 65536)]);
        assert_eq!(file.sizes(), Ok(Sizes { text: 0, data: 0, bss: 4096 }));
    }

    #[test]
    fn what_is_cut_or_something_else_is_refused() {
        let whole = file(&[(0, 1, 6, 1000)]);
        for end in 0..whole.bytes.len() {
            let bytes = whole.bytes[..end].to_vec();
            assert!(Elf { name: "test".into(), bytes }.sizes().is_err(), "{end}");
        }
        assert!(Elf { name: "test".into(), bytes: b"#!/bin/sh".to_vec() }.sizes().is_err());
    }
}
