//! Every link against the formula of its paper (`layerwise_gradcheck::papers`), on random gradients of many scales, in f64 and
//! f32.

use layerwise_core::{Block, Init, Link, Real, Role};
use layerwise_gradcheck::papers::{self, Seen, Want};
use layerwise_optimizers::{
    AddMomentum, AverageParameters, Averaging, BlendMomentum, ClipByGlobalNorm, ClipByUnitRatio, ClipByValue, DecayOn,
    DecayWeights, FreeFromSchedule, Only, Optimizer, OrthogonalizeMatrices, ScaleByAdagrad, ScaleByAdam, ScaleByAdamax,
    ScaleByAmsgrad, ScaleByNadam, ScaleByRadam, ScaleByRate, ScaleByRms, Scheduled, Schedules, TakeSign,
};
use proptest::collection::vec;
use proptest::prelude::*;

/// Rounding errors allowed, in ulp of the largest term; 20 000 cases each stay below 8.
const ULP: f64 = 16.0;

/// Random gradients, one row a step, θ at the start, and which numbers are weights.
#[derive(Clone, Debug)]
struct Case {
    grads: Vec<Vec<f64>>,
    theta: Vec<f64>,
    weights: Vec<f64>,
}

/// Zeros, and both signs with exponents from −6 to 6; in f32 too, so that both types start from the same numbers.
fn number() -> impl Strategy<Value = f64> {
    let number = (-1.0..1.0, -6..=6).prop_map(|(x, exponent): (f64, i32)| f64::from((x * 10f64.powi(exponent)) as f32));
    prop_oneof![1 => Just(0.0), 9 => number]
}

fn case() -> impl Strategy<Value = Case> {
    (1..=6usize, 1..=7usize)
        .prop_flat_map(|(steps, n)| {
            (vec(vec(number(), n), steps), vec(number(), n), vec(prop_oneof![Just(0.0), Just(1.0)], n))
        })
        .prop_map(|(grads, theta, weights)| Case { grads, theta, weights })
}

/// A share in [0, 1) whose first powers are exact in f64: the digits that 1 − βᵗ cancels are then digits of nobody's rounding.
fn share() -> impl Strategy<Value = f64> {
    prop_oneof![3 => 0..256u32, 1 => Just(255)].prop_map(|k| f64::from(k) / 256.0)
}

/// A limit, rate or ε, exact in f32.
fn positive(exponents: std::ops::RangeInclusive<i32>) -> impl Strategy<Value = f64> {
    (0.1..1.0, exponents).prop_map(|(x, exponent): (f64, i32)| f64::from((x * 10f64.powi(exponent)) as f32))
}

fn check(case: &Case, link: impl Link + Clone + 'static, want: impl Fn(&Seen) -> Vec<Want>) {
    check_in::<f64>(case, link.clone(), &want, f64::EPSILON);
    check_in::<f32>(case, link, &want, f64::from(f32::EPSILON));
}

/// The link alone at the rate `1`: θ moves by the updates, and the formula sees the θ that the link saw. A link that averages is
/// asked for the average of that θ too.
fn check_in<S: Real>(case: &Case, link: impl Link + 'static, want: &impl Fn(&Seen) -> Vec<Want>, ulp: f64) {
    let rows = papers::matrix_rows(case.theta.len());
    let (cols, init) = (case.theta.len() / rows, Init::Constant { value: 0.0 });
    let block = Block { name: "w", rows, cols, role: Role::Weight, init, offset: 0 };
    let optimizer = Optimizer::default().then(link).on(&[block]);
    let own = |x: &[f64]| x.iter().map(|&x| S::of(x)).collect::<Vec<S>>();
    let (mut theta, weights) = (own(&case.theta), own(&case.weights));
    let (mut state, mut thetas) = (optimizer.state(theta.len()), Vec::new());
    for t in 1..=case.grads.len() {
        thetas.push(theta.iter().map(|x| x.value()).collect());
        let (mut update, mut average) = (own(&case.grads[t - 1]), theta.clone());
        optimizer.step(&mut theta, &mut update, &weights, 1.0, &mut state);
        if optimizer.averages() {
            optimizer.average(&mut average, &state);
            update.extend(average);
        }
        let want = want(&Seen { grads: &case.grads[..t], thetas: &thetas, weights: &case.weights, rate_factor: 1.0 });
        assert_eq!(want.len(), update.len());
        for (i, (got, Want { value, largest })) in update.iter().zip(want).enumerate() {
            let error = (got.value() - value).abs();
            let problem = || format!("{:?}, step {t}, number {i}: {got:?}, should be {value}", optimizer.links()[0]);
            assert!(error <= ULP * ulp * largest, "{}: off by {:.1} ulp", problem(), error / (ulp * largest));
        }
    }
}

/// What a running mean computes: it rounds all of the mean, of up to 7 terms, with each of them.
fn running(want: Vec<Want>) -> Vec<Want> {
    want.into_iter().map(|want| Want { largest: 7.0 * want.largest, ..want }).collect()
}

proptest! {
    #[test]
    fn momentum_is_polyaks(case in case(), momentum in share()) {
        check(&case, AddMomentum { momentum, nesterov: false }, |seen| papers::heavy_ball(momentum, seen));
    }

    #[test]
    fn nesterovs_momentum_is_sutskevers(case in case(), momentum in share()) {
        check(&case, AddMomentum { momentum, nesterov: true }, |seen| papers::nesterov(momentum, seen));
    }

    #[test]
    fn adam_is_kingmas(case in case(), beta1 in share(), beta2 in share(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByAdam { beta1, beta2, epsilon }, |seen| papers::adam(beta1, beta2, epsilon, seen));
    }

    #[test]
    fn rmsprop_is_tielemans(case in case(), decay in share(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByRms { decay, epsilon }, |seen| papers::rms(decay, epsilon, seen));
    }

    #[test]
    fn adagrad_is_duchis(case in case(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByAdagrad { epsilon }, |seen| papers::adagrad(epsilon, seen));
    }

    #[test]
    fn amsgrad_is_reddis(case in case(), beta1 in share(), beta2 in share(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByAmsgrad { beta1, beta2, epsilon }, |seen| papers::amsgrad(beta1, beta2, epsilon, seen));
    }

    #[test]
    fn nadam_is_dozats(
        case in case(), beta1 in share(), beta2 in share(), epsilon in positive(-12..=3), decay in positive(-3..=1),
    ) {
        let link = ScaleByNadam { beta1, beta2, epsilon, momentum_decay: decay };
        check(&case, link, |seen| papers::nadam(beta1, beta2, epsilon, decay, seen));
    }

    #[test]
    fn adamax_is_kingmas(case in case(), beta1 in share(), beta2 in share(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByAdamax { beta1, beta2, epsilon }, |seen| papers::adamax(beta1, beta2, epsilon, seen));
    }

    #[test]
    fn radam_is_lius(case in case(), beta1 in share(), beta2 in share(), epsilon in positive(-12..=3)) {
        check(&case, ScaleByRadam { beta1, beta2, epsilon }, |seen| papers::radam(beta1, beta2, epsilon, seen));
    }

    #[test]
    fn lions_momentum_and_sign_are_chens(case in case(), beta1 in share(), beta2 in share()) {
        check(&case, BlendMomentum { beta1, beta2 }, |seen| papers::blend_momentum(beta1, beta2, seen));
        check(&case, TakeSign, papers::take_sign);
    }

    #[test]
    fn matrices_are_orthogonalized_as_jordan_does(case in case()) {
        // Rounding errors grow up to 485 times: [`ULP`] of this.
        let rough = |want: Want| Want { largest: 16.0 * want.largest, ..want };
        check(&case, OrthogonalizeMatrices, |seen| papers::orthogonalize(seen).into_iter().map(rough).collect());
    }

    #[test]
    fn units_are_clipped_as_brock_does(case in case(), limit in positive(-3..=2), epsilon in positive(-3..=2)) {
        let want = |seen: &Seen| papers::clip_by_unit_ratio(limit, epsilon, seen);
        check(&case, ClipByUnitRatio { limit, epsilon }, want);
    }

    #[test]
    fn one_part_alone_is_changed(case in case(), momentum in share(), weights: bool) {
        let on = if weights { Role::Weight } else { Role::Bias };
        let link = Only { on, link: AddMomentum { momentum, nesterov: false } };
        check(&case, link, |seen| papers::only(weights, |seen| papers::heavy_ball(momentum, seen), seen));
    }

    #[test]
    fn freedom_from_schedules_is_defazios(case in case(), beta in share(), warm_up in 0..4usize) {
        let beta = beta.max(0.25);
        let link = FreeFromSchedule { beta, warm_up: warm_up as u64 };
        check(&case, link, |seen| running(papers::free_from_schedule(beta, warm_up, seen)));
    }

    #[test]
    fn averages_are_polyaks(case in case(), from in 0..4usize, decay in share()) {
        let uniform = AverageParameters { averaging: Averaging::Uniform { from: from as u64 } };
        check(&case, uniform, |seen| running(papers::average_uniformly(from, seen)));
        let exponential = AverageParameters { averaging: Averaging::Exponential { decay } };
        check(&case, exponential, |seen| running(papers::average_exponentially(decay, seen)));
    }

    #[test]
    fn decay_is_loshchilovs(case in case(), strength in positive(-4..=2), weights_only: bool) {
        let on = if weights_only { DecayOn::WeightsOnly } else { DecayOn::Everything };
        check(&case, DecayWeights { strength, on }, |seen| papers::decay_weights(strength, weights_only, seen));
    }

    #[test]
    fn the_clip_by_norm_is_pascanus(case in case(), limit in positive(-6..=7)) {
        check(&case, ClipByGlobalNorm { limit }, |seen| papers::clip_by_global_norm(limit, seen));
    }

    #[test]
    fn the_clip_by_value_is_mikolovs(case in case(), limit in positive(-6..=7)) {
        check(&case, ClipByValue { limit }, |seen| papers::clip_by_value(limit, seen));
    }

    #[test]
    fn rates_follow_their_schedules(
        case in case(), rate in positive(-4..=1), count in 1..4usize, ramp in 1..4usize, share in 1e-3..1.0,
    ) {
        use papers::schedule::{cosine, exponential, inverse_time, one_cycle, restarts, step, warm_up};
        let steps = count as u64;
        let rated = |schedule, factor: &dyn Fn(usize) -> f64| {
            let schedule = Scheduled { rate, schedule };
            check(&case, ScaleByRate { schedule }, |seen| papers::scale(|t| rate * factor(t), seen));
        };
        check(&case, ScaleByRate { schedule: rate }, |seen| papers::scale(|_| rate, seen));
        rated(Schedules::Constant, &|_| 1.0);
        rated(Schedules::Step { every: steps, factor: share }, &|t| step(count, share, t));
        rated(Schedules::InverseTime { decay: share }, &|t| inverse_time(share, t));
        rated(Schedules::Exponential { decay: share }, &|t| exponential(share, t));
        rated(Schedules::Cosine { steps, floor: share }, &|t| cosine(count, share, t));
        let growth = ramp as u64;
        rated(Schedules::CosineRestarts { steps, growth, floor: share }, &|t| restarts(count, ramp, share, t));
        let cycle = Schedules::OneCycle { steps: steps + 2, peak: 0.5, start: 0.25, end: share };
        rated(cycle, &|t| one_cycle(count + 2, 0.5, [0.25, share], t));
        let then = Box::new(Schedules::Exponential { decay: share });
        let factor = |t| warm_up(ramp, |t| exponential(share, t), t);
        rated(Schedules::WarmUp { steps: ramp as u64, then }, &factor);
    }
}
