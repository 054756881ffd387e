//! Ridge regression w = (XᵀX + λI)⁻¹Xᵀy on fixed X with y = Xβ + σε: at a test row x, bias xᵀ(A − I)β and variance σ²‖X(XᵀX + λI)⁻¹x‖²
//! with A = (XᵀX + λI)⁻¹XᵀX. The decomposition of many fits should hold both within two of its standard errors in 95 % of cases.

use layerwise_stats::{Part, Predictions};
use nalgebra::{DMatrix, DVector};

use crate::nets::normal;
use crate::{Finding, Size};

const ROWS: usize = 25;
const TESTS: usize = 40;

pub fn findings(size: Size) -> Vec<Finding> {
    let (cases, sets) = (size.pick(100u64, 1000), 300);
    let (mut bias_held, mut variance_held) = (0u64, 0u64);
    for case in 0..cases {
        let d = 3 + (case % 10) as usize;
        let (lambda, sigma) = (0.5 + (case % 7) as f64, 0.3 + 0.2 * (case % 5) as f64);
        let x = DMatrix::from_vec(ROWS, d, normal(ROWS * d, 10 * case));
        let tests = DMatrix::from_vec(TESTS, d, normal(TESTS * d, 10 * case + 1));
        let beta = DVector::from_vec(normal(d, 10 * case + 2));
        let gram = x.transpose() * &x + DMatrix::identity(d, d) * lambda;
        let Some(inverse) = gram.try_inverse() else { continue };
        // Predictions are S y.
        let smoother = &tests * inverse * x.transpose();
        let (clean, best) = (&x * &beta, &tests * &beta);
        let noise = normal(ROWS * sets, 10 * case + 3);
        let mut numbers = Vec::with_capacity(sets * TESTS);
        for set in noise.chunks_exact(ROWS) {
            let y = &clean + DVector::from_column_slice(set) * sigma;
            numbers.extend((&smoother * y).iter());
        }
        let Ok(found) = Predictions::new([sets, 1, TESTS, 1], numbers)
            .and_then(|table| table.squared(best.as_slice(), Some(best.as_slice())))
        else {
            continue;
        };
        let off = &smoother * &clean - &best;
        let (bias, variance) =
            (off.norm_squared() / TESTS as f64, sigma * sigma * smoother.norm_squared() / TESTS as f64);
        let held = |part: Part, truth: f64| {
            found.part(part).is_some_and(|estimate| (estimate.value - truth).abs() <= 2.0 * estimate.error)
        };
        bias_held += u64::from(held(Part::Bias, bias));
        variance_held += u64::from(held(Part::Sample, variance));
    }
    // Two standard errors hold in 95.4 % of cases; of so few cases the share has its own error, three of which are allowed below.
    let slack = 3.0 * (0.0456 * 0.9544 / cases as f64).sqrt();
    let share = |held: u64| held as f64 / cases as f64;
    let of = format!("within 2 standard errors, of {cases} cases");
    vec![
        Finding::absolute(format!("bias {of}"), "95.4 %", share(bias_held), 0.9544, slack.max(0.01)),
        Finding::absolute(format!("variance {of}"), "95.4 %", share(variance_held), 0.9544, slack.max(0.01)),
    ]
}
