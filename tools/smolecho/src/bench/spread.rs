//! A median, and how far the rounds lie apart.

use serde::{Deserialize, Serialize};

/// No machine is the same again to so much, however close the rounds of one run are.
const NEAR: f64 = 0.02;

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// None of nothing.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (low, high) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Spread { median, low, high })
    }

    /// Whether a median is within what the other's rounds showed, or next to it.
    pub(super) fn agrees_with(&self, other: &Spread) -> bool {
        let holds = |spread: &Spread, value| (spread.low..=spread.high).contains(&value);
        let is_near = (self.median - other.median).abs() <= NEAR * self.median.abs();
        is_near || holds(self, other.median) || holds(other, self.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_agree_if_one_could_be_the_others_round() {
        let spread = |low, median, high| Spread { median, low, high };
        let (a, wide) = (spread(9.0, 10.0, 11.0), spread(9.5, 12.0, 30.0));
        assert!(a.agrees_with(&a) && a.agrees_with(&wide) && wide.agrees_with(&a));
        assert!(!a.agrees_with(&spread(11.5, 12.0, 13.0)));
        assert!(spread(10.0, 10.0, 10.0).agrees_with(&spread(10.1, 10.1, 10.1)));
    }

    #[test]
    fn the_median_is_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, low: 1.0, high: 4.0 }));
    }
}
