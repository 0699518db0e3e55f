//! A TCP and UDP echo server on ST's NUCLEO-H743ZI: its clocks.

#![no_std]
#![no_main]

use embassy_executor::Spawner;
use embassy_stm32::{Config, rcc::*};
use smolecho_board_embassy::nucleo;

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    nucleo::serve(embassy_stm32::init(clocks())).await
}

/// 400 MHz from the oscillator on the chip, and 48 MHz for the entropy source.
fn clocks() -> Config {
    let mut config = Config::default();
    config.rcc.hsi = Some(HSIPrescaler::DIV1);
    config.rcc.hsi48 = Some(Hsi48Config::default());
    config.rcc.pll1 = Some(Pll {
        source: PllSource::HSI, // 64 MHz
        prediv: PllPreDiv::DIV4,
        mul: PllMul::MUL50,
        fracn: None,
        divp: Some(PllDiv::DIV2),
        divq: None,
        divr: None,
    });
    config.rcc.voltage_scale = VoltageScale::Scale1;
    config.rcc.sys = Sysclk::PLL1_P;
    config.rcc.ahb_pre = AHBPrescaler::DIV2;
    config.rcc.apb1_pre = APBPrescaler::DIV2;
    config.rcc.apb2_pre = APBPrescaler::DIV2;
    config.rcc.apb3_pre = APBPrescaler::DIV2;
    config.rcc.apb4_pre = APBPrescaler::DIV2;
    config
}
