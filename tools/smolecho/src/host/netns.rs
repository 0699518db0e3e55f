//! A private network namespace: a network that nobody else sees, and that ends with the process.

use std::{fs, io};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid};

use super::link::Links;
use crate::fault::{Fault, errno};

/// Moves this process into a network namespace of its own, with `lo` up and nothing else in it.
///
/// Without the privilege to do so it makes a user namespace first, in which it is root. Both end
/// with the last process inside.
///
/// Call it before any thread is started: a namespace belongs to a thread, and the kernel makes no
/// user namespace for a process that has several.
pub(crate) fn enter_private() -> Result<(), Fault> {
    // Root without CAP_SYS_ADMIN, as in a container, is turned away here and takes the other way.
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => enter_as_user()?,
        Err(error) => return Err(refused(error)),
    }
    let mut links = Links::open()?;
    links.set_up("lo", true)
}

/// The same with a user namespace around it, in which the caller's user is root and no other user
/// exists.
fn enter_as_user() -> Result<(), Fault> {
    // Asked before: inside, until the maps are written, both are the overflow id.
    let (uid, gid) = (Uid::effective(), Gid::effective());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).map_err(refused)?;
    // The kernel takes an unprivileged gid_map only from a process that has given up setgroups
    // (CVE-2014-8989).
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {uid} 1"))?;
    write("/proc/self/gid_map", &format!("0 {gid} 1"))
}

fn write(path: &str, text: &str) -> Result<(), Fault> {
    fs::write(path, text).map_err(|error| {
        let why = match errno(&error) {
            // Ubuntu lets anybody make a user namespace and then takes every capability in it away.
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
        "cannot make a private network namespace: {}; {mend}",
        io::Error::from(error)
    ))
}
