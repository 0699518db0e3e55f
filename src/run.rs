//! The loop for an executor (feature `async`): any executor, and no timer but the one it is given.

use core::{
    future::{Future, poll_fn},
    mem,
    pin::pin,
    task::Poll,
};

use smoltcp::phy::{Device, DeviceCapabilities};
use smoltcp::time::{Duration, Instant};

use crate::event::Event;
use crate::node::Node;
use crate::phy::wake_device::{LinkState, WakeDevice};

/// A device without room wakes us when it has some; if its driver forgets to, this is when we look.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(10);

/// Runs the node for ever: polls it when a frame has come, when a deadline is there, and when the link
/// has changed, and sleeps in between.
///
/// - `clock` tells the time, from any beginning; it must not go back.
/// - `timer` waits until then, or for ever: a future of your executor's. It is dropped when something
///   else comes first.
/// - `on_event` is told what happens, [`Event::LinkUp`] and [`Event::LinkDown`] among it.
///
/// The future may be dropped at any await: that stops the loop and leaves the node as it is. So a task
/// that wants to talk to the node in between (to connect, to bind) selects on this future and on what it
/// waits for, and then calls it again.
///
/// With embassy:
///
/// ```
/// # use smolecho::{Node, phy::Wakes, smoltcp::time::Instant as At};
/// # mod embassy_time {
/// #     pub struct Timer;
/// #     impl Timer { pub async fn at(_: Instant) {} }
/// #     pub struct Instant;
/// #     impl Instant {
/// #         pub fn now() -> Self { Instant }
/// #         pub fn as_micros(&self) -> u64 { 0 }
/// #         pub fn from_micros(_: u64) -> Self { Instant }
/// #     }
/// # }
/// use embassy_time::{Instant, Timer};
///
/// async fn serve(node: &mut Node<'_>, device: &mut impl Wakes) -> ! {
///     let clock = || At::from_micros(Instant::now().as_micros() as i64);
///     let timer = async |due: Option<At>| match due {
///         Some(at) => Timer::at(Instant::from_micros(at.total_micros() as u64)).await,
///         None => core::future::pending().await,
///     };
///     smolecho::run(node, device, clock, timer, |_event| {}).await
/// }
/// ```
pub async fn run<D: WakeDevice + ?Sized>(
    node: &mut Node<'_>,
    device: &mut D,
    clock: impl Fn() -> Instant,
    timer: impl AsyncFn(Option<Instant>),
    mut on_event: impl FnMut(Event<'_>),
) -> ! {
    let mut link = None;
    loop {
        // The waker is handed over in the same poll in which the executor is then given `Pending`.
        let (now, due) = poll_fn(|context| {
            let state = device.register_waker(context.waker());
            let now = clock();
            if link.replace(state) != Some(state) {
                node.link_changed(state, now);
                on_event(match state {
                    LinkState::Up => Event::LinkUp,
                    LinkState::Down => Event::LinkDown,
                });
            }
            let mut drained = Drained { device: &mut *device, of_frames: false, of_room: false };
            node.poll(now, &mut drained, &mut on_event);
            let is_stuck = drained.of_frames && drained.of_room;
            let due = node.poll_at(now);
            Poll::Ready((
                now,
                if is_stuck { due.map(|at| at.max(now + LOOK_FOR_ROOM)) } else { due },
            ))
        })
        .await;
        match due {
            Some(at) if at <= now => woken_or(others_first()).await,
            due => woken_or(timer(due)).await,
        }
    }
}

/// Waits until somebody wakes the task, or for this.
async fn woken_or(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    let mut is_asleep = false;
    poll_fn(|context| {
        if mem::replace(&mut is_asleep, true) {
            return Poll::Ready(());
        }
        future.as_mut().poll(context)
    })
    .await;
}

/// A busy node leaves the executor's other tasks their turn: one of them may be the driver.
async fn others_first() {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// A device, and what it had no more of when it was last asked.
struct Drained<'d, D: ?Sized> {
    device: &'d mut D,
    of_frames: bool,
    of_room: bool,
}

impl<D: Device + ?Sized> Device for Drained<'_, D> {
    type RxToken<'t>
        = D::RxToken<'t>
    where
        Self: 't;
    type TxToken<'t>
        = D::TxToken<'t>
    where
        Self: 't;

    fn receive(&mut self, now: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let tokens = self.device.receive(now);
        self.of_frames = tokens.is_none();
        tokens
    }

    fn transmit(&mut self, now: Instant) -> Option<Self::TxToken<'_>> {
        let token = self.device.transmit(now);
        self.of_room = token.is_none();
        token
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
    }
}
