//! ST's NUCLEO-144 boards with Ethernet: a LAN8742A over RMII, on the same pins (UM1974, UM2407).

use embassy_stm32::{
    Peripherals, bind_interrupts,
    eth::{self, Ethernet, PacketQueue},
    peripherals,
    rng::{self, Rng},
    uid::uid,
};
use static_cell::ConstStaticCell;

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler;
    RNG => rng::InterruptHandler<peripherals::RNG>;
});

/// Buffers for four frames each way.
static FRAMES: ConstStaticCell<PacketQueue<4, 4>> = ConstStaticCell::new(PacketQueue::new());

/// Serves forever. The chip's clocks must run, that of its entropy source included.
pub async fn serve(chip: Peripherals) -> ! {
    let seed = Rng::new(chip.RNG, Interrupts).next_u64();
    let ethernet = Ethernet::new(
        FRAMES.take(),
        chip.ETH,
        Interrupts,
        chip.PA1,  // reference clock
        chip.PA7,  // carrier sense
        chip.PC4,  // receive 0
        chip.PC5,  // receive 1
        chip.PG13, // transmit 0
        chip.PB13, // transmit 1
        chip.PG11, // transmit enable
        crate::mac_address(&uid()),
        chip.ETH_SMA,
        chip.PA2, // MDIO
        chip.PC1, // MDC
    );
    crate::serve(ethernet, seed).await
}
