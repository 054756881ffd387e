//! Objectives: f(θ) and ∇f(θ), in real and in dual numbers.

use layerwise_core::Objective;
use layerwise_tensor::{Dual, Dual64, Key, Purpose};

use crate::oracle::{Draw, coordinate_of, directions, dot, integral, lift, moved, parts, show};
use crate::report::{EPS, Place, Report, largest};

/// Checks ∇f at θ against dual numbers and line integrals, and ∇²f for symmetry and against the change of ∇f.
///
/// `f` and `dual` are the same objective in two scalar types. Every coordinate of θ is compared while there are at most 64, else
/// eight random directions.
pub fn check_objective(
    name: &str,
    f: &mut dyn Objective<f64>,
    dual: &mut dyn Objective<Dual64>,
    theta: &[f64],
    seed: u64,
) -> Report {
    let mut report = Report::new(name);
    let n = theta.len();
    let at = &Place { shape: format!("{n} parameters"), input: show("theta", theta) };
    report.cases += 1;
    for len in [f.len(), dual.len()] {
        report.close("its length is that of θ", at, || "len".into(), [n as f64, len as f64], 0.0);
    }
    if report.failure.is_some() {
        return report;
    }
    let mut rng = Key::new(seed, Purpose::Test).rng();
    let mut real = |theta: &[f64], fill: f64| {
        let mut grad = vec![fill; n];
        (f.eval(theta, &mut grad), grad)
    };
    let (value, grad) = real(theta, f64::NAN);
    let (again, grad_again) = real(theta, 1234.5);
    report.same_bits("the value may not depend on what memory held", at, "f", &[value], &[again]);
    report.same_bits("the gradient is overwritten", at, "∇f", &grad, &grad_again);

    let mut lifted = |theta: &[f64], v: &[f64]| {
        let mut grad = vec![Dual::new(f64::NAN, f64::NAN); n];
        (dual.eval(&lift(theta, v), &mut grad), parts(&grad))
    };
    let unit = largest(&grad);
    for (k, v) in directions(n, &mut rng).iter().enumerate() {
        let (exact, _) = lifted(theta, v);
        let (got, size) = dot(&grad, v);
        let (unit, sum) = (if n <= 64 { unit } else { unit.max(size) }, n as f64 * size);
        let name = || coordinate_of(v).map_or(format!("random direction {k}"), |i| format!("∂f/∂θ[{i}]"));
        report.gradient("the gradient is the derivative of the value", at, name, [exact.eps, got], unit, sum);
        let bound = 256.0 * EPS * (value.abs() + unit * largest(theta));
        report.close("every scalar type computes the same", at, || "f".into(), [value, exact.re], bound);
    }

    let (v, w) = (Draw::Scaled(1.0).fill(n, &mut rng), Draw::Scaled(1.0).fill(n, &mut rng));
    let size = largest(theta) + value.abs();
    let law = "the gradient integrates to the change of the value";
    integral(
        &mut report,
        law,
        at,
        size,
        |_| "f along a random line".into(),
        |t| {
            let (value, grad) = real(&moved(theta, t, &v), f64::NAN);
            (vec![value], vec![dot(&grad, &v).0])
        },
    );
    let law = "∇²f v integrates to the change of ∇f";
    integral(&mut report, law, at, size, |i| format!("∂f/∂θ[{i}]"), |t| lifted(&moved(theta, t, &v), &v).1);
    let (hv, hw) = (lifted(theta, &v).1.1, lifted(theta, &w).1.1);
    let ((left, a), (right, b)) = (dot(&w, &hv), dot(&v, &hw));
    let bound = EPS * (256.0 * (a + b) + 64.0 * n as f64 * unit);
    report.close("∇²f is symmetric", at, || "uᵀHv, vᵀHu".into(), [left, right], bound);
    report
}
