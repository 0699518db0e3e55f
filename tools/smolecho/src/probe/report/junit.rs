//! The findings as JUnit XML.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use crate::probe::case::Trouble;
use crate::probe::findings::{Finding, Findings};

/// One suite per target.
pub(super) fn document(findings: &Findings) -> Result<String, String> {
    let mut report = Report::new("smolecho probe");
    for (target, list) in &findings.targets {
        let mut suite = TestSuite::new(target.to_string());
        suite.add_test_cases(list.iter().map(test_case));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|error| error.to_string())
}

fn test_case(finding: &Finding) -> TestCase {
    let Finding { case, outcome, took } = finding;
    let status = match outcome {
        Ok(_) => TestCaseStatus::success(),
        Err(Trouble::NotRun(reason)) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason.as_str());
            status
        }
        Err(Trouble::Failed(observed)) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(observed.as_str());
            status.set_description(format!("expected: {}; see {}", case.expects, case.rule));
            status
        }
    };
    let mut test = TestCase::new(case.name, status);
    test.set_time(*took);
    test
}
