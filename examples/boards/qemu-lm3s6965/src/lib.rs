//! The MAC driver, which the host can test.

#![no_std]

pub mod ethernet;

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use crate::{ethernet::Stellaris, model::Model};

    #[test]
    fn it_does_what_every_driver_must() {
        smolecho_board::trial::all(|| {
            let model = Model::default();
            (Stellaris::new(model.clone(), [2, 0, 0, 0, 0, 1]), model)
        });
    }
}
