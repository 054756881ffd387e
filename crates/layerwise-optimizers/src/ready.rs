//! Ready chains as functions, with PyTorch's numbers for all that is not an argument: `adamw(0.001, 0.01)`.
//!
//! [`crate::Optimizers`] has them with all their numbers.

use crate::Optimizer;
use crate::config::{
    Adagrad, Adam, Adamax, Adamw, Amsgrad, Lion, Muon, Nadam, Optimizers, Radam, Rmsprop, ScheduleFreeAdamw,
    ScheduleFreeSgd, Sgd,
};
#[cfg(doc)]
use crate::{
    AddMomentum, BlendMomentum, DecayWeights, FreeFromSchedule, ScaleByAdagrad, ScaleByAdam, ScaleByAdamax,
    ScaleByAmsgrad, ScaleByNadam, ScaleByRadam, ScaleByRate, ScaleByRms, TakeSign,
};

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

/// AMSGrad: [`ScaleByAmsgrad`], [`ScaleByRate`].
pub fn amsgrad(rate: f64) -> Optimizer {
    Optimizers::from(Amsgrad { rate, ..Amsgrad::default() }).build()
}

/// NAdam: [`ScaleByNadam`], [`ScaleByRate`].
pub fn nadam(rate: f64) -> Optimizer {
    Optimizers::from(Nadam { rate, ..Nadam::default() }).build()
}

/// AdaMax: [`ScaleByAdamax`], [`ScaleByRate`].
pub fn adamax(rate: f64) -> Optimizer {
    Optimizers::from(Adamax { rate, ..Adamax::default() }).build()
}

/// RAdam: [`ScaleByRadam`], [`ScaleByRate`].
pub fn radam(rate: f64) -> Optimizer {
    Optimizers::from(Radam { rate, ..Radam::default() }).build()
}

/// Lion: [`BlendMomentum`], [`TakeSign`], [`DecayWeights`] on everything, [`ScaleByRate`].
pub fn lion(rate: f64, decay: f64) -> Optimizer {
    Optimizers::from(Lion { rate, weight_decay: decay, ..Lion::default() }).build()
}

/// Muon on weights, AdamW on the rest; [`Optimizer::on`] has to tell where the weights are.
pub fn muon(rate: f64, decay: f64) -> Optimizer {
    Optimizers::from(Muon { rate, weight_decay: decay, ..Muon::default() }).build()
}

/// Schedule-free descent: [`DecayWeights`] of strength 0, [`ScaleByRate`], [`FreeFromSchedule`].
pub fn schedule_free_sgd(rate: f64) -> Optimizer {
    Optimizers::from(ScheduleFreeSgd { rate, ..ScheduleFreeSgd::default() }).build()
}

/// Schedule-free AdamW: [`ScaleByAdam`] without momentum, [`DecayWeights`] on everything, [`ScaleByRate`], [`FreeFromSchedule`].
pub fn schedule_free_adamw(rate: f64, decay: f64) -> Optimizer {
    Optimizers::from(ScheduleFreeAdamw { rate, weight_decay: decay, ..ScheduleFreeAdamw::default() }).build()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        check(amsgrad(0.3), &format!("ScaleByAmsgrad {{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }}, {rate}"));
        let nadam_link = "ScaleByNadam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, momentum_decay: 0.004 }";
        check(nadam(0.3), &format!("{nadam_link}, {rate}"));
        check(adamax(0.3), &format!("ScaleByAdamax {{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }}, {rate}"));
        check(radam(0.3), &format!("ScaleByRadam {{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }}, {rate}"));
        let decay = "DecayWeights { strength: 0.2, on: Everything }";
        let blend = "BlendMomentum { beta1: 0.9, beta2: 0.99 }";
        check(lion(0.3, 0.2), &format!("{blend}, TakeSign, {decay}, {rate}"));
        let weights =
            "Only { on: Weight, link: AddMomentum { momentum: 0.95, nesterov: true } }, OrthogonalizeMatrices";
        check(muon(0.3, 0.2), &format!("{weights}, Only {{ on: Bias, link: {scale} }}, {decay}, {rate}"));
        let free = "FreeFromSchedule { beta: 0.9, warm_up: 0 }";
        let nothing = "DecayWeights { strength: 0.0, on: Everything }";
        check(schedule_free_sgd(0.3), &format!("{nothing}, {rate}, {free}"));
        let scale = "ScaleByAdam { beta1: 0.0, beta2: 0.999, epsilon: 1e-8 }";
        check(schedule_free_adamw(0.3, 0.2), &format!("{scale}, {decay}, {rate}, {free}"));
    }

    #[test]
    #[should_panic(expected = "sgd: rate should be finite and at least 0, got NaN")]
    fn a_chain_from_bad_numbers_is_not_built() {
        let _ = sgd(f64::NAN);
    }
}
