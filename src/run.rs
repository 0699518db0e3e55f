//! The poll loop as a future for any executor (feature `async`).

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

/// How often to poll a full device whose driver does not wake the task when room is free again.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(10);

/// Runs the node for ever: polls it when a frame arrives, at each deadline, and when the link changes, and
/// sleeps in between.
///
/// - `clock` returns the time since any epoch; it must not go back.
/// - `timer` is a future of the executor that waits until an instant, or for ever with `None`. It is
///   dropped if something else wakes the task first.
/// - `on_event` receives all events, [`Event::LinkUp`] and [`Event::LinkDown`] included.
///
/// Dropping the future stops the loop and leaves the node unchanged. A task that calls the node in between
/// (to connect, to bind) selects on this future and on its own condition, then calls `run` again.
///
/// With embassy:
///
/// ```
/// # use smolecho::{Node, phy::WakeDevice, smoltcp::time::Instant as At};
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
/// async fn serve(node: &mut Node<'_>, device: &mut impl WakeDevice) -> ! {
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
        // The waker must be that of the poll that returns `Pending`.
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
            Some(at) if at <= now => woken_or(yield_now()).await,
            due => woken_or(timer(due)).await,
        }
    }
}

/// Waits until the task is woken, or until `future` completes.
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

/// Lets the executor run its other tasks, of which one may be the driver.
async fn yield_now() {
    poll_fn(|context| {
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// A device, and whether its last calls gave no frame and no room.
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
