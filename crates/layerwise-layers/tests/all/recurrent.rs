//! Recurrent layers: PyTorch's outputs and gradients (`reference/recurrent.json`, made by `reference/recurrent.py`), padding,
//! truncation and Ω. The gradient check is in `verification.rs`.

use std::collections::BTreeMap;

use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Params, ParamsMut, Pass, Plan};
use layerwise_gradcheck::Gradcheck;
use layerwise_layers::{EachStep, Elman, Gru, Layers, Lstm, Returns};
use layerwise_tensor::{Key, Mat, MatMut, Purpose};
use serde::Deserialize;

/// One layer with parameters and what two passes left.
struct Passed {
    plan: Plan,
    theta: Vec<f64>,
    x: Vec<f64>,
    y: Vec<f64>,
    cache: Vec<f64>,
    n: usize,
}

/// ∂L of a backward pass.
struct Gradient {
    theta: Vec<f64>,
    x: Vec<f64>,
    /// ∂L/∂hₜ, step after step, each units × n.
    states: Vec<f64>,
}

/// The plan of a layer, with its blocks laid out one after the other.
fn plan(layer: &impl Layer, d_in: usize) -> Plan {
    let mut plan = layer.plan(d_in).unwrap();
    let mut offset = 0;
    for block in &mut plan.blocks {
        block.offset = offset;
        offset += block.rows * block.cols;
    }
    plan
}

fn forward<L: Layer + LayerKernel<f64>>(layer: &L, theta: &[f64], x: &[f64], n: usize) -> Passed {
    let plan = plan(layer, x.len() / n);
    let (mut y, mut cache) = (vec![f64::NAN; plan.d_out * n], vec![f64::NAN; plan.cache * n]);
    layer.forward(Forward {
        theta: Params::new(theta, &plan.blocks),
        x: Mat::new(x, x.len() / n, n),
        skip: None,
        y: MatMut::new(&mut y, plan.d_out, n),
        cache: &mut cache,
        pass: Pass::Train,
        key: Key::new(1, Purpose::Mask),
    });
    Passed { plan, theta: theta.to_vec(), x: x.to_vec(), y, cache, n }
}

fn backward(layer: &impl LayerKernel<f64>, at: &Passed, dy: &[f64], pass: Pass) -> Gradient {
    let (mut theta, mut dx, mut cache) = (vec![f64::NAN; at.theta.len()], vec![f64::NAN; at.x.len()], at.cache.clone());
    let d_in = at.x.len() / at.n;
    layer.backward(Backward {
        theta: Params::new(&at.theta, &at.plan.blocks),
        dtheta: ParamsMut::new(&mut theta, &at.plan.blocks, &mut vec![true; at.plan.blocks.len()]),
        x: Mat::new(&at.x, d_in, at.n),
        skip: None,
        y: Mat::new(&at.y, at.plan.d_out, at.n),
        dy: Mat::new(dy, at.plan.d_out, at.n),
        dx: Some(MatMut::new(&mut dx, d_in, at.n)),
        cache: &mut cache,
        pass,
    });
    let states = at.plan.states.map_or(0, |s| s.steps * s.units * at.n);
    cache.truncate(states);
    Gradient { theta, x: dx, states: cache }
}

fn normal(seed: u64, n: usize) -> Vec<f64> {
    let mut rng = Key::new(seed, Purpose::Data).rng();
    (0..n).map(|_| rng.normal()).collect()
}

#[track_caller]
fn close(what: &str, got: &[f64], expected: &[f64], bound: f64) {
    assert_eq!(got.len(), expected.len(), "{what}");
    for (i, (g, e)) in got.iter().zip(expected).enumerate() {
        assert!((g - e).abs() <= bound * (1.0 + e.abs()), "{what}[{i}]: {g} should be {e}");
    }
}

#[derive(Deserialize)]
struct Reference {
    cases: Vec<Case>,
}

type Blocks = BTreeMap<String, Vec<f64>>;

#[derive(Deserialize)]
struct Case {
    kind: String,
    returns: Returns,
    steps: usize,
    samples: usize,
    units: usize,
    x: Vec<f64>,
    y: Vec<f64>,
    u: Vec<f64>,
    dx: Vec<f64>,
    theta: Vec<Blocks>,
    dtheta: Vec<Blocks>,
}

/// The numbers of all blocks in the order of a plan.
fn flat(plan: &Plan, blocks: &Blocks) -> Vec<f64> {
    assert_eq!(plan.blocks.len(), blocks.len());
    plan.blocks.iter().flat_map(|block| blocks[block.name].clone()).collect()
}

/// Runs a case through layers of one kind, all but the last of which put out every state.
fn meet<L: Layer + LayerKernel<f64>>(case: &Case, make: impl Fn(usize, Returns) -> L) {
    let name = format!("{}, {:?}, {} layers", case.kind, case.returns, case.theta.len());
    let (n, u) = (case.samples, case.units);
    let mut passed: Vec<(L, Passed)> = Vec::new();
    for (i, blocks) in case.theta.iter().enumerate() {
        let first = i == 0;
        let returns = if i + 1 == case.theta.len() { case.returns } else { Returns::Every };
        let layer = make(if first { case.x.len() / n / case.steps } else { u + 1 }, returns);
        let x = passed.last().map_or(&case.x, |(_, before)| &before.y);
        let theta = flat(&plan(&layer, x.len() / n), blocks);
        let at = forward(&layer, &theta, x, n);
        passed.push((layer, at));
    }
    let y = &passed.last().unwrap().1.y;
    let channels = case.x.len() / n / case.steps;
    let flags: Vec<f64> = case.x.chunks(channels).map(|step| step[channels - 1]).collect();
    // PyTorch has 0 at padded steps, where we hold the last state; and it passes no flags on.
    let mut dy = case.u.clone();
    match case.returns {
        Returns::Last => close(&name, y, &case.y, 1e-12),
        Returns::Every => {
            let ours: Vec<f64> =
                y.chunks(u + 1).flat_map(|step| step[..u].iter().map(|h| h * step[u]).collect::<Vec<_>>()).collect();
            close(&name, &ours, &case.y, 1e-12);
            assert_eq!(y.chunks(u + 1).map(|step| step[u]).collect::<Vec<_>>(), flags);
            dy = case.u.chunks(u).flat_map(|step| [step, &[0.0]].concat()).collect();
        }
    }
    for (i, (layer, at)) in passed.iter().enumerate().rev() {
        let gradient = backward(layer, at, &dy, Pass::Train);
        close(&format!("{name}: ∂L/∂θ of layer {i}"), &gradient.theta, &flat(&at.plan, &case.dtheta[i]), 1e-12);
        dy = gradient.x;
    }
    let dx: Vec<f64> = dy.chunks(channels).flat_map(|step| step[..channels - 1].to_vec()).collect();
    close(&format!("{name}: ∂L/∂x"), &dx, &case.dx, 1e-12);
}

#[test]
fn outputs_and_gradients_are_those_of_pytorch() {
    let reference: Reference = serde_json::from_str(include_str!("reference/recurrent.json")).unwrap();
    assert_eq!(reference.cases.len(), 10);
    for case in &reference.cases {
        let units = case.units;
        match case.kind.as_str() {
            "elman" => meet(case, |c, returns| Elman { padded: true, returns, ..Elman::new(c, units) }),
            "irnn" => meet(case, |c, returns| Elman { padded: true, returns, ..Elman::irnn(c, units) }),
            "lstm" => meet(case, |c, returns| Lstm { padded: true, returns, ..Lstm::new(c, units) }),
            _ => meet(case, |c, returns| Gru { padded: true, returns, ..Gru::new(c, units) }),
        }
    }
}

#[test]
#[should_panic(expected = "elman: `truncate` makes its gradient another thing than the derivative")]
fn a_gradient_that_is_no_derivative_is_refused_by_the_check() {
    Gradcheck::default().layer(&Elman { truncate: Some(2), omega: 1.0, ..Elman::default() });
}

/// A layer of each kind over steps of two numbers and a flag, three units.
fn layers(truncate: Option<usize>) -> Vec<Layers> {
    vec![
        Elman { padded: true, truncate, ..Elman::new(3, 3) }.into(),
        Lstm { padded: true, truncate, ..Lstm::new(3, 3) }.into(),
        Gru { padded: true, truncate, ..Gru::new(3, 3) }.into(),
    ]
}

#[test]
fn layers_say_how_they_read_sequences() {
    let reads = |layer: Layers| layer.reads().map(|reads| (reads.channels, reads.padded, reads.puts_out));
    let every = Returns::Every;
    assert_eq!(reads(Elman { returns: every, ..Elman::new(2, 5) }.into()), Some((2, false, Some(5))));
    assert_eq!(reads(Lstm { returns: every, padded: true, ..Lstm::new(2, 5) }.into()), Some((2, true, Some(6))));
    assert_eq!(reads(Gru { padded: true, ..Gru::new(3, 5) }.into()), Some((3, true, None)));
    assert_eq!(reads(EachStep { padded: true, ..EachStep::new(4, 5) }.into()), Some((4, true, None)));
    assert_eq!(reads(Layers::Dense(Default::default())), None);
}

#[test]
fn weights_start_as_published_unless_a_configuration_says_otherwise() {
    for (kind, gates) in [("elman", 1), ("lstm", 4), ("gru", 3)] {
        let text = format!(r#"{{"kind": "{kind}", "channels": 2, "units": 3}}"#);
        let plan = serde_json::from_str::<Layers>(&text).unwrap().boxed().plan(4).unwrap();
        let starts = |of: char| -> Vec<Init> {
            plan.blocks.iter().filter(|block| block.name.starts_with(of)).map(|block| block.init).collect()
        };
        assert_eq!(starts('w'), vec![Init::Glorot; gates]);
        assert_eq!(starts('u'), vec![Init::Orthogonal { gain: 1.0 }; gates]);
        let forgets = plan.blocks.iter().find(|block| block.name == "b_f");
        assert!(forgets.is_none_or(|block| block.init == Init::Constant { value: 1.0 }), "{forgets:?}");
    }
    let irnn = Elman::irnn(2, 3);
    assert_eq!((irnn.init, irnn.recurrent), (Init::Normal { deviation: 0.001 }, Init::Identity { gain: 1.0 }));
}

/// Sequences of `steps` steps of which so many are real; padding is `fill`.
fn sequences(seed: u64, steps: usize, lengths: &[usize], fill: f64) -> Vec<f64> {
    let numbers = normal(seed, lengths.len() * steps * 2);
    let step = |(at, pair): (usize, &[f64])| {
        if at % steps < lengths[at / steps] { vec![pair[0], pair[1], 1.0] } else { vec![fill, fill, 0.0] }
    };
    numbers.chunks(2).enumerate().flat_map(step).collect()
}

/// Calls `f` with the layer as its own type.
macro_rules! of_each {
    ($layers:expr, |$layer:ident| $body:expr) => {
        for layer in $layers {
            match layer {
                Layers::Elman($layer) => $body,
                Layers::Lstm($layer) => $body,
                Layers::Gru($layer) => $body,
                _ => unreachable!(),
            }
        }
    };
}

#[test]
fn padding_changes_nothing_whatever_stands_in_it() {
    of_each!(layers(None), |layer| {
        let n_theta = plan(&layer, 3).blocks.iter().map(|b| b.rows * b.cols).sum();
        let theta = normal(1, n_theta);
        let (short, long) = (sequences(2, 4, &[4], 0.0), sequences(2, 4, &[4], 0.0));
        let long = [long, [9.0, -9.0, 0.0].repeat(3)].concat();
        let dy = normal(3, 3);
        let (a, b) = (forward(&layer, &theta, &short, 1), forward(&layer, &theta, &long, 1));
        assert_eq!(a.y, b.y);
        let (a, b) = (backward(&layer, &a, &dy, Pass::Train), backward(&layer, &b, &dy, Pass::Train));
        close("∂L/∂θ", &b.theta, &a.theta, 1e-15);
        assert_eq!(
            b.x[..12].chunks(3).map(|s| &s[..2]).collect::<Vec<_>>(),
            a.x.chunks(3).map(|s| &s[..2]).collect::<Vec<_>>()
        );
        assert!(b.x[12..].chunks(3).all(|step| step[..2] == [0.0, 0.0]));
        // Padding hands ∂L/∂h back unchanged.
        assert_eq!(b.states[9..12], dy[..]);
        assert_eq!(b.states[12..], [&dy[..], &dy[..], &dy[..]].concat());
    });
}

/// dy at these steps alone; a step of every sample has three numbers and a flag.
fn only(dy: &[f64], steps: usize, of: std::ops::Range<usize>) -> Vec<f64> {
    dy.iter().enumerate().map(|(i, d)| if of.contains(&(i / 4 % steps)) { *d } else { 0.0 }).collect()
}

/// With dy at the steps of one chunk alone, the share of earlier steps is missing and nothing else: ∂L/∂x before the chunk is 0 and in it
/// what it is without truncation, and ∂L/∂θ misses what the derivative by the state that the chunk starts from gives in the steps before.
#[test]
fn a_truncated_gradient_is_the_sum_of_those_of_the_chunks_with_their_start_held() {
    const STEPS: usize = 7;
    of_each!(layers(Some(3)), |last| {
        let mut layer = last;
        layer.returns = Returns::Every;
        let mut whole = layer;
        whole.truncate = None;
        let mut prefix = whole;
        prefix.returns = Returns::Last;
        let n_theta: usize = plan(&layer, 3).blocks.iter().map(|b| b.rows * b.cols).sum();
        let (theta, x) = (normal(1, n_theta), sequences(2, STEPS, &[STEPS, 5], 0.5));
        let at = forward(&layer, &theta, &x, 2);
        let dy = normal(3, at.y.len());
        let mut sum = vec![0.0; n_theta];
        for chunk in [0..3, 3..6, 6..7] {
            let start = chunk.start;
            let dy = only(&dy, STEPS, chunk);
            let got = backward(&layer, &at, &dy, Pass::Train);
            let full = backward(&whole, &at, &dy, Pass::Train);
            for (i, (got, full)) in got.x.iter().zip(&full.x).enumerate() {
                let before = i / 3 % STEPS < start;
                assert_eq!(*got, if before { 0.0 } else { *full }, "∂L/∂x[{i}], chunk from {start}");
                let is_step = x[i / 3 * 3 + 2] == 1.0;
                assert!(!before || !is_step || *full != 0.0, "∂L/∂x[{i}] crosses without truncation");
            }
            sum.iter_mut().zip(&got.theta).for_each(|(sum, g)| *sum += g);
            // The cell of an LSTM hands back a derivative that no output has; its ∂L/∂x says as much.
            if start > 0 && layer.name() != "lstm" {
                let x: Vec<f64> = x.chunks(3 * STEPS).flat_map(|sample| sample[..3 * start].to_vec()).collect();
                let before = forward(&prefix, &theta, &x, 2);
                let before = backward(&prefix, &before, &full.states[(start - 1) * 6..start * 6], Pass::Train);
                let held: Vec<f64> = full.theta.iter().zip(&before.theta).map(|(full, b)| full - b).collect();
                close("∂L/∂θ", &got.theta, &held, 1e-13);
            }
        }
        close("∂L/∂θ of all chunks", &backward(&layer, &at, &dy, Pass::Train).theta, &sum, 1e-13);
    });
}

#[test]
fn omega_adds_its_immediate_derivative_to_the_recurrent_weights_in_training_alone() {
    const STEPS: usize = 5;
    let elman = Elman { padded: true, returns: Returns::Every, omega: 0.7, ..Elman::new(3, 3) };
    let theta = normal(1, 6 + 9 + 3);
    let x = sequences(2, STEPS, &[STEPS, 3], 0.5);
    let at = forward(&elman, &theta, &x, 2);
    // The second sample has no gradient at its last real step and behind it.
    let dy: Vec<f64> =
        normal(3, at.y.len()).iter().enumerate().map(|(i, d)| if i >= 28 || i % 4 == 3 { 0.0 } else { *d }).collect();
    let with = backward(&elman, &at, &dy, Pass::Train);
    let without = backward(&Elman { omega: 0.0, ..elman }, &at, &dy, Pass::Train);
    assert_eq!(backward(&elman, &at, &dy, Pass::Predict).theta, without.theta);
    assert_eq!((with.x, &with.states), (without.x, &without.states));
    // Ω of the steps from the second on, real ones with a gradient, a and δ held.
    let omega = |u: &[f64]| {
        let mut terms = Vec::new();
        for t in 1..STEPS {
            for j in 0..2 {
                let delta = &with.states[(t * 2 + j) * 3..][..3];
                let y = &at.y[(j * STEPS + t) * 4..][..4];
                let size: f64 = delta.iter().map(|d| d * d).sum();
                if y[3] == 1.0 && size >= 1e-20 {
                    let a: Vec<f64> = delta.iter().zip(y).map(|(d, h)| d * (1.0 - h * h)).collect();
                    let back: f64 =
                        u.chunks(3).map(|column| (0..3).map(|i| column[i] * a[i]).sum::<f64>().powi(2)).sum();
                    terms.push((back / size - 1.0).powi(2));
                }
            }
        }
        assert_eq!(terms.len(), 4 + 1);
        terms.iter().sum::<f64>() / terms.len() as f64
    };
    let u = &theta[6..15];
    let mut expected = without.theta.clone();
    for i in 0..9 {
        let moved =
            |h: f64| omega(&u.iter().enumerate().map(|(k, u)| if k == i { u + h } else { *u }).collect::<Vec<_>>());
        expected[6 + i] += 0.7 * (moved(1e-5) - moved(-1e-5)) / 2e-5;
    }
    close("∂/∂θ", &with.theta, &expected, 1e-9);
    assert!((6..15).all(|i| (with.theta[i] - without.theta[i]).abs() > 1e-6));
}
