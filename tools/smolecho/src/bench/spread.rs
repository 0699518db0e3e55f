//! A median and its spread, which decides what counts as noise.

use serde::{Deserialize, Serialize};

/// The smallest spread to either side, relative to the median: runs differ by this much on any machine.
const NEAR: f64 = 0.02;

/// The lowest and the highest round, and at least [`NEAR`] to either side of the median.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Spread {
    /// `None` without values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Spread> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (lowest, highest) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        let near = NEAR * median.abs();
        Some(Spread { median, low: lowest.min(median - near), high: highest.max(median + near) })
    }

    /// Whether one median lies within the other's spread.
    pub(super) fn agrees_with(&self, other: &Spread) -> bool {
        let holds = |spread: &Spread, value| (spread.low..=spread.high).contains(&value);
        holds(self, other.median) || holds(other, self.median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_agree_if_one_lies_within_the_others_spread() {
        let spread = |low, median, high| Spread { median, low, high };
        let (a, wide) = (spread(9.0, 10.0, 11.0), spread(9.5, 12.0, 30.0));
        assert!(a.agrees_with(&a) && a.agrees_with(&wide) && wide.agrees_with(&a));
        assert!(!a.agrees_with(&spread(11.5, 12.0, 13.0)));
    }

    #[test]
    fn close_rounds_have_the_smallest_spread() {
        let always = |value| Spread::of([value; 3]).expect("rounds");
        assert_eq!(always(100.0), Spread { median: 100.0, low: 98.0, high: 102.0 });
        assert_eq!(always(0.0), Spread { median: 0.0, low: 0.0, high: 0.0 });
        assert!(always(100.0).agrees_with(&always(101.9)));
        assert!(!always(100.0).agrees_with(&always(102.1)));
    }

    #[test]
    fn the_median_is_the_middle() {
        let spread = |values: &[f64]| Spread::of(values.iter().copied());
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[3.0, 1.0, 2.0]), Some(Spread { median: 2.0, low: 1.0, high: 3.0 }));
        assert_eq!(spread(&[4.0, 1.0]), Some(Spread { median: 2.5, low: 1.0, high: 4.0 }));
    }
}
