//! Where a path or a schedule has a closed form: quadratics, constant gradients, and factors at named steps.

use layerwise_core::Schedule;
use layerwise_optimizers::{
    AddMomentum, BlendMomentum, ClipByGlobalNorm, ClipByValue, DecayOn, DecayWeights, FreeFromSchedule, Optimizer,
    ScaleByAdagrad, ScaleByAdam, ScaleByAdamax, ScaleByAmsgrad, ScaleByRate, ScaleByRms, Schedules, adamw, lion,
    momentum, nesterov, sgd,
};
use proptest::prelude::*;

const STEPS: usize = 60;

/// Errors are relative to `scale`, usually |want|.
fn check(what: &str, step: usize, got: &[f64], want: &[f64], scale: &[f64]) {
    assert_eq!(got.len(), want.len());
    for ((got, want), scale) in got.iter().zip(want).zip(scale) {
        assert!((got - want).abs() <= 1e-12 * scale.abs(), "{what}, step {step}: {got}, should be {want}");
    }
}

/// Curvatures λ of f(θ) = ½ Σ λᵢ θᵢ², and where the paths start.
const LAMBDA: [f64; 5] = [0.03, 0.5, 1.0, 4.0, 9.0];
const START: [f64; 5] = [3.0, -0.2, 1e-6, 7e4, 1.5];
const RATE: f64 = 0.1;

/// Calls `look` with t, θ_t and the optimizer's planes, from t = 1.
fn descend(optimizer: &Optimizer, mut look: impl FnMut(usize, &[f64], &[f64])) {
    let (mut theta, mut state) = (START, optimizer.state(5));
    for t in 1..=STEPS {
        let mut grad = std::array::from_fn::<f64, 5, _>(|i| LAMBDA[i] * theta[i]);
        optimizer.step(&mut theta, &mut grad, &[1.0; 5], 1.0, &mut state);
        look(t, &theta, state.planes());
    }
}

/// (θ_t, u_t) of heavy-ball descent u ← μ u + λ θ, θ ← θ − ε u from u = 0: the t-th power of its matrix, by squaring.
fn heavy_ball(mu: f64, lambda: f64, start: f64, t: usize) -> [f64; 2] {
    let times = |a: [[f64; 2]; 2], b: [[f64; 2]; 2]| {
        std::array::from_fn(|i| std::array::from_fn(|j| a[i][0] * b[0][j] + a[i][1] * b[1][j]))
    };
    let mut square = [[1.0 - RATE * lambda, -RATE * mu], [lambda, mu]];
    let mut power = [[1.0, 0.0], [0.0, 1.0]];
    for bit in 0..usize::BITS {
        if t >> bit & 1 == 1 {
            power = times(square, power);
        }
        square = times(square, square);
    }
    [power[0][0] * start, power[1][0] * start]
}

#[test]
fn descent_on_a_quadratic_shrinks_by_one_minus_rate_times_curvature() {
    descend(&sgd(RATE), |t, theta, _| {
        let want: Vec<f64> = (0..5).map(|i| (1.0 - RATE * LAMBDA[i]).powi(t as i32) * START[i]).collect();
        check("descent", t, theta, &want, &want);
    });
}

#[test]
fn the_heavy_ball_on_a_quadratic_is_a_power_of_its_matrix() {
    for mu in [0.3, 0.9] {
        descend(&momentum(RATE, mu), |t, theta, sum| {
            let want: Vec<_> = (0..5).map(|i| heavy_ball(mu, LAMBDA[i], START[i], t)).collect();
            let column = |k: usize| want.iter().map(|want| want[k]).collect::<Vec<_>>();
            check("theta", t, theta, &column(0), &START);
            check("sum", t, sum, &column(1), &START.map(|start| 10.0 * start));
        });
    }
}

/// Sutskever et al. (2013), theorem 2.1: in an eigendirection with curvature λ, Nesterov's method with momentum μ is the heavy
/// ball with the smaller momentum m = μ (1 − ελ). With v = −ε u their step is v ← μ v − ελ (θ + μ v) = m v − ελ θ, θ ← θ + v.
///
/// Our parameter is their point ahead, φ = θ + μ v. So from v = 0, where both start alike, and with (θ_t, u_t) the heavy ball of
/// momentum m: our state is u_t itself and our parameter φ_t = θ_t − ε μ u_t, from the first step on. In φ alone that is the
/// recurrence of this heavy ball, φ_{t+1} = (1 + m − ελ) φ_t − m φ_{t−1}, with another first step: φ_1 = (1 − ελ (1 + μ)) φ_0, where
/// the heavy ball has 1 − ελ.
#[test]
fn nesterov_on_a_quadratic_is_a_heavy_ball_with_less_momentum() {
    let mu = 0.9;
    let (mut before, mut now) = (START, START);
    descend(&nesterov(RATE, mu), |t, phi, sum| {
        let less = |i: usize| mu * (1.0 - RATE * LAMBDA[i]);
        let ball: Vec<_> = (0..5).map(|i| heavy_ball(less(i), LAMBDA[i], START[i], t)).collect();
        let ahead: Vec<f64> = ball.iter().map(|[theta, u]| theta - RATE * mu * u).collect();
        check("phi", t, phi, &ahead, &START);
        check("sum", t, sum, &ball.iter().map(|ball| ball[1]).collect::<Vec<_>>(), &START.map(|start| 10.0 * start));

        let recurrence = std::array::from_fn::<f64, 5, _>(|i| match t {
            1 => (1.0 - RATE * LAMBDA[i] * (1.0 + mu)) * START[i],
            _ => (1.0 + less(i) - RATE * LAMBDA[i]) * now[i] - less(i) * before[i],
        });
        check("recurrence", t, phi, &recurrence, &START);
        (before, now) = (now, recurrence);
    });
}

/// Large, small and vanishing numbers.
const GRAD: [f64; 5] = [30.0, -40.0, 1e-3, -2e-7, 0.0];

/// Feeds the same gradient at every step; `want` gives update i at step t from 1.
fn constant(optimizer: Optimizer, want: impl Fn(i32, f64) -> f64) {
    let (mut theta, mut state) = ([0.0; 5], optimizer.state(5));
    for t in 1..=STEPS {
        let mut update = GRAD;
        optimizer.step(&mut theta, &mut update, &[1.0; 5], 1.0, &mut state);
        let want = GRAD.map(|g| want(t as i32, g));
        check(&format!("{:?}", optimizer.links()), t, &update, &want, &want);
    }
}

#[test]
fn constant_gradients_have_closed_updates() {
    let alone = Optimizer::default;
    // Geometric sums.
    constant(alone().then(AddMomentum { momentum: 0.8, nesterov: false }), |t, g| g * (1.0 - 0.8f64.powi(t)) / 0.2);
    constant(alone().then(AddMomentum { momentum: 0.8, nesterov: true }), |t, g| g * (1.0 - 0.8f64.powi(t + 1)) / 0.2);
    let blend = BlendMomentum { beta1: 0.9, beta2: 0.75 };
    constant(alone().then(blend), |t, g| g * (1.0 - 0.9 * 0.75f64.powi(t - 1)));
    // Lion walks with the length of its rate.
    constant(lion(0.3, 0.0), |_, g| if g == 0.0 { 0.0 } else { 0.3 * g.signum() });
    // z goes by g, x by half of it, once there is an average at all.
    constant(alone().then(FreeFromSchedule { beta: 0.8, warm_up: 0 }), |t, g| if t == 1 { g } else { g * 0.6 });
    for epsilon in [1e-12, 1e-3, 2.0] {
        // The sum of t equal squares.
        constant(alone().then(ScaleByAdagrad { epsilon }), |t, g| g / (f64::from(t).sqrt() * g.abs() + epsilon));
        // Their average, from 0 without correction …
        constant(alone().then(ScaleByRms { decay: 0.9, epsilon }), |t, g| {
            g / ((1.0 - 0.9f64.powi(t)).sqrt() * g.abs() + epsilon)
        });
        // … and with it: the same at every step.
        let adam = ScaleByAdam { beta1: 0.7, beta2: 0.99, epsilon };
        constant(alone().then(adam).then(ScaleByRate { schedule: 0.3 }), |_, g| 0.3 * g / (g.abs() + epsilon));
        let adam = ScaleByAdam { epsilon, ..ScaleByAdam::default() };
        constant(alone().then(adam), |_, g| g / (g.abs() + epsilon));
        let amsgrad = ScaleByAmsgrad { epsilon, ..ScaleByAmsgrad::default() };
        constant(alone().then(amsgrad), |_, g| g / (g.abs() + epsilon));
        let adamax = ScaleByAdamax { epsilon, ..ScaleByAdamax::default() };
        constant(alone().then(adamax), |_, g| g / (g.abs() + epsilon));
    }
}

#[test]
fn clips_have_closed_updates() {
    let norm = (2500.0 + 1e-6 + 4e-14f64).sqrt();
    for limit in [1e-5, 3.0, 49.0] {
        constant(Optimizer::default().then(ClipByGlobalNorm { limit }), |_, g| g * limit / (norm + 1e-6));
    }
    constant(Optimizer::default().then(ClipByGlobalNorm { limit: 50.1 }), |_, g| g);
    for limit in [1e-5, 35.0, 41.0] {
        constant(Optimizer::default().then(ClipByValue { limit }), |_, g| g.signum() * g.abs().min(limit));
    }
}

#[test]
fn decay_alone_is_a_power_and_with_adam_a_geometric_sum() {
    let (rate, strength) = (0.3, 0.2f64);
    let shrunk = |t: usize| (1.0 - rate * strength).powi(t as i32);
    for on in [DecayOn::Everything, DecayOn::WeightsOnly] {
        let decay = DecayWeights { strength, on };
        let optimizer = Optimizer::default().then(decay).then(ScaleByRate { schedule: rate });
        let (mut theta, mut state) = (START, optimizer.state(5));
        for t in 1..=STEPS {
            optimizer.step(&mut theta, &mut [0.0; 5], &[1.0, 0.0, 1.0, 0.0, 1.0], 1.0, &mut state);
            let bias = if on == DecayOn::Everything { shrunk(t) } else { 1.0 };
            let factors = [shrunk(t), bias, shrunk(t), bias, shrunk(t)];
            let want: Vec<f64> = START.iter().zip(factors).map(|(start, factor)| start * factor).collect();
            check("decay", t, &theta, &want, &want);
        }
    }
    // θ ← (1 − αλ) θ − α s with Adam's constant s has the fixed point −s / λ.
    let optimizer = adamw(rate, strength);
    let (mut theta, mut state) = (START, optimizer.state(5));
    let fixed = GRAD.map(|g| -g / (g.abs() + 1e-8) / strength);
    for t in 1..=STEPS {
        optimizer.step(&mut theta, &mut GRAD.clone(), &[1.0; 5], 1.0, &mut state);
        let want: Vec<f64> =
            START.iter().zip(fixed).map(|(start, fixed)| shrunk(t) * (start - fixed) + fixed).collect();
        let scale: Vec<f64> = START.iter().zip(fixed).map(|(start, fixed)| start.abs().max(fixed.abs())).collect();
        check("adamw", t, &theta, &want, &scale);
    }
}

/// Values at named steps, from 1.
fn factors(schedule: &Schedules, want: &[(u64, f64)]) {
    assert_eq!(schedule.check(), Ok(()));
    for &(step, want) in want {
        let got = schedule.at(step);
        assert!((got - want).abs() <= 1e-15 + 1e-12 * want, "{schedule:?} at {step}: {got}, should be {want}");
    }
}

#[test]
fn schedules_at_their_first_middle_and_last_steps_and_beyond() {
    const BEYOND: u64 = u64::MAX;
    factors(&Schedules::Constant, &[(1, 1.0), (77, 1.0), (BEYOND, 1.0)]);
    // Ten updates at each height.
    let stairs = Schedules::Step { every: 10, factor: 0.5 };
    factors(&stairs, &[(1, 1.0), (10, 1.0), (11, 0.5), (20, 0.5), (21, 0.25), (101, 0.5f64.powi(10)), (BEYOND, 0.0)]);
    // Half after 1 / decay updates.
    let inverse = Schedules::InverseTime { decay: 0.01 };
    factors(&inverse, &[(1, 1.0), (101, 0.5), (901, 0.1), (BEYOND, 100.0 / 2f64.powi(64))]);
    factors(&Schedules::InverseTime { decay: 0.0 }, &[(1, 1.0), (BEYOND, 1.0)]);
    let exponential = Schedules::Exponential { decay: 0.99 };
    let falling = |t: f64| (t * 0.99f64.ln()).exp();
    factors(&exponential, &[(1, 1.0), (2, 0.99), (70, falling(69.0)), (1001, falling(1000.0)), (BEYOND, 0.0)]);
    factors(&Schedules::Exponential { decay: 1.5 }, &[(1, 1.0), (3, 2.25), (11, 1.5f64.powi(10))]);
    // The thirds of a half wave: cos 60° = ½.
    let cosine = Schedules::Cosine { steps: 300, floor: 0.2 };
    factors(&cosine, &[(1, 1.0), (101, 0.8), (151, 0.6), (201, 0.4), (301, 0.2), (302, 0.2), (BEYOND, 0.2)]);
    factors(&Schedules::Cosine { steps: 1, floor: 0.0 }, &[(1, 1.0), (2, 0.0)]);
    let restarts = Schedules::CosineRestarts { steps: 300, growth: 2, floor: 0.2 };
    factors(
        &restarts,
        &[(1, 1.0), (101, 0.8), (201, 0.4), (301, 1.0), (501, 0.8), (701, 0.4), (901, 1.0), (1301, 0.8)],
    );
    let saw = Schedules::CosineRestarts { steps: 300, growth: 1, floor: 0.2 };
    factors(&saw, &[(1, 1.0), (151, 0.6), (301, 1.0), (451, 0.6), (300_001, 1.0), (BEYOND - BEYOND % 300 + 1, 1.0)]);
    // Up to the hundredth update, down to the last.
    let cycle = Schedules::OneCycle { steps: 300, peak: 1.0 / 3.0, start: 0.2, end: 0.01 };
    factors(&cycle, &[(1, 0.2), (34, 0.4), (67, 0.8), (100, 1.0), (200, 0.505), (300, 0.01), (BEYOND, 0.01)]);
    let warm_up = Schedules::WarmUp { steps: 50, then: Box::new(cosine) };
    factors(&warm_up, &[(1, 0.02), (25, 0.5), (50, 1.0), (51, 1.0), (151, 0.8), (351, 0.2), (BEYOND, 0.2)]);
    factors(&Schedules::WarmUp { steps: 1, then: Box::new(stairs) }, &[(1, 1.0), (11, 1.0), (12, 0.5)]);
    // Steps count from 1; a 0 is taken for the first.
    factors(&exponential, &[(0, 1.0)]);
}

/// Any schedule that does not grow.
fn falling() -> impl Strategy<Value = Schedules> {
    let (count, share) = (1..40u64, 1e-3..=1.0);
    prop_oneof![
        Just(Schedules::Constant),
        (count.clone(), share.clone()).prop_map(|(every, factor)| Schedules::Step { every, factor }),
        share.clone().prop_map(|decay| Schedules::InverseTime { decay }),
        share.clone().prop_map(|decay| Schedules::Exponential { decay }),
        (count, share).prop_map(|(steps, floor)| Schedules::Cosine { steps, floor }),
    ]
}

proptest! {
    #[test]
    fn factors_start_at_one_never_rise_and_stay_in_their_bounds(schedule in falling(), steps in 1..30u64) {
        let mut last = 1.0;
        prop_assert_eq!(schedule.at(1), 1.0);
        for step in 1..100 {
            let factor = schedule.at(step);
            prop_assert!((0.0..=last).contains(&factor), "{schedule:?} at {step}: {factor} after {last}");
            if let Schedules::Cosine { floor, .. } = schedule {
                prop_assert!(factor >= floor);
            }
            last = factor;
        }
        let warm_up = Schedules::WarmUp { steps, then: Box::new(schedule.clone()) };
        for step in 1..=steps {
            prop_assert_eq!(warm_up.at(step), step as f64 / steps as f64);
        }
        for step in 1..100 {
            prop_assert_eq!(warm_up.at(steps + step), schedule.at(step));
        }
    }
}
