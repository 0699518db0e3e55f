//! A monotonic clock that starts at wall-clock time, as captures need it.

use std::time::{self, SystemTime, UNIX_EPOCH};

use smoltcp::time::{Duration, Instant};

#[derive(Clone, Copy)]
pub(crate) struct Clock {
    origin: Instant,
    start: time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Clock {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Clock { origin: Instant::ZERO + Duration::from(wall), start: time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        self.origin + Duration::from(self.start.elapsed())
    }
}
