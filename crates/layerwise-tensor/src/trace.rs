//! A record of the comparisons that a computation made: which way each went, and how close it was.
//!
//! A derivative exists where the same comparisons go the same way all around a point. [`traced`] records every comparison of
//! [`crate::DoubleDouble`] and [`crate::Bounded`] numbers (and of dual numbers over them) on this thread, and the sign that
//! their `abs` looks at; comparisons inside elementary functions choose between formulas of one smooth function and are not
//! recorded.

use std::cell::RefCell;
use std::cmp::Ordering;

/// One comparison of two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// How the first number stood to the second; none if one was NaN.
    pub ordering: Option<Ordering>,
    /// Their distance.
    pub margin: f64,
    /// The sum of their error bounds: exact numbers compare in the same way if `margin > error`, and numbers of any other
    /// rounding (see [`crate::Bounded`]) if `margin > 2 * error`.
    pub error: f64,
}

thread_local! {
    static RECORD: RefCell<Option<Vec<Comparison>>> = const { RefCell::new(None) };
}

/// Runs `f`; what it returned, and its comparisons on this thread in order. A trace within a trace keeps its comparisons to
/// itself.
pub fn traced<R>(f: impl FnOnce() -> R) -> (R, Vec<Comparison>) {
    struct Restore(Option<Vec<Comparison>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            RECORD.set(self.0.take());
        }
    }
    let _restore = Restore(RECORD.replace(Some(Vec::new())));
    let result = f();
    (result, RECORD.take().unwrap_or_default())
}

/// Records a comparison and passes its outcome on; the rest is computed only while a trace is on.
pub(crate) fn record(ordering: Option<Ordering>, margin_and_error: impl FnOnce() -> (f64, f64)) -> Option<Ordering> {
    RECORD.with_borrow_mut(|record| {
        if let Some(record) = record {
            let (margin, error) = margin_and_error();
            // Equal infinities have no difference.
            let margin = if ordering == Some(Ordering::Equal) { 0.0 } else { margin };
            record.push(Comparison { ordering, margin, error });
        }
    });
    ordering
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Bounded, DoubleDouble, Dual, Scalar};

    type Dd = DoubleDouble;

    fn check<R>(f: impl FnOnce() -> R, want: &[(Option<Ordering>, f64)]) {
        let got: Vec<_> = traced(f).1.iter().map(|c| (c.ordering, c.margin)).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn every_comparison_is_recorded_once_with_its_margin() {
        let (less, equal, greater) = (Some(Ordering::Less), Some(Ordering::Equal), Some(Ordering::Greater));
        fn each<S: Scalar>(f: impl Fn(S, S)) {
            f(S::of(1.0), S::of(3.0));
        }
        fn all<S: Scalar>(less: Option<Ordering>, greater: Option<Ordering>) {
            each::<S>(|a, b| check(|| assert!(a < b), &[(less, 2.0)]));
            each::<S>(|a, b| check(|| assert!(a <= b), &[(less, 2.0)]));
            each::<S>(|a, b| check(|| assert!(b > a), &[(greater, 2.0)]));
            each::<S>(|a, b| check(|| assert!(b >= a), &[(greater, 2.0)]));
            each::<S>(|a, b| check(|| assert!(a != b), &[(less, 2.0)]));
            each::<S>(|a, b| check(|| assert!(b.partial_cmp(&a) == greater), &[(greater, 2.0)]));
            each::<S>(|a, b| check(|| a.max(b), &[(less, 2.0)]));
            each::<S>(|a, b| check(|| a.min(b), &[(less, 2.0)]));
        }
        all::<Dd>(less, greater);
        all::<Bounded<f32>>(less, greater);
        all::<Bounded<f64>>(less, greater);
        all::<Dual<Dd>>(less, greater);
        all::<Dual<Dual<Dd>>>(less, greater);
        all::<Dual<Bounded<f32>>>(less, greater);
        check(|| Dd::of(-2.0).abs(), &[(less, 2.0)]);
        check(|| Bounded::<f32>::of(2.0).abs(), &[(greater, 2.0)]);
        check(|| Dd::of(0.0) == Dd::of(-0.0), &[(equal, 0.0)]);
        check(|| Dd::of(f64::INFINITY) == Dd::of(f64::INFINITY), &[(equal, 0.0)]);
        let (_, record) = traced(|| Dd::of(f64::NAN) < Dd::ONE);
        assert!(record[0].ordering.is_none() && record[0].margin.is_nan());
    }

    #[test]
    fn elementary_functions_and_products_record_nothing() {
        fn all<S: Scalar>() {
            let (_, record) = traced(|| {
                for x in [-3.0, -0.2, 0.0, 0.4, 2.0] {
                    let x = S::of(x);
                    for f in [S::exp, S::ln, S::ln_1p, S::sqrt, S::tanh, S::sigmoid, S::erf, S::erfc, S::softplus] {
                        let _ = f(x);
                    }
                    let _ = (x.finite(), x.value(), (x + x) * x / x - x, S::select(true, x, -x));
                    let mut c = [S::ONE];
                    let (a, b) = ([x, x], [x, S::ONE]);
                    let (a, b) = (crate::Mat::new(&a, 1, 2), crate::Mat::new(&b, 2, 1));
                    S::gemm(crate::MatMut::new(&mut c, 1, 1), crate::Write::Add, crate::Op::N(a), crate::Op::N(b));
                }
            });
            assert_eq!(record, []);
        }
        all::<Dd>();
        all::<Bounded<f32>>();
        all::<Bounded<f64>>();
        all::<Dual<Dd>>();
        all::<Dual<Dual<Dd>>>();
        all::<Dual<Bounded<f64>>>();
    }

    #[test]
    fn errors_add_up_and_traces_nest_and_survive_a_panic() {
        let (a, b) = (Bounded { value: 1.0, error: 0.25 }, Bounded { value: 2.0, error: 0.5 });
        let ((), record) = traced(|| {
            let _ = a < b;
            let (_, inner) = traced(|| a > b);
            assert_eq!(inner.len(), 1);
            let _ = std::panic::catch_unwind(|| traced(|| assert!(b < a, "planted")));
            let _ = a == a;
        });
        let want = |ordering, margin, error| Comparison { ordering: Some(ordering), margin, error };
        assert_eq!(record, [want(Ordering::Less, 1.0, 0.75), want(Ordering::Equal, 0.0, 0.5)]);
        assert_eq!(traced(|| ()).1, []);
    }
}
