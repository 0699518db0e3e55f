//! The command line; nothing is created.

use libtest_mimic::Failed;

use crate::Case;
use crate::program::{Run, ensure};

pub(crate) const CASES: &[Case] = &[
    ("usage::bad_input_is_named_with_what_would_do", bad_input),
    ("usage::help_lists_what_works", help),
];

/// A command line, and parts of its error line: the option, the value, and what would do.
const BAD: &[(&str, &[&str])] = &[
    ("serve --port 0", &["--port", "'0'", "from 1 to 65535"]),
    ("serve --port 70000", &["--port", "'70000'", "from 1 to 65535"]),
    ("serve --port http", &["--port", "'http'", "from 1 to 65535"]),
    ("serve --address 192.168.69.1", &["--address", "prefix", "192.168.69.1/24 would do"]),
    ("serve --address fdaa::1", &["--address", "prefix", "fdaa::1/64 would do"]),
    ("serve --address 192.168.69.1/33", &["--address", "'192.168.69.1/33'", "would do"]),
    ("serve --address 192.168.69.0/24", &["--address 192.168.69.0/24", "would do"]),
    ("serve --address 192.168.69.255/24", &["--address 192.168.69.255/24", "would do"]),
    ("serve --address 224.0.0.1/4", &["--address 224.0.0.1/4", "would do"]),
    (
        "serve --address 10.0.0.1/24 --address 10.0.0.1/8",
        &["--address 10.0.0.1", "twice", "once would do"],
    ),
    (
        "serve --tap unused9 --address 192.168.69.100/24",
        &["--address 192.168.69.100/24", "host's side", "--host-address"],
    ),
    (
        "serve --tap unused9 --host-address 10.0.0.2/24 --host-address 10.0.0.2/8",
        &["--host-address 10.0.0.2/8", "twice", "once would do"],
    ),
    ("serve --tap unused9 --host-address 224.0.0.1/4", &["--host-address 224.0.0.1/4", "would do"]),
    ("serve --backlog 0", &["--backlog", "'0'", "from 1 to 65535"]),
    ("serve --connections 0", &["--connections", "'0'", "from 1 to 65534"]),
    ("serve --connections 70000", &["--connections", "'70000'", "from 1 to 65534"]),
    ("serve --buffer 0", &["--buffer", "'0'", "from 1 to 65535"]),
    ("serve --buffer 1073741824", &["--buffer", "'1073741824'", "from 1 to 65535"]),
    ("serve --spin fast", &["--spin", "'fast'", "10s", "off"]),
    ("serve --offload --corrupt 1", &["--corrupt", "--offload", "would do"]),
    ("client 192.168.69.100:7 --offload --corrupt 1", &["--corrupt", "--offload", "would do"]),
    ("serve --mtu 10", &["--mtu", "'10'", "from 576 to 65521"]),
    ("serve --mtu 65522", &["--mtu", "'65522'", "from 576 to 65521"]),
    ("serve --mtu 600 --address fdaa::1/64", &["--address fdaa::1/64", "--mtu of 600", "1280"]),
    ("serve --gateway 10.0.0.1", &["--gateway 10.0.0.1", "would do"]),
    ("serve --gateway 192.168.69.1", &["--gateway 192.168.69.1", "itself", "would do"]),
    (
        "serve --gateway 192.168.69.2 --gateway 192.168.69.3",
        &["--gateway 192.168.69.3", "second of its family", "would do"],
    ),
    ("serve --mac 01:00:00:00:00:01", &["--mac", "'01:00:00:00:00:01'", "would do"]),
    ("serve --tap not/a/name", &["--tap", "not/a/name", "would do"]),
    ("serve --tap a-name-that-is-too-long", &["--tap", "at most 15", "would do"]),
    ("serve --pcap /nonexistent/x.pcap", &["--pcap /nonexistent/x.pcap", "would do"]),
    ("serve --pcap /", &["--pcap /", "directory", "would do"]),
    ("serve --handshake-timeout 0", &["--handshake-timeout", "'0'", "10s", "off"]),
    ("serve --idle-timeout soon", &["--idle-timeout", "'soon'", "10s", "off"]),
    ("serve --stall-timeout 1000y", &["--stall-timeout", "'1000y'", "off"]),
    ("serve --flow twice", &["--flow", "'twice'"]),
    ("serve --seed x", &["--seed", "'x'", "would do"]),
    ("serve --json --quiet", &["--json", "--quiet"]),
    ("serve -- true", &["true", "--private -- CMD"]),
    ("serve --private", &["--private", "--private -- CMD"]),
    ("client 192.168.69.100", &["192.168.69.100:12345 would do"]),
    ("client fdaa::100", &["[fdaa::100]:12345 would do"]),
    ("client localhost:12345", &["'localhost:12345'", "192.168.69.100:12345"]),
    ("client 192.168.69.100:0", &["port 0", "from 1 to 65535"]),
    ("client 192.168.69.1:12345", &["192.168.69.1:12345", "own --address", "would do"]),
    ("client 192.168.69.255:12345", &["192.168.69.255:12345", "would do"]),
    ("client 224.0.0.1:12345", &["224.0.0.1:12345", "would do"]),
    ("client 10.0.0.1:12345", &["10.0.0.1:12345", "--gateway would do"]),
    ("client [fdaa::9]:1 --address 10.0.0.1/24", &["[fdaa::9]:1", "--address would do"]),
    ("client [::1]:12345", &["[::1]:12345", "itself", "[fdaa::100]:12345", "would do"]),
    ("client 127.0.0.1:12345", &["127.0.0.1:12345", "192.168.69.100:12345", "would do"]),
    ("client [::ffff:10.0.0.1]:7", &["[::ffff:10.0.0.1]:7", "10.0.0.1:7 would do"]),
    ("client [fe80::1%nowhere9]:1", &["[fe80::1%nowhere9]:1", "%smolecho0 would do"]),
    ("client [fe80::1%lo]:1 --tap unused9", &["[fe80::1%lo]:1", "%unused9 would do"]),
    ("client [fe80::1%7]:1 --tap unused9", &["no index yet", "%unused9 would do"]),
    ("client [fe80::1%]:1", &["[fe80::1%]:1", "%smolecho0 would do"]),
    ("client fe80::1%smolecho0", &["[fe80::1%smolecho0]:12345 would do"]),
    ("client 192.168.69.100:1 --proto tcp,udp", &["--proto", "'tcp,udp'"]),
    ("client 192.168.69.100:1 --proto sctp", &["--proto", "'sctp'"]),
    ("serve --proto sctp", &["--proto", "'sctp'"]),
    ("serve --proto tcp,,udp", &["--proto"]),
    ("serve --discard 0", &["--discard", "'0'", "from 1 to 65535"]),
    ("serve --chargen x", &["--chargen", "'x'", "from 1 to 65535"]),
    ("serve --discard 12345", &["--discard 12345", "--port", "another port would do"]),
    ("serve --chargen 9 --discard 9", &["--chargen 9", "--discard", "another port would do"]),
    ("serve --udp-rate 0", &["--udp-rate", "'0'", "off"]),
    ("serve --per-source 0", &["--per-source", "'0'", "off"]),
    ("serve --when-full wait", &["--when-full", "'wait'"]),
    ("serve --slaac --mtu 600", &["--slaac", "--mtu of 600", "1280"]),
    ("serve --address ::1/128", &["--address ::1/128", "would do"]),
    ("serve --gateway fe80::1%lo", &["--gateway fe80::1%lo", "%smolecho0 would do"]),
    (
        "serve --dhcp --address 10.0.0.1/8 --gateway 192.168.69.2",
        &["--gateway 192.168.69.2", "would do"],
    ),
    (
        "serve --dhcp --slaac --address 10.0.0.1/8 --address 10.0.0.2/8 --address 10.0.0.3/8 \
         --address fd00::1/64 --address fd00::2/64 --address fd00::3/64",
        &["--address", "too many", "up to 8 would do"],
    ),
    ("probe", &["required arguments"]),
    ("probe 192.168.69.1", &["192.168.69.1:12345 would do"]),
    ("probe 192.168.69.1:0", &["192.168.69.1:0", "from 1 to 65535"]),
    ("probe [fe80::1%nowhere9]:7", &["nowhere9", "ip link"]),
    ("probe 127.0.0.1:7 --only tpc", &["--only tpc", "--list"]),
    ("probe 127.0.0.1:7 --skip *", &["--skip", "would do"]),
    ("probe 127.0.0.1:7 --deadline off", &["--deadline", "'off'", "10s"]),
    ("probe 127.0.0.1:7 --json /nonexistent/x", &["--json /nonexistent/x", "would do"]),
    ("probe 127.0.0.1:7 --connections 0", &["--connections", "'0'", "from 1 to 256"]),
    ("bench 192.168.69.1", &["192.168.69.1:12345 would do"]),
    ("bench --only rtt", &["--only rtt", "--list"]),
    ("bench --peers nobody", &["--peers nobody", "--list"]),
    ("bench --rounds 0", &["--rounds", "'0'", "from 1 to 1000"]),
    ("bench --time off", &["--time", "'off'", "10s"]),
    ("bench --quick --rounds 3", &["--quick", "--rounds"]),
    ("bench --discard 9", &["required arguments"]),
    ("bench --json /nonexistent/x", &["--json /nonexistent/x", "would do"]),
    ("bench --compare /nonexistent/x", &["--compare /nonexistent/x", "bench --json wrote"]),
    ("bench-part {}", &["bench starts it by itself"]),
    ("serve --loss 101", &["--loss", "'101'", "from 0 to 100"]),
    ("serve --corrupt=-1", &["--corrupt", "'-1'", "would do"]),
    ("serve --reorder x", &["--reorder", "'x'", "from 0 to 100"]),
    ("client 192.168.69.100:1 --delay 2h", &["--delay", "'2h'", "20ms"]),
    ("serve --rate-limit 0", &["--rate-limit", "'0'", "off"]),
    ("sim --scenario storm", &["--scenario storm", "--list"]),
    ("sim --runs 0", &["--runs", "'0'"]),
    ("sim --minutes 1 --runs 5", &["--minutes", "--runs"]),
    ("sim --pcap /nonexistent/x.pcap", &["--pcap /nonexistent/x.pcap", "would do"]),
    ("sim --svg /nonexistent/x.svg", &["/nonexistent/x.svg", "would do"]),
    ("nonsense", &["'nonsense'"]),
];

fn bad_input() -> Result<(), Failed> {
    for (line, expected) in BAD {
        let run = Run::of(line.split_whitespace());
        let (status, said) = run.verdict();
        ensure(status == 2, || format!("smolecho {line}: status 2 expected: {run:#?}"))?;
        ensure(said.starts_with("error: "), || format!("smolecho {line}: {said:?}"))?;
        for part in *expected {
            ensure(said.contains(part), || format!("smolecho {line}: no {part:?} in {said:?}"))?;
        }
        ensure(run.stdout.is_empty(), || format!("smolecho {line}: {:?}", run.stdout))?;
    }
    Ok(())
}

fn help() -> Result<(), Failed> {
    let all = Run::of(["--help"]).expect_status(0)?;
    for command in ["demo", "serve", "client", "probe", "bench", "sim"] {
        ensure(all.stdout.contains(command), || format!("no {command} in {}", all.stdout))?;
    }
    ensure(!all.stdout.contains("bench-part"), || format!("bench-part in {}", all.stdout))?;
    let common = "--tap --address --host-address --gateway --dhcp --slaac --proto --mac --mtu \
        --offload --spin --buffer --handshake-timeout --idle-timeout --stall-timeout --persist-timeout \
        --seed --loss --corrupt --duplicate --reorder --delay --rate-limit --pcap --json \
        --verbose --quiet --private --help";
    let serve = "--port --flow --backlog --connections --discard --chargen --per-source \
        --evict-idle --when-full --udp-rate";
    expect_options("serve", &format!("{serve} {common}"))?;
    expect_options("client", common)?;
    let probe =
        "--list --only --skip --proto --deadline --connections --json --junit --html --help";
    expect_options("probe", probe)?;
    let bench = "--list --only --peers --rounds --time --quick --two-cores --discard --chargen \
        --compare --json --junit --html --markdown --help";
    expect_options("bench", bench)?;
    let sim = "--list --seed --runs --minutes --scenario --pcap --svg --help";
    expect_options("sim", sim)
}

/// Checks that the help of a command lists exactly these options.
fn expect_options(command: &str, expected: &str) -> Result<(), Failed> {
    let help = Run::of([command, "--help"]).expect_status(0)?;
    let lines = help.stdout.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    let mut listed: Vec<&str> =
        lines.flat_map(|line| line.split([' ', ','])).filter(|w| w.starts_with("--")).collect();
    let mut expected: Vec<&str> = expected.split(' ').collect();
    listed.sort_unstable();
    expected.sort_unstable();
    ensure(listed == expected, || format!("{command} lists {listed:?}, not {expected:?}"))
}
