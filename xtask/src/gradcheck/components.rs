//! Everything that is checked: the catalogs, the links of optimizers with the formulas of their papers, and whole networks.

use std::collections::HashMap;
use std::fmt::Debug;

use layerwise_activations::{Activations, Elu, LeakyRelu};
use layerwise_core::{Link, Role};
use layerwise_gradcheck::papers::{self, Seen, Want};
use layerwise_gradcheck::{Gradcheck, Report, Scope};
use layerwise_layers::{
    AlphaDropout, BatchNorm, Dense, DropConnect, Dropout, GaussianDropout, GaussianNoise, Highway, LayerNorm, Layers,
    NoisyDense, NormedDense, Skip,
};
use layerwise_losses::{Huber, Losses, SoftmaxCrossEntropy};
use layerwise_optimizers::{
    AddMomentum, AverageParameters, Averaging, BlendMomentum, ClipByGlobalNorm, ClipByUnitRatio, ClipByValue, DecayOn,
    DecayWeights, FreeFromSchedule, Only, OrthogonalizeMatrices, ScaleByAdagrad, ScaleByAdam, ScaleByAdamax,
    ScaleByAmsgrad, ScaleByNadam, ScaleByRadam, ScaleByRate, ScaleByRms, Scheduled, Schedules, TakeSign,
};
use layerwise_regularizers::{
    Activities, ElasticNet, GroupLasso, Groups, L1, L2, MaxNorm, Orthogonality, ProximalGroupLasso, ProximalL1,
    Regularizers, Sparsity, StudentT,
};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{contracted, networks, pretraining};

/// A component and how to check it.
pub struct Item {
    pub name: String,
    /// The traits and types that this is a case of.
    pub covers: Vec<(&'static str, &'static str)>,
    pub check: Box<dyn Fn(&Gradcheck) -> Report + Send + Sync>,
}

/// How a component is checked, with these settings.
type Check<C> = fn(&Gradcheck, &C) -> Report;

/// The components of a catalog with their default parameters, and some with others: `name(parameters)`.
fn catalog<C>(
    kind: &'static str,
    types: &'static [&'static str],
    [all, others]: [Vec<C>; 2],
    name: fn(&C) -> &'static str,
    own_name: fn(&C) -> &'static str,
    check: Check<C>,
) -> Vec<Item>
where
    C: Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static,
{
    // What stands in the braces of `Elu(Elu { alpha: 1.5 })`.
    let parameters = |c: &C| {
        let debug = format!("{c:?}");
        let inner = debug.split_once('{').and_then(|(_, rest)| rest.rsplit_once('}')).map_or("", |(inner, _)| inner);
        format!("{}({})", name(c), inner.trim().replace(": ", "=").replace(", ", ","))
    };
    let item = |c: C, full: String, covers| {
        let check = move |settings: &Gradcheck| {
            let report = check(settings, &c);
            if settings.scope != Scope::Whole || settings.replay.is_some() {
                return report;
            }
            let agree =
                (name(&c) == own_name(&c)).then_some(()).ok_or(format!("`{}` and `{}` agree", name(&c), own_name(&c)));
            report
                .also(
                    "configuration",
                    "what is written to JSON and TOML and read again is the same component",
                    round_trip(&c),
                )
                .also("catalog-name", "the component calls itself what its catalog calls it", agree)
        };
        Item { name: full, covers, check: Box::new(check) }
    };
    let defaults = all.into_iter().zip(types).map(|(c, ty)| item(c.clone(), name(&c).into(), vec![(kind, *ty)]));
    let defaults: Vec<_> = defaults.collect();
    defaults.into_iter().chain(others.into_iter().map(|c| item(c.clone(), parameters(&c), Vec::new()))).collect()
}

/// To JSON and back, and to TOML and back.
fn round_trip<C: PartialEq + Serialize + DeserializeOwned>(component: &C) -> Result<(), String> {
    let json = serde_json::to_string(component).map_err(|e| e.to_string())?;
    let again: C = serde_json::from_str(&json).map_err(|e| format!("{json}: {e}"))?;
    // TOML has no bare words: the component stands in a table.
    let table = toml::to_string(&HashMap::from([("it", component)])).map_err(|e| e.to_string())?;
    let from_toml: HashMap<String, C> = toml::from_str(&table).map_err(|e| format!("{table}: {e}"))?;
    if again == *component && from_toml.get("it") == Some(component) {
        Ok(())
    } else {
        Err(format!("{json} reads the same"))
    }
}

pub fn all() -> Vec<Item> {
    let mut items = catalog(
        "Activation",
        Activations::TYPES,
        [
            Activations::all(),
            vec![LeakyRelu { slope: 1.5 }.into(), Elu { alpha: 0.5 }.into(), Elu { alpha: 1.5 }.into()],
        ],
        Activations::name,
        |a| a.boxed().name(),
        |settings, a| settings.layer(&*a.generic()),
    );
    // Every activation is checked as a layer.
    items[0].covers.push(("Layer", "Pointwise"));
    items.extend(catalog(
        "Layer",
        Layers::TYPES,
        [
            Layers::all(),
            vec![
                Dense::new(1).into(),
                Dense::new(33).into(),
                Dropout { rate: 0.0 }.into(),
                Dropout { rate: 0.2 }.into(),
                Skip::new(1).into(),
                Skip { back: 1, projection: true }.into(),
                AlphaDropout { rate: 0.5 }.into(),
                BatchNorm { epsilon: 0.0625, rate: 0.5 }.into(),
                LayerNorm { epsilon: 0.0625 }.into(),
                Highway { gate_bias: 1.0 }.into(),
                NormedDense::new(33).into(),
                DropConnect { width: 33, rate: 0.2, ..Default::default() }.into(),
                NoisyDense { width: 33, deviation: 0.0, ..Default::default() }.into(),
                GaussianDropout { rate: 0.2 }.into(),
                GaussianNoise { deviation: 1.0 }.into(),
            ],
        ],
        Layers::name,
        |l| l.boxed().name(),
        |settings, l| settings.layer(&*l.generic()),
    ));
    items.extend(catalog(
        "Loss",
        Losses::TYPES,
        [
            Losses::all(),
            vec![
                SoftmaxCrossEntropy { smoothing: 0.1, class_weights: Vec::new() }.into(),
                SoftmaxCrossEntropy { smoothing: 0.1, class_weights: vec![0.5, 2.0, 1.0] }.into(),
                Huber { delta: 0.25 }.into(),
            ],
        ],
        Losses::name,
        |l| l.boxed().name(),
        |settings, l| settings.loss(&*l.generic()),
    ));
    items.extend(catalog(
        "Regularizer",
        Regularizers::TYPES,
        [
            Regularizers::all(),
            vec![
                L2 { strength: 0.5 }.into(),
                L1 { strength: 0.5 }.into(),
                ProximalL1 { strength: 0.5 }.into(),
                ElasticNet { l1: 0.5, l2: 0.25 }.into(),
                GroupLasso { strength: 0.5, groups: Groups::Incoming }.into(),
                GroupLasso { strength: 0.5, groups: Groups::Outgoing }.into(),
                ProximalGroupLasso { strength: 0.5, groups: Groups::Incoming }.into(),
                ProximalGroupLasso { strength: 0.5, groups: Groups::Outgoing }.into(),
                Orthogonality { strength: 0.5 }.into(),
                MaxNorm { limit: 0.5 }.into(),
            ],
        ],
        Regularizers::name,
        |r| r.boxed().name(),
        |settings, r| settings.regularizer(&*r.generic()),
    ));
    items.extend(activities());
    items.extend(links());
    items.extend(networks::all());
    items.extend(contracted::all());
    items.extend(pretraining::all());
    items
}

/// Penalties on activations: some have the name of a regularizer, whose formula they share.
fn activities() -> Vec<Item> {
    let mut items = catalog(
        "Activity",
        Activities::TYPES,
        [
            Activities::all(),
            vec![
                L1 { strength: 0.5 }.into(),
                L2 { strength: 0.5 }.into(),
                StudentT { strength: 0.5 }.into(),
                Sparsity { mean: 0.25, strength: 0.5 }.into(),
            ],
        ],
        Activities::name,
        |a| a.boxed().name(),
        |settings, a| settings.clone().name(format!("activity-{}", a.name())).activity(&*a.generic()),
    );
    items.iter_mut().for_each(|item| item.name = format!("activity-{}", item.name));
    // How the check looks at them.
    items[0].covers.push(("Objective", "OnActivations"));
    items
}

/// A link with the formula of its paper.
fn link(
    name: &str,
    ty: &'static str,
    link: impl Link + 'static,
    formula: impl Fn(&Seen<'_>) -> Vec<Want> + Send + Sync + 'static,
) -> Item {
    let own = name.to_owned();
    let check = Box::new(move |settings: &Gradcheck| settings.link(&own, &link, &formula));
    Item { name: name.to_owned(), covers: vec![("Link", ty)], check }
}

/// A link that multiplies by a rate over time.
fn rate<T>(name: &str, ty: &'static str, schedule: T, factor: fn(usize) -> f64) -> Item
where
    ScaleByRate<T>: Link + 'static,
{
    let mut item = link(name, "ScaleByRate", ScaleByRate { schedule }, move |seen| papers::scale(factor, seen));
    item.covers.push(("Schedule", ty));
    item
}

fn links() -> Vec<Item> {
    let adam = |name: &str, link: ScaleByAdam| {
        self::link(name, "ScaleByAdam", link, move |seen| papers::adam(link.beta1, link.beta2, link.epsilon, seen))
    };
    let rms = |name: &str, link: ScaleByRms| {
        self::link(name, "ScaleByRms", link, move |seen| papers::rms(link.decay, link.epsilon, seen))
    };
    let adagrad = |name: &str, link: ScaleByAdagrad| {
        self::link(name, "ScaleByAdagrad", link, move |seen| papers::adagrad(link.epsilon, seen))
    };
    let decay = |name: &str, on: DecayOn| {
        let weights_only = on == DecayOn::WeightsOnly;
        let decay = DecayWeights { strength: 0.25, on };
        self::link(name, "DecayWeights", decay, move |seen| papers::decay_weights(0.25, weights_only, seen))
    };
    let free = |name: &str, warm_up: u64| {
        self::link(name, "FreeFromSchedule", FreeFromSchedule { beta: 0.875, warm_up }, move |seen| {
            papers::free_from_schedule(0.875, warm_up as usize, seen)
        })
    };
    let average = |name: &str, averaging: Averaging| {
        self::link(name, "AverageParameters", AverageParameters { averaging }, move |seen| match averaging {
            Averaging::Uniform { from } => papers::average_uniformly(from as usize, seen),
            Averaging::Exponential { decay } => papers::average_exponentially(decay, seen),
        })
    };
    vec![
        link("add-momentum", "AddMomentum", AddMomentum { momentum: 0.875, nesterov: false }, |seen| {
            papers::heavy_ball(0.875, seen)
        }),
        link("add-momentum(nesterov)", "AddMomentum", AddMomentum { momentum: 0.875, nesterov: true }, |seen| {
            papers::nesterov(0.875, seen)
        }),
        // Shares whose first powers are exact: the digits that 1 − βᵗ cancels are then nobody's rounding.
        adam("scale-by-adam", ScaleByAdam { beta1: 0.875, beta2: 0.96875, ..Default::default() }),
        adam("scale-by-adam(epsilon=0.1)", ScaleByAdam { beta1: 0.5, beta2: 0.75, epsilon: 0.1 }),
        rms("scale-by-rms", ScaleByRms { decay: 0.96875, ..Default::default() }),
        rms("scale-by-rms(epsilon=0.1)", ScaleByRms { decay: 0.75, epsilon: 0.1 }),
        adagrad("scale-by-adagrad", ScaleByAdagrad::default()),
        adagrad("scale-by-adagrad(epsilon=0.1)", ScaleByAdagrad { epsilon: 0.1 }),
        link(
            "scale-by-amsgrad",
            "ScaleByAmsgrad",
            ScaleByAmsgrad { beta1: 0.875, beta2: 0.75, epsilon: 1e-8 },
            |seen| papers::amsgrad(0.875, 0.75, 1e-8, seen),
        ),
        link(
            "scale-by-nadam",
            "ScaleByNadam",
            ScaleByNadam { beta1: 0.875, beta2: 0.96875, epsilon: 1e-8, momentum_decay: 0.25 },
            |seen| papers::nadam(0.875, 0.96875, 1e-8, 0.25, seen),
        ),
        link("scale-by-adamax", "ScaleByAdamax", ScaleByAdamax { beta1: 0.875, beta2: 0.75, epsilon: 1e-8 }, |seen| {
            papers::adamax(0.875, 0.75, 1e-8, seen)
        }),
        // The denominator is used from the sixth step on.
        link("scale-by-radam", "ScaleByRadam", ScaleByRadam { beta1: 0.875, beta2: 0.875, epsilon: 1e-8 }, |seen| {
            papers::radam(0.875, 0.875, 1e-8, seen)
        }),
        link("blend-momentum", "BlendMomentum", BlendMomentum { beta1: 0.75, beta2: 0.96875 }, |seen| {
            papers::blend_momentum(0.75, 0.96875, seen)
        }),
        link("take-sign", "TakeSign", TakeSign, papers::take_sign),
        link("orthogonalize-matrices", "OrthogonalizeMatrices", OrthogonalizeMatrices, papers::orthogonalize),
        link(
            "only",
            "Only",
            Only { on: Role::Weight, link: AddMomentum { momentum: 0.875, nesterov: false } },
            |seen| papers::only(true, |seen| papers::heavy_ball(0.875, seen), seen),
        ),
        free("free-from-schedule", 0),
        free("free-from-schedule(warm-up)", 3),
        // So late that its state has halves and no thirds: of numbers that cancel, those leave rounding errors, and a fault that
        // flushes them does no harm.
        average("average-parameters", Averaging::Uniform { from: 7 }),
        average("average-parameters(exponential)", Averaging::Exponential { decay: 0.75 }),
        decay("decay-weights", DecayOn::WeightsOnly),
        decay("decay-weights(all)", DecayOn::Everything),
        link("clip-by-global-norm", "ClipByGlobalNorm", ClipByGlobalNorm { limit: 1.5 }, |seen| {
            papers::clip_by_global_norm(1.5, seen)
        }),
        link("clip-by-unit-ratio", "ClipByUnitRatio", ClipByUnitRatio { limit: 0.75, epsilon: 0.25 }, |seen| {
            papers::clip_by_unit_ratio(0.75, 0.25, seen)
        }),
        link("clip-by-value", "ClipByValue", ClipByValue { limit: 0.75 }, |seen| papers::clip_by_value(0.75, seen)),
        rate("scale-by-rate", "f64", 0.1, |_| 0.1),
        rate("scale-by-rate(inverse-time)", "Schedules", Schedules::InverseTime { decay: 0.5 }, |t| {
            papers::schedule::inverse_time(0.5, t)
        }),
        rate("scale-by-rate(exponential)", "Schedules", Schedules::Exponential { decay: 0.75 }, |t| {
            papers::schedule::exponential(0.75, t)
        }),
        rate("scale-by-rate(step)", "Schedules", Schedules::Step { every: 2, factor: 0.25 }, |t| {
            papers::schedule::step(2, 0.25, t)
        }),
        rate("scale-by-rate(cosine)", "Schedules", Schedules::Cosine { steps: 4, floor: 0.125 }, |t| {
            papers::schedule::cosine(4, 0.125, t)
        }),
        rate(
            "scale-by-rate(cosine-restarts)",
            "Schedules",
            Schedules::CosineRestarts { steps: 1, growth: 2, floor: 0.125 },
            |t| papers::schedule::restarts(1, 2, 0.125, t),
        ),
        rate(
            "scale-by-rate(one-cycle)",
            "Schedules",
            Schedules::OneCycle { steps: 5, peak: 0.5, start: 0.25, end: 0.0625 },
            |t| papers::schedule::one_cycle(5, 0.5, [0.25, 0.0625], t),
        ),
        rate(
            "scale-by-rate(warm-up)",
            "Scheduled",
            Scheduled {
                rate: 0.5,
                schedule: Schedules::WarmUp { steps: 3, then: Box::new(Schedules::InverseTime { decay: 1.0 }) },
            },
            |t| 0.5 * papers::schedule::warm_up(3, |t| papers::schedule::inverse_time(1.0, t), t),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_so_that_only_finds_them() {
        let mut names: Vec<String> = all().into_iter().map(|item| item.name).collect();
        let n = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), n);
    }
}
