//! Ready chains, and the configuration that names them: `"adam"`, or `{ kind = "sgd", rate = 0.1, momentum = 0.9 }`.
//!
//! Every chain is [ClipByGlobalNorm] → [ClipByUnitRatio] → method → ScaleByRate → [FreeFromSchedule] → [AverageParameters]. Defaults are PyTorch's,
//! except the rate of `sgd`: 0.01, where PyTorch has 0.001 and most networks of this library's size barely move; `lion` and the
//! schedule-free methods, which PyTorch lacks, have those of their papers' code.

use layerwise_core::Role;
use layerwise_core::catalog::named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    AddMomentum, AverageParameters, Averaging, BlendMomentum, ClipByGlobalNorm, ClipByUnitRatio, DecayOn, DecayWeights,
    FreeFromSchedule, Only, Optimizer, OrthogonalizeMatrices, ScaleByAdagrad, ScaleByAdam, ScaleByAdamax,
    ScaleByAmsgrad, ScaleByNadam, ScaleByRadam, ScaleByRate, ScaleByRms, Scheduled, Schedules, TakeSign,
    check_positive, check_rate,
};

/// Declares a member: its own numbers, and those that all have.
macro_rules! member {
    (
        $(#[$meta:meta])*
        $member:ident { rate = $rate:literal, $($(#[$doc:meta])* $field:ident: $type:ty = $value:expr,)* }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $member {
            #[doc = concat!("α, by default ", stringify!($rate), ".")]
            pub rate: f64,
            $($(#[$doc])* pub $field: $type,)*
            /// Factor on the rate over time.
            pub schedule: Schedules,
            /// Limit on the norm of the gradient.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub clip: Option<f64>,
            /// Limit on the gradient of each unit, relative to its weights.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub clip_ratio: Option<f64>,
            /// Average of the parameters to evaluate and deliver, in their place.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub average: Option<Averaging>,
        }

        impl Default for $member {
            fn default() -> Self {
                let (schedule, clip, clip_ratio, average) = (Schedules::Constant, None, None, None);
                $member { rate: $rate, $($field: $value,)* schedule, clip, clip_ratio, average }
            }
        }
    };
}

member! {
    /// Gradient descent θ ← θ − α g, with [`AddMomentum`] if the momentum is not 0.
    Sgd {
        rate = 0.01,
        /// μ; 0, the default, is plain descent.
        momentum: f64 = 0.0,
        /// Nesterov's form of the momentum.
        nesterov: bool = false,
    }
}

member! {
    /// AdaGrad: [`ScaleByAdagrad`].
    Adagrad {
        rate = 0.01,
        /// ε.
        epsilon: f64 = 1e-10,
    }
}

member! {
    /// RMSprop: [`ScaleByRms`].
    Rmsprop {
        rate = 0.01,
        /// Decay of the average square.
        decay: f64 = 0.99,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// Adam: [`ScaleByAdam`].
    Adam {
        rate = 0.001,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// AdamW: [`ScaleByAdam`] with [`DecayWeights`] behind it.
    Adamw {
        rate = 0.001,
        /// λ of the decoupled decay, by default 0.01.
        weight_decay: f64 = 0.01,
        /// What the decay falls on.
        decay_on: DecayOn = DecayOn::Everything,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// AMSGrad: [`ScaleByAmsgrad`].
    Amsgrad {
        rate = 0.001,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// NAdam: [`ScaleByNadam`].
    Nadam {
        rate = 0.002,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
        /// ψ, how fast the momentum grows to β₁.
        momentum_decay: f64 = 0.004,
    }
}

member! {
    /// AdaMax: [`ScaleByAdamax`].
    Adamax {
        rate = 0.002,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// RAdam: [`ScaleByRadam`].
    Radam {
        rate = 0.001,
        /// β₁.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// Lion: [`BlendMomentum`], [`TakeSign`], [`DecayWeights`] (Chen et al. 2023). Its rate is 3 to 10 times smaller than
    /// AdamW's.
    Lion {
        rate = 0.0001,
        /// λ of the decoupled decay, by default 0.
        weight_decay: f64 = 0.0,
        /// What the decay falls on.
        decay_on: DecayOn = DecayOn::Everything,
        /// β₁, share of the average in the update.
        beta1: f64 = 0.9,
        /// β₂, decay of the average.
        beta2: f64 = 0.99,
    }
}

member! {
    /// Muon for weights, AdamW for biases, at one rate: [`AddMomentum`] and [`OrthogonalizeMatrices`], and [`ScaleByAdam`], with
    /// [`DecayWeights`] behind both.
    ///
    /// The momentum is a sum, PyTorch's an average: the same up to a factor that orthogonalization takes out.
    Muon {
        rate = 0.001,
        /// μ, of the weights.
        momentum: f64 = 0.95,
        /// Nesterov's form of the momentum.
        nesterov: bool = true,
        /// λ of the decoupled decay, by default 0.1.
        weight_decay: f64 = 0.1,
        /// What the decay falls on.
        decay_on: DecayOn = DecayOn::Everything,
        /// β₁, of the biases.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
    }
}

member! {
    /// Schedule-free descent: [`FreeFromSchedule`] (Defazio et al. 2024). The schedule may be a warm-up, and nothing behind it.
    ScheduleFreeSgd {
        rate = 1.0,
        /// β, how far towards the average gradients are taken.
        beta: f64 = 0.9,
        /// λ of the decay, by default 0.
        weight_decay: f64 = 0.0,
        /// What the decay falls on.
        decay_on: DecayOn = DecayOn::Everything,
    }
}

member! {
    /// Schedule-free AdamW: [`ScaleByAdam`] without momentum, [`DecayWeights`], [`FreeFromSchedule`] (Defazio et al. 2024). The
    /// schedule may be a warm-up, and nothing behind it.
    ///
    /// v is corrected as in Adam, as the authors' code does by now; their listing multiplies the rate by √(1 − β₂ᵏ) instead, and
    /// weighs the average by it.
    ScheduleFreeAdamw {
        rate = 0.0025,
        /// β₁, how far towards the average gradients are taken.
        beta1: f64 = 0.9,
        /// β₂.
        beta2: f64 = 0.999,
        /// ε.
        epsilon: f64 = 1e-8,
        /// λ of the decoupled decay, by default 0.
        weight_decay: f64 = 0.0,
        /// What the decay falls on.
        decay_on: DecayOn = DecayOn::Everything,
    }
}

/// Declares the family: what is the same for all members.
macro_rules! family {
    ($($member:ident = $name:literal),+) => {
        /// The optimizers as configurations name them.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Optimizers {
            $(#[doc = concat!("`", $name, "`.")] $member($member),)+
        }

        #[derive(Serialize, Deserialize)]
        #[serde(tag = "kind")]
        enum Tagged {
            $(#[serde(rename = $name)] $member($member),)+
        }

        impl Serialize for Optimizers {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.clone() {
                    $(Optimizers::$member(o) => Tagged::$member(o).serialize(serializer),)+
                }
            }
        }

        impl<'de> Deserialize<'de> for Optimizers {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let optimizer = match named(deserializer)? {
                    $(Tagged::$member(o) => Optimizers::$member(o),)+
                };
                optimizer.check().map_err(serde::de::Error::custom)?;
                Ok(optimizer)
            }
        }

        $(impl From<$member> for Optimizers {
            fn from(member: $member) -> Self {
                Optimizers::$member(member)
            }
        })+

        impl Optimizers {
            /// The names of the whole family.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// Each member with its default numbers.
            pub fn all() -> Vec<Optimizers> {
                vec![$(Optimizers::$member($member::default())),+]
            }

            /// Its name in configurations.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Optimizers::$member(_) => $name,)+
                }
            }

            /// The base rate.
            pub fn rate(&self) -> f64 {
                match self {
                    $(Optimizers::$member(o) => o.rate,)+
                }
            }

            /// Sets the base rate.
            pub fn set_rate(&mut self, rate: f64) {
                match self {
                    $(Optimizers::$member(o) => o.rate = rate,)+
                }
            }

            /// The limit on the norm of the gradient.
            pub fn clip(&self) -> Option<f64> {
                match self {
                    $(Optimizers::$member(o) => o.clip,)+
                }
            }

            /// Sets or lifts the limit on the norm of the gradient.
            pub fn set_clip(&mut self, limit: Option<f64>) {
                match self {
                    $(Optimizers::$member(o) => o.clip = limit,)+
                }
            }

            /// Limit on the gradient of each unit, relative to its weights.
            pub fn clip_ratio(&self) -> Option<f64> {
                match self {
                    $(Optimizers::$member(o) => o.clip_ratio,)+
                }
            }

            /// Sets the limit on the gradient of each unit, relative to its weights.
            pub fn set_clip_ratio(&mut self, limit: Option<f64>) {
                match self {
                    $(Optimizers::$member(o) => o.clip_ratio = limit,)+
                }
            }

            /// The average to evaluate and deliver.
            pub fn average(&self) -> Option<Averaging> {
                match self {
                    $(Optimizers::$member(o) => o.average,)+
                }
            }

            /// Sets the average to evaluate and deliver.
            pub fn set_average(&mut self, average: Option<Averaging>) {
                match self {
                    $(Optimizers::$member(o) => o.average = average,)+
                }
            }

            /// The factor on the rate over time.
            pub fn schedule(&self) -> &Schedules {
                match self {
                    $(Optimizers::$member(o) => &o.schedule,)+
                }
            }

            /// Sets the factor on the rate over time.
            pub fn set_schedule(&mut self, schedule: Schedules) {
                match self {
                    $(Optimizers::$member(o) => o.schedule = schedule,)+
                }
            }
        }
    };
}

family! {
    Sgd = "sgd", Adagrad = "adagrad", Rmsprop = "rmsprop", Adam = "adam", Adamw = "adamw", Amsgrad = "amsgrad", Nadam = "nadam",
    Adamax = "adamax", Radam = "radam", Lion = "lion", Muon = "muon", ScheduleFreeSgd = "schedule-free-sgd",
    ScheduleFreeAdamw = "schedule-free-adamw"
}

impl Optimizers {
    /// Whether every number is in its range. Reading a configuration does this by itself.
    ///
    /// Errors: `sgd: momentum should be in [0, 1), got 1.2`.
    pub fn check(&self) -> Result<(), String> {
        self.chain().map(|_| ())
    }

    /// The chain.
    ///
    /// Panics: if [`Optimizers::check`] fails.
    pub fn build(&self) -> Optimizer {
        match self.chain() {
            Ok(chain) => chain,
            Err(problem) => panic!("{problem}"),
        }
    }

    fn chain(&self) -> Result<Optimizer, String> {
        self.links().map_err(|problem| format!("{}: {problem}", self.name()))
    }

    fn links(&self) -> Result<Optimizer, String> {
        let mut chain = Optimizer::default();
        if let Some(limit) = self.clip() {
            check_positive("clip", limit)?;
            chain = chain.then(ClipByGlobalNorm { limit });
        }
        if let Some(limit) = self.clip_ratio() {
            check_positive("clip_ratio", limit)?;
            chain = chain.then(ClipByUnitRatio { limit, ..Default::default() });
        }
        chain = self.method(chain)?;
        let schedule = Scheduled { rate: self.rate(), schedule: self.schedule().clone() };
        schedule.check()?;
        chain = chain.then(ScaleByRate { schedule });
        let beta = match *self {
            Optimizers::ScheduleFreeSgd(ScheduleFreeSgd { beta, .. }) => Some(beta),
            Optimizers::ScheduleFreeAdamw(ScheduleFreeAdamw { beta1, .. }) => Some(beta1),
            _ => None,
        };
        match (beta, self.average()) {
            (None, None) => Ok(chain),
            (None, Some(averaging)) => {
                let link = AverageParameters { averaging };
                link.check().map(|()| chain.then(link))
            }
            (Some(_), Some(_)) => Err("average should be absent, because the method averages by itself".into()),
            (Some(beta), None) => {
                let link = FreeFromSchedule { beta, warm_up: self.schedule().warm_up_alone()? };
                link.check().map(|()| chain.then(link))
            }
        }
    }

    /// Appends the links between clipping and the rate.
    fn method(&self, chain: Optimizer) -> Result<Optimizer, String> {
        let decayed = |chain: Optimizer, strength: f64, on: DecayOn| {
            check_rate("weight_decay", strength).map(|()| chain.then(DecayWeights { strength, on }))
        };
        match *self {
            Optimizers::Sgd(Sgd { momentum, nesterov, .. }) => {
                let link = AddMomentum { momentum, nesterov };
                link.check().map(|()| if momentum == 0.0 { chain } else { chain.then(link) })
            }
            Optimizers::Adagrad(Adagrad { epsilon, .. }) => {
                let link = ScaleByAdagrad { epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Rmsprop(Rmsprop { decay, epsilon, .. }) => {
                let link = ScaleByRms { decay, epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Adam(Adam { beta1, beta2, epsilon, .. }) => {
                let link = ScaleByAdam { beta1, beta2, epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Adamw(Adamw { beta1, beta2, epsilon, weight_decay, decay_on, .. }) => {
                let link = ScaleByAdam { beta1, beta2, epsilon };
                link.check()?;
                decayed(chain.then(link), weight_decay, decay_on)
            }
            Optimizers::Amsgrad(Amsgrad { beta1, beta2, epsilon, .. }) => {
                let link = ScaleByAmsgrad { beta1, beta2, epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Nadam(Nadam { beta1, beta2, epsilon, momentum_decay, .. }) => {
                let link = ScaleByNadam { beta1, beta2, epsilon, momentum_decay };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Adamax(Adamax { beta1, beta2, epsilon, .. }) => {
                let link = ScaleByAdamax { beta1, beta2, epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Radam(Radam { beta1, beta2, epsilon, .. }) => {
                let link = ScaleByRadam { beta1, beta2, epsilon };
                link.check().map(|()| chain.then(link))
            }
            Optimizers::Lion(Lion { beta1, beta2, weight_decay, decay_on, .. }) => {
                let link = BlendMomentum { beta1, beta2 };
                link.check()?;
                decayed(chain.then(link).then(TakeSign), weight_decay, decay_on)
            }
            Optimizers::Muon(Muon { momentum, nesterov, weight_decay, decay_on, beta1, beta2, epsilon, .. }) => {
                let (of_weights, of_biases) =
                    (AddMomentum { momentum, nesterov }, ScaleByAdam { beta1, beta2, epsilon });
                of_weights.check().and_then(|()| of_biases.check())?;
                let chain = chain
                    .then(Only { on: Role::Weight, link: of_weights })
                    .then(OrthogonalizeMatrices)
                    .then(Only { on: Role::Bias, link: of_biases });
                decayed(chain, weight_decay, decay_on)
            }
            Optimizers::ScheduleFreeSgd(ScheduleFreeSgd { weight_decay, decay_on, .. }) => {
                decayed(chain, weight_decay, decay_on)
            }
            Optimizers::ScheduleFreeAdamw(ScheduleFreeAdamw { beta2, epsilon, weight_decay, decay_on, .. }) => {
                let link = ScaleByAdam { beta1: 0.0, beta2, epsilon };
                link.check()?;
                decayed(chain.then(link), weight_decay, decay_on)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Optimizers, String> {
        #[derive(Debug, Deserialize)]
        struct File {
            optimizer: Optimizers,
        }
        toml::from_str::<File>(&format!("optimizer = {text}")).map(|file| file.optimizer).map_err(|e| e.to_string())
    }

    #[test]
    fn every_name_reads_alone_edits_and_survives_a_round_trip() {
        assert_eq!(Optimizers::all().iter().map(Optimizers::name).collect::<Vec<_>>(), Optimizers::NAMES);
        for default in Optimizers::all() {
            let mut optimizer = read(&format!("\"{}\"", default.name())).expect("a name is enough");
            assert_eq!(optimizer, default);
            let links = optimizer.build().links().len();
            assert_eq!(optimizer.clip(), None);
            optimizer.set_clip(Some(0.5));
            optimizer.set_rate(optimizer.rate() / 2.0);
            optimizer.set_schedule(Schedules::WarmUp { steps: 5, then: Box::default() });
            assert_eq!(optimizer.build().links().len(), links + 1);
            assert_eq!(optimizer.clip_ratio(), None);
            optimizer.set_clip_ratio(Some(0.25));
            let built = optimizer.build();
            assert_eq!((built.links().len(), optimizer.clip_ratio()), (links + 2, Some(0.25)));
            assert!(format!("{:?}", built.links()[1]).contains("ClipByUnitRatio { limit: 0.25, epsilon: 0.001 }"));
            if !default.build().averages() {
                optimizer.set_average(Some(Averaging::Exponential { decay: 0.75 }));
                assert!(optimizer.build().averages() && optimizer.average().is_some());
            }
            let at = layerwise_core::Step { count: 1, rate_factor: 0.5 };
            assert_eq!(optimizer.build().rate(&at), optimizer.rate() * 0.2 * 0.5);
            let json = serde_json::to_string(&optimizer).expect("json");
            assert_eq!(serde_json::from_str::<Optimizers>(&json).expect("the same"), optimizer);
            let text = toml::to_string(&optimizer).expect("toml");
            assert_eq!(toml::from_str::<Optimizers>(&text).expect("the same"), optimizer, "{text}");
        }
        let sgd = "{ kind = \"sgd\", rate = 1, momentum = 0.9, clip = 5, schedule = \"constant\" }";
        assert_eq!(read(sgd), Ok(Sgd { rate: 1.0, momentum: 0.9, clip: Some(5.0), ..Default::default() }.into()));
    }

    fn check(text: &str, want: &str) {
        let error = read(text).expect_err("refused");
        assert!(error.contains(want), "{error}");
    }

    #[test]
    fn mistakes_are_refused_by_name() {
        check("\"adma\"", "unknown variant `adma`, expected one of `sgd`, `adagrad`, `rmsprop`, `adam`, `adamw`");
        check("{ kind = \"adam\", beta3 = 0.9 }", "unknown field `beta3`");
        check("{ kind = \"sgd\", momentum = 1.2 }", "sgd: momentum should be in [0, 1), got 1.2");
        check("{ kind = \"sgd\", rate = -0.1 }", "sgd: rate should be finite and at least 0, got -0.1");
        check("{ kind = \"rmsprop\", rate = nan }", "rmsprop: rate should be finite and at least 0, got NaN");
        check("{ kind = \"adagrad\", epsilon = 0.0 }", "adagrad: epsilon should be finite and at least 1e-37, got 0");
        check("{ kind = \"adam\", beta2 = 1.0 }", "adam: beta2 should be in [0, 1), got 1");
        check("{ kind = \"adam\", clip_ratio = -1.0 }", "adam: clip_ratio should be finite and above 0, got -1");
        check("{ kind = \"adamw\", clip = 0.0 }", "adamw: clip should be finite and above 0, got 0");
        check(
            "{ kind = \"adamw\", weight_decay = inf }",
            "adamw: weight_decay should be finite and at least 0, got inf",
        );
        check(
            "{ kind = \"nadam\", momentum_decay = -1.0 }",
            "nadam: momentum_decay should be finite and at least 0, got -1",
        );
        check("{ kind = \"lion\", beta2 = 2.0 }", "lion: beta2 should be in [0, 1), got 2");
        check("{ kind = \"muon\", momentum = 1.0 }", "muon: momentum should be in [0, 1), got 1");
        check("{ kind = \"schedule-free-sgd\", beta = 0.0 }", "schedule-free-sgd: beta should be in (0, 1), got 0");
        check("{ kind = \"schedule-free-sgd\", beta = 1.0 }", "schedule-free-sgd: beta should be in (0, 1), got 1");
        check(
            "{ kind = \"schedule-free-adamw\", schedule = { kind = \"cosine\", steps = 9 } }",
            "schedule-free-adamw: schedule should be constant, or a warm-up to it, got Cosine { steps: 9, floor: 0.0 }",
        );
        check(
            "{ kind = \"schedule-free-sgd\", average = { kind = \"uniform\" } }",
            "schedule-free-sgd: average should be absent, because the method averages by itself",
        );
        check(
            "{ kind = \"adam\", average = { kind = \"exponential\", decay = 1.5 } }",
            "adam: average: decay should be in [0, 1), got 1.5",
        );
        check(
            "{ kind = \"adam\", schedule = { kind = \"step\", every = 0, factor = 0.1 } }",
            "step: every should be at least 1",
        );
    }
}
