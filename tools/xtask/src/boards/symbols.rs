//! Where a firmware's variables are, from its file.

use std::{fs, path::Path};

use crate::run::Outcome;

/// The symbols of a 32-bit little-endian ELF file.
pub(crate) struct Symbols(Vec<u8>);

const SHT_SYMTAB: u32 = 2;

impl Symbols {
    pub(crate) fn read(path: &Path) -> Outcome<Symbols> {
        fs::read(path).map(Symbols).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// A symbol's address.
    pub(crate) fn address(&self, name: &str) -> Outcome<u32> {
        self.find(name).ok_or_else(|| format!("the firmware has no symbol {name}"))
    }

    fn find(&self, name: &str) -> Option<u32> {
        let (table, count) = (self.word(0x20)? as usize, self.word(0x30)? as u16 as usize);
        let section = |number: usize| table + 0x28 * number;
        let symbols = (0..count).map(section).find(|at| self.word(at + 4) == Some(SHT_SYMTAB))?;
        let (start, size) =
            (self.word(symbols + 0x10)? as usize, self.word(symbols + 0x14)? as usize);
        let names = self.word(section(self.word(symbols + 0x18)? as usize) + 0x10)? as usize;
        (start..start + size).step_by(0x10).find_map(|symbol| {
            let at = names + self.word(symbol)? as usize;
            let is_it = self.0.get(at..at + name.len())? == name.as_bytes()
                && self.0.get(at + name.len()) == Some(&0);
            is_it.then(|| self.word(symbol + 4))?
        })
    }

    fn word(&self, at: usize) -> Option<u32> {
        Some(u32::from_le_bytes(self.0.get(at..at + 4)?.try_into().ok()?))
    }
}
