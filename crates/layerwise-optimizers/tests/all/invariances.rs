//! What must not change an update, or must change it in a known way: signs, scales, the order of numbers, the cut into chunks.

use std::sync::Arc;

use layerwise_core::{Block, Chunk, Init, Link, Planes, Real, Role, Step};
use layerwise_optimizers::{
    AddMomentum, AverageParameters, Averaging, BlendMomentum, CHUNK, ClipByGlobalNorm, ClipByValue, DecayOn,
    DecayWeights, FreeFromSchedule, Only, Optimizer, Optimizers, ScaleByAdagrad, ScaleByAdam, ScaleByAdamax,
    ScaleByAmsgrad, ScaleByNadam, ScaleByRadam, ScaleByRate, ScaleByRms, Schedules, TakeSign, sgd,
};

const STEPS: usize = 6;

/// Gradients of many scales; every seventh number is 0 throughout.
fn grads<S: Real>(n: usize) -> Vec<Vec<S>> {
    let number = |t: usize, i: usize| {
        let wave = (1.3 + 1.7 * t as f64 + 0.7 * i as f64).sin() * 10f64.powi((i % 6) as i32 - 3);
        S::of(if i % 7 == 6 { 0.0 } else { wave })
    };
    (0..STEPS).map(|t| (0..n).map(|i| number(t, i)).collect()).collect()
}

/// 1 on two numbers of three.
fn weights<S: Real>(n: usize) -> Vec<S> {
    (0..n).map(|i| S::of(f64::from(u8::from(i % 3 != 0)))).collect()
}

/// The updates of all steps, one after the other, and then θ.
fn run<S: Real>(optimizer: &Optimizer, start: &[S], weights: &[S], grads: &[Vec<S>]) -> Vec<S> {
    let (mut theta, mut state, mut out) = (start.to_vec(), optimizer.state(start.len()), Vec::new());
    for grad in grads {
        let mut update = grad.clone();
        optimizer.step(&mut theta, &mut update, weights, 1.0, &mut state);
        out.extend(update);
    }
    out.extend(theta);
    out
}

/// The updates from θ = 0 with every number a weight, and the path.
fn updates<S: Real>(optimizer: &Optimizer, grads: &[Vec<S>]) -> Vec<S> {
    let n = grads[0].len();
    run(optimizer, &vec![S::ZERO; n], &vec![S::ONE; n], grads)
}

fn map<S: Real>(grads: &[Vec<S>], f: impl Fn(S) -> S) -> Vec<Vec<S>> {
    grads.iter().map(|grad| grad.iter().map(|&g| f(g)).collect()).collect()
}

fn bits<S: Real>(numbers: &[S]) -> Vec<u64> {
    // −0 is the negative of 0 and needs no telling apart.
    numbers.iter().map(|x| (x.value() + 0.0).to_bits()).collect()
}

/// Every link that looks at each number by itself.
fn elementwise_links() -> Vec<Arc<dyn Link>> {
    vec![
        Arc::new(AddMomentum { momentum: 0.9, nesterov: false }),
        Arc::new(AddMomentum { momentum: 0.8, nesterov: true }),
        Arc::new(ScaleByAdam::default()),
        Arc::new(ScaleByRms::default()),
        Arc::new(ScaleByAdagrad::default()),
        Arc::new(DecayWeights { strength: 0.1, on: DecayOn::Everything }),
        Arc::new(DecayWeights { strength: 0.1, on: DecayOn::WeightsOnly }),
        Arc::new(ClipByValue { limit: 0.5 }),
        Arc::new(ScaleByRate { schedule: Schedules::InverseTime { decay: 0.3 } }),
        Arc::new(ScaleByAmsgrad::default()),
        Arc::new(ScaleByNadam::default()),
        Arc::new(ScaleByAdamax::default()),
        Arc::new(ScaleByRadam::default()),
        Arc::new(BlendMomentum::default()),
        Arc::new(TakeSign),
        Arc::new(Only { on: Role::Bias, link: ScaleByAdam::default() }),
        Arc::new(FreeFromSchedule { beta: 0.9, warm_up: 3 }),
        Arc::new(AverageParameters { averaging: Averaging::Uniform { from: 1 } }),
    ]
}

/// Each link alone, and each half of them in a chain: all would have too many planes.
fn chains() -> Vec<Optimizer> {
    let links = elementwise_links();
    let alone = links.iter().map(|link| Optimizer::new(vec![link.clone()]));
    alone.chain(links.chunks(9).map(|half| Optimizer::new(half.to_vec()))).collect()
}

/// All optimizers of the catalog, with and without a limit on the norm.
fn catalog() -> Vec<Optimizer> {
    let clipped = |mut optimizer: Optimizers| {
        optimizer.set_clip(Some(0.7));
        optimizer
    };
    let (init, role) = (Init::Constant { value: 0.0 }, Role::Weight);
    let block = Block { name: "w", rows: 5, cols: 6, role, init, offset: 3 };
    Optimizers::all().into_iter().flat_map(|o| [o.clone(), clipped(o)]).map(|o| o.build().on([&block])).collect()
}

fn the_negative_gradient_gives_the_negative_path<S: Real>() {
    let grads = grads::<S>(37);
    let start: Vec<S> = (0..37).map(|i| S::of(f64::from(i) - 11.0)).collect();
    let negative: Vec<S> = start.iter().map(|&x| -x).collect();
    for optimizer in chains().into_iter().chain(catalog()) {
        let there = run(&optimizer, &start, &weights(37), &grads);
        let back: Vec<S> =
            run(&optimizer, &negative, &weights(37), &map(&grads, |g| -g)).into_iter().map(|x| -x).collect();
        assert_eq!(bits(&there), bits(&back), "{:?}", optimizer.links());
    }
}

#[test]
fn signs_go_through() {
    the_negative_gradient_gives_the_negative_path::<f32>();
    the_negative_gradient_gives_the_negative_path::<f64>();
}

#[test]
fn coordinates_may_change_places() {
    let n = 37;
    // 8 has no factor in common with 37.
    let shuffled = |x: &[f64]| (0..n).map(|i| x[8 * i % n]).collect::<Vec<f64>>();
    let (grads, start) = (grads::<f64>(n), (0..n).map(|i| i as f64 - 11.0).collect::<Vec<_>>());
    let later: Vec<_> = grads.iter().map(|grad| shuffled(grad)).collect();
    for optimizer in chains() {
        let want: Vec<f64> = run(&optimizer, &start, &weights(n), &grads).chunks(n).flat_map(&shuffled).collect();
        let got = run(&optimizer, &shuffled(&start), &shuffled(&weights(n)), &later);
        assert_eq!(bits(&got), bits(&want), "{:?}", optimizer.links());
    }
    // A norm sums in another order: the same to a few ulp.
    let clip = Optimizer::default().then(ClipByGlobalNorm { limit: 0.7 });
    let want: Vec<f64> = updates(&clip, &grads).chunks(n).flat_map(&shuffled).collect();
    for (got, want) in updates(&clip, &later).iter().zip(want).take(STEPS * n) {
        assert!((got - want).abs() <= 1e-15 * want.abs());
    }
}

fn chunks_leave_the_bits_alone<S: Real>() {
    let n = 2 * CHUNK + 77;
    let (grads, weights) = (grads::<S>(n), weights::<S>(n));
    let start: Vec<S> = (0..n).map(|i| S::of((i % 19) as f64 - 9.0)).collect();
    for optimizer in chains() {
        let whole = run(&optimizer, &start, &weights, &grads);
        for cut in [1, 64, CHUNK, CHUNK + 3] {
            let part = |range: std::ops::Range<usize>| {
                let grads: Vec<Vec<S>> = grads.iter().map(|grad| grad[range.clone()].to_vec()).collect();
                run(&optimizer, &start[range.clone()], &weights[range], &grads)
            };
            let (front, back) = (part(0..cut), part(cut..n));
            let both = front.chunks(cut).zip(back.chunks(n - cut)).flat_map(|(front, back)| [front, back].concat());
            assert!(bits(&whole) == bits(&both.collect::<Vec<_>>()), "{:?} cut at {cut}", optimizer.links());
        }
    }
}

#[test]
fn a_state_in_pieces_gives_the_same_bits() {
    chunks_leave_the_bits_alone::<f32>();
    chunks_leave_the_bits_alone::<f64>();
}

/// A link's own state in two pieces, without the chain that usually cuts it.
#[test]
fn a_link_in_pieces_gives_the_same_bits() {
    let n = 50;
    let (grads, weights) = (grads::<f64>(n), weights::<f64>(n));
    let theta: Vec<f64> = (0..n).map(|i| i as f64 - 20.0).collect();
    for link in elementwise_links() {
        let run = |cut: usize| {
            let mut planes = vec![vec![0.0; n]; link.planes()];
            let mut updates = grads.clone();
            for (t, update) in updates.iter_mut().enumerate() {
                let numbers = f64::link(&*link).prepare(&Step { count: t as u64 + 1, rate_factor: 1.0 }, None);
                for range in [0..cut, cut..n] {
                    let mut planes: Vec<&mut [f64]> =
                        planes.iter_mut().map(|plane| &mut plane[range.clone()]).collect();
                    let at = Chunk { theta: &theta[range.clone()], weights: &weights[range.clone()] };
                    f64::link(&*link).apply(&mut update[range], Planes(&mut planes), &numbers, &at);
                }
            }
            (bits(&updates.concat()), bits(&planes.concat()))
        };
        let whole = run(n);
        for cut in [0, 1, 13, 32, 49] {
            assert_eq!(run(cut), whole, "{link:?} cut at {cut}");
        }
    }
}

/// The links that divide by the gradient's own size.
fn normalizing(epsilon: f64) -> [Optimizer; 6] {
    let alone = Optimizer::default;
    [
        alone().then(ScaleByAdam { epsilon, ..ScaleByAdam::default() }),
        alone().then(ScaleByRms { epsilon, ..ScaleByRms::default() }),
        alone().then(ScaleByAdagrad { epsilon }),
        alone().then(ScaleByAmsgrad { epsilon, ..ScaleByAmsgrad::default() }),
        alone().then(ScaleByNadam { epsilon, ..ScaleByNadam::default() }),
        alone().then(ScaleByAdamax { epsilon, ..ScaleByAdamax::default() }),
    ]
}

#[test]
fn normalized_updates_forget_the_scale_of_the_gradient() {
    let grads = grads::<f64>(37);
    for scale in [2f64.powi(-20), 0.5, 2f64.powi(30)] {
        let scaled = map(&grads, |g| scale * g);
        for epsilon in [1e-8, 1e-3, 1.0] {
            let ours = normalizing(epsilon).map(|optimizer| updates(&optimizer, &grads));
            // ε in the units of the gradient: the same bits, because a power of two rounds nothing.
            let both = normalizing(scale * epsilon).map(|optimizer| updates(&optimizer, &scaled));
            assert_eq!(ours.each_ref().map(|x| bits(x)), both.each_ref().map(|x| bits(x)));
        }
        // An ε below the last digit of every root: the same bits again …
        let ours = normalizing(1e-30).map(|optimizer| updates(&optimizer, &grads));
        let both = normalizing(1e-30).map(|optimizer| updates(&optimizer, &scaled));
        assert_eq!(ours.each_ref().map(|x| bits(x)), both.each_ref().map(|x| bits(x)));
    }
    // … and one that is not moves the update by its share of the root r: a factor (r + ε) / (r + ε / scale). At the first step
    // r = |g| for all but RMSprop, |g| √(1 − d) for that.
    let (scale, epsilon) = (8.0, 1e-2);
    let ours = normalizing(epsilon).map(|optimizer| updates(&optimizer, &grads));
    let both = normalizing(epsilon).map(|optimizer| updates(&optimizer, &map(&grads, |g| scale * g)));
    for ((ours, both), root) in ours.iter().zip(&both).zip([1.0, 0.1, 1.0, 1.0, 1.0, 1.0]) {
        for (i, g) in grads[0].iter().enumerate() {
            let r = root * g.abs();
            let want = ours[i] * (r + epsilon) / (r + epsilon / scale);
            assert!((both[i] - want).abs() <= 1e-14 * want.abs(), "{i}: {}, should be {want}", both[i]);
        }
    }
}

#[test]
fn the_first_step_of_adam_is_rate_times_sign() {
    let rate = 0.03;
    let grads = grads::<f64>(37);
    let adam = |epsilon| normalizing(epsilon)[0].clone().then(ScaleByRate { schedule: rate });
    for (update, g) in updates(&adam(1e-30), &grads).iter().zip(&grads[0]) {
        let want = if *g == 0.0 { 0.0 } else { rate * g.signum() };
        assert!((update - want).abs() <= 1e-15 * rate, "{g}: {update}");
    }
    // With ε it is shorter, by ε in ε + |g|.
    for (update, g) in updates(&adam(1e-3), &grads).iter().zip(&grads[0]) {
        let want = rate * g.signum() * (1.0 - 1e-3 / (1e-3 + g.abs()));
        assert!((update - want).abs() <= 1e-15 * rate, "{g}: {update}, should be {want}");
    }
}

#[test]
fn descent_and_momentum_are_linear_in_the_gradient() {
    let (a, b) = (grads::<f64>(37), map(&grads::<f64>(37), |g| (3.0 * g).cos()));
    let sum: Vec<Vec<f64>> = a.iter().zip(&b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect();
    let momenta = [false, true].map(|nesterov| Optimizer::default().then(AddMomentum { momentum: 0.9, nesterov }));
    for optimizer in [sgd(0.3)].into_iter().chain(momenta) {
        let [a_out, b_out, sum_out] = [&a, &b, &sum].map(|grads| updates(&optimizer, grads));
        for ((a, b), sum) in a_out.iter().zip(&b_out).zip(&sum_out) {
            assert!((a + b - sum).abs() <= 1e-13 * (1.0 + a.abs() + b.abs()), "{a} + {b}: {sum}");
        }
        let scaled = updates(&optimizer, &map(&a, |g| 0.25 * g));
        assert_eq!(bits(&scaled), bits(&a_out.iter().map(|x| 0.25 * x).collect::<Vec<_>>()));
    }
}
