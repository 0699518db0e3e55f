//! The stack's addresses from the network, and scopes.

use std::process::Command;

use libtest_mimic::Failed;
use nix::sys::signal::Signal;

use crate::Case;
use crate::program::{Run, Running, ensure, in_namespace};

pub(crate) const CASES: &[Case] = &[
    ("network::without_a_dhcp_server_it_says_so_and_goes_on", no_server),
    ("network::a_client_without_an_address_gives_up", no_address),
    ("network::a_link_local_address_is_always_there", link_local),
    ("network::a_scope_is_the_taps_name_or_index", scope),
    ("network::a_tap_that_is_made_has_one_queue_of_its_own", one_queue),
    ("network::an_address_of_another_station_is_not_used", taken),
];

pub(crate) const DNSMASQ: &[Case] = &[("network::an_address_from_dnsmasq", dnsmasq)];

/// Why there is no DHCP server here; `None` if there is one.
pub(crate) fn missing_dnsmasq() -> Option<String> {
    let version = Command::new("dnsmasq").arg("--version").output();
    version.err().map(|error| format!("no dnsmasq: {error}"))
}

fn no_server() -> Result<(), Failed> {
    let args = ["serve", "--dhcp", "--private", "--", "sleep", "60"];
    let mut serve = Running::start(args);
    ensure(serve.line() == "Server listening on [fdaa::1]:12345", || "no IPv6".into())?;
    serve.error_line();
    let said = serve.error_line();
    ensure(said == "smolecho0: no DHCP server has answered yet", || said)?;
    serve.signal(Signal::SIGTERM);
    let run = serve.finish().expect_status(0)?;
    ensure(run.stderr.contains("slots: 64 free"), || format!("{run:#?}"))
}

fn no_address() -> Result<(), Failed> {
    for (option, server) in [("--dhcp", "10.0.0.1:7"), ("--slaac", "[fd00::1]:7")] {
        let limit = ["--handshake-timeout", "300ms", "-q", "--private", "--", "sleep", "60"];
        let run = Run::of([&["client", server, option], &limit[..]].concat()).expect_status(1)?;
        ensure(
            run.stderr.contains("no address of its family from the network within 300ms"),
            || run.stderr,
        )?;
    }
    Ok(())
}

/// Python takes the usual scope syntax.
const TALK: &str = "
import socket, sys
info = socket.getaddrinfo(sys.argv[1], 12345, type=socket.SOCK_STREAM)[0]
with socket.socket(info[0], info[1]) as peer:
    peer.settimeout(10)
    peer.connect(info[4])
    peer.sendall(b'over the link')
    assert peer.recv(100) == b'over the link'
";

fn link_local() -> Result<(), Failed> {
    let address = "fe80::ff:fe00:1%smolecho0";
    let serve = ["serve", "--host-address", "fe80::100/64", "--private", "--"];
    let talk = ["python3", "-c", TALK, address];
    let run = Run::of([&serve[..], &talk].concat()).expect_status(0)?;
    run.expect_lines(&[
        "Server listening on [fe80::ff:fe00:1%smolecho0]:12345",
        "Accepted connection from [fe80::100%smolecho0]:",
    ])?;
    let run = Run::of("serve --address 10.0.0.1/8 --private -- true".split(' '));
    let run = run.expect_status(0)?;
    ensure(!run.stdout.contains("fe80"), || format!("no IPv6 was asked for: {run:#?}"))
}

/// Prints the interface's queueing discipline (`man 7 rtnetlink`, RTM_GETQDISC) and the length of its queue.
const ASK: &str = r#"
import fcntl, socket, struct
index = socket.if_nametoindex("smolecho0")
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
    kernel.send(struct.pack("=IHHIIiiIII", 36, 38, 0x301, 1, 0, 0, index, 0, 0, 0))
    answer = kernel.recv(1 << 16)
while answer:
    length, kind = struct.unpack_from("=IH", answer)
    if kind == 36 and struct.unpack_from("=i", answer, 20)[0] == index:
        print(answer[40:length].split(b"\0")[0].decode())
    answer = answer[length + 3 & ~3:]
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    request = fcntl.ioctl(any, 0x8942, struct.pack("16si20x", b"smolecho0", 0)) # SIOCGIFTXQLEN
print(struct.unpack_from("i", request, 16)[0])
"#;

fn one_queue() -> Result<(), Failed> {
    let run = Run::of(["serve", "-q", "--private", "--", "python3", "-c", ASK]).expect_status(0)?;
    ensure(run.stdout == "noqueue\n2000\n", || format!("{run:#?}"))
}

/// Creates a persistent TAP, configures the host's side, and prints the interface's index.
const MAKE_TAP: &str = r#"
import fcntl, os, socket, struct
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454ca, struct.pack("16sH22x", b"made1", 0x1002)) # TUNSETIFF: TAP, no header
fcntl.ioctl(tap, 0x400454cb, 1) # TUNSETPERSIST
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
    def set(request, address):
        address = socket.inet_aton(address)
        fcntl.ioctl(any, request, struct.pack("16sHH4s16x", b"made1", socket.AF_INET, 0, address))
    set(0x8916, "192.168.69.100") # SIOCSIFADDR
    set(0x891c, "255.255.255.0") # SIOCSIFNETMASK
    fcntl.ioctl(any, 0x8914, struct.pack("16sH22x", b"made1", 1)) # SIOCSIFFLAGS: up
print(socket.if_nametoindex("made1"))
"#;

fn scope() -> Result<(), Failed> {
    let server = "
import socket
info = socket.getaddrinfo('fe80::100%smolecho0', 12345, type=socket.SOCK_STREAM)[0]
with socket.socket(info[0], info[1]) as server:
    server.bind(info[4])
    server.listen(5)
    peer, _ = server.accept()
    peer.sendall(peer.recv(1024))
    peer.close()
";
    let client = ["client", "[fe80::100%smolecho0]:12345", "--host-address", "fe80::100/64"];
    let command = ["--private", "--", "python3", "-c", server];
    Run::of([&client[..], &command].concat()).expect_status(0)?.expect_lines(&[
        "Connected to server on [fe80::100%smolecho0]:12345",
        "Received from server: Hello, Server!",
    ])?;

    // No server is there; the scope must be checked first.
    let script = format!(
        "
        index=$(python3 -c '{MAKE_TAP}') || exit 10
        status() {{
            $SMOLECHO client \"[fe80::9%$1]:1\" --tap made1 --handshake-timeout 100ms -q
            echo $1 $?
        }}
        status made1; status $index; status lo; status 1; status 99"
    );
    let run = in_namespace(&script).expect_status(0)?;
    let statuses: Vec<&str> =
        run.stdout.lines().filter_map(|line| line.split(' ').nth(1)).collect();
    ensure(statuses == ["1", "1", "2", "2", "2"], || format!("{run:#?}"))?;
    ensure(run.stderr.contains("the stack is on made1 only; %made1 would do"), || run.stderr)
}

/// On an interface that was there before, the kernel has the address.
fn taken() -> Result<(), Failed> {
    let script = format!(
        "
        python3 -c '{MAKE_TAP}' || exit 10
        $SMOLECHO client 192.168.69.7:1 --tap made1 --address 192.168.69.100/24"
    );
    let run = in_namespace(&script).expect_status(1)?;
    let said = "192.168.69.100/24: another station has this address";
    ensure(run.stderr.contains(said), || format!("{run:#?}"))
}

fn dnsmasq() -> Result<(), Failed> {
    let log = std::env::temp_dir().join(format!("smolecho-{}.log", std::process::id()));
    let script = format!(
        "
        python3 -c '{MAKE_TAP}' || exit 10
        dnsmasq --no-daemon --conf-file=/dev/null --port=0 --pid-file= --leasefile-ro --user=root \
            --interface=made1 --bind-interfaces --no-ping --dhcp-range=192.168.69.50,192.168.69.59 &
        server=$!
        for try in $(seq 250); do grep -q :0043 /proc/net/udp && break; sleep 0.02; done
        $SMOLECHO serve --dhcp --tap made1 >{log} & serve=$!
        for try in $(seq 250); do grep -q 'listening on 192' {log} && break; sleep 0.02; done
        address=$(grep -o -m 1 '192.168.69.5[0-9]' {log})
        python3 -c '{talk}' $address && echo talked
        kill -TERM $serve; wait $serve; echo status $?
        kill $server; wait $server
        cat {log}",
        log = log.display(),
        talk = TALK.replace('\'', "\""),
    );
    let run = in_namespace(&script);
    let _ = std::fs::remove_file(&log);
    let run = run.expect_status(0)?;
    run.expect_lines(&["talked", "status 0", "Server listening on 192.168.69.5"])?;
    run.expect_said(&["made1: address 192.168.69.5"])
}
