//! Addresses on the simulated network, and the data that clients send.

use smoltcp::wire::{EthernetAddress, IpAddress};

/// TCP and UDP port of the server, which is station 0.
pub const PORT: u16 = 12_345;

/// What every client sends, repeated; 251 is prime, so that no segment size divides it.
pub(crate) const PATTERN: [u8; 251] = {
    let mut pattern = [0; 251];
    let mut i = 0;
    while i < pattern.len() {
        pattern[i] = (i * 7 + 3) as u8;
        i += 1;
    }
    pattern
};

/// Hardware address of a station.
pub fn mac(station: usize) -> EthernetAddress {
    EthernetAddress([2, 0, 0, 0, 0, station as u8 + 1])
}

/// IP address of a station: in 10.7.0.0/16 or fd07::/64. Numbers without a station are unused addresses.
pub fn address(station: usize, v6: bool) -> IpAddress {
    let host = station as u16 + 1;
    if v6 {
        IpAddress::v6(0xfd07, 0, 0, 0, 0, 0, 0, host)
    } else {
        IpAddress::v4(10, 7, (host >> 8) as u8, host as u8)
    }
}
