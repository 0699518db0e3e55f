//! The results as JUnit XML: a suite per peer.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::text::{digits, range};
use crate::bench::results::{Cell, Results, Row};

pub(super) fn document(results: &Results) -> Result<String, String> {
    let mut report = Report::new("smolecho bench");
    for peer in &results.peers {
        let mut suite = TestSuite::new(peer.name.as_str());
        let cells = results.figures.iter().filter_map(|row| Some((row, row.cell(&peer.name)?)));
        suite.add_test_cases(cells.map(|(row, cell)| figure(row, cell)));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn figure(row: &Row, cell: &Cell) -> TestCase {
    let status = match &cell.failed {
        None => TestCaseStatus::success(),
        Some(reason) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(reason);
            status
        }
    };
    let mut case = TestCase::new(row.name.as_str(), status);
    if let Some(value) = &cell.value {
        case.set_system_out(format!("{} {} ({})", digits(value.median), row.unit, range(value)));
    }
    case
}
