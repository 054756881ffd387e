//! What a check found, in a form that a person can verify with a pocket calculator.

use std::fmt;

/// The gate of first derivatives: errors in units in the last place of the largest gradient of a case.
pub const GATE: f64 = 256.0;

/// The gate of second derivatives: errors relative to the largest one of a case.
pub const SECOND: f64 = 1e-12;

/// The result of checking one component.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Its family: activation, layer, loss, regularizer, link, objective.
    pub family: &'static str,
    /// Its name.
    pub component: String,
    /// Cases drawn: shapes with numbers.
    pub cases: usize,
    /// Evaluations: a check on a case.
    pub evaluations: usize,
    /// Largest error of a first derivative, in ulp of the largest gradient of its case.
    pub worst_ulp: f64,
    /// Largest error over its rigorous bound, of any number that has one; above 1 is a failure.
    pub worst_ratio: f64,
    /// Largest relative error of a second derivative; `None` if the component has none.
    pub second_order: Option<f64>,
    /// Numbers visited that lie exactly on a kink.
    pub kinks: usize,
    /// Draws thrown away, because a branch lay within reach.
    pub redrawn: usize,
    /// One row a check.
    pub cells: Vec<Cell>,
    /// Planted faults, and what became of them.
    pub saboteurs: Vec<Saboteur>,
    /// Seed of every random number.
    pub seed: u64,
    /// Time taken.
    pub seconds: f64,
    /// The first failure, shrunk.
    pub failure: Option<Failure>,
}

/// One check of the battery on one component.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Cell {
    /// Name of the check.
    pub check: &'static str,
    /// What it says.
    pub law: &'static str,
    /// Cases it ran on.
    pub run: usize,
    /// Why it does not apply, if it does not.
    pub refused: Option<&'static str>,
}

/// A fault planted into the component while it ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Saboteur {
    /// What was done.
    pub fault: String,
    /// What became of it.
    pub fate: Fate,
    /// The counterexample, if it was shrunk: how many of its numbers are neither 0 nor 1, and whether it fails again when replayed.
    pub counterexample: Option<(usize, bool)>,
}

/// What became of a planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Found, by this check.
    Caught(&'static str),
    /// It changed numbers, and no check found it.
    Missed,
    /// It changes no number of this component.
    NoEffect,
}

/// One number that is not what it should be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The component.
    pub component: String,
    /// Name of the check.
    pub check: &'static str,
    /// What should hold.
    pub law: &'static str,
    /// Sizes, in words.
    pub shape: String,
    /// All numbers that went in.
    pub input: String,
    /// Which number: a coordinate of the input, or of the output. Or a statement, with 1 expected and 0 got.
    pub coordinate: String,
    /// What it should be.
    pub expected: f64,
    /// What the component made of it.
    pub got: f64,
    /// Largest difference allowed.
    pub bound: f64,
    /// How many numbers of the input are neither 0 nor 1.
    pub effort: usize,
    /// What [`crate::Gradcheck::replay`] takes to run this case again; empty if there is no case to it.
    pub replay: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { component, check, law, shape, input, coordinate, expected, got, bound, replay, .. } = self;
        // A plain yes or no is 1 or 0.
        let statement = (*expected, *got, *bound) == (1.0, 0.0, 0.0);
        match statement {
            true => writeln!(f, "{component}: {check}: it should hold that {coordinate}")?,
            false => writeln!(f, "{component}: {check}: {coordinate} should be {expected:?}, got {got:?}")?,
        }
        write!(f, "  law         {law}")?;
        if !statement && expected.is_finite() && got.is_finite() {
            write!(f, "\n  difference  {:e}, allowed {bound:e}", (got - expected).abs())?;
        }
        if !replay.is_empty() {
            write!(f, "\n  shape       {shape}\n  input       {input}\n  replay      {replay}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Some(failure) => failure.fmt(f),
            None => write!(
                f,
                "{}: {} cases, worst {:.1} ulp, {:.3} of the bound, {} kinks, {} of {} saboteurs caught",
                self.component,
                self.cases,
                self.worst_ulp,
                self.worst_ratio,
                self.kinks,
                self.caught(),
                self.planted(),
            ),
        }
    }
}

impl Report {
    pub(crate) fn new(family: &'static str, component: String, seed: u64) -> Report {
        Report {
            family,
            component,
            cases: 0,
            evaluations: 0,
            worst_ulp: 0.0,
            worst_ratio: 0.0,
            second_order: None,
            kinks: 0,
            redrawn: 0,
            cells: Vec::new(),
            saboteurs: Vec::new(),
            seed,
            seconds: 0.0,
            failure: None,
        }
    }

    /// Something was checked, and nothing failed.
    pub fn passed(&self) -> bool {
        self.evaluations > 0 && self.failure.is_none()
    }

    /// Panics: with the failure, if there is one, or if nothing was checked.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failure.is_none(), "{self}");
        assert!(self.evaluations > 0, "{}: checks run should be at least 1, got 0", self.component);
    }

    /// Adds a check that the caller made.
    pub fn also(mut self, check: &'static str, law: &'static str, outcome: Result<(), String>) -> Report {
        self.cells.push(Cell { check, law, run: 1, refused: None });
        self.evaluations += 1;
        if let (None, Err(coordinate)) = (&self.failure, outcome) {
            self.fail(check, law, Wrong { coordinate, expected: 1.0, got: 0.0, bound: 0.0 });
        }
        self
    }

    /// Adds what a check found that was run by itself: its cell, its cases, its failure.
    pub fn absorb(&mut self, other: Report) {
        for cell in other.cells.into_iter().filter(|cell| cell.run > 0) {
            if let Some(own) = self.cells.iter_mut().find(|own| own.check == cell.check) {
                *own = cell;
            }
        }
        self.evaluations += other.evaluations;
        self.worst_ratio = self.worst_ratio.max(other.worst_ratio);
        self.seconds += other.seconds;
        self.failure = self.failure.take().or(other.failure);
    }

    /// Faults that changed a number.
    pub fn planted(&self) -> usize {
        self.saboteurs.iter().filter(|s| s.fate != Fate::NoEffect).count()
    }

    /// Faults that were found.
    pub fn caught(&self) -> usize {
        self.saboteurs.iter().filter(|s| matches!(s.fate, Fate::Caught(_))).count()
    }

    pub(crate) fn fail(&mut self, check: &'static str, law: &'static str, wrong: Wrong) -> &mut Failure {
        let Wrong { coordinate, expected, got, bound } = wrong;
        self.failure.insert(Failure {
            component: self.component.clone(),
            check,
            law,
            shape: String::new(),
            input: String::new(),
            coordinate,
            expected,
            got,
            bound,
            effort: 0,
            replay: String::new(),
        })
    }
}

/// A number that is wrong, before anybody says where.
#[derive(Clone, Debug)]
pub(crate) struct Wrong {
    pub coordinate: String,
    pub expected: f64,
    pub got: f64,
    pub bound: f64,
}

/// What one evaluation of a check found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub ulp: f64,
    pub ratio: f64,
    pub second: Option<f64>,
    pub kinks: usize,
    /// The check says nothing about this case.
    pub skipped: bool,
    pub wrong: Option<Wrong>,
}

impl Log {
    /// |got − expected| ≤ bound. NaN is never what is expected. Returns error / bound.
    pub fn close(&mut self, coordinate: impl FnOnce() -> String, [expected, got]: [f64; 2], bound: f64) -> f64 {
        let same = expected == got;
        let error = (got - expected).abs();
        if !same && (error.is_nan() || error > bound) && self.wrong.is_none() {
            self.wrong = Some(Wrong { coordinate: coordinate(), expected, got, bound });
        }
        if same { 0.0 } else { error / bound }
    }

    /// The same for a rigorous bound on what rounding does.
    pub fn bounded(&mut self, coordinate: impl FnOnce() -> String, pair: [f64; 2], bound: f64) {
        let ratio = self.close(coordinate, pair, bound);
        self.ratio = self.ratio.max(if ratio.is_nan() { f64::INFINITY } else { ratio });
    }

    /// The same bits, number by number.
    pub fn same_bits(&mut self, what: &str, expected: &[f64], got: &[f64]) {
        self.holds(|| format!("{what} has {} numbers, not {}", expected.len(), got.len()), expected.len() == got.len());
        for (i, (&e, &g)) in expected.iter().zip(got).enumerate() {
            if e.to_bits() != g.to_bits() && !(e.is_nan() && g.is_nan()) {
                self.close(|| format!("bits of {what}[{i}]"), [if e == g { f64::NAN } else { e }, g], 0.0);
            }
        }
    }

    /// A plain yes or no: 1 for yes.
    pub fn holds(&mut self, what: impl FnOnce() -> String, yes: bool) {
        self.close(what, [1.0, f64::from(yes)], 0.0);
    }

    /// This case says nothing about the law.
    pub fn skip(&mut self) {
        self.skipped = true;
    }
}

/// The largest absolute value; NaN if there is one.
pub(crate) fn largest<'a>(numbers: impl IntoIterator<Item = &'a f64>) -> f64 {
    numbers.into_iter().fold(0.0, |m: f64, v| if v.is_nan() || v.abs() > m { v.abs() } else { m })
}
