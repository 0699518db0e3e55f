//! `--pcap FILE`: every frame in both directions, for Wireshark.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::mem;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use smolecho::phy::tap::fill_checksum;
use smoltcp::phy::{Device, PcapMode, PcapSink, PcapWriter};
use smoltcp::time::Instant;

use crate::fault::Fault;

/// Checks that the file can be created, without creating it: a later failure then leaves the last capture
/// intact.
pub(crate) fn check(path: &Path) -> Result<(), Fault> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let target = if path.exists() { path } else { folder.unwrap_or(Path::new(".")) };
    let refused = match access(target, AccessFlags::W_OK) {
        _ if path.is_dir() => Errno::EISDIR,
        Ok(()) => return Ok(()),
        Err(error) => error,
    };
    Err(refusal(path, &refused.into()))
}

pub(crate) fn is_fifo(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

/// The capture file, or none. Clones share it: one is in the device, one flushes.
#[derive(Clone, Default)]
pub(crate) struct Capture(Option<Rc<RefCell<Shared>>>);

struct Shared {
    path: PathBuf,
    file: BufWriter<File>,
    /// Whether TCP frames lack checksums, which are then filled into a copy.
    unsummed: bool,
    copy: Vec<u8>,
    dirty: bool,
    /// The first error. Nothing more is written after it, because a capture with a gap is worse than one that ends
    /// early.
    error: Option<io::Error>,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> Result<Capture, Fault> {
        let file = File::create(path).map_err(|error| refusal(path, &error))?;
        Ok(Capture(Some(Rc::new(RefCell::new(Shared {
            path: path.to_owned(),
            file: BufWriter::with_capacity(256 * 1024, file),
            unsummed: false,
            copy: Vec::new(),
            dirty: false,
            error: None,
        })))))
    }

    /// Captures the frames of `device`. Without a file it costs one branch per frame.
    pub(crate) fn attach<D: Device>(&self, device: D) -> PcapWriter<D, Capture> {
        if let Some(shared) = &self.0 {
            shared.borrow_mut().unsummed = !device.capabilities().checksum.tcp.tx();
        }
        PcapWriter::new(device, self.clone(), PcapMode::Both)
    }

    /// Flushes the buffer; free if it is empty. For idle moments.
    pub(crate) fn flush(&self) {
        let Some(shared) = &self.0 else { return };
        let mut shared = shared.borrow_mut();
        if shared.dirty && shared.error.is_none() {
            shared.error = Write::flush(&mut shared.file).err();
            shared.dirty = false;
        }
    }

    /// Flushes, and returns the first error.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        self.flush();
        let Some(shared) = self.0 else { return Ok(()) };
        let mut shared = shared.borrow_mut();
        match shared.error.take() {
            None => Ok(()),
            Some(error) => Err(Fault::failed(format!(
                "--pcap {}: {error}; the capture is incomplete",
                shared.path.display()
            ))),
        }
    }
}

impl PcapSink for Capture {
    fn write(&mut self, data: &[u8]) {
        let Some(shared) = &self.0 else { return };
        let mut shared = shared.borrow_mut();
        if shared.error.is_none() {
            shared.dirty = true;
            shared.error = shared.file.write_all(data).err();
        }
    }

    fn packet(&mut self, timestamp: Instant, packet: &[u8]) {
        let Some(shared) = self.0.clone() else { return };
        self.packet_header(timestamp, packet.len());
        if !shared.borrow().unsummed {
            return self.write(packet);
        }
        let mut copy = mem::take(&mut shared.borrow_mut().copy);
        copy.clear();
        copy.extend_from_slice(packet);
        fill_checksum(&mut copy);
        self.write(&copy);
        shared.borrow_mut().copy = copy;
    }
}

fn refusal(path: &Path, error: &io::Error) -> Fault {
    let line = format!("--pcap {}: {error}; a writable path would do", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::ReadOnlyFilesystem => Fault::machine(line),
        _ => Fault::usage(line),
    }
}
