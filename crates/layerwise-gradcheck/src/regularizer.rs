//! Regularizers: λΩ with its gradient; or, if it adds no gradient, λΩ with its proximal step.

use layerwise_core::{Regularizer, RegularizerKernel};
use layerwise_tensor::{Mat, MatMut, Scalar};

use crate::oracle::{Draw, dot, integral, lift, moved, one_sided, parts, rng, show, size};
use crate::report::{EPS, Place, Report, largest};

/// Checks a regularizer on blocks of up to 5 × 5.
///
/// A regularizer acts through its gradient or through [`RegularizerKernel::project`]. One that leaves the gradient untouched must
/// project by p = argmin ½‖w − v‖² + rate λΩ(w), that is rate λΩ(q) ≥ rate λΩ(p) + ⟨v − p, q − p⟩ for every feasible q
/// (Parikh and Boyd 2014); a constraint is the case Ω = 0. One that adds its gradient must leave θ alone.
pub fn check_regularizer(regularizer: &dyn Regularizer, seed: u64, cases: usize) -> Report {
    let mut report = Report::new(regularizer.name());
    for case in 0..cases {
        let mut rng = rng(seed, case);
        let (rows, cols) = (size(case, &mut rng), size(case, &mut rng));
        for draw in [Draw::of_case(case), Draw::Integer] {
            report.cases += 1;
            let theta = draw.fill(rows * cols, &mut rng);
            let bench = Bench { regularizer, rows, cols };
            let at = Place { shape: format!("{rows} × {cols}"), input: show("theta", &theta) };
            let earlier = Draw::Short.fill(rows * cols, &mut rng);
            let (_, sum) = bench.run::<f64, _>(regularizer, &theta, earlier.clone());
            if sum.iter().zip(&earlier).all(|(s, e)| s.to_bits() == e.to_bits()) {
                bench.proximal(&mut report, &at, &theta, &mut rng);
            } else {
                bench.penalty(&mut report, &at, &theta, [&earlier, &sum], draw == Draw::Integer, &mut rng);
            }
        }
    }
    report
}

struct Bench<'a> {
    regularizer: &'a dyn Regularizer,
    rows: usize,
    cols: usize,
}

impl Bench<'_> {
    /// (λΩ, `grad` + its gradient).
    fn run<S: Scalar, R: RegularizerKernel<S> + ?Sized>(&self, r: &R, theta: &[S], mut grad: Vec<S>) -> (S, Vec<S>) {
        let omega = r.add(Mat::new(theta, self.rows, self.cols), &mut grad);
        (omega, grad)
    }

    fn real(&self, theta: &[f64]) -> (f64, Vec<f64>) {
        self.run(self.regularizer, theta, vec![0.0; theta.len()])
    }

    fn project(&self, theta: &[f64], rate: f64) -> Vec<f64> {
        let mut theta = theta.to_vec();
        let r: &dyn Regularizer = self.regularizer;
        RegularizerKernel::<f64>::project(r, MatMut::new(&mut theta, self.rows, self.cols), rate);
        theta
    }

    fn penalty(
        &self,
        report: &mut Report,
        at: &Place,
        theta: &[f64],
        [earlier, sum]: [&[f64]; 2],
        integers: bool,
        rng: &mut layerwise_tensor::Rng,
    ) {
        let n = theta.len();
        let (omega, grad) = self.real(theta);
        let unit = largest(&grad);
        let name = |i: usize| format!("∂λΩ/∂θ[{i}]");
        report.same_bits("a penalty leaves θ to the gradient", at, "θ", theta, &self.project(theta, 0.1));
        for i in 0..n {
            let law = "the gradient is added";
            let bound = 4.0 * EPS * (unit + earlier[i].abs());
            report.close(law, at, || name(i), [earlier[i] + grad[i], sum[i]], bound);
            let v: Vec<f64> = (0..n).map(|k| f64::from(k == i)).collect();
            let dual = |t: f64| {
                let point = lift(&moved(theta, t, &v), &v);
                self.run(self.regularizer, &point, lift(&vec![0.0; n], &vec![0.0; n])).0
            };
            if integers {
                let (sides, jumps) = one_sided(|t| dual(t).eps);
                report.kinks += usize::from(jumps);
                let law = "the gradient at a kink lies between the one-sided derivatives";
                report.between(law, at, || name(i), sides, grad[i], 1e-6 * largest(&sides));
            } else {
                let exact = dual(0.0);
                report.gradient("the gradient is the derivative", at, || name(i), [exact.eps, grad[i]], unit, 0.0);
                let law = "every scalar type computes the same";
                report.close(law, at, || "λΩ".into(), [omega, exact.re], 64.0 * EPS * omega.abs());
            }
        }
        if integers {
            return;
        }
        // Lines are scaled so that small weights keep their signs.
        let v: Vec<f64> = Draw::Scaled(1.0).fill(n, rng).iter().map(|v| v * largest(theta)).collect();
        let size = unit * largest(theta);
        let law = "the gradient integrates to the change of the penalty";
        integral(
            report,
            law,
            at,
            size,
            |_| "λΩ".into(),
            |t| {
                let (omega, grad) = self.real(&moved(theta, t, &v));
                (vec![omega], vec![dot(&grad, &v).0])
            },
        );
        let law = "the derivative of the gradient integrates to its change";
        integral(report, law, at, size, name, |t| {
            let point = lift(&moved(theta, t, &v), &v);
            parts(&self.run(self.regularizer, &point, lift(&vec![0.0; n], &vec![0.0; n])).1)
        });
    }

    fn proximal(&self, report: &mut Report, at: &Place, theta: &[f64], rng: &mut layerwise_tensor::Rng) {
        let n = theta.len();
        for rate in [0.0, 0.01, 1.0, 1e3] {
            let p = self.project(theta, rate);
            let gap: Vec<f64> = theta.iter().zip(&p).map(|(v, p)| v - p).collect();
            for spread in [1e-3, 1.0, 10.0] {
                let q: Vec<f64> = p.iter().zip(Draw::Scaled(spread).fill(n, rng)).map(|(p, z)| p + z).collect();
                let q = self.project(&q, rate);
                let step: Vec<f64> = q.iter().zip(&p).map(|(q, p)| q - p).collect();
                let ((work, size), (at_p, at_q)) = (dot(&gap, &step), (self.real(&p).0, self.real(&q).0));
                let excess = rate * at_q - rate * at_p - work;
                let bound = 256.0
                    * EPS
                    * (size
                        + rate * (at_p.abs() + at_q.abs())
                        + largest(&gap) * (largest(&p) + largest(&q))
                        + largest(&step) * largest(theta));
                let law = "project is the proximal step of the penalty";
                let name = || format!("rate λ(Ω(q) − Ω(p)) − ⟨v − p, q − p⟩ for rate {rate}, p = {p:?}, q = {q:?}");
                report.close(law, at, name, [excess.max(0.0), excess], bound);
            }
            report.kinks += usize::from(p != theta);
        }
    }
}
