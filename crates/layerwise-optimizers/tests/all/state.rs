//! Saving and restoring: a run continues in the same bits, and a state that does not fit is refused with one line.

use layerwise_core::{Block, Init, Real, Role};
use layerwise_optimizers::{
    Adamw, AddMomentum, Averaging, ClipByGlobalNorm, Optimizer, Optimizers, OrthogonalizeMatrices, ScaleByRate,
    Schedules, Sgd, State, adam, momentum, sgd,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

const N: usize = 37;

/// The whole catalog, bare and with what can be added.
fn catalog() -> Vec<Optimizers> {
    let mut catalog = Optimizers::all();
    catalog.push(Sgd { momentum: 0.9, ..Sgd::default() }.into());
    catalog.push(Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() }.into());
    catalog.push(Adamw { weight_decay: 0.3, ..Adamw::default() }.into());
    let more = |mut optimizer: Optimizers| {
        optimizer.set_clip(Some(0.5));
        optimizer.set_schedule(Schedules::WarmUp { steps: 3, then: Box::default() });
        if !optimizer.build().averages() {
            optimizer.set_average(Some(Averaging::Uniform { from: 2 }));
            let then = Box::new(Schedules::InverseTime { decay: 0.1 });
            optimizer.set_schedule(Schedules::WarmUp { steps: 3, then });
        }
        optimizer
    };
    let with_more: Vec<_> = catalog.iter().cloned().map(more).collect();
    [catalog, with_more].concat()
}

/// The chain; its matrices are one.
fn build(config: &Optimizers) -> Optimizer {
    let (init, role) = (Init::Constant { value: 0.0 }, Role::Weight);
    config.build().on(&[Block { name: "w", rows: 5, cols: 7, role, init, offset: 2 }])
}

/// A gradient that depends on θ, so that every lost bit shows.
fn step<S: Real>(optimizer: &Optimizer, theta: &mut [S], state: &mut State<S>) {
    let mut grad: Vec<S> = theta.iter().enumerate().map(|(i, &x)| x - S::of((i as f64).sin())).collect();
    optimizer.step(theta, &mut grad, &[S::ONE; N], 1.0, state);
}

#[derive(Serialize, Deserialize)]
struct Saved<S> {
    theta: Vec<S>,
    planes: Vec<S>,
    count: u64,
}

fn a_restored_run_continues_in_the_same_bits<S: Real + Serialize + DeserializeOwned>() {
    for config in catalog() {
        let optimizer = build(&config);
        let start: Vec<S> = (0..N).map(|i| S::of(1.0 / (1.0 + i as f64))).collect();
        for k in [0, 1, 4] {
            let (mut theta, mut state) = (start.clone(), optimizer.state(N));
            (0..k).for_each(|_| step(&optimizer, &mut theta, &mut state));
            let saved = Saved { theta: theta.clone(), planes: state.planes().to_vec(), count: state.count() };
            let text = serde_json::to_string(&saved).expect("text");

            // In a new process there would be another chain of the same configuration.
            let Saved { theta: mut again, planes, count } = serde_json::from_str(&text).expect("saved");
            let optimizer_again = build(&config);
            let mut restored = optimizer_again.restore(N, count, &planes).expect("it fits");
            assert_eq!(restored, state, "{config:?} after {k}");
            for _ in 0..5 {
                step(&optimizer, &mut theta, &mut state);
                step(&optimizer_again, &mut again, &mut restored);
            }
            let bits = |theta: &[S]| theta.iter().map(|x| x.value().to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&again), bits(&theta), "{config:?} after {k}");
            optimizer.average(&mut theta, &state);
            optimizer_again.average(&mut again, &restored);
            assert_eq!((bits(&again), restored), (bits(&theta), state), "{config:?} after {k}");
        }
    }
}

#[test]
fn restored_runs_continue_in_the_same_bits() {
    a_restored_run_continues_in_the_same_bits::<f32>();
    a_restored_run_continues_in_the_same_bits::<f64>();
}

fn refused(optimizer: &Optimizer, count: u64, planes: &[f64], want: &str) {
    assert_eq!(optimizer.restore(3, count, planes), Err(want.into()));
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let adam = adam(0.1);
    refused(&adam, 1, &[0.0; 5], "state: planes should have 6 numbers, got 5");
    refused(&adam, 1, &[0.0; 3], "state: planes should have 6 numbers, got 3");
    refused(&adam, 1, &[], "state: planes should have 6 numbers, got 0");
    refused(&sgd(0.1), 1, &[0.0; 3], "state: planes should have 0 numbers, got 3");
    refused(&momentum(0.1, 0.9), 1, &[0.0; 6], "state: planes should have 3 numbers, got 6");
    let with = |at: usize, value: f64| std::array::from_fn::<f64, 6, _>(|i| if i == at { value } else { 0.5 });
    refused(&adam, 1, &with(0, f64::NAN), "state: number 0 of the planes should be finite, got NaN");
    refused(&adam, 1, &with(5, f64::INFINITY), "state: number 5 of the planes should be finite, got inf");
    refused(&adam, 1, &with(3, f64::NEG_INFINITY), "state: number 3 of the planes should be finite, got -inf");
    let most = 9_007_199_254_740_992;
    refused(&adam, u64::MAX, &[0.0; 6], "state: count should be at most 9007199254740992, got 18446744073709551615");
    refused(&adam, most + 1, &[0.0; 6], "state: count should be at most 9007199254740992, got 9007199254740993");

    // The last count that fits still steps.
    let mut state = adam.restore(3, most, &[0.0; 6]).expect("it fits");
    let mut theta = [1.0, 2.0, 3.0f64];
    adam.step(&mut theta, &mut [0.5, 0.0, -1.0], &[1.0; 3], 1.0, &mut state);
    assert!(state.count() == most + 1 && theta.iter().all(|x| x.is_finite()));
}

#[test]
fn states_are_told_apart_by_every_bit() {
    let state = |count, number| momentum(0.1, 0.9).restore(2, count, &[number, 1.0]).expect("it fits");
    assert_eq!(state(3, 0.5), state(3, 0.5));
    assert_ne!(state(3, 0.5), state(4, 0.5));
    assert_ne!(state(3, 0.0), state(3, -0.0));
}

#[test]
fn a_state_serves_a_chain_with_other_links_and_the_same_planes() {
    let momentum = Optimizer::default().then(AddMomentum { momentum: 0.9, nesterov: false });
    let mut state = momentum.state(2);
    momentum.step(&mut [0.0; 2], &mut [3.0, 4.0], &[1.0; 2], 1.0, &mut state);
    let clip = Optimizer::default().then(ClipByGlobalNorm { limit: 100.0 });
    let rate = Optimizer::default().then(ScaleByRate { schedule: 0.5 });
    let longer = Optimizer::new([clip.links(), momentum.links(), rate.links()].concat());
    let (mut theta, mut update) = ([0.0; 2], [1.0, 1.0f64]);
    longer.step(&mut theta, &mut update, &[1.0; 2], 1.0, &mut state);
    assert!((update[0] - 1.85).abs() < 1e-15 && (update[1] - 2.3).abs() < 1e-15, "{update:?}");
    // And back to fewer links.
    momentum.step(&mut theta, &mut [0.0; 2], &[1.0; 2], 1.0, &mut state);
    assert_eq!(state.count(), 3);
    // A chain that needs scratch makes room for it.
    let (init, role) = (Init::Constant { value: 0.0 }, Role::Weight);
    let block = Block { name: "w", rows: 2, cols: 1, role, init, offset: 0 };
    let orthogonal = Optimizer::default().then(OrthogonalizeMatrices).on(&[block]);
    let (mut small, mut own) = ([3.0f64, 4.0], [3.0, 4.0]);
    orthogonal.step(&mut theta, &mut small, &[1.0; 2], 1.0, &mut Optimizer::default().state(2));
    orthogonal.step(&mut theta, &mut own, &[1.0; 2], 1.0, &mut orthogonal.state(2));
    assert!(small == own && small != [3.0, 4.0]);
}

#[test]
#[should_panic(expected = "optimizer: state should have 2 numbers, got 4")]
fn a_step_refuses_a_state_with_other_planes() {
    let mut state = adam(0.1).state(2);
    momentum(0.1, 0.9).step(&mut [0.0; 2], &mut [0.0; 2], &[1.0; 2], 1.0, &mut state);
}

#[test]
#[should_panic(expected = "optimizer: gradient and weight mask should have 2 numbers, got 3 and 2")]
fn a_step_refuses_a_gradient_of_another_length() {
    sgd(0.1).step(&mut [0.0; 2], &mut [0.0; 3], &[1.0; 2], 1.0, &mut sgd(0.1).state(2));
}

#[test]
#[should_panic(expected = "optimizer: gradient and weight mask should have 2 numbers, got 2 and 1")]
fn a_step_refuses_a_mask_of_another_length() {
    sgd(0.1).step(&mut [0.0; 2], &mut [0.0; 2], &[1.0], 1.0, &mut sgd(0.1).state(2));
}
