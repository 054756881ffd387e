//! Ready chains, and the configuration that names them: `"adam"`, or `{ kind = "sgd", rate = 0.1, momentum = 0.9 }`.
//!
//! Every chain is [ClipByGlobalNorm] → method → ScaleByRate. Defaults are PyTorch's, except the rate of `sgd`: 0.01, where
//! PyTorch has 0.001 and most networks of this library's size barely move.

use layerwise_core::catalog::named;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    AddMomentum, ClipByGlobalNorm, DecayOn, DecayWeights, Optimizer, ScaleByAdagrad, ScaleByAdam, ScaleByRate,
    ScaleByRms, Scheduled, Schedules, check_positive, check_rate,
};

/// Gradient descent θ ← θ − α g, with [`AddMomentum`] if the momentum is not 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sgd {
    /// α, by default 0.01.
    pub rate: f64,
    /// μ; 0, the default, is plain descent.
    pub momentum: f64,
    /// Nesterov's form of the momentum.
    pub nesterov: bool,
    /// Factor on the rate over time.
    pub schedule: Schedules,
    /// Limit on the norm of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl Default for Sgd {
    fn default() -> Self {
        Sgd { rate: 0.01, momentum: 0.0, nesterov: false, schedule: Schedules::Constant, clip: None }
    }
}

/// AdaGrad: [`ScaleByAdagrad`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adagrad {
    /// α, by default 0.01.
    pub rate: f64,
    /// ε.
    pub epsilon: f64,
    /// Factor on the rate over time.
    pub schedule: Schedules,
    /// Limit on the norm of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl Default for Adagrad {
    fn default() -> Self {
        let ScaleByAdagrad { epsilon } = ScaleByAdagrad::default();
        Adagrad { rate: 0.01, epsilon, schedule: Schedules::Constant, clip: None }
    }
}

/// RMSprop: [`ScaleByRms`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rmsprop {
    /// α, by default 0.01.
    pub rate: f64,
    /// Decay of the average square.
    pub decay: f64,
    /// ε.
    pub epsilon: f64,
    /// Factor on the rate over time.
    pub schedule: Schedules,
    /// Limit on the norm of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl Default for Rmsprop {
    fn default() -> Self {
        let ScaleByRms { decay, epsilon } = ScaleByRms::default();
        Rmsprop { rate: 0.01, decay, epsilon, schedule: Schedules::Constant, clip: None }
    }
}

/// Adam: [`ScaleByAdam`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adam {
    /// α, by default 0.001.
    pub rate: f64,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// Factor on the rate over time.
    pub schedule: Schedules,
    /// Limit on the norm of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl Default for Adam {
    fn default() -> Self {
        let ScaleByAdam { beta1, beta2, epsilon } = ScaleByAdam::default();
        Adam { rate: 0.001, beta1, beta2, epsilon, schedule: Schedules::Constant, clip: None }
    }
}

/// AdamW: [`ScaleByAdam`] with [`DecayWeights`] behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Adamw {
    /// α, by default 0.001.
    pub rate: f64,
    /// λ of the decoupled decay, by default 0.01.
    pub weight_decay: f64,
    /// What the decay falls on.
    pub decay_on: DecayOn,
    /// β₁.
    pub beta1: f64,
    /// β₂.
    pub beta2: f64,
    /// ε.
    pub epsilon: f64,
    /// Factor on the rate over time.
    pub schedule: Schedules,
    /// Limit on the norm of the gradient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl Default for Adamw {
    fn default() -> Self {
        let Adam { rate, beta1, beta2, epsilon, schedule, clip } = Adam::default();
        Adamw { rate, weight_decay: 0.01, decay_on: DecayOn::default(), beta1, beta2, epsilon, schedule, clip }
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

family! { Sgd = "sgd", Adagrad = "adagrad", Rmsprop = "rmsprop", Adam = "adam", Adamw = "adamw" }

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
        let clip =
            |limit| check_positive("clip", limit).map(|()| Optimizer::default().then(ClipByGlobalNorm { limit }));
        let schedule = Scheduled { rate: self.rate(), schedule: self.schedule().clone() };
        self.clip()
            .map_or(Ok(Optimizer::default()), clip)
            .and_then(|chain| self.method(chain))
            .and_then(|chain| schedule.check().map(|()| chain.then(ScaleByRate { schedule })))
            .map_err(|problem| format!("{}: {problem}", self.name()))
    }

    /// Appends the links between clipping and the rate.
    fn method(&self, chain: Optimizer) -> Result<Optimizer, String> {
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
                check_rate("weight_decay", weight_decay)?;
                Ok(chain.then(link).then(DecayWeights { strength: weight_decay, on: decay_on }))
            }
        }
    }
}

/// Gradient descent: [`ScaleByRate`].
///
/// Panics, as all ready chains do: if a number is out of its range.
pub fn sgd(rate: f64) -> Optimizer {
    Optimizers::from(Sgd { rate, ..Sgd::default() }).build()
}

/// Heavy-ball descent: [`AddMomentum`], [`ScaleByRate`].
pub fn momentum(rate: f64, momentum: f64) -> Optimizer {
    Optimizers::from(Sgd { rate, momentum, ..Sgd::default() }).build()
}

/// Descent with Nesterov momentum: [`AddMomentum`], [`ScaleByRate`].
pub fn nesterov(rate: f64, momentum: f64) -> Optimizer {
    Optimizers::from(Sgd { rate, momentum, nesterov: true, ..Sgd::default() }).build()
}

/// AdaGrad: [`ScaleByAdagrad`], [`ScaleByRate`].
pub fn adagrad(rate: f64) -> Optimizer {
    Optimizers::from(Adagrad { rate, ..Adagrad::default() }).build()
}

/// RMSprop: [`ScaleByRms`], [`ScaleByRate`].
pub fn rmsprop(rate: f64) -> Optimizer {
    Optimizers::from(Rmsprop { rate, ..Rmsprop::default() }).build()
}

/// Adam: [`ScaleByAdam`], [`ScaleByRate`].
pub fn adam(rate: f64) -> Optimizer {
    Optimizers::from(Adam { rate, ..Adam::default() }).build()
}

/// AdamW: [`ScaleByAdam`], [`DecayWeights`] on everything, [`ScaleByRate`].
pub fn adamw(rate: f64, decay: f64) -> Optimizer {
    Optimizers::from(Adamw { rate, weight_decay: decay, ..Adamw::default() }).build()
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
        check("{ kind = \"adamw\", clip = 0.0 }", "adamw: clip should be finite and above 0, got 0");
        check(
            "{ kind = \"adamw\", weight_decay = inf }",
            "adamw: weight_decay should be finite and at least 0, got inf",
        );
        check(
            "{ kind = \"adam\", schedule = { kind = \"step\", every = 0, factor = 0.1 } }",
            "step: every should be at least 1",
        );
    }

    #[test]
    fn ready_chains_have_the_links_they_are_named_for() {
        let check = |chain: Optimizer, links: &str| assert_eq!(format!("{:?}", chain.links()), format!("[{links}]"));
        let rate = "ScaleByRate { schedule: Scheduled { rate: 0.3, schedule: Constant } }";
        check(sgd(0.3), rate);
        check(momentum(0.3, 0.8), &format!("AddMomentum {{ momentum: 0.8, nesterov: false }}, {rate}"));
        check(nesterov(0.3, 0.8), &format!("AddMomentum {{ momentum: 0.8, nesterov: true }}, {rate}"));
        check(adagrad(0.3), &format!("ScaleByAdagrad {{ epsilon: 1e-10 }}, {rate}"));
        check(rmsprop(0.3), &format!("ScaleByRms {{ decay: 0.99, epsilon: 1e-8 }}, {rate}"));
        let scale = "ScaleByAdam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }";
        check(adam(0.3), &format!("{scale}, {rate}"));
        check(adamw(0.3, 0.2), &format!("{scale}, DecayWeights {{ strength: 0.2, on: Everything }}, {rate}"));
    }

    #[test]
    #[should_panic(expected = "sgd: rate should be finite and at least 0, got NaN")]
    fn a_chain_from_bad_numbers_is_not_built() {
        let _ = sgd(f64::NAN);
    }
}
