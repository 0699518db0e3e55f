//! The drivers, which the host can test.

#![no_std]

pub mod entropy;
pub mod ethernet;
pub mod queue;
pub mod transport;

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    extern crate std;

    use std::boxed::Box;

    use crate::{
        ethernet::{Memory, Virtio},
        model::Model,
    };

    #[test]
    fn it_does_what_every_driver_must() {
        smolecho_board::trial::all(|| {
            let model = Model::default();
            let memory = Box::leak(Box::new(Memory::new()));
            (Virtio::new(model.clone(), memory).expect("a device"), model)
        });
    }
}
