//! Layers: y, ∂L/∂θ and ∂L/∂x for L = Σ u∘y with random u.

use layerwise_core::{Backward, Block, Forward, Layer, LayerKernel, Params, ParamsMut, Pass, Plan};
use layerwise_tensor::{Key, Mat, MatMut, Purpose, Scalar};

use crate::oracle::{Draw, coordinate_of, directions, dot, integral, lift, moved, parts, rng, show, size};
use crate::report::{EPS, FLOOR, Place, Report, largest};

/// Checks a layer at one shape, in both passes.
///
/// Every coordinate of θ ∥ x is compared while there are at most 64, else eight random directions. Noise is frozen by its key.
/// A layer with a second input must pass it on unchanged (∂y/∂skip = 1, exactly): its gradient is dy, which the network adds.
/// A report without cases says that the plan refuses this width.
pub fn check_layer(layer: &dyn Layer, d_in: usize, batch: usize, seed: u64) -> Report {
    let mut report = Report::new(layer.name());
    for case in 0..4 {
        at_shape(&mut report, layer, d_in, batch, seed, case);
    }
    report
}

/// Checks a layer at `cases` random shapes, d_in and batch from 1 to 5, as far as its plan takes them.
pub fn check_layer_shapes(layer: &dyn Layer, seed: u64, cases: usize) -> Report {
    let mut report = Report::new(layer.name());
    for case in 0..cases {
        let mut rng = rng(seed ^ 0x5a5a, case);
        let (d_in, batch) = (size(case, &mut rng), size(case, &mut rng));
        at_shape(&mut report, layer, d_in, batch, seed, case);
    }
    report
}

fn at_shape(report: &mut Report, layer: &dyn Layer, d_in: usize, batch: usize, seed: u64, case: usize) {
    let Ok(mut plan) = layer.plan(d_in) else { return };
    let mut n_theta = 0;
    for block in &mut plan.blocks {
        block.offset = n_theta;
        n_theta += block.rows * block.cols;
    }
    report.cases += 1;
    let mut rng = rng(seed, case);
    let mut point = Draw::Short.fill(n_theta, &mut rng);
    point.extend(Draw::of_case(case).fill(d_in * batch, &mut rng));
    let n_out = plan.d_out * batch;
    let skip = Draw::Short.fill(if plan.skip.is_some() { n_out } else { 0 }, &mut rng);
    let dy = Draw::Short.fill(n_out, &mut rng);
    let key = Key::new(seed, Purpose::Mask).step(case as u64).layer(1);
    for pass in [Pass::Train, Pass::Predict] {
        let at = Place {
            shape: format!("d_in {d_in}, d_out {}, batch {batch}, {pass:?}", plan.d_out),
            input: [
                show("theta", &point[..n_theta]),
                show("x", &point[n_theta..]),
                show("skip", &skip),
                show("dy", &dy),
            ]
            .concat(),
        };
        Bench { layer, plan: &plan, d_in, batch, n_theta, pass, key, point: &point, skip: &skip, dy: &dy }
            .check(report, &at, &mut rng);
    }
}

struct Bench<'a> {
    layer: &'a dyn Layer,
    plan: &'a Plan,
    d_in: usize,
    batch: usize,
    n_theta: usize,
    pass: Pass,
    key: Key,
    point: &'a [f64],
    skip: &'a [f64],
    dy: &'a [f64],
}

/// What a forward and a backward pass left. `grad` is ∂L/∂θ ∥ ∂L/∂x.
struct Trace<S> {
    y: Vec<S>,
    grad: Vec<S>,
}

/// How dirty the memory is, and who wrote before.
struct Dirt<'a> {
    fill: f64,
    earlier: Option<&'a [f64]>,
    want_dx: bool,
}

const CLEAN: Dirt<'static> = Dirt { fill: f64::NAN, earlier: None, want_dx: true };

impl Bench<'_> {
    fn run<S: Scalar, L: LayerKernel<S> + ?Sized>(
        &self,
        layer: &L,
        point: &[S],
        skip: &[S],
        dirt: &Dirt<'_>,
    ) -> Trace<S> {
        let Bench { plan, d_in, batch, n_theta, pass, key, .. } = *self;
        let fill = S::of(dirt.fill);
        let dy: Vec<S> = self.dy.iter().map(|&u| S::of(u)).collect();
        let (theta, x) = point.split_at(n_theta);
        let theta = Params::new(theta, &plan.blocks);
        let x = Mat::new(x, d_in, batch);
        let mut y = vec![fill; plan.d_out * batch];
        let mut cache = vec![fill; plan.cache * batch];
        let mut grad = vec![fill; point.len()];
        let mut fresh = vec![dirt.earlier.is_none(); plan.blocks.len()];
        if let Some(earlier) = dirt.earlier {
            for (g, &e) in grad.iter_mut().zip(earlier) {
                *g = S::of(e);
            }
        }
        layer.forward(Forward {
            theta,
            x,
            skip: plan.skip.map(|_| Mat::new(skip, plan.d_out, batch)),
            y: MatMut::new(&mut y, plan.d_out, batch),
            cache: &mut cache,
            pass,
            key,
        });
        let (dtheta, dx) = grad.split_at_mut(n_theta);
        layer.backward(Backward {
            theta,
            dtheta: ParamsMut::new(dtheta, &plan.blocks, &mut fresh),
            x,
            y: Mat::new(&y, plan.d_out, batch),
            dy: Mat::new(&dy, plan.d_out, batch),
            dx: dirt.want_dx.then_some(MatMut::new(dx, d_in, batch)),
            cache: &cache,
            pass,
        });
        // A block that nobody wrote has no gradient.
        for (block, _) in plan.blocks.iter().zip(&fresh).filter(|(_, fresh)| **fresh) {
            dtheta[block.range()].fill(S::ZERO);
        }
        Trace { y, grad }
    }

    fn real(&self, point: &[f64], dirt: &Dirt<'_>) -> Trace<f64> {
        self.run::<f64, _>(self.layer, point, self.skip, dirt)
    }

    fn name(&self, i: usize) -> String {
        let of = |name: &str, i: usize, rows: usize| format!("{name}[{}, {}]", i % rows, i / rows);
        match self.plan.blocks.iter().find(|b| b.range().contains(&i)) {
            Some(Block { name, rows, offset, .. }) => of(&format!("∂L/∂{name}"), i - offset, *rows),
            None => of("∂L/∂x", i - self.n_theta, self.d_in),
        }
    }

    fn check(&self, report: &mut Report, at: &Place, rng: &mut layerwise_tensor::Rng) {
        let Bench { point, dy, n_theta, .. } = *self;
        let n = point.len();
        let base = self.real(point, &CLEAN);

        // Dirty memory.
        let dirty = self.real(point, &Dirt { fill: 1234.5, ..CLEAN });
        report.same_bits("the output may not depend on what memory held", at, "y", &base.y, &dirty.y);
        report.same_bits("the gradient may not depend on what memory held", at, "θ∥x", &base.grad, &dirty.grad);
        for (i, y) in base.y.iter().enumerate() {
            let bound = f64::MAX;
            report.close("the output is finite", at, || format!("y[{i}]"), [0.0, *y], bound);
        }
        let alone = self.real(point, &Dirt { want_dx: false, ..CLEAN });
        report.same_bits(
            "∂L/∂θ may not depend on whether ∂L/∂x is wanted",
            at,
            "θ",
            &base.grad[..n_theta],
            &alone.grad[..n_theta],
        );

        // Adding to what an earlier writer left.
        let earlier = Draw::Short.fill(n, rng);
        let later = self.real(point, &Dirt { fill: f64::NAN, earlier: Some(&earlier), want_dx: true });
        let unit = largest(&base.grad);
        for (i, earlier) in earlier.iter().enumerate().take(n_theta) {
            let sum = earlier + base.grad[i];
            let bound = 64.0 * EPS * (unit + earlier.abs());
            report.close("a later writer adds to ∂L/∂θ", at, || self.name(i), [sum, later.grad[i]], bound);
        }
        report.same_bits("∂L/∂x is set, not added", at, "x", &base.grad[n_theta..], &later.grad[n_theta..]);

        // First derivatives against dual numbers.
        let zero_skip = vec![0.0; self.skip.len()];
        let lifted = lift(self.skip, &zero_skip);
        let floor = FLOOR * largest(dy);
        for (k, v) in directions(n, rng).iter().enumerate() {
            let trace = self.run(self.layer, &lift(point, v), &lifted, &CLEAN);
            let (re, eps) = parts(&trace.y);
            let (expected, terms) = dot(dy, &eps);
            let (got, size) = dot(&base.grad, v);
            let (unit, name): (_, Box<dyn Fn() -> String>) = match coordinate_of(v) {
                Some(i) => (unit, Box::new(move || self.name(i))),
                None => (unit.max(size), Box::new(move || format!("random direction {k}"))),
            };
            let sum = (dy.len() as f64) * terms + size;
            report.gradient("backward is the derivative of forward", at, &name, [expected, got], unit.max(floor), sum);
            let bound = 64.0 * EPS * (largest(&base.y) + largest(point));
            for (i, (e, g)) in base.y.iter().zip(&re).enumerate() {
                report.close("every scalar type computes the same", at, || format!("y[{i}]"), [*e, *g], bound);
            }
        }
        for i in 0..self.skip.len() {
            let v: Vec<f64> = (0..self.skip.len()).map(|k| f64::from(k == i)).collect();
            let trace = self.run(self.layer, &lift(point, &vec![0.0; n]), &lift(self.skip, &v), &CLEAN);
            for (k, y) in trace.y.iter().enumerate() {
                let name = || format!("∂y[{k}]/∂skip[{i}]");
                report.close("the second input passes unchanged", at, name, [f64::from(k == i), y.eps], 0.0);
            }
        }

        // The same without dual numbers; second derivatives against the gradients; their symmetry.
        let (v, w) = (Draw::Scaled(1.0).fill(n, rng), Draw::Scaled(1.0).fill(n, rng));
        let size = largest(point) + largest(&base.y);
        let law = "backward integrates to the change of forward";
        integral(
            report,
            law,
            at,
            size,
            |_| "L along a random line".into(),
            |t| {
                let p = moved(point, t, &v);
                let trace = self.real(&p, &CLEAN);
                (vec![dot(dy, &trace.y).0], vec![dot(&trace.grad, &v).0])
            },
        );
        let second = |p: &[f64], v: &[f64]| parts(&self.run(self.layer, &lift(p, v), &lifted, &CLEAN).grad);
        let law = "the derivative of backward integrates to its change";
        integral(report, law, at, size, |i| self.name(i), |t| second(&moved(point, t, &v), &v));
        let (hv, hw) = (second(point, &v).1, second(point, &w).1);
        let ((left, a), (right, b)) = (dot(&w, &hv), dot(&v, &hw));
        let bound = EPS * (256.0 * (a + b) + 64.0 * n as f64 * (largest(dy) + unit));
        report.close("second derivatives are symmetric", at, || "uᵀHv, vᵀHu".into(), [left, right], bound);

        // Single precision.
        let short: Vec<f32> = point.iter().map(|&p| p as f32).collect();
        let skip: Vec<f32> = self.skip.iter().map(|&p| p as f32).collect();
        let single = self.run(self.layer, &short, &skip, &CLEAN);
        let double = self.real(&short.iter().map(|&p| f64::from(p)).collect::<Vec<_>>(), &CLEAN);
        for (name, e, g) in [("y", &double.y, &single.y), ("grad", &double.grad, &single.grad)] {
            let bound = 1e-3 * (largest(e) + floor);
            for (i, (&e, &g)) in e.iter().zip(g).enumerate() {
                let name = || format!("{name}[{i}]");
                report.close("f32 agrees with f64", at, name, [e, f64::from(g)], bound);
            }
        }
    }
}
