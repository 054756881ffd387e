//! Losses: l(y, t) per sample, and its gradient.

use layerwise_core::loss::TargetKind;
use layerwise_core::{Loss, LossKernel, Targets};
use layerwise_tensor::{Mat, MatMut, Scalar};

use crate::oracle::{Draw, dot, integral, lift, moved, one_sided, parts, rng, show, size};
use crate::report::{EPS, FLOOR, Place, Report, largest};

/// Checks a loss on classes and on values (drawn from \[0, 1\]), as far as it takes them, with up to 5 outputs and 5 samples.
pub fn check_loss(loss: &dyn Loss, seed: u64, cases: usize) -> Report {
    let mut report = Report::new(loss.name());
    for case in 0..cases {
        let mut rng = rng(seed, case);
        let (k, batch) = (size(case, &mut rng), size(case, &mut rng));
        for kind in [TargetKind::Classes(k), TargetKind::Classes(2), TargetKind::Values(k)] {
            let Ok(width) = loss.width(kind) else { continue };
            report.cases += 1;
            let targets = Answers::draw(kind, batch, Draw::of_case(case), &mut rng);
            let y = Draw::of_case(case).fill(width * batch, &mut rng);
            Bench { loss, width, batch, targets: &targets }.smooth(&mut report, &y, &mut rng);
            let targets = Answers::draw(kind, batch, Draw::Integer, &mut rng);
            let y = Draw::Integer.fill(width * batch, &mut rng);
            Bench { loss, width, batch, targets: &targets }.kinks(&mut report, &y);
        }
    }
    report
}

#[derive(Debug)]
enum Answers {
    Classes(Vec<u32>),
    Values(Vec<f64>),
}

impl Answers {
    fn draw(kind: TargetKind, batch: usize, draw: Draw, rng: &mut layerwise_tensor::Rng) -> Answers {
        match kind {
            TargetKind::Classes(k) => Answers::Classes((0..batch).map(|_| rng.below(k) as u32).collect()),
            TargetKind::Values(k) if draw == Draw::Integer => {
                Answers::Values((0..k * batch).map(|_| rng.below(2) as f64).collect())
            }
            TargetKind::Values(k) => {
                Answers::Values((0..k * batch).map(|_| (rng.uniform() * 1e4).round() / 1e4).collect())
            }
        }
    }
}

struct Bench<'a> {
    loss: &'a dyn Loss,
    width: usize,
    batch: usize,
    targets: &'a Answers,
}

impl Bench<'_> {
    /// (losses, gradient), from memory that holds `fill`.
    fn run<S: Scalar, L: LossKernel<S> + ?Sized>(&self, loss: &L, y: &[S], fill: f64) -> (Vec<S>, Vec<S>) {
        let (mut each, mut dy) = (vec![S::of(fill); self.batch], vec![S::of(fill); y.len()]);
        let values: Vec<S>;
        let targets = match self.targets {
            Answers::Classes(classes) => Targets::Classes(classes),
            Answers::Values(numbers) => {
                values = numbers.iter().map(|&v| S::of(v)).collect();
                Targets::Values(Mat::new(&values, numbers.len() / self.batch, self.batch))
            }
        };
        let (y, d) = (Mat::new(y, self.width, self.batch), MatMut::new(&mut dy, self.width, self.batch));
        loss.eval(y, targets, &mut each, d);
        (each, dy)
    }

    fn real(&self, y: &[f64]) -> (Vec<f64>, Vec<f64>) {
        self.run(self.loss, y, f64::NAN)
    }

    fn place(&self, y: &[f64]) -> Place {
        Place {
            shape: format!("{} outputs, batch {}", self.width, self.batch),
            input: format!("{}{:?}", show("y", y), self.targets),
        }
    }

    fn name(&self, i: usize) -> String {
        format!("∂l/∂y[{}, {}]", i % self.width, i / self.width)
    }

    fn smooth(&self, report: &mut Report, y: &[f64], rng: &mut layerwise_tensor::Rng) {
        let at = &self.place(y);
        let (each, dy) = self.real(y);
        let (each_again, dy_again) = self.run::<f64, _>(self.loss, y, 1234.5);
        report.same_bits("the loss may not depend on what memory held", at, "l", &each, &each_again);
        report.same_bits("the gradient may not depend on what memory held", at, "∂l/∂y", &dy, &dy_again);

        for (i, &got) in dy.iter().enumerate() {
            let sample = i / self.width;
            let v: Vec<f64> = (0..y.len()).map(|k| f64::from(k == i)).collect();
            let (re, exact) = parts(&self.run(self.loss, &lift(y, &v), f64::NAN).0);
            let unit = largest(&dy[sample * self.width..(sample + 1) * self.width]).max(FLOOR);
            let law = "the gradient is the derivative of the loss";
            report.gradient(law, at, || self.name(i), [exact[sample], got], unit, 0.0);
            for (k, (&each, (&re, &eps))) in each.iter().zip(re.iter().zip(&exact)).enumerate() {
                let bound = 64.0 * EPS * (each.abs() + largest(y));
                report.close("every scalar type computes the same", at, || format!("l[{k}]"), [each, re], bound);
                if k != sample {
                    report.close("samples stay apart", at, || format!("∂l[{k}]/∂y[{i}]"), [0.0, eps], 0.0);
                }
            }
        }

        let (v, w) = (Draw::Scaled(1.0).fill(y.len(), rng), Draw::Scaled(1.0).fill(y.len(), rng));
        let size = largest(y) + largest(&each) + 1.0;
        let law = "the gradient integrates to the change of the loss";
        integral(
            report,
            law,
            at,
            size,
            |i| format!("l[{i}]"),
            |t| {
                let (each, dy) = self.real(&moved(y, t, &v));
                let slopes = dy.chunks(self.width).zip(v.chunks(self.width)).map(|(d, v)| dot(d, v).0);
                (each, slopes.collect())
            },
        );
        let second = |y: &[f64], v: &[f64]| parts(&self.run(self.loss, &lift(y, v), f64::NAN).1);
        let law = "the derivative of the gradient integrates to its change";
        integral(report, law, at, size, |i| self.name(i), |t| second(&moved(y, t, &v), &v));
        let ((left, a), (right, b)) = (dot(&w, &second(y, &v).1), dot(&v, &second(y, &w).1));
        let bound = EPS * (256.0 * (a + b) + 64.0 * y.len() as f64 * largest(&dy));
        report.close("second derivatives are symmetric", at, || "uᵀHv, vᵀHu".into(), [left, right], bound);

        let single: Vec<f32> = y.iter().map(|&y| y as f32).collect();
        let (each32, dy32) = self.run(self.loss, &single, f64::NAN);
        let pairs = each.iter().zip(&each32).chain(dy.iter().zip(&dy32));
        for (&e, &g) in pairs {
            report.close("f32 agrees with f64", at, || "l or ∂l/∂y".into(), [e, f64::from(g)], 1e-4 * size);
        }
    }

    /// At points where sides of a kink meet, each partial derivative lies between the one-sided ones.
    fn kinks(&self, report: &mut Report, y: &[f64]) {
        let at = &self.place(y);
        let (_, dy) = self.real(y);
        for (i, &got) in dy.iter().enumerate() {
            let v: Vec<f64> = (0..y.len()).map(|k| f64::from(k == i)).collect();
            let side = |t: f64| self.run(self.loss, &lift(&moved(y, t, &v), &v), f64::NAN).0[i / self.width].eps;
            let (sides, jumps) = one_sided(side);
            report.kinks += usize::from(jumps);
            let law = "the gradient at a kink lies between the one-sided derivatives";
            report.between(law, at, || self.name(i), sides, got, 1e-6 * (1.0 + largest(&sides)));
        }
    }
}
