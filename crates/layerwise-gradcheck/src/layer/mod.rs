//! Layers: y, ∂L/∂θ and ∂L/∂x for L = Σ u∘y with a given u. An activation is a layer with one function for every unit.

mod bench;
mod checks;
mod kinks;
mod once;

use layerwise_core::{Block, GenericLayer, Pass, Plan, Role};
use layerwise_tensor::Rng;

use crate::battery::{Check, Family};
use crate::case::{Case, Draw, Field, Space};
use crate::derivative::{self, Derived};
use crate::fault::{COMMON, Damage, Fault, Target};
use bench::{Bench, Memory};

/// A layer, perhaps with a fault in it.
#[derive(Clone, Debug)]
pub(crate) struct Subject<'a> {
    pub layer: &'a dyn GenericLayer,
    pub name: String,
    /// Input widths to try; none: 1 to 5.
    pub widths: Vec<usize>,
    /// Whether the instruction set may be switched for the whole process.
    pub levels: bool,
    pub fault: Option<Fault>,
}

/// What the sizes of a case are.
const D_IN: usize = 0;
const BATCH: usize = 1;
const TRAINS: usize = 2;

impl Subject<'_> {
    pub fn plan(&self, d_in: usize) -> Option<Plan> {
        let mut plan = self.layer.plan(d_in).and_then(|plan| plan.of_source(self.d_skip(d_in))).ok()?;
        let mut n_theta = 0;
        for block in &mut plan.blocks {
            block.offset = n_theta;
            n_theta += block.rows * block.cols;
        }
        Some(plan)
    }

    /// Width of the second input: that of the output, unless any will do.
    fn d_skip(&self, d_in: usize) -> usize {
        self.layer.plan(d_in).map_or(0, |plan| if plan.projection.is_some() { d_in + 2 } else { plan.d_out })
    }

    /// Whether it is one function of every unit.
    pub fn pointwise(&self) -> Result<(), &'static str> {
        self.layer.range().map(drop).ok_or("not one function of every unit")
    }

    /// A width that the layer takes.
    fn width(&self) -> usize {
        self.widths.first().copied().unwrap_or(4)
    }

    fn has_parameters(&self) -> Result<(), &'static str> {
        let plan = self.plan(self.width());
        plan.is_some_and(|p| !p.blocks.is_empty()).then_some(()).ok_or("no parameters")
    }

    fn has_cache(&self) -> Result<(), &'static str> {
        self.plan(self.width()).is_some_and(|p| p.scratch(1) > 0).then_some(()).ok_or("no scratch between the passes")
    }

    fn has_skip(&self) -> Result<(), &'static str> {
        self.plan(self.width()).is_some_and(|p| p.skip.is_some()).then_some(()).ok_or("no second input")
    }

    fn has_statistics(&self) -> Result<(), &'static str> {
        let plan = self.plan(self.width());
        let any = plan.is_some_and(|p| p.blocks.iter().any(|b| b.role == Role::Statistic));
        if any { Ok(()) } else { Err("no statistics") }
    }

    fn has_kinks(&self) -> Result<(), &'static str> {
        if self.layer.kinks().is_empty() { Err("no kinks declared") } else { Ok(()) }
    }
}

impl Space for Subject<'_> {
    fn sizes(&self, index: usize, rng: &mut Rng) -> Vec<usize> {
        let size = |rng: &mut Rng| 1 + rng.below(1 + (index / 4).min(4));
        let d_in = if self.widths.is_empty() { size(rng) } else { self.widths[rng.below(self.widths.len())] };
        vec![d_in, size(rng), index % 2]
    }

    fn least(&self) -> Vec<usize> {
        vec![self.widths.iter().copied().min().unwrap_or(1), 1, 0]
    }

    fn fields(&self, sizes: &[usize]) -> Option<Vec<Field>> {
        let plan = self.plan(sizes[D_IN])?;
        let n_out = plan.d_out;
        // A statistic may be a variance.
        let draw = |b: &Block| if b.role == Role::Statistic { Draw::Unit } else { Draw::Short };
        let mut fields: Vec<Field> =
            plan.blocks.iter().map(|b| Field::new(b.name, b.rows, b.cols).drawn(draw(b))).collect();
        fields.push(Field::new("x", sizes[D_IN], sizes[BATCH]));
        fields.push(
            Field::new("skip", if plan.skip.is_some() { self.d_skip(sizes[D_IN]) } else { 0 }, sizes[BATCH])
                .drawn(Draw::Short),
        );
        fields.push(Field::new("dy", n_out, sizes[BATCH]).drawn(Draw::Short));
        Some(fields)
    }

    fn kinks(&self) -> &[f64] {
        self.layer.kinks()
    }

    fn usable(&self, case: &Case) -> bool {
        self.bench(case).smooth()
    }
}

impl<'a> Family for Subject<'a> {
    type Bench = Bench<'a>;

    fn family(&self) -> &'static str {
        if self.layer.range().is_some() { "activation" } else { "layer" }
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn bench(&self, case: &Case) -> Bench<'a> {
        Bench::new(self, case)
    }

    fn shape(&self, case: &Case) -> String {
        let d_out = self.plan(case.sizes[D_IN]).map_or(0, |plan| plan.d_out);
        let pass = pass(case);
        format!("d_in {}, d_out {d_out}, batch {}, {pass:?}", case.sizes[D_IN], case.sizes[BATCH])
    }

    fn checks() -> Vec<Check<Self>> {
        let mut checks = derivative::all();
        checks.extend(checks::all());
        checks.extend(kinks::all());
        checks.extend(once::all());
        checks
    }

    fn sabotaged(&self) -> Vec<Self> {
        use Damage::*;
        let own = [
            (Target::Input, Added),
            (Target::Parameters, Set),
            (Target::Input, Detached),
            (Target::Parameters, Detached),
            (Target::Value, Tail),
            (Target::Value, Added),
            (Target::Value, NextColumn),
            (Target::Value, Single),
            (Target::Input, Beside(1e-6)),
            (Target::Parameters, Beside(1e-6)),
            (Target::Input, StaleCache),
            (Target::Input, OtherPass),
            (Target::Input, OtherMask),
            (Target::Parameters, FirstSample),
            (Target::Parameters, OnlyWithInput),
            (Target::Input, WrongBranch),
            (Target::Input, OutputForInput),
        ];
        let common = [Target::Input, Target::Parameters].into_iter().flat_map(|t| COMMON.map(|d| (t, d)));
        let faults = common.chain(own).map(|(target, damage)| Fault::new(target, damage));
        faults.map(|fault| Subject { fault: Some(fault), ..self.clone() }).collect()
    }

    fn exercise(b: &Bench<'a>) {
        derivative::exercise(b);
        let earlier = vec![1.5; b.n_theta];
        b.real(&Memory { y: 1234.5, cache: 1234.5, dx: 1234.5, earlier: Some(&earlier), want_dx: false });
        b.real(&Memory { y: 1234.5, cache: 1234.5, dx: 1234.5, earlier: Some(&earlier), want_dx: true });
    }

    fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }
}

fn pass(case: &Case) -> Pass {
    if case.sizes[TRAINS] == 1 { Pass::Train } else { Pass::Predict }
}
