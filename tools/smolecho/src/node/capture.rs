//! `--pcap FILE`: every frame in both directions, for Wireshark.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use nix::errno::Errno;
use nix::unistd::{AccessFlags, access};
use smolecho::phy::tap::fill_checksum;
use smoltcp::phy::{self, Device, DeviceCapabilities, PacketMeta, PcapMode, PcapSink, PcapWriter};
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

/// The capture file. Clones share it: one is in the device, one flushes.
#[derive(Clone)]
pub(crate) struct Capture(Rc<RefCell<Shared>>);

struct Shared {
    path: PathBuf,
    file: BufWriter<File>,
    /// Whether TCP frames lack checksums, which are then filled into a copy.
    unsummed: bool,
    copy: Vec<u8>,
    dirty: bool,
    /// The first error. Nothing more is written after it, because a capture with a gap is worse than one that
    /// ends early.
    error: Option<io::Error>,
}

impl Capture {
    pub(crate) fn create(path: &Path) -> Result<Capture, Fault> {
        let file = File::create(path).map_err(|error| refusal(path, &error))?;
        Ok(Capture(Rc::new(RefCell::new(Shared {
            path: path.to_owned(),
            file: BufWriter::with_capacity(256 * 1024, file),
            unsummed: false,
            copy: Vec::new(),
            dirty: false,
            error: None,
        }))))
    }

    /// Flushes the buffer; free if it is empty. For idle moments.
    pub(crate) fn flush(&self) {
        let mut shared = self.0.borrow_mut();
        if shared.dirty && shared.error.is_none() {
            shared.error = Write::flush(&mut shared.file).err();
            shared.dirty = false;
        }
    }

    /// Flushes, and returns the first error.
    pub(crate) fn finish(self) -> Result<(), Fault> {
        self.flush();
        let mut shared = self.0.borrow_mut();
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
        let mut shared = self.0.borrow_mut();
        if shared.error.is_none() {
            shared.dirty = true;
            shared.error = shared.file.write_all(data).err();
        }
    }

    fn packet(&mut self, timestamp: Instant, packet: &[u8]) {
        self.packet_header(timestamp, packet.len());
        if !self.0.borrow().unsummed {
            return self.write(packet);
        }
        let mut copy = mem::take(&mut self.0.borrow_mut().copy);
        copy.clear();
        copy.extend_from_slice(packet);
        fill_checksum(&mut copy);
        self.write(&copy);
        self.0.borrow_mut().copy = copy;
    }
}

fn refusal(path: &Path, error: &io::Error) -> Fault {
    let line = format!("--pcap {}: {error}; a writable path would do", path.display());
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::ReadOnlyFilesystem => Fault::machine(line),
        _ => Fault::usage(line),
    }
}

/// A device with or without capture. Without, it costs one branch per frame.
// The program has one such device and never moves it while it runs.
#[allow(clippy::large_enum_variant)]
pub(crate) enum Captured<D: Device> {
    /// The device alone.
    Off(D),
    /// The device, with a copy of each frame in the file.
    On(PcapWriter<D, Capture>),
}

impl<D: Device> Captured<D> {
    /// Captures `device` if there is a file.
    pub(crate) fn new(device: D, capture: Option<&Capture>) -> Captured<D> {
        match capture {
            None => Captured::Off(device),
            Some(capture) => {
                capture.0.borrow_mut().unsummed = !device.capabilities().checksum.tcp.tx();
                Captured::On(PcapWriter::new(device, capture.clone(), PcapMode::Both))
            }
        }
    }

    /// The device.
    pub(crate) fn get_ref(&self) -> &D {
        match self {
            Captured::Off(device) => device,
            Captured::On(writer) => writer.get_ref(),
        }
    }

    /// The device, to wait for it.
    pub(crate) fn get_mut(&mut self) -> &mut D {
        match self {
            Captured::Off(device) => device,
            Captured::On(writer) => writer.get_mut(),
        }
    }
}

impl<D: Device> Device for Captured<D> {
    type RxToken<'a>
        = Token<D::RxToken<'a>, <PcapWriter<D, Capture> as Device>::RxToken<'a>>
    where
        D: 'a;
    type TxToken<'a>
        = Token<D::TxToken<'a>, <PcapWriter<D, Capture> as Device>::TxToken<'a>>
    where
        D: 'a;

    fn capabilities(&self) -> DeviceCapabilities {
        self.get_ref().capabilities()
    }

    fn receive(&mut self, timestamp: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        Some(match self {
            Captured::Off(device) => {
                let (rx, tx) = device.receive(timestamp)?;
                (Token::Off(rx), Token::Off(tx))
            }
            Captured::On(writer) => {
                let (rx, tx) = writer.receive(timestamp)?;
                (Token::On(rx), Token::On(tx))
            }
        })
    }

    fn transmit(&mut self, timestamp: Instant) -> Option<Self::TxToken<'_>> {
        Some(match self {
            Captured::Off(device) => Token::Off(device.transmit(timestamp)?),
            Captured::On(writer) => Token::On(writer.transmit(timestamp)?),
        })
    }
}

/// A token of either kind.
pub(crate) enum Token<A, B> {
    /// Of the device alone.
    Off(A),
    /// Of the capturing device.
    On(B),
}

impl<A: phy::RxToken, B: phy::RxToken> phy::RxToken for Token<A, B> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        match self {
            Token::Off(token) => token.consume(f),
            Token::On(token) => token.consume(f),
        }
    }

    fn meta(&self) -> PacketMeta {
        match self {
            Token::Off(token) => token.meta(),
            Token::On(token) => token.meta(),
        }
    }
}

impl<A: phy::TxToken, B: phy::TxToken> phy::TxToken for Token<A, B> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        match self {
            Token::Off(token) => token.consume(length, f),
            Token::On(token) => token.consume(length, f),
        }
    }

    fn set_meta(&mut self, meta: PacketMeta) {
        match self {
            Token::Off(token) => token.set_meta(meta),
            Token::On(token) => token.set_meta(meta),
        }
    }
}
