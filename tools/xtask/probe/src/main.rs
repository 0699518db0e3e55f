//! A TCP and UDP echo server on a dummy device: the size of the library on a board, without the board's own
//! code. `cargo xtask sizes` builds it with each feature.
#![no_std]
#![no_main]

use core::hint::black_box;

use smolecho::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smolecho::smoltcp::time::Instant;
use smolecho::smoltcp::wire::{IpAddress, IpCidr};
use smolecho::{Config, DatagramStorage, Listener, Node, Storage, UdpService};

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(no_mangle)]
fn _start() {
    let mut storage = black_box(Storage::<4, 1024>::new());
    let mut datagrams = black_box(DatagramStorage::<1, 1, 512>::new());
    let mut device = Nic;
    let now = black_box(Instant::ZERO);
    let Ok(mut config) = Config::new([2, 0, 0, 0, 0, 1], black_box(1))
        .address(IpCidr::new(IpAddress::v4(192, 168, 69, 1), 24))
    else {
        return;
    };
    config.dhcpv4 = cfg!(feature = "dhcpv4");
    config.slaac = cfg!(feature = "slaac");
    config.conflict_detection = cfg!(feature = "conflict-detection");
    let memory = storage.memory().with(datagrams.memory());
    let Ok(mut node) = Node::new(&config, memory, &mut device, now) else { return };
    if node.listen(Listener::new(12345, 2)).is_err() || node.bind(12345, UdpService::Echo).is_err()
    {
        return;
    }
    loop {
        node.poll(black_box(now), &mut device, |_| {});
        black_box(node.poll_at(now));
        black_box(node.stats());
    }
}

/// A device without frames; `black_box` keeps that from the compiler.
struct Nic;

struct Token;

impl Device for Nic {
    type RxToken<'t> = Token;
    type TxToken<'t> = Token;

    fn receive(&mut self, _: Instant) -> Option<(Token, Token)> {
        black_box(true).then_some((Token, Token))
    }

    fn transmit(&mut self, _: Instant) -> Option<Token> {
        black_box(true).then_some(Token)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for Token {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let frame = [0; 64];
        f(black_box(&frame))
    }
}

impl TxToken for Token {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = [0; 1514];
        f(black_box(&mut frame[..len.min(1514)]))
    }
}
