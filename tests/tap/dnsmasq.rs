//! dnsmasq, as in many home routers: a DHCP server, or a router that advertises a prefix.

use std::{
    env, fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

/// A running server on one interface. It ends when this is dropped or its thread ends.
pub(crate) struct Dnsmasq {
    child: Child,
    dir: PathBuf,
}

impl Dnsmasq {
    pub(crate) fn run(interface: &str, options: &[String]) -> Dnsmasq {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = env::temp_dir().join(format!("smolecho-{}-{number}", std::process::id()));
        fs::create_dir_all(&dir).expect("a directory");
        let log = fs::File::create(dir.join("log")).expect("a log");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "dnsmasq", "--no-daemon", "--conf-file=/dev/null"])
            .args(["--port=0", "--bind-interfaces", "--except-interface=lo", "--no-ping"])
            .args(["--no-resolv", "--no-hosts", "--dhcp-authoritative", "--log-dhcp"])
            .arg(format!("--interface={interface}"))
            .arg(format!("--dhcp-leasefile={}", dir.join("leases").display()))
            .args(options)
            .env("PATH", format!("{}:/usr/sbin:/sbin", env::var("PATH").unwrap_or_default()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("dnsmasq");
        Dnsmasq { child, dir }
    }

    /// The server's log.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("dnsmasq said:\n{}", self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.dir);
    }
}
