//! The test of the checker: honest components pass, and each of many small lies is caught, by the law that it breaks.

#![allow(clippy::unwrap_used)]

use layerwise_core::loss::TargetKind;
use layerwise_core::*;
use layerwise_gradcheck::*;
use layerwise_tensor::{Mat, MatMut, Op, Scalar, Write, elementwise};

#[track_caller]
fn caught(report: Report, law: &str) {
    let failure = report.failure.as_ref().unwrap_or_else(|| panic!("not caught: {report}"));
    assert!(failure.check.contains(law), "caught by another check than `{law}`: {failure}");
    assert!(!report.passed());
}

fn quick() -> Gradcheck {
    Gradcheck::default().cases(64).without_saboteurs()
}

// Activations: tanh, and what can go wrong with it.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    None,
    /// The slope times 1 + 1e-9.
    Scaled,
    Sign,
    /// The slope without its derivative.
    Detached,
    /// A slope of NaN far out.
    NotFinite,
    /// A derivative that jumps by 0.001 at 0.3.
    Kink,
    /// The value in f32 has an error.
    Single,
}

#[derive(Clone, Copy, Debug)]
struct Tanh(Lie);
impl Activation for Tanh {
    const NAME: &'static str = "tanh";
    const RANGE: (f64, f64) = (-1.0, 1.0);
    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        let y = x.tanh();
        match self.0 {
            Lie::Kink => y + S::of(1e-3) * (x - S::of(0.3)).max(S::ZERO),
            Lie::Single if size_of::<S>() == 4 => y * S::of(1.01),
            _ => y,
        }
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, y: S) -> S {
        let slope = S::ONE - y * y;
        match self.0 {
            Lie::Scaled => slope * S::of(1.0 + 1e-9),
            Lie::Sign => -slope,
            Lie::Detached => S::of(slope.value()),
            Lie::NotFinite => slope + S::ZERO / (S::of(1e4) - x.abs()),
            Lie::Kink => {
                let honest = x.tanh();
                S::ONE - honest * honest + S::select(x > S::of(0.3), S::of(1e-3), S::ZERO)
            }
            _ => slope,
        }
    }
}

/// max(0, x) with a chosen slope at 0, and a chosen range.
#[derive(Clone, Copy, Debug)]
struct Relu(f64);
impl Activation for Relu {
    const NAME: &'static str = "relu";
    const RANGE: (f64, f64) = (-0.5, f64::INFINITY);
    const KINKS: &'static [f64] = &[0.0];
    #[inline(always)]
    fn value<S: Scalar>(&self, x: S) -> S {
        S::select(x > S::ZERO, x, S::ZERO)
    }
    #[inline(always)]
    fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
        S::select(x > S::ZERO, S::ONE, S::select(x < S::ZERO, S::ZERO, S::of(self.0)))
    }
}

#[test]
fn activations() {
    let check = |lie| quick().activation(&Tanh(lie));
    check(Lie::None).assert();
    caught(check(Lie::Scaled), "gradient");
    caught(check(Lie::Sign), "gradient");
    caught(check(Lie::Detached), "second-order");
    caught(check(Lie::NotFinite), "far-inputs");
    caught(check(Lie::Kink), "kinks");
    caught(check(Lie::Single), "value-f32");
    caught(quick().activation(&Relu(0.5)), "kink-rule");
    caught(quick().activation(&Relu(0.0)), "asymptotes");
    caught(quick().activation(&Relu(1.5)), "kink-rule");
    caught(quick().activation(&Relu(f64::NAN)), "");
}

// Layers: y = Wx + b (+ skip), times a mask in training.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    ScaledDx,
    /// ∂L/∂b never written.
    DroppedBias,
    /// The last number of dx is not written.
    DxTail,
    /// The last number of y is not written.
    YTail,
    /// dx is added to what was there.
    DxAdded,
    /// The bias gradient is set over what an earlier writer left.
    BiasSet,
    /// Backward uses no mask.
    StaleMask,
    /// Forward draws another mask in every scalar type.
    LooseMask,
    /// In prediction the mask still acts backward.
    WrongPass,
    /// ∂L/∂W of the first sample only.
    FirstSample,
    /// Without dx the weights get nothing.
    NeedsDx,
    /// The second input is doubled.
    DoubleSkip,
    /// An input width of 0 is taken.
    TakesNothing,
}

#[derive(Clone, Copy, Debug)]
struct Dense {
    fault: Fault,
    skip: bool,
}

impl Layer for Dense {
    fn name(&self) -> &'static str {
        "dense"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if d_in == 0 && self.fault != Fault::TakesNothing {
            return Err(ShapeError::mismatch("w", "input width", "at least 1", 0));
        }
        let plan = Plan::new(3).weight("w", 3, d_in, Init::Auto).bias("b", 3, 0.0).cache(3);
        Ok(if self.skip { plan.skip(1) } else { plan })
    }
}

impl<S: Scalar> LayerKernel<S> for Dense {
    fn forward(&self, mut io: Forward<'_, S>) {
        let loose = if self.fault == Fault::LooseMask { size_of::<S>() as u64 } else { 0 };
        let mut rng = io.key.layer(loose).rng();
        for c in io.cache.iter_mut() {
            *c = S::of(if io.pass == Pass::Train && rng.uniform() < 0.5 { 0.0 } else { 2.0 });
        }
        let last = io.y.data().last().copied().unwrap_or_default();
        S::gemm(io.y.reborrow(), Write::Set, Op::N(io.theta.mat(0)), Op::N(io.x));
        elementwise::add_bias(&mut io.y, io.theta.vec(1));
        elementwise::zip(io.y.data(), io.cache, |y, c| *y *= c);
        if let Some(skip) = io.skip {
            let factor = S::of(if self.fault == Fault::DoubleSkip { 2.0 } else { 1.0 });
            elementwise::zip(io.y.data(), skip.data(), |y, s| *y += factor * s);
        }
        if self.fault == Fault::YTail {
            io.y.data().last_mut().into_iter().for_each(|y| *y = last);
        }
    }

    fn backward(&self, mut io: Backward<'_, S>) {
        let fault = self.fault;
        let mut delta = io.dy.data().to_vec();
        let masked = match fault {
            Fault::StaleMask => false,
            Fault::WrongPass => io.pass == Pass::Train,
            _ => true,
        };
        if masked {
            elementwise::zip(&mut delta, io.cache, |d, c| *d *= c);
        }
        let (rows, cols) = (io.dy.rows(), io.dy.cols());
        let delta = Mat::new(&delta, rows, cols);
        let (mut d_w, mut x_w) = (delta, io.x);
        if fault == Fault::FirstSample {
            (d_w, x_w) = (Mat::new(delta.col(0), rows, 1), Mat::new(io.x.col(0), io.x.rows(), 1));
        }
        if fault != Fault::NeedsDx || io.dx.is_some() {
            io.dtheta.add_product(0, Op::N(d_w), Op::T(x_w));
        }
        match fault {
            Fault::DroppedBias => {}
            Fault::BiasSet => {
                let mut bias = io.dtheta.mat(1);
                elementwise::sum_columns(Write::Set, bias.data(), delta);
            }
            _ => io.dtheta.add_columns(1, delta),
        }
        if let Some(mut dx) = io.dx {
            let last = dx.data().last().copied().unwrap_or_default();
            let write = if fault == Fault::DxAdded { Write::Add } else { Write::Set };
            S::gemm(dx.reborrow(), write, Op::T(io.theta.mat(0)), Op::N(delta));
            match fault {
                Fault::ScaledDx => elementwise::each(dx.data(), |d| *d *= S::of(1.0 + 1e-9)),
                Fault::DxTail => dx.data().last_mut().into_iter().for_each(|d| *d = last),
                _ => {}
            }
        }
    }
}

#[test]
fn layers() {
    let check = |fault| quick().layer(&Dense { fault, skip: false });
    let skipping = |fault| quick().layer(&Dense { fault, skip: true });
    check(Fault::None).assert();
    skipping(Fault::None).assert();
    let derivative = "gradient";
    caught(check(Fault::ScaledDx), derivative);
    caught(check(Fault::DroppedBias), derivative);
    caught(check(Fault::DxTail), "");
    caught(check(Fault::YTail), "");
    caught(check(Fault::DxAdded), "");
    caught(check(Fault::BiasSet), "gradient-added");
    caught(check(Fault::StaleMask), derivative);
    caught(check(Fault::LooseMask), "");
    caught(check(Fault::WrongPass), derivative);
    caught(check(Fault::FirstSample), derivative);
    caught(check(Fault::NeedsDx), "gradient-alone");
    caught(skipping(Fault::DoubleSkip), "second-input");
    caught(check(Fault::TakesNothing), "zero-width");
}

// Losses: Σ |y − t| + ½ (y − t)², with a coupling between samples among the faults.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    Scaled,
    Dropped,
    NotSet,
    Mixed,
    Detached,
    Kink,
    /// The kink is not declared.
    Undeclared,
}

#[derive(Clone, Copy, Debug)]
struct Elastic(Flaw);
impl Loss for Elastic {
    fn name(&self) -> &'static str {
        "elastic"
    }
    fn width(&self, targets: TargetKind) -> Result<usize, ShapeError> {
        match targets {
            TargetKind::Values(k @ 1..) => Ok(k),
            other => Err(ShapeError::mismatch("elastic", "targets", "values", other)),
        }
    }
    fn has_kinks(&self) -> bool {
        self.0 != Flaw::Undeclared
    }
}
impl<S: Scalar> LossKernel<S> for Elastic {
    fn eval(&self, y: Mat<'_, S>, targets: Targets<'_, S>, each: &mut [S], mut dy: MatMut<'_, S>) {
        let Targets::Values(t) = targets else { panic!("elastic: targets should be values") };
        if self.0 != Flaw::NotSet {
            each.fill(S::ZERO);
        }
        for (j, l) in each.iter_mut().enumerate() {
            for i in 0..y.rows() {
                let d = y.at(i, j) - t.at(i, j);
                *l += d.abs() + S::of(0.5) * d * d;
                let at_0 = S::of(if self.0 == Flaw::Kink { 2.0 } else { 0.0 });
                let sign = S::select(d > S::ZERO, S::ONE, S::select(d < S::ZERO, -S::ONE, at_0));
                let slope = match self.0 {
                    Flaw::Scaled => (sign + d) * S::of(1.0 + 1e-9),
                    Flaw::Dropped => sign,
                    Flaw::Detached => S::of((sign + d).value()),
                    _ => sign + d,
                };
                dy.col(j)[i] = slope;
            }
            if self.0 == Flaw::Mixed && j > 0 {
                *l += y.at(0, 0);
            }
        }
    }
    fn predict(&self, _y: MatMut<'_, S>) {}
}

#[test]
fn losses() {
    let check = |flaw| quick().loss(&Elastic(flaw));
    check(Flaw::None).assert();
    assert!(check(Flaw::None).kinks > 0);
    caught(check(Flaw::Scaled), "gradient");
    caught(check(Flaw::Dropped), "gradient");
    caught(check(Flaw::NotSet), "");
    caught(check(Flaw::Mixed), "");
    caught(check(Flaw::Detached), "second-order");
    caught(check(Flaw::Kink), "");
    caught(check(Flaw::Undeclared), "kinks-declared");
}

// Regularizers: λ/2 Σ w² by its gradient, or λ Σ |w| by its proximal step.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Slip {
    None,
    /// λ/2 forgotten in the gradient.
    Half,
    Set,
    /// A penalty without gradient or proximal step.
    Idle,
    /// It moves θ although it has a gradient.
    Both,
    Proximal,
    /// Soft thresholding by twice the step.
    DoubleStep,
}

#[derive(Clone, Copy, Debug)]
struct Penalty(Slip);
impl Regularizer for Penalty {
    fn name(&self) -> &'static str {
        "penalty"
    }
}
impl<S: Scalar> RegularizerKernel<S> for Penalty {
    fn add(&self, theta: Mat<'_, S>, grad: &mut [S]) -> S {
        let mut omega = S::ZERO;
        for (g, &w) in grad.iter_mut().zip(theta.data()) {
            match self.0 {
                Slip::Half => *g += S::of(0.5) * w,
                Slip::Set => *g = w,
                Slip::None | Slip::Both => *g += w,
                _ => {}
            }
            omega += match self.0 {
                Slip::Proximal | Slip::DoubleStep => w.abs(),
                _ => S::of(0.5) * w * w,
            };
        }
        omega
    }
    fn project(&self, mut theta: MatMut<'_, S>, rate: f64) {
        let step = match self.0 {
            Slip::Proximal | Slip::Both => S::of(rate),
            Slip::DoubleStep => S::of(2.0 * rate),
            _ => return,
        };
        elementwise::each(theta.data(), |w| *w = *w - (*w).max(-step).min(step));
    }
}

#[test]
fn regularizers() {
    let check = |slip| quick().regularizer(&Penalty(slip));
    check(Slip::None).assert();
    check(Slip::Proximal).assert();
    caught(check(Slip::Half), "gradient");
    caught(check(Slip::Set), "gradient-added");
    caught(check(Slip::Idle), "proximal");
    caught(check(Slip::Both), "gradient-or-step");
    caught(check(Slip::DoubleStep), "proximal");
}

// Objectives: Rosenbrock's function in a chain.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Error {
    None,
    Scaled,
    Added,
    Length,
    /// ∂²f/∂x∂y once left out: right gradient, wrong Hessian.
    Hessian,
}

struct Rosenbrock(Error, usize);
impl<S: Scalar> Objective<S> for Rosenbrock {
    fn len(&self) -> usize {
        self.1 + usize::from(self.0 == Error::Length)
    }
    fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
        if self.0 != Error::Added {
            grad.fill(S::ZERO);
        }
        let mut f = S::ZERO;
        for i in 0..theta.len() - 1 {
            let (x, y) = (theta[i], theta[i + 1]);
            let (a, b) = (y - x * x, S::ONE - x);
            f += S::of(100.0) * a * a + b * b;
            let frozen = if self.0 == Error::Hessian { S::of(x.value()) } else { x };
            grad[i] += S::of(-400.0) * a * frozen - S::of(2.0) * b;
            grad[i + 1] += S::of(200.0) * a;
        }
        if self.0 == Error::Scaled {
            elementwise::each(grad, |g| *g *= S::of(1.0 + 1e-9));
        }
        f
    }
}

#[test]
fn objectives() {
    let check = |error, n: usize| {
        let theta: Vec<f64> = (0..n).map(|i| (i as f64 * 0.7).sin()).collect();
        quick().cases(8).objective("rosenbrock", Problem::new(&mut Rosenbrock(error, n), &theta))
    };
    check(Error::None, 5).assert();
    check(Error::None, 100).assert();
    caught(check(Error::Scaled, 5), "gradient");
    caught(check(Error::Scaled, 100), "gradient");
    caught(check(Error::Added, 5), "");
    caught(check(Error::Length, 5), "length");
    caught(check(Error::Hessian, 5), "second-order");
}

#[test]
fn a_wrong_rule_in_the_dual_numbers_is_found_without_them() {
    // The derivative of `wrong` in dual numbers is off by 1e-8 and backward repeats it: only the integral can tell.
    #[derive(Clone, Copy, Debug)]
    struct Misled;
    impl Activation for Misled {
        const NAME: &'static str = "misled";
        const RANGE: (f64, f64) = (-1.0, 1.0);
        #[inline(always)]
        fn value<S: Scalar>(&self, x: S) -> S {
            let drift = x - S::of(x.value());
            x.tanh() + S::of(1e-8) * drift
        }
        #[inline(always)]
        fn slope<S: Scalar>(&self, x: S, _y: S) -> S {
            let y = x.tanh();
            S::ONE - y * y + S::of(1e-8)
        }
    }
    caught(quick().activation(&Misled), "gradient-difference");
}

#[test]
fn a_failure_can_be_checked_by_hand() {
    let report = quick().activation(&Tanh(Lie::Sign));
    let failure = report.failure.as_ref().unwrap();
    let text = failure.to_string();
    println!("{text}");
    assert!(failure.shape.starts_with("d_in 1, d_out 1, batch 1"), "{text}");
    assert!((failure.got + failure.expected).abs() < 1e-12, "{text}");
    for part in ["tanh: ", "∂L/∂x[0, 0] should be ", "allowed", "x = ["] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(report.to_string(), text);
}

#[test]
fn a_component_that_no_shape_fits_has_not_passed() {
    #[derive(Debug)]
    struct Picky;
    impl Layer for Picky {
        fn name(&self) -> &'static str {
            "picky"
        }
        fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
            if d_in == 7 {
                Ok(Plan::new(2))
            } else {
                Err(ShapeError::mismatch("picky", "columns should be 7; width", 7, d_in))
            }
        }
    }
    impl<S: Scalar> LayerKernel<S> for Picky {
        /// The sum of the inputs, twice.
        fn forward(&self, mut io: Forward<'_, S>) {
            for j in 0..io.x.cols() {
                let sum = io.x.col(j).iter().fold(S::ZERO, |sum, x| sum + *x);
                io.y.col(j).fill(sum);
            }
        }
        fn backward(&self, io: Backward<'_, S>) {
            let Some(mut dx) = io.dx else { return };
            for j in 0..io.dy.cols() {
                dx.col(j).fill(io.dy.at(0, j) + io.dy.at(1, j));
            }
        }
    }
    assert!(!quick().layer(&Picky).passed());
    // Unless it is told which ones fit; then everything is checked, faults included.
    let report = Gradcheck::default().cases(64).widths([7]).layer(&Picky);
    report.assert();
    assert!(report.planted() > 20 && report.caught() == report.planted(), "{report}");
}

// Statistics: y = (x − m) c with a statistic m, and c = 2 kept in the scratch.

#[derive(Clone, Copy, Debug, PartialEq)]
enum Leak {
    None,
    /// A derivative flows through the statistic.
    Flows,
    /// The statistic has a gradient.
    Learns,
    /// Backward spends what forward left.
    Spends,
}

#[derive(Clone, Copy, Debug)]
struct Centered(Leak);
impl Layer for Centered {
    fn name(&self) -> &'static str {
        "centered"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if d_in == 0 {
            return Err(ShapeError::mismatch("", "input width", "at least 1", 0));
        }
        Ok(Plan::new(d_in).statistic("mean", d_in, 0.0).shared(d_in + 1))
    }
}
impl<S: Scalar> LayerKernel<S> for Centered {
    fn forward(&self, mut io: Forward<'_, S>) {
        let (factor, mean) = io.cache.split_at_mut(1);
        factor[0] = S::of(2.0);
        match self.0 {
            Leak::Flows => mean.copy_from_slice(io.theta.vec(0)),
            _ => io.theta.statistic(0, mean),
        }
        for (j, x) in io.x.columns().enumerate() {
            for ((y, x), mean) in io.y.col(j).iter_mut().zip(x).zip(&*mean) {
                *y = (*x - *mean) * factor[0];
            }
        }
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        if self.0 == Leak::Learns {
            io.dtheta.add_columns(0, io.dy);
        }
        let factor = io.cache[0];
        if let Some(mut dx) = io.dx {
            elementwise::map(dx.data(), io.dy.data(), |dy| dy * factor);
        }
        if self.0 == Leak::Spends {
            io.cache[0] = S::ONE;
        }
    }
}

#[test]
fn statistics() {
    let check = |leak| quick().layer(&Centered(leak));
    check(Leak::None).assert();
    caught(check(Leak::Flows), "statistics");
    caught(check(Leak::Learns), "statistics");
    caught(check(Leak::Spends), "backward-again");
    Gradcheck::default().cases(64).layer(&Centered(Leak::None)).assert();
}
