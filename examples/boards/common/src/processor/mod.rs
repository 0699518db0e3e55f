//! The processor: its clock, its sleep, and the interrupt that ends it.

#[cfg(target_arch = "arm")]
mod arm;
#[cfg(target_arch = "riscv32")]
mod riscv;

#[cfg(target_arch = "arm")]
pub use self::arm::*;
#[cfg(target_arch = "riscv32")]
pub use self::riscv::*;
