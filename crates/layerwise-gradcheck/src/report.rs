//! What a check found, in a form that a person can verify with a pocket calculator.

use std::fmt;

/// The gate: errors in units of the last place of the largest gradient. Correct code stays below 10.
pub const GATE: f64 = 256.0;

/// The smallest unit, for cotangents of size 1: a slope that crosses 0 is a difference of numbers of about this size.
pub(crate) const FLOOR: f64 = 1.0 / 16.0;

pub(crate) const EPS: f64 = f64::EPSILON;

/// The result of checking one component.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Its name.
    pub component: String,
    /// Cases run: shapes with numbers.
    pub cases: usize,
    /// Largest error of a gradient, in ulp of the largest gradient of its case.
    pub worst_ulp: f64,
    /// Largest error over its bound, of any comparison; above 1 is a failure.
    pub worst_ratio: f64,
    /// Points visited that lie exactly on a kink.
    pub kinks: usize,
    /// The first failure, which is the smallest.
    pub failure: Option<Failure>,
}

/// One number that is not what it should be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// The component.
    pub component: String,
    /// What should hold.
    pub law: &'static str,
    /// Sizes and pass.
    pub shape: String,
    /// All numbers that went in.
    pub input: String,
    /// Which number: a coordinate of the input, or of the output.
    pub coordinate: String,
    /// The number of the oracle.
    pub expected: f64,
    /// The number of the component.
    pub got: f64,
    /// Largest difference allowed.
    pub bound: f64,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Failure { component, law, shape, input, coordinate, expected, got, bound } = self;
        writeln!(f, "{component}: {law}: {coordinate} should be {expected:?}, got {got:?}")?;
        writeln!(f, "  difference  {:e}, allowed {bound:e}", (got - expected).abs())?;
        writeln!(f, "  shape       {shape}")?;
        write!(f, "  input       {input}")
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.failure {
            Some(failure) => failure.fmt(f),
            None => write!(
                f,
                "{}: {} cases, worst {:.1} ulp, {:.3} of the bound, {} kinks",
                self.component, self.cases, self.worst_ulp, self.worst_ratio, self.kinks
            ),
        }
    }
}

/// Where a comparison takes place.
#[derive(Clone, Debug, Default)]
pub(crate) struct Place {
    pub shape: String,
    pub input: String,
}

impl Report {
    pub(crate) fn new(component: impl Into<String>) -> Report {
        let component = component.into();
        Report { component, cases: 0, worst_ulp: 0.0, worst_ratio: 0.0, kinks: 0, failure: None }
    }

    /// Something was checked, and nothing failed.
    pub fn passed(&self) -> bool {
        self.cases > 0 && self.failure.is_none()
    }

    /// Panics: with the failure, if there is one, or if no case was run.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.failure.is_none(), "{self}");
        assert!(self.cases > 0, "{}: cases run should be at least 1, got 0: no shape fits", self.component);
    }

    /// Adds the findings of another check of the same component.
    pub fn merge(&mut self, other: Report) {
        self.cases += other.cases;
        self.kinks += other.kinks;
        self.worst_ulp = self.worst_ulp.max(other.worst_ulp);
        self.worst_ratio = self.worst_ratio.max(other.worst_ratio);
        self.failure = self.failure.take().or(other.failure);
    }

    /// |got − expected| ≤ bound.
    pub(crate) fn close(
        &mut self,
        law: &'static str,
        at: &Place,
        coordinate: impl FnOnce() -> String,
        [expected, got]: [f64; 2],
        bound: f64,
    ) {
        // NaN is never what is expected.
        let same = expected == got;
        let error = if same { 0.0 } else { (got - expected).abs() };
        let ratio = if same { 0.0 } else { error / bound };
        self.worst_ratio = self.worst_ratio.max(if ratio.is_nan() { f64::INFINITY } else { ratio });
        if (same || error <= bound) || self.failure.is_some() {
            return;
        }
        self.failure = Some(Failure {
            component: self.component.clone(),
            law,
            shape: at.shape.clone(),
            input: at.input.clone(),
            coordinate: coordinate(),
            expected,
            got,
            bound,
        });
    }

    /// The main comparison: a gradient against its oracle, with `unit` the largest gradient of the case.
    pub(crate) fn gradient(
        &mut self,
        law: &'static str,
        at: &Place,
        coordinate: impl FnOnce() -> String,
        pair: [f64; 2],
        unit: f64,
        sum: f64,
    ) {
        let error = (pair[1] - pair[0]).abs();
        if error > 0.0 && unit > 0.0 {
            self.worst_ulp = self.worst_ulp.max(error / (EPS * unit));
        }
        self.close(law, at, coordinate, pair, EPS * (GATE * unit + 4.0 * sum));
    }

    /// low ≤ got ≤ high.
    pub(crate) fn between(
        &mut self,
        law: &'static str,
        at: &Place,
        coordinate: impl FnOnce() -> String,
        ends: [f64; 2],
        got: f64,
        slack: f64,
    ) {
        let (low, high) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
        self.close(law, at, coordinate, [got.max(low).min(high), got], slack);
    }

    /// The same bits, number by number.
    pub(crate) fn same_bits(&mut self, law: &'static str, at: &Place, what: &str, expected: &[f64], got: &[f64]) {
        for (i, (&e, &g)) in expected.iter().zip(got).enumerate() {
            if e.to_bits() != g.to_bits() {
                // Two different NaN, or +0 and −0, are different here: show one of them as a failure in any case.
                let pair = if e == g { [f64::NAN, g] } else { [e, g] };
                self.close(law, at, || format!("{what}[{i}]"), pair, 0.0);
            }
        }
    }
}

/// The largest absolute value; NaN if there is one.
pub(crate) fn largest(numbers: &[f64]) -> f64 {
    numbers.iter().fold(0.0, |m, v| if v.is_nan() || v.abs() > m { v.abs() } else { m })
}
