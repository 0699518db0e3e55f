//! What the boards share whose drivers come from embassy: a board brings its clocks, its pins, its driver,
//! and two numbers of its chip.
//!
//! - [`serve`]: the address, the node, the loop;
//! - [`mac_address`]: a hardware address that no other chip has;
//! - `nucleo`: ST's boards, which differ in their clocks alone;
//! - `report`: log lines through the debug probe; `panic`: the board starts again.

#![no_std]

#[cfg(feature = "nucleo")]
pub mod nucleo;
mod panic;
mod report;

use core::future;

use embassy_net_driver::Driver;
use embassy_time::{Instant, Timer};
#[cfg(not(feature = "dhcp"))]
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, ConfigError, phy::embassy::Bridge, smoltcp::time::Instant as At};
use smolecho_board::node::{PORT, node};

/// Where the board is, unless a DHCP server says so.
#[cfg(not(feature = "dhcp"))]
const ADDRESS: IpCidr = IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24);

/// Serves for ever, over TCP and UDP. `seed` is from the chip's source of entropy: sequence numbers follow
/// from it.
pub async fn serve(driver: impl Driver, seed: u64) -> ! {
    let mut device = Bridge::new(driver).expect("a driver for Ethernet");
    let config = config(device.hardware_address(), seed).expect("addresses that can be");
    let node = node(&mut device, &config).expect("a configuration that can be");
    defmt::info!("Server listening on port {}, TCP and UDP", PORT);
    smolecho::run(node, &mut device, now, timer, report::event).await
}

fn config(mac: [u8; 6], seed: u64) -> Result<Config, ConfigError> {
    let config = Config::new(mac, seed);
    #[cfg(feature = "dhcp")]
    let config = Config { dhcpv4: true, ..config };
    #[cfg(not(feature = "dhcp"))]
    let config = config.address(ADDRESS)?;
    #[cfg(feature = "ipv6")]
    let config = config.link_local()?;
    Ok(config)
}

fn now() -> At {
    At::from_micros(Instant::now().as_micros().cast_signed())
}

async fn timer(due: Option<At>) {
    match due {
        Some(at) => Timer::at(Instant::from_micros(at.total_micros().cast_unsigned())).await,
        None => future::pending().await,
    }
}

/// A hardware address from a chip's unique number: of one station, and administered locally.
pub fn mac_address(id: &[u8]) -> [u8; 6] {
    // The numbers of chips of one wafer differ in few bits, which may be any: all of them count (FNV-1a).
    let hash = id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
    [a & !1 | 2, b, c, d, e, f]
}
