//! What stands for SYN cookies where they are not built in: types without a value, so that the compiler leaves
//! out all that is done with one. `Config::check` has refused to make one by then.

use smoltcp::time::Instant;
use smoltcp::wire::TcpSeqNumber;

use crate::event::Tuple;

enum Never {}

pub(crate) struct Cookies(Never);

pub(crate) struct Returned(Never);

impl Cookies {
    pub(crate) fn new(_: (u64, u64), _: u16) -> Option<Self> {
        None
    }

    pub(crate) fn window(&self) -> u16 {
        match self.0 {}
    }

    pub(crate) fn give(
        &mut self,
        _: &Tuple,
        _: TcpSeqNumber,
        _: Option<u16>,
        _: Instant,
    ) -> TcpSeqNumber {
        match self.0 {}
    }

    pub(crate) fn take(
        &self,
        _: &Tuple,
        _: TcpSeqNumber,
        _: TcpSeqNumber,
        _: Instant,
    ) -> Option<Returned> {
        match self.0 {}
    }
}

impl Returned {
    pub(crate) fn theirs(&self) -> TcpSeqNumber {
        match self.0 {}
    }

    pub(crate) fn segment_size(&self) -> u16 {
        match self.0 {}
    }

    pub(crate) fn window_end(&self) -> TcpSeqNumber {
        match self.0 {}
    }

    pub(crate) fn seed(&self) -> u64 {
        match self.0 {}
    }
}
