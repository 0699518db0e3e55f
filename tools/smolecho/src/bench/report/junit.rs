//! The results as JUnit's XML, which continuous integration shows: a suite for the goals, and one for each
//! peer.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::text::{digits, range, subject};
use crate::bench::goal::Verdict;
use crate::bench::results::{Cell, Results, Row};

pub(super) fn document(results: &Results) -> Result<String, String> {
    let mut report = Report::new("smolecho bench");
    if !results.verdicts.is_empty() {
        let mut suite = TestSuite::new("goals");
        suite.add_test_cases(results.verdicts.iter().map(goal));
        report.add_test_suite(suite);
    }
    for peer in &results.peers {
        let mut suite = TestSuite::new(peer.name.as_str());
        let cells = results.figures.iter().filter_map(|row| Some((row, row.cell(&peer.name)?)));
        suite.add_test_cases(cells.map(|(row, cell)| figure(row, cell)));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn goal(verdict: &Verdict) -> TestCase {
    let Verdict { of, value, goal, met, .. } = verdict;
    let of = of.as_deref().map(|of| format!(" of {of}")).unwrap_or_default();
    let line = format!("{}{of} ({}), goal {goal}", digits(value.median), range(value));
    let status = if *met { TestCaseStatus::success() } else { failure(&line) };
    let mut case = TestCase::new(format!("{}{of}", subject(verdict)), status);
    case.set_system_out(line);
    case
}

fn figure(row: &Row, cell: &Cell) -> TestCase {
    let status = cell.failed.as_deref().map_or_else(TestCaseStatus::success, failure);
    let mut case = TestCase::new(row.name.as_str(), status);
    if let Some(value) = &cell.value {
        case.set_system_out(format!("{} {} ({})", digits(value.median), row.unit, range(value)));
    }
    case
}

fn failure(message: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(message);
    status
}
