//! Shared by the boards with embassy drivers. A board adds its clocks, its pins, its driver, a seed and the
//! chip's unique number.
//!
//! - [`serve`]: address, node and loop;
//! - [`mac_address`]: a hardware address from the chip's unique number;
//! - `nucleo`: ST's boards, which differ only in their clocks;
//! - `report`: log lines through the debug probe; `panic`: the panic handler.

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

/// Address of the board without DHCP.
#[cfg(not(feature = "dhcp"))]
const ADDRESS: IpCidr = IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24);

/// Serves TCP and UDP forever. Initial sequence numbers follow from `seed`: take it from the chip's entropy
/// source.
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

/// A hardware address from a chip's unique number: unicast, and locally administered.
pub fn mac_address(id: &[u8]) -> [u8; 6] {
    // The numbers of one wafer's chips differ in a few bits anywhere: hash all of them (FNV-1a).
    let hash = id.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let [a, b, c, d, e, f, ..] = hash.to_be_bytes();
    [a & !1 | 2, b, c, d, e, f]
}
