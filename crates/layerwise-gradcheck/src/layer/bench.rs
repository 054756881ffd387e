//! A layer at one case: its kernels in any number type, and what several checks need, computed at most once.

use layerwise_core::{Backward, Forward, GenericNumber, Params, ParamsMut, Pass, Plan, Role};
use layerwise_tensor::{Key, Mat, MatMut, Purpose};

use super::{BATCH, D_IN, Subject, pass};
use crate::case::Case;
use crate::derivative::{Function, Once, Trace};
use crate::fault::{Damage, Fault, Target, uneven};
use crate::oracle::{Lift, lift};

/// How the memory looks before a run, and what is asked of it.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'a> {
    pub y: f64,
    pub cache: f64,
    pub dx: f64,
    /// What earlier writers left in ∂L/∂θ; nothing: nobody has written yet.
    pub earlier: Option<&'a [f64]>,
    pub want_dx: bool,
}

impl Memory<'_> {
    pub const CLEAN: Memory<'static> =
        Memory { y: f64::NAN, cache: f64::NAN, dx: f64::NAN, earlier: None, want_dx: true };
}

pub(crate) struct Bench<'a> {
    pub subject: Subject<'a>,
    pub case: Case,
    pub plan: Plan,
    pub d_in: usize,
    pub d_skip: usize,
    pub batch: usize,
    pub n_theta: usize,
    pub pass: Pass,
    pub key: Key,
    /// θ ∥ x.
    pub point: Vec<f64>,
    pub skip: Vec<f64>,
    pub dy: Vec<f64>,
    once: Once,
}

impl<'a> Bench<'a> {
    /// Panics: unless the layer takes the sizes of the case.
    pub fn new(subject: &Subject<'a>, case: &Case) -> Bench<'a> {
        let (d_in, batch) = (case.sizes[D_IN], case.sizes[BATCH]);
        let plan = subject.plan(d_in).unwrap_or_else(|| panic!("{}: no plan for width {d_in}", subject.name));
        let n_theta = plan.blocks.iter().map(|b| b.rows * b.cols).sum::<usize>();
        let n = n_theta + d_in * batch;
        let n_out = plan.d_out * batch;
        let (point, rest) = case.numbers.split_at(n);
        let (skip, dy) = rest.split_at(rest.len() - n_out);
        Bench {
            subject: subject.clone(),
            case: case.clone(),
            d_in,
            d_skip: subject.d_skip(d_in),
            batch,
            n_theta,
            pass: pass(case),
            key: Key::new(case.seed, Purpose::Mask).step(case.seed).layer(1),
            point: point.to_vec(),
            skip: skip.to_vec(),
            dy: dy.to_vec(),
            plan,
            once: Once::default(),
        }
    }

    /// Forward alone, in any number type.
    pub fn forward<S: GenericNumber>(&self, point: &[S], skip: &[S]) -> Vec<S> {
        self.run_forward(point, skip, &Memory::CLEAN, self.pass, self.key).0
    }

    fn run_forward<S: GenericNumber>(
        &self,
        point: &[S],
        skip: &[S],
        memory: &Memory<'_>,
        pass: Pass,
        key: Key,
    ) -> (Vec<S>, Vec<S>) {
        let (theta, x) = point.split_at(self.n_theta);
        let batch = x.len() / self.d_in.max(1);
        let mut y = vec![S::of(memory.y); self.plan.d_out * batch];
        let mut cache = vec![S::of(memory.cache); self.plan.scratch(batch)];
        let old = y.clone();
        S::generic_layer(self.subject.layer).forward(Forward {
            theta: Params::new(theta, &self.plan.blocks),
            x: Mat::new(x, self.d_in, batch),
            skip: self.second(skip, batch),
            y: MatMut::new(&mut y, self.plan.d_out, batch),
            cache: &mut cache,
            pass,
            key,
        });
        if let Some(fault) = &self.subject.fault {
            fault.strike(Target::Value, &mut y, &old, self.plan.d_out);
        }
        (y, cache)
    }

    fn second<'s, S: GenericNumber>(&self, skip: &'s [S], batch: usize) -> Option<Mat<'s, S>> {
        self.plan.skip.map(|_| Mat::new(skip, self.d_skip, batch))
    }

    /// What backward says of the second input, added to `earlier`.
    pub fn shortcut<S: GenericNumber>(&self, point: &[S], dy: &[S], earlier: &[S]) -> Vec<S> {
        let (mut ds, theta) = (earlier.to_vec(), Params::new(&point[..self.n_theta], &self.plan.blocks));
        let (dy, window) = (Mat::new(dy, self.plan.d_out, self.batch), MatMut::new(&mut ds, self.d_skip, self.batch));
        S::generic_layer(self.subject.layer).shortcut(theta, dy, window);
        ds
    }

    /// The gradients of two backward passes after one forward pass.
    pub fn again(&self) -> [Vec<f64>; 2] {
        let (y, mut cache) = self.run_forward(&self.point, &self.skip, &Memory::CLEAN, self.pass, self.key);
        [(); 2]
            .map(|()| self.run_backward(&self.point, &self.skip, &y, &self.dy, &mut cache, self.pass, &Memory::CLEAN))
    }

    /// Forward and backward. The batch is as long as x and dy say.
    pub fn trace<S: GenericNumber>(&self, point: &[S], skip: &[S], dy: &[S], memory: &Memory<'_>) -> Trace<S> {
        let (y, mut cache) = self.run_forward(point, skip, memory, self.pass, self.key);
        let grad = match &self.subject.fault {
            None => self.run_backward(point, skip, &y, dy, &mut cache, self.pass, memory),
            Some(fault) => self.spoilt_backward(fault, point, skip, &y, dy, cache, memory),
        };
        Trace { values: y, grad }
    }

    #[allow(clippy::too_many_arguments)]
    fn run_backward<S: GenericNumber>(
        &self,
        point: &[S],
        skip: &[S],
        y: &[S],
        dy: &[S],
        cache: &mut [S],
        pass: Pass,
        memory: &Memory<'_>,
    ) -> Vec<S> {
        let (theta, x) = point.split_at(self.n_theta);
        let (d_in, d_out, batch) = (self.d_in, self.plan.d_out, x.len() / self.d_in.max(1));
        let mut grad = vec![S::of(f64::NAN); self.n_theta];
        let mut dx = vec![S::of(memory.dx); x.len()];
        let mut fresh = vec![memory.earlier.is_none(); self.plan.blocks.len()];
        if let Some(earlier) = memory.earlier {
            grad.iter_mut().zip(earlier).for_each(|(g, &e)| *g = S::of(e));
        }
        S::generic_layer(self.subject.layer).backward(Backward {
            theta: Params::new(theta, &self.plan.blocks),
            dtheta: ParamsMut::new(&mut grad, &self.plan.blocks, &mut fresh),
            x: Mat::new(x, d_in, batch),
            skip: self.second(skip, batch),
            y: Mat::new(y, d_out, batch),
            dy: Mat::new(dy, d_out, batch),
            dx: memory.want_dx.then_some(MatMut::new(&mut dx, d_in, batch)),
            cache,
            pass,
        });
        // A block that nobody wrote has no gradient.
        for (block, _) in self.plan.blocks.iter().zip(&fresh).filter(|(_, fresh)| **fresh) {
            grad[block.range()].fill(S::ZERO);
        }
        grad.extend(dx);
        grad
    }

    /// Backward as a wrong source would do it.
    #[allow(clippy::too_many_arguments)]
    fn spoilt_backward<S: GenericNumber>(
        &self,
        fault: &Fault,
        point: &[S],
        skip: &[S],
        y: &[S],
        dy: &[S],
        cache: Vec<S>,
        memory: &Memory<'_>,
    ) -> Vec<S> {
        let n = self.n_theta;
        let alone = Memory { earlier: None, ..*memory };
        let run = |point: &[S], y: &[S], dy: &[S], cache: &[S], pass| {
            self.run_backward(point, skip, y, dy, &mut cache.to_vec(), pass, &alone)
        };
        let honest = run(point, y, dy, &cache, self.pass);
        let other = match fault.damage {
            Damage::Beside(by) => {
                let beside: Vec<S> =
                    point.iter().enumerate().map(|(i, &p)| if i < n { p } else { p + S::of(uneven(by, i)) }).collect();
                // Backward reads what forward left at the other place.
                let (y, cache) = self.run_forward(&beside, skip, &Memory::CLEAN, self.pass, self.key);
                Some(run(&beside, &y, dy, &cache, self.pass))
            }
            Damage::StaleCache => {
                let zero: Vec<S> = point.iter().map(|&p| p * S::of(0.5) + S::ONE).collect();
                let (_, stale) = self.run_forward(&zero, skip, &Memory::CLEAN, self.pass, self.key.layer(9));
                Some(run(point, y, dy, &stale, self.pass))
            }
            Damage::OtherMask => {
                let (_, other) = self.run_forward(point, skip, &Memory::CLEAN, self.pass, self.key.layer(5));
                Some(run(point, y, dy, &other, self.pass))
            }
            Damage::OtherPass => {
                let pass = if self.pass == Pass::Train { Pass::Predict } else { Pass::Train };
                let (_, other) = self.run_forward(point, skip, &Memory::CLEAN, pass, self.key);
                Some(run(point, y, dy, &other, pass))
            }
            Damage::FirstSample => {
                let mut first = dy.to_vec();
                first[self.plan.d_out.min(dy.len())..].fill(S::ZERO);
                Some(run(point, y, &first, &cache, self.pass))
            }
            Damage::OnlyWithInput if !memory.want_dx => Some(vec![S::ZERO; point.len()]),
            Damage::OutputForInput if y.len() == point.len() - n => {
                Some(run(&[&point[..n], y].concat(), y, dy, &cache, self.pass))
            }
            Damage::WrongBranch => {
                let steep = |up: f64| {
                    let kinks = self.subject.layer.kinks();
                    let beside = |p: &S| if kinks.contains(&p.value()) { *p + S::of(up) } else { *p };
                    let beside: Vec<S> = point[..n].iter().copied().chain(point[n..].iter().map(beside)).collect();
                    let (y, cache) = self.run_forward(&beside, skip, &Memory::CLEAN, self.pass, self.key);
                    run(&beside, &y, dy, &cache, self.pass)
                };
                let (left, right) = (steep(-1e-9), steep(1e-9));
                let larger = |(l, r): (&S, &S)| if l.value().abs() > r.value().abs() { *l } else { *r };
                Some(left.iter().zip(&right).map(larger).collect())
            }
            _ => None,
        };
        let mut grad = honest.clone();
        if let Some(other) = other {
            let range = if fault.target == Target::Input { n..grad.len() } else { 0..n };
            // At a kink only the first derivative has a rule.
            match fault.damage {
                Damage::WrongBranch => fault.compare_values(&grad[range.clone()], &other[range.clone()]),
                _ => fault.compare(&grad[range.clone()], &other[range.clone()]),
            }
            grad[range.clone()].copy_from_slice(&other[range]);
        }
        let (dtheta, dx) = grad.split_at_mut(n);
        if memory.want_dx {
            fault.strike(Target::Input, dx, &vec![S::of(memory.dx); dx.len()], self.d_in);
        }
        for block in &self.plan.blocks {
            let old = vec![S::of(1234.5); block.rows * block.cols];
            fault.strike(Target::Parameters, &mut dtheta[block.range()], &old, block.rows);
        }
        if let Some(earlier) = memory.earlier {
            let sets = fault.target == Target::Parameters && fault.damage == Damage::Set;
            fault.feel(sets && n > 0);
            for (g, &e) in dtheta.iter_mut().zip(earlier).filter(|_| !sets) {
                *g += S::of(e);
            }
        }
        grad
    }

    /// In f64, by the kernels that train.
    pub fn real(&self, memory: &Memory<'_>) -> Trace<f64> {
        self.trace(&self.point, &self.skip, &self.dy, memory)
    }
}

impl Function for Bench<'_> {
    fn run<S: GenericNumber + Lift>(&self, point: &[S]) -> Trace<S> {
        self.trace(point, &lift(&self.skip), &lift(&self.dy), &Memory::CLEAN)
    }
    fn values<S: GenericNumber + Lift>(&self, point: &[S]) -> Vec<S> {
        self.forward(point, &lift(&self.skip))
    }
    fn point(&self) -> &[f64] {
        &self.point
    }
    fn weights(&self) -> &[f64] {
        &self.dy
    }
    fn name(&self, i: usize) -> String {
        let of = |name: &str, i: usize, rows: usize| format!("∂L/∂{name}[{}, {}]", i % rows, i / rows);
        match self.plan.blocks.iter().find(|b| b.range().contains(&i)) {
            Some(block) => of(block.name, i - block.offset, block.rows),
            None => of("x", i - self.n_theta, self.d_in),
        }
    }
    fn held(&self, i: usize) -> bool {
        self.plan.blocks.iter().any(|b| b.role == Role::Statistic && b.range().contains(&i))
    }
    fn seed(&self) -> u64 {
        self.case.seed
    }
    fn memory(&self) -> &Once {
        &self.once
    }
}
