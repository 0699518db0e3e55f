//! A TCP and UDP echo server on ST's NUCLEO-F767ZI: its clocks.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_stm32::{Config, rcc::*, time::Hertz};
use smolecho_board_embassy::nucleo;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    nucleo::serve(embassy_stm32::init(clocks())).await
}

/// 216 MHz from the 8 MHz of the debug probe, and 48 MHz for the entropy source.
fn clocks() -> Config {
    let mut config = Config::default();
    config.rcc.hse = Some(Hse { freq: Hertz(8_000_000), mode: HseMode::Bypass });
    config.rcc.pll_src = PllSource::HSE;
    config.rcc.pll = Some(Pll {
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL216,
        divp: Some(PllPDiv::DIV2),
        divq: Some(PllQDiv::DIV9),
        divr: None,
    });
    config.rcc.sys = Sysclk::PLL1_P;
    config.rcc.ahb_pre = AHBPrescaler::DIV1;
    config.rcc.apb1_pre = APBPrescaler::DIV4;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config
}
