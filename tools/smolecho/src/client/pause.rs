//! The pause between two attempts to reach the peer command.

use smoltcp::time::Duration;

use crate::fault::Fault;
use crate::node::run::Run;
use crate::output::report::Report;

const RETRY: Duration = Duration::from_millis(20);

/// Waits between attempts; true if interrupted.
pub(super) fn pause(run: &mut Run) -> Result<bool, Fault> {
    let until = run.now() + RETRY;
    while run.now() < until {
        if run.turn(Some(until), Report::event)?.stop {
            return Ok(true);
        }
    }
    Ok(false)
}
