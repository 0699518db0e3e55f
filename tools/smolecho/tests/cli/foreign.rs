//! `smolecho probe` against servers that nobody here wrote: what it says of them is what they do.

use std::path::Path;

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{ensure, in_namespace};

pub(crate) const PYTHON: &[Case] =
    &[("foreign::socketserver", socketserver), ("foreign::asyncio", asyncio)];

/// Programs, and the trials that need them.
pub(crate) const OTHERS: [(&str, &[Case]); 3] = [
    ("socat", &[("foreign::socat", socat)]),
    ("ncat", &[("foreign::ncat", ncat)]),
    ("inetd", &[("foreign::inetd", inetd)]),
];

/// Why this one cannot be tried here, if so.
pub(crate) fn missing(program: &str) -> Option<String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let sbin = Path::new("/usr/sbin").to_owned();
    let found = std::env::split_paths(&path).chain([sbin]).any(|dir| dir.join(program).is_file());
    (!found).then(|| format!("{program} is not installed"))
}

/// It answers anybody, as most do.
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
    finds(&python(SERVE), "", &["udp-low-port"])
}

/// Streams only: whether it sends empty datagrams depends on its version.
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
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 7007, backlog=300)
    await server.serve_forever()
asyncio.run(main())
"#;
    finds(&python(SERVE), "--proto tcp", &[])
}

fn python(program: &str) -> String {
    format!("start python3 -c '{program}'")
}

/// It starts cat for each datagram: an empty one is nothing to it, and of a burst it takes what it can.
fn socat() -> Result<(), Failed> {
    let serve = "
        start socat TCP4-LISTEN:7007,bind=127.0.0.1,fork,backlog=300 EXEC:cat
        start socat UDP4-RECVFROM:7007,bind=127.0.0.1,fork EXEC:cat";
    finds(serve, "--skip udp-window", &["udp-sizes"])
}

/// With much under way in both directions it and its cat can wait for each other, and whether it loses
/// what is behind our FIN hangs on who is faster: that is left out.
fn ncat() -> Result<(), Failed> {
    let serve = "start ncat -l -k -e /bin/cat 127.0.0.1 7007";
    let options = "--proto tcp --skip tcp-both-ways,tcp-half-close,tcp-sizes,tcp-slow-reader";
    finds(serve, options, &[])
}

/// It ends a service that is used too often within a minute, so that is left out. The service of its own
/// has the port of this name, answers no datagram from the loopback, but any port of others.
fn inetd() -> Result<(), Failed> {
    let serve = "
        conf=$(mktemp)
        echo echo stream tcp nowait root internal >$conf
        echo echo dgram udp wait root internal >>$conf
        PATH=$PATH:/usr/sbin
        start inetd -i $conf";
    finds_at("10.255.0.2:7", serve, "--skip tcp-pool,tcp-churn,udp-window", &["udp-low-port"])
}

/// That of all cases but those left out just these fail.
fn finds(serve: &str, options: &str, expected: &[&str]) -> Result<(), Failed> {
    finds_at("127.0.0.1:7007", serve, options, expected)
}

fn finds_at(place: &str, serve: &str, options: &str, expected: &[&str]) -> Result<(), Failed> {
    // Datagrams and streams, or streams alone, may come up one after the other.
    let first = if options.contains("--proto tcp") { "tcp" } else { "tcp,udp" };
    let script = format!(
        r#"
        start() {{
            "$@" >/dev/null 2>&1 &
            servers="$servers $!"
        }}
        {serve}
        for try in $(seq 500); do
            $SMOLECHO probe {place} --only {first} >/dev/null && break
            sleep 0.02
        done
        $SMOLECHO probe {place} {options}
        status=$?
        kill $servers
        rm -f "$conf"
        exit $status
        "#
    );
    let run = in_namespace(&script);
    let failed = run.stdout.lines().filter_map(|line| line.strip_prefix("  FAILED   "));
    let is_as_expected = failed.map(str::trim).eq(expected.iter().copied());
    ensure(is_as_expected, || format!("{expected:?} expected: {run:#?}"))?;
    run.expect_status(if expected.is_empty() { 0 } else { 1 }).map(drop)
}
