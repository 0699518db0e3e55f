//! A private network namespace, which ends with its last process.

use std::{fs, io};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};

use super::link::Links;
use crate::fault::{Fault, errno};

/// Moves this process into a new network namespace with only `lo` in it, up.
///
/// Without CAP_SYS_ADMIN it creates a user namespace first, in which it is root.
///
/// Call it before starting a thread: a namespace belongs to a thread, and the kernel creates no user namespace
/// for a process with several.
pub(crate) fn enter_private() -> Result<(), Fault> {
    // Root without CAP_SYS_ADMIN, as in a container, gets EPERM.
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => enter_as_user()?,
        Err(error) => return Err(refused(error)),
    }
    let mut links = Links::open()?;
    links.set_up("lo", true)
}

/// Creates a user namespace as well, in which the caller is root and no other user exists.
fn enter_as_user() -> Result<(), Fault> {
    // Inside, both are the overflow id until the maps are written.
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // The kernel accepts an unprivileged gid_map only after setgroups is denied (CVE-2014-8989).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", &format!("0 {gid} 1"))
}

fn write(path: &str, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(|error| {
        let why = match errno(&error) {
            // Ubuntu lets any user create a user namespace, then removes all capabilities in it.
            Errno::EPERM | Errno::EACCES => {
                "; run as root, or: \
                sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
            }
            _ => "; run as root",
        };
        Fault::machine(format!("cannot map the user into a namespace: {path}: {error}{why}"))
    })
}

fn refused(error: Errno) -> Fault {
    let mend = match error {
        Errno::EPERM => {
            "run as root, or allow it: sudo sysctl kernel.unprivileged_userns_clone=1 \
             (in a container: start it with --privileged)"
        }
        Errno::ENOSPC => {
            "allow more: sudo sysctl user.max_user_namespaces=1000 user.max_net_namespaces=1000"
        }
        Errno::EINVAL => "this kernel was built without network or user namespaces",
        _ => "run as root",
    };
    Fault::machine(format!(
        "cannot create a private network namespace: {}; {mend}",
        io::Error::from(error)
    ))
}
