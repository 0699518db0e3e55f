//! Many frames in one system call: io_uring.
//!
//! Not for what a call costs, for a request costs twice as much (0.6 µs beside 0.3 µs for a read that finds
//! nothing, Linux 6.18). But each frame that leaves wakes its receiver, and at the end of a system call that one
//! may go on in our stead, where it shares our core: with a call for each, that is two switches a frame.
#![allow(unsafe_code)]

extern crate std;

use std::{
    io,
    os::fd::{AsRawFd, BorrowedFd},
    vec::Vec,
};

use io_uring::{IoUring, opcode, squeue, types};

use super::batch::Batch;

/// A ring between us and the kernel, empty between two calls.
pub(super) struct Uring(IoUring);

impl Uring {
    /// Frames at a time.
    const MAX: usize = Batch::MAX as usize;

    /// None where the kernel has no rings, keeps them to others, or is older than 6.4: before, a TAP refuses a
    /// request that must not wait.
    pub(super) fn new(tun: BorrowedFd<'_>) -> Option<Uring> {
        // One that fails does not end those that stand behind it.
        let mut ring = Uring(IoUring::builder().setup_submit_all().build(Self::MAX as u32).ok()?);
        let mut results = Vec::new();
        // A read of nothing takes no frame.
        let works = ring.read(tun, [&mut [][..]].into_iter(), &mut results);
        (works && matches!(results[..], [Ok(0)])).then_some(ring)
    }

    /// Says, as [`write`](Self::write) does, whether the ring is of use any longer. If not, `results` ends where
    /// the ring did.
    pub(super) fn read<'b>(
        &mut self,
        tun: BorrowedFd<'_>,
        buffers: impl Iterator<Item = &'b mut [u8]>,
        results: &mut Vec<io::Result<usize>>,
    ) -> bool {
        let tun = types::Fd(tun.as_raw_fd());
        let read_budget = buffers.map(|buffer| {
            opcode::Read::new(tun, buffer.as_mut_ptr(), buffer.len() as u32)
                .rw_flags(libc::RWF_NOWAIT)
                .build()
        });
        // SAFETY: the buffers are borrowed until this returns; and nothing here panics.
        unsafe { self.carry_out(read_budget, results) }
    }

    pub(super) fn write<'b>(
        &mut self,
        tun: BorrowedFd<'_>,
        frames: impl Iterator<Item = &'b [u8]>,
        results: &mut Vec<io::Result<usize>>,
    ) -> bool {
        let tun = types::Fd(tun.as_raw_fd());
        let writes = frames.map(|frame| {
            opcode::Write::new(tun, frame.as_ptr(), frame.len() as u32)
                .rw_flags(libc::RWF_NOWAIT)
                .build()
        });
        // SAFETY: the frames are borrowed until this returns; and nothing here panics.
        unsafe { self.carry_out(writes, results) }
    }

    /// All of them, in this order, and waits until the last is done: none takes long, for none may wait. False if
    /// the kernel does not take them.
    ///
    /// # Safety
    ///
    /// The memory that they point to must not go before this returns, and the iterator must not panic.
    unsafe fn carry_out(
        &mut self,
        requests: impl Iterator<Item = squeue::Entry>,
        results: &mut Vec<io::Result<usize>>,
    ) -> bool {
        let mut queue = self.0.submission();
        for (number, request) in requests.take(Self::MAX).enumerate() {
            // SAFETY: as the caller promises, for this function ends when all are done.
            if unsafe { queue.push(&request.user_data(number as u64)) }.is_err() {
                break;
            }
            results.push(Err(io::ErrorKind::Other.into()));
        }
        drop(queue);
        let mut missing = results.len();
        while missing > 0 {
            let submitted = self.0.submit_and_wait(missing);
            for done in self.0.completion() {
                let result = usize::try_from(done.result())
                    .map_err(|_| io::Error::from_raw_os_error(-done.result()));
                if let Some(place) = results.get_mut(done.user_data() as usize) {
                    *place = result;
                }
                missing -= 1;
            }
            let is_refused =
                submitted.is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
            // What the kernel has taken it still carries out, in memory that is ours until then.
            if is_refused && self.0.submission().len() == missing {
                results.truncate(results.len() - missing);
                return false;
            }
        }
        true
    }
}
