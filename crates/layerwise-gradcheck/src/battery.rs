//! Runs a battery: every check on every case, the first failure shrunk, and every cell of the table accounted for.

use std::cell::{Cell as Slot, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use crate::case::{self, Case, Cases, Field, Space};
use crate::fault::Fault;
use crate::once::INSTRUCTION_SETS;
use crate::report::{Cell, Failure, Fate, Log, Report, Saboteur, Wrong};
use crate::{Gradcheck, Scope};

/// A component with the checks of its family.
pub(crate) trait Family: Space {
    /// The component on one case, with what several checks need computed at most once.
    type Bench;

    fn family(&self) -> &'static str;
    fn name(&self) -> String;
    fn bench(&self, case: &Case) -> Self::Bench;
    fn checks() -> Vec<Check<Self>>;
    /// The sizes, in words.
    fn shape(&self, case: &Case) -> String;
    /// Everything that a fault may act on, without judging it.
    fn exercise(bench: &Self::Bench);
    /// The component with one fault planted into it, for every fault of the family.
    fn sabotaged(&self) -> Vec<Self>
    where
        Self: Sized;
    /// The planted fault.
    fn fault(&self) -> Option<&Fault>;
}

/// One check of a battery.
pub(crate) struct Check<T: Family + ?Sized> {
    pub name: &'static str,
    /// What should hold, as a formula where there is one.
    pub law: &'static str,
    /// `Err` says why it does not apply to a component.
    pub applies: fn(&T) -> Result<(), &'static str>,
    pub run: Run<T>,
}

pub(crate) enum Run<T: Family + ?Sized> {
    /// On every case.
    Each(fn(&T::Bench, &mut Log)),
    /// Once a component.
    Once(fn(&T, &mut Log)),
}

impl<T: Family> Check<T> {
    pub fn each(name: &'static str, law: &'static str, run: fn(&T::Bench, &mut Log)) -> Self {
        Check { name, law, applies: |_| Ok(()), run: Run::Each(run) }
    }

    pub fn once(name: &'static str, law: &'static str, run: fn(&T, &mut Log)) -> Self {
        Check { name, law, applies: |_| Ok(()), run: Run::Once(run) }
    }

    pub fn applies(self, applies: fn(&T) -> Result<(), &'static str>) -> Self {
        Check { applies, ..self }
    }
}

/// The numbers of a bench and its fields, by name.
pub(crate) fn field<'a>(case: &'a Case, fields: &[Field], name: &str) -> &'a [f64] {
    let mut start = 0;
    for field in fields {
        if field.name == name {
            return &case.numbers[start..start + field.len()];
        }
        start += field.len();
    }
    &[]
}

/// Runs f; a panic is a number that is wrong.
fn guarded(f: impl FnOnce(&mut Log)) -> Log {
    let mut log = Log::default();
    let end = catch_unwind(AssertUnwindSafe(|| f(&mut log)));
    if let Err(panic) = end {
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default();
        let coordinate = format!("kernels answer and do not panic (`{said}`)");
        log.wrong = Some(Wrong { coordinate, expected: 1.0, got: 0.0, bound: 0.0 });
    }
    log
}

/// Everything: the battery, and the battery against planted faults.
pub(crate) fn run<T: Family>(subject: &T, settings: &Gradcheck) -> Report {
    let begun = Instant::now();
    let mut report = match &settings.replay {
        Some(text) => replayed(subject, settings, text),
        None => tried(subject, settings, settings.cases, true, true),
    };
    if report.failure.is_none() && settings.replay.is_none() && settings.saboteurs && settings.scope == Scope::Whole {
        sabotaged(subject, settings, &mut report);
    }
    report.seconds = begun.elapsed().as_secs_f64();
    report
}

/// The battery on `cases` cases; `whole`: every cell has to be accounted for.
fn tried<T: Family>(subject: &T, settings: &Gradcheck, cases: usize, whole: bool, shrink: bool) -> Report {
    let mut report = Report::new(subject.family(), subject.name(), settings.seed);
    let mut checks = T::checks();
    for check in &checks {
        let refused = (check.applies)(subject).err();
        report.cells.push(Cell { check: check.name, law: check.law, run: 0, refused });
    }
    let mut cells = report.cells.iter();
    checks.retain(|check| {
        cells.next().is_some_and(|cell| cell.refused.is_none())
            && (settings.scope == Scope::Whole || check.name == INSTRUCTION_SETS)
    });
    let whole = whole && settings.scope == Scope::Whole;

    let each: Vec<_> = checks.iter().filter(|check| matches!(check.run, Run::Each(_))).collect();
    let strategy = Cases { space: subject, seed: settings.seed, next: Slot::new(0), thrown: Slot::new(0) };
    // After the first failure only its own check counts: it is what is shrunk.
    let failed: Slot<Option<&'static str>> = Slot::new(None);
    let shared = RefCell::new(&mut report);
    let config = Config {
        cases: cases as u32,
        failure_persistence: None,
        max_shrink_iters: if shrink { 20_000 } else { 0 },
        ..Config::default()
    };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&settings.seed.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let result = runner.run(&strategy, |case| {
        let bench = subject.bench(&case);
        let pinned = failed.get();
        if pinned.is_none() {
            shared.borrow_mut().cases += 1;
        }
        for check in each.iter().filter(|check| pinned.is_none_or(|name| name == check.name)) {
            let Run::Each(run) = check.run else { continue };
            let log = guarded(|log| run(&bench, log));
            if pinned.is_none() {
                account(&mut shared.borrow_mut(), check.name, &log);
            }
            if log.wrong.is_some() {
                failed.set(Some(check.name));
                return Err(TestCaseError::fail(check.name));
            }
        }
        Ok(())
    });
    report.redrawn = strategy.thrown.get();
    match result {
        Ok(()) => {}
        Err(TestError::Fail(_, case)) => {
            if let Some(check) = each.iter().find(|check| Some(check.name) == failed.get()) {
                fail_at(&mut report, subject, check, &case);
                if report.failure.is_none() {
                    let coordinate = "a case that failed once fails again".to_owned();
                    report.fail(check.name, check.law, Wrong { coordinate, expected: 1.0, got: 0.0, bound: 0.0 });
                }
            }
        }
        // No sizes fit: the account below says so.
        Err(TestError::Abort(_)) => {}
    }
    for check in &checks {
        let Run::Once(run) = check.run else { continue };
        if report.failure.is_some() {
            break;
        }
        let log = guarded(|log| run(subject, log));
        account(&mut report, check.name, &log);
        if let Some(wrong) = log.wrong {
            report.fail(check.name, check.law, wrong);
        }
    }
    if whole && report.failure.is_none() {
        let idle = report.cells.iter().find(|cell| cell.run == 0 && cell.refused.is_none()).cloned();
        if let Some(Cell { check, law, .. }) = idle {
            let coordinate = format!("`{check}` says something about one of the {} cases drawn", report.cases);
            report.fail(check, law, Wrong { coordinate, expected: 1.0, got: 0.0, bound: 0.0 });
        }
    }
    report
}

fn account(report: &mut Report, check: &str, log: &Log) {
    if log.skipped {
        return;
    }
    report.evaluations += 1;
    if let Some(cell) = report.cells.iter_mut().find(|cell| cell.check == check) {
        cell.run += 1;
    }
    if log.wrong.is_none() {
        report.worst_ulp = report.worst_ulp.max(log.ulp);
        report.worst_ratio = report.worst_ratio.max(log.ratio);
        report.kinks += log.kinks;
        if let Some(second) = log.second {
            report.second_order = Some(report.second_order.map_or(second, |worst| worst.max(second)));
        }
    }
}

/// Puts the failure of a check at a case into the report, with everything that a person needs to see it.
fn fail_at<T: Family>(report: &mut Report, subject: &T, check: &Check<T>, case: &Case) {
    let Run::Each(run) = check.run else { return };
    let bench = subject.bench(case);
    let log = guarded(|log| run(&bench, log));
    let Some(wrong) = log.wrong else { return };
    let fields = subject.fields(&case.sizes).unwrap_or_default();
    let failure = report.fail(check.name, check.law, wrong);
    *failure = Failure {
        shape: subject.shape(case),
        input: case.describe(&fields),
        effort: case.effort(),
        replay: format!("{}:{case}", check.name),
        ..failure.clone()
    };
}

/// One case again: `check:sizes/seed/numbers`.
fn replayed<T: Family>(subject: &T, settings: &Gradcheck, text: &str) -> Report {
    let mut report = Report::new(subject.family(), subject.name(), settings.seed);
    let checks = T::checks();
    let (name, case) = text.split_once(':').unwrap_or((text, ""));
    let check = checks.iter().find(|check| check.name == name);
    let problem = match (check, Case::parse(case, subject)) {
        (Some(check), Ok(case)) => {
            (report.cases, report.evaluations) = (1, 1);
            fail_at(&mut report, subject, check, &case);
            return report;
        }
        (None, _) => format!("a check is called `{name}`"),
        (_, Err(problem)) => problem,
    };
    report.fail("replay", "a case is run again", Wrong { coordinate: problem, expected: 1.0, got: 0.0, bound: 0.0 });
    report
}

/// Cases that a planted fault has to be found in.
const SABOTAGED: usize = 96;

fn sabotaged<T: Family>(subject: &T, settings: &Gradcheck, report: &mut Report) {
    let mut missed = None;
    for spoilt in subject.sabotaged() {
        let Some(fault) = spoilt.fault() else { continue };
        // Most faults concern other components: a quick look shows that they change nothing here.
        let mut cases = (0..SABOTAGED).filter_map(|index| case::draw(subject, settings.seed, index));
        while let (false, Some((case, _))) = (fault.felt(), cases.next()) {
            T::exercise(&spoilt.bench(&case));
        }
        if !fault.felt() {
            report.saboteurs.push(Saboteur { fault: fault.to_string(), fate: Fate::NoEffect, counterexample: None });
            continue;
        }
        let found = tried(&spoilt, settings, SABOTAGED, false, settings.counterexamples);
        let fate = match &found.failure {
            Some(failure) => Fate::Caught(failure.check),
            None => Fate::Missed,
        };
        if fate == Fate::Missed {
            missed.get_or_insert_with(|| fault.to_string());
        }
        let shrunk = found.failure.as_ref().filter(|failure| settings.counterexamples && !failure.replay.is_empty());
        let counterexample = shrunk.map(|failure| {
            let again = replayed(&spoilt, settings, &failure.replay);
            (
                failure.effort,
                again
                    .failure
                    .is_some_and(|again| again.check == failure.check && again.got.to_bits() == failure.got.to_bits()),
            )
        });
        report.saboteurs.push(Saboteur { fault: fault.to_string(), fate, counterexample });
    }
    if let Some(fault) = missed {
        let coordinate = format!("a check finds the fault `{fault}`, which changes numbers of the component");
        let wrong = Wrong { coordinate, expected: 1.0, got: 0.0, bound: 0.0 };
        report.fail("saboteurs", "every planted fault is found", wrong);
    }
}
