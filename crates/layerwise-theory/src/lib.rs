//! The closed forms of the theory, each beside what the library measures. The tests run a quick half; `cargo xtask theory` runs the
//! whole and writes docs/results/theory.md.
//!
//! A theory is a file with one function from a [`Size`] to [`Finding`]s, and a line in [`THEORIES`].
#![forbid(unsafe_code)]

mod deep_linear;
mod double_descent;
mod dropout;
mod finding;
mod initialization;
mod mean_field;
mod momentum;
mod nets;
mod ridge;
mod saddles;
mod scale_invariance;
mod selu;
mod stability;

pub use finding::{Finding, Size};

/// A title with its findings.
pub type Theory = (&'static str, fn(Size) -> Vec<Finding>);

/// All of them, in the order of the table.
pub const THEORIES: &[Theory] = &[
    ("Variance at initialization (Glorot and Bengio 2010; He et al. 2015)", initialization::findings),
    (
        "Mean field: length and correlation, depth scale (Poole et al. 2016; Schoenholz et al. 2017)",
        mean_field::findings,
    ),
    ("Learning of deep linear networks (Saxe, McClelland and Ganguli 2013)", deep_linear::findings),
    ("Saddles of linear networks (Baldi and Hornik 1989)", saddles::findings),
    ("Momentum (Sutskever et al. 2013)", momentum::findings),
    ("The edge of stability (Cohen et al. 2021)", stability::findings),
    ("Dropout (Hinton et al. 2012; Srivastava et al. 2014)", dropout::findings),
    ("SELU's fixed point (Klambauer et al. 2017)", selu::findings),
    ("Scale invariance of batch normalization (Ioffe and Szegedy 2015)", scale_invariance::findings),
    ("Double descent at finite size (Belkin, Hsu and Xu 2019)", double_descent::findings),
    ("Bias and variance of ridge regression (Hoerl and Kennard 1970)", ridge::findings),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(of: fn(Size) -> Vec<Finding>) {
        let findings = of(Size::Quick);
        assert!(!findings.is_empty());
        for finding in findings {
            assert!(finding.holds(), "{finding:?}");
        }
    }

    // A test each, so that they run side by side.
    #[test]
    fn variance_at_initialization() {
        check(initialization::findings);
    }
    #[test]
    fn mean_field_maps() {
        check(mean_field::findings);
    }
    #[test]
    fn deep_linear_learning() {
        check(deep_linear::findings);
    }
    #[test]
    fn saddles_of_linear_networks() {
        check(saddles::findings);
    }
    #[test]
    fn momentum_on_quadratics() {
        check(momentum::findings);
    }
    #[test]
    fn edge_of_stability() {
        check(stability::findings);
    }
    #[test]
    fn dropout_identities() {
        check(dropout::findings);
    }
    #[test]
    fn selu_keeps_mean_and_variance() {
        check(selu::findings);
    }
    #[test]
    fn batch_norm_does_not_see_the_scale_of_weights() {
        check(scale_invariance::findings);
    }
    #[test]
    fn double_descent_at_finite_size() {
        check(double_descent::findings);
    }
    #[test]
    fn bias_and_variance_of_ridge() {
        check(ridge::findings);
    }
    #[test]
    fn every_theory_is_in_the_list() {
        assert_eq!(THEORIES.len(), 11);
    }
}
