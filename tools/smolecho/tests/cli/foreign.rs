//! `smolecho probe` against well-known echo servers: it finds their known faults and no others.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{ensure, in_namespace};

pub(crate) const PYTHON: &[Case] =
    &[("foreign::socketserver", socketserver), ("foreign::asyncio", asyncio)];

/// Programs, and the trials that need them.
pub(crate) const OTHERS: [(&str, &[Case]); 3] = [
    (
        "socat",
        &[
            ("foreign::socat", socat),
            ("foreign::socat_is_silenced_by_an_empty_datagram", socat_and_nothing),
        ],
    ),
    (
        "ncat",
        &[
            ("foreign::ncat", ncat),
            ("foreign::ncat_loses_data_after_a_fin", ncat_and_half_a_connection),
        ],
    ),
    (
        "inetd",
        &[
            ("foreign::inetd", inetd),
            ("foreign::inetd_ends_a_service_that_is_used_often", inetd_and_many),
        ],
    ),
];

/// Why the program cannot be run here; `None` if it can.
pub(crate) fn missing(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = Path::new("/usr/sbin").to_owned();
    let found = std::env::split_paths(&path).chain([sbin]).any(|dir| dir.join(program).is_file());
    (!found).then(|| format!("{program} is not installed"))
}

/// It answers datagrams from any port, as most servers do.
fn socketserver() -> Result<(), Failed> {
    const SERVE: &str = r#"
import socketserver, threading
class Stream(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        data, socket = self.request
        socket.sendto(data, self.client_address)
class Server(socketserver.ThreadingTCPServer):
    request_queue_size, daemon_threads = 300, True
    def handle_error(self, request, client):
        pass
place = ("127.0.0.1", 7007)
streams = Server(place, Stream)
threading.Thread(target=streams.serve_forever, daemon=True).start()
socketserver.UDPServer(place, Datagram).serve_forever()
"#;
    finds(ANY, &python(SERVE), "examine", &["udp-low-port"], &[])
}

/// Before Python 3.13 it sends no empty datagram.
fn asyncio() -> Result<(), Failed> {
    const SERVE: &str = r#"
import asyncio
async def echo(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
class Datagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def datagram_received(self, data, peer):
        self.transport.sendto(data, peer)
async def main():
    place = ("127.0.0.1", 7007)
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(Datagrams, local_addr=place)
    server = await asyncio.start_server(echo, *place, backlog=300)
    await server.serve_forever()
asyncio.run(main())
"#;
    const IS_NEW: &str = "import sys; sys.exit(sys.version_info < (3, 13))";
    let is_new = Command::new("python3").args(["-c", IS_NEW]).status()?.success();
    let fails: &[_] = if is_new { &["udp-low-port"] } else { &["udp-low-port", "udp-sizes"] };
    finds(ANY, &python(SERVE), "examine", fails, &[])
}

fn python(program: &str) -> String {
    format!("start python3 -c '{program}'")
}

const SOCAT: &str = "
    start socat TCP4-LISTEN:7007,bind=127.0.0.1,fork,backlog=300 EXEC:cat
    start socat UDP4-RECVFROM:7007,bind=127.0.0.1,fork EXEC:cat";

/// It starts a cat for each datagram, so the answers may come in any order.
fn socat() -> Result<(), Failed> {
    finds(ANY, SOCAT, "examine --skip udp-sizes", &["udp-low-port"], &["udp-window"])
}

/// cat gets nothing to read from an empty datagram, and the next datagrams wait behind it.
fn socat_and_nothing() -> Result<(), Failed> {
    let probes = "examine --only udp,udp-sizes; examine --only udp";
    finds(ANY, SOCAT, probes, &["udp-sizes", "udp"], &[])
}

const NCAT: &str = "start ncat -l -k -e /bin/cat 127.0.0.1 7007";

/// With much data in both directions, ncat and its cat can block each other; it may lose the data after our
/// FIN.
fn ncat() -> Result<(), Failed> {
    let by_luck = ["tcp-both-ways", "tcp-half-close", "tcp-sizes", "tcp-slow-reader"];
    finds(ANY, NCAT, "examine --proto tcp --deadline 5s", &[], &by_luck)
}

/// It happens within a number of tries.
fn ncat_and_half_a_connection() -> Result<(), Failed> {
    let probes = "for try in $(seq 50); do examine --only tcp,tcp-half-close || break; done";
    finds(ANY, NCAT, probes, &["tcp-half-close"], &[])
}

const INETD: &str = "
    conf=$(mktemp)
    echo echo stream tcp nowait root internal >$conf
    echo echo dgram udp wait root internal >>$conf
    PATH=$PATH:/usr/sbin
    start inetd -i $conf";

/// Its internal service has the port of this name, and answers no datagram from loopback but any port of
/// others. Cases with many connections are in another trial.
fn inetd() -> Result<(), Failed> {
    let probes = "examine --skip tcp-pool,tcp-churn";
    finds("10.255.0.2:7", INETD, probes, &["udp-low-port"], &[])
}

/// The limit is 256 starts per minute; here it is 50.
fn inetd_and_many() -> Result<(), Failed> {
    let probes = "for try in $(seq 8); do examine --only tcp-churn || break; done";
    finds("10.255.0.2:7", INETD, probes, &["tcp-churn"], &[])
}

const ANY: &str = "127.0.0.1:7007";

/// Checks that the cases in the first list fail, and besides them at most those in the second.
fn finds(
    place: &str,
    serve: &str,
    probes: &str,
    fails: &[&str],
    may_fail: &[&str],
) -> Result<(), Failed> {
    // Wait for the protocols separately; ncat has TCP only.
    let first = if serve == NCAT { "tcp" } else { "tcp,udp" };
    let script = format!(
        r#"
        start() {{
            setsid "$@" >/dev/null 2>&1 &
            servers="$servers -$!"
        }}
        examine() {{
            $SMOLECHO probe {place} "$@"
            status=$?
            return $status
        }}
        {serve}
        for try in $(seq 500); do
            examine --only {first} >/dev/null && break
            sleep 0.02
        done
        {probes}
        # In groups of their own: what they have started for a peer may wait for ever.
        kill -- $servers
        rm -f "$conf"
        exit $status
        "#
    );
    let run = in_namespace(&script);
    let failed = run.stdout.lines().filter_map(|line| line.strip_prefix("  FAILED   "));
    let failed: BTreeSet<_> = failed.map(str::trim).collect();
    let are_known = failed.iter().all(|case| fails.contains(case) || may_fail.contains(case));
    ensure(are_known && fails.iter().all(|&case| failed.contains(case)), || {
        format!("{fails:?} expected, and at most {may_fail:?} with it: {run:#?}")
    })?;
    let status = if failed.is_empty() { 0 } else { 1 };
    run.expect_status(status).map(drop)
}
