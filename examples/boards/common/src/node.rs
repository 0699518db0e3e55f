//! The node of the boards: a TCP and UDP echo server.

pub use smolecho::Node;
use smolecho::{
    Config, ConfigError, DatagramStorage, Listener, Storage, UdpService,
    phy::Device,
    smoltcp::{
        time::Instant,
        wire::{IpAddress, IpCidr},
    },
};
use static_cell::{ConstStaticCell, StaticCell};

const ADDRESS: IpAddress = IpAddress::v4(10, 0, 2, 15);
const GATEWAY: IpAddress = IpAddress::v4(10, 0, 2, 2);

/// TCP and UDP port of the server.
pub const PORT: u16 = 12345;

/// Connections at once; `SMOLECHO_CONNECTIONS=16 cargo run --release` builds it with more.
const CONNECTIONS: usize = number(option_env!("SMOLECHO_CONNECTIONS"), 4);

/// Bytes of each connection's receive buffer, and of its transmit buffer.
const BUFFER: usize = 1024;

/// Bytes of the largest datagram that is echoed; every host accepts that (RFC 791 section 3.1).
const DATAGRAM: usize = 512;

static STORAGE: ConstStaticCell<Storage<'static, CONNECTIONS, BUFFER>> =
    ConstStaticCell::new(Storage::new());
static DATAGRAMS: ConstStaticCell<DatagramStorage<'static, 1, 1, DATAGRAM>> =
    ConstStaticCell::new(DatagramStorage::new());
static NODE: StaticCell<Node<'static>> = StaticCell::new();

/// A configuration with the addresses of QEMU's user-mode network.
///
/// Some machines that QEMU emulates have no entropy source: their `seed` is a constant, and their initial
/// sequence numbers repeat at every boot. On a network that you do not control, take the seed from an entropy
/// source.
pub fn emulated(mac: [u8; 6], seed: u64) -> Result<Config, ConfigError> {
    let mut config = Config::new(mac, seed).address(IpCidr::new(ADDRESS, 24))?;
    let _ = config.gateways.push(GATEWAY);
    #[cfg(feature = "ipv6")]
    let config = config.link_local()?;
    Ok(config)
}

/// The node. Call it once: its memory is static.
pub fn node(
    device: &mut impl Device,
    config: &Config,
) -> Result<&'static mut Node<'static>, ConfigError> {
    let memory = STORAGE.take().memory().with(DATAGRAMS.take().memory());
    let node = NODE.init(Node::new(config, memory, device, Instant::ZERO)?);
    node.listen(Listener::new(PORT, 5)).expect("a port that can be listened on");
    node.bind(PORT, UdpService::Echo).expect("a port that can be bound");
    Ok(node)
}

/// The number in an environment variable of the build, or the default.
const fn number(variable: Option<&str>, usual: usize) -> usize {
    match variable {
        None => usual,
        Some(text) => match usize::from_str_radix(text, 10) {
            Ok(number) => number,
            Err(_) => panic!("not a number"),
        },
    }
}
