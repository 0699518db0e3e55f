//! A TCP and UDP echo server on WIZnet's W5500-EVB-Pico: pins, and the task that moves the frames.

#![no_std]
#![no_main]

use embassy_embedded_hal::shared_bus::asynch::spi::SpiDevice;
use embassy_executor::Spawner;
use embassy_net_wiznet::{Runner, State, chip::W5500};
use embassy_rp::{
    bind_interrupts,
    clocks::RoscRng,
    dma,
    flash::Flash,
    gpio::{Input, Level, Output, Pull},
    peripherals::{DMA_CH0, DMA_CH1, SPI0},
    spi::{self, Spi},
};
use embassy_sync::{blocking_mutex::raw::NoopRawMutex, mutex::Mutex};
use smolecho_board_embassy::{mac_address, serve};
use static_cell::{ConstStaticCell, StaticCell};

bind_interrupts!(struct Interrupts {
    DMA_IRQ_0 => dma::InterruptHandler<DMA_CH0>, dma::InterruptHandler<DMA_CH1>;
});

/// Bytes of flash on the board.
const FLASH: usize = 2 * 1024 * 1024;

/// Hz; the W5500's data sheet guarantees 33.3 MHz.
const SPI_HZ: u32 = 31_250_000;

type Bus = Mutex<NoopRawMutex, Spi<'static, SPI0, spi::Async>>;
type Device = SpiDevice<'static, NoopRawMutex, Spi<'static, SPI0, spi::Async>, Output<'static>>;

static BUS: StaticCell<Bus> = StaticCell::new();
/// Buffers for four frames each way; the W5500 has 16 KiB each way itself.
static FRAMES: ConstStaticCell<State<4, 4>> = ConstStaticCell::new(State::new());

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let chip = embassy_rp::init(Default::default());
    let seed = RoscRng.next_u64();
    // The RP2040 has no unique number; its flash has one.
    let mut id = [0; 8];
    let mut flash = Flash::<_, _, FLASH>::new_blocking(chip.FLASH);
    flash.blocking_unique_id(&mut id).expect("a flash that was read a moment ago");

    let mut config = spi::Config::default();
    config.frequency = SPI_HZ;
    let bus = Spi::new(
        chip.SPI0,
        chip.PIN_18, // clock
        chip.PIN_19, // to the W5500
        chip.PIN_16, // from it
        chip.DMA_CH0,
        chip.DMA_CH1,
        Interrupts,
        config,
    );
    let select = Output::new(chip.PIN_17, Level::High);
    let device = SpiDevice::new(BUS.init(Mutex::new(bus)), select);
    let interrupt = Input::new(chip.PIN_21, Pull::Up);
    let reset = Output::new(chip.PIN_20, Level::High);
    let (driver, runner) =
        embassy_net_wiznet::new(mac_address(&id), FRAMES.take(), device, interrupt, reset)
            .await
            .expect("a W5500 that answers");
    spawner.spawn(frames(runner).expect("the only task of its kind"));
    serve(driver, seed).await
}

/// Moves frames between the W5500 and the buffers.
#[embassy_executor::task]
async fn frames(runner: Runner<'static, W5500, Device, Input<'static>, Output<'static>>) -> ! {
    runner.run().await
}
