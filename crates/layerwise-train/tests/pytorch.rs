//! 200 steps of every optimizer on a 3-layer tanh network give PyTorch's θ, and the averages of those that average
//! (`reference/pytorch.py` made the numbers, and has Lion and the schedule-free methods as in their papers).
#![allow(clippy::unwrap_used)]

use layerwise_core::{Pass, Pointwise};
use layerwise_layers::Dense;
use layerwise_losses::{Losses, SoftmaxCrossEntropy};
use layerwise_network::{Batch, Builder, Network, Penalty, Supervised, Where, Workspace};
use layerwise_optimizers::{
    Adagrad, Adam, Adamax, Adamw, Amsgrad, Averaging, DecayOn, Lion, Muon, Nadam, Optimizers, Radam, Rmsprop,
    ScheduleFreeAdamw, ScheduleFreeSgd, Sgd,
};
use layerwise_optimizers::{AddMomentum, Optimizer, ScaleByRate, Scheduled, Schedules};
use layerwise_regularizers::L2;
use layerwise_tensor::{Buf, Key, Mat, Purpose};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap()],
    }
}

fn network() -> Network {
    let tanh = || Pointwise(layerwise_activations::Tanh);
    Builder::new(5)
        .layer(Dense::new(7))
        .layer(tanh())
        .layer(Dense::new(6))
        .layer(tanh())
        .layer(Dense::new(3))
        .build()
        .unwrap()
}

/// Block after block, without padding, as the reference stores θ.
fn pack(network: &Network, theta: &[f64]) -> Vec<f64> {
    network.blocks().flat_map(|(_, block)| theta[block.range()].to_vec()).collect()
}

fn unpack(network: &Network, packed: &[f64]) -> Buf<f64> {
    let mut theta = Buf::zeros(network.n_theta());
    let mut at = 0;
    for (_, block) in network.blocks() {
        let n = block.rows * block.cols;
        theta[block.range()].copy_from_slice(&packed[at..at + n]);
        at += n;
    }
    theta
}

fn optimizer(name: &str) -> (Optimizer, Vec<Penalty>) {
    let l2 = || Penalty::Parameters { regularizer: std::sync::Arc::new(L2 { strength: 0.01 }), on: Where::default() };
    let from = |o: Optimizers| (o.build(), Vec::new());
    match name {
        "sgd" => from(Sgd { rate: 0.05, ..Sgd::default() }.into()),
        "sgd_momentum" => from(Sgd { rate: 0.05, momentum: 0.9, ..Sgd::default() }.into()),
        "sgd_nesterov" => from(Sgd { rate: 0.05, momentum: 0.9, nesterov: true, ..Sgd::default() }.into()),
        "adagrad" => from(Adagrad { rate: 0.05, ..Adagrad::default() }.into()),
        "rmsprop" => from(Rmsprop { rate: 0.005, ..Rmsprop::default() }.into()),
        "adam" => from(Adam { rate: 0.01, ..Adam::default() }.into()),
        "adamw" => {
            from(Adamw { rate: 0.01, weight_decay: 0.05, decay_on: DecayOn::Everything, ..Adamw::default() }.into())
        }
        "amsgrad" => from(Amsgrad { rate: 0.01, ..Amsgrad::default() }.into()),
        "nadam" => from(Nadam { rate: 0.01, ..Nadam::default() }.into()),
        "adamax" => from(Adamax { rate: 0.01, ..Adamax::default() }.into()),
        "radam" => from(Radam { rate: 0.01, ..Radam::default() }.into()),
        "lion" => from(Lion { rate: 0.001, weight_decay: 0.05, ..Lion::default() }.into()),
        "muon" => from(Muon { rate: 0.01, ..Muon::default() }.into()),
        "schedule_free_sgd" => {
            let schedule = Schedules::WarmUp { steps: 20, then: Box::default() };
            from(ScheduleFreeSgd { rate: 0.2, weight_decay: 0.01, schedule, ..ScheduleFreeSgd::default() }.into())
        }
        "schedule_free_adamw" => {
            from(ScheduleFreeAdamw { rate: 0.01, weight_decay: 0.05, ..ScheduleFreeAdamw::default() }.into())
        }
        "sgd_average" => {
            let average = Some(Averaging::Uniform { from: 50 });
            from(Sgd { rate: 0.05, average, ..Sgd::default() }.into())
        }
        "sgd_exponential_average" => {
            let average = Some(Averaging::Exponential { decay: 0.95 });
            from(Sgd { rate: 0.05, average, ..Sgd::default() }.into())
        }
        "sgd_one_cycle" => {
            let schedule = Schedules::OneCycle { steps: 150, peak: 0.3, start: 0.04, end: 4e-6 };
            from(Sgd { rate: 0.2, schedule, ..Sgd::default() }.into())
        }
        "sgd_cosine_restarts" => {
            let schedule = Schedules::CosineRestarts { steps: 20, growth: 2, floor: 0.1 };
            from(Sgd { rate: 0.1, schedule, ..Sgd::default() }.into())
        }
        "adam_clip" => from(Adam { rate: 0.01, clip: Some(0.5), ..Adam::default() }.into()),
        "sgd_cosine_l2" => {
            let schedule = Scheduled { rate: 0.05, schedule: Schedules::Cosine { steps: 200, floor: 0.0 } };
            let plain = AddMomentum { momentum: 0.0, nesterov: false };
            (Optimizer::default().then(plain).then(ScaleByRate { schedule }), vec![l2()])
        }
        other => panic!("no optimizer for {other}"),
    }
}

#[test]
fn two_hundred_steps_of_every_optimizer() {
    let reference: Value = serde_json::from_str(include_str!("reference/pytorch.json")).unwrap();
    let network = network();
    let x = numbers(&reference["x"]);
    let labels: Vec<u32> = numbers(&reference["labels"]).iter().map(|&l| l as u32).collect();
    let loss = Losses::SoftmaxCrossEntropy(SoftmaxCrossEntropy::default()).boxed();
    let weights = network.weights_mask::<f64>();
    for run in reference["runs"].as_array().unwrap() {
        let name = run["name"].as_str().unwrap();
        let (optimizer, penalties) = optimizer(name);
        let optimizer = optimizer.on(network.blocks().map(|(_, block)| block));
        let mut theta = unpack(&network, &numbers(&reference["theta0"]));
        let mut grad = Buf::zeros(theta.len());
        let mut state = optimizer.state(theta.len());
        let mut workspace = Workspace::new(&network, 8);
        for step in 0..200usize {
            let first = step % 3 * 8;
            let mut objective = Supervised {
                network: &network,
                loss: &*loss,
                penalties: &penalties,
                batch: Batch {
                    x: Mat::new(&x[first * 5..(first + 8) * 5], 5, 8),
                    targets: layerwise_core::Targets::Classes(&labels[first..first + 8]),
                    weights: None,
                },
                workspace: &mut workspace,
                pass: Pass::Train,
                key: Key::new(0, Purpose::Mask),
            };
            let risk = objective.risk(&theta);
            layerwise_core::Objective::eval(&mut objective, &theta, &mut grad);
            if let Some(at) = [0, 9, 199].iter().position(|&s| s == step) {
                let want = numbers(&run["loss"])[at];
                assert!((risk / want - 1.0).abs() < 1e-12, "{name}, loss of step {step}: {risk}, should be {want}");
            }
            optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
            let mut average = theta.clone();
            optimizer.average(&mut average, &state);
            for (what, theta) in [("theta", &theta), ("average", &average)] {
                let Some(want) = run[what].get((step + 1).to_string()) else { continue };
                let undivided = ["sgd", "lion", "schedule_free_sgd"].iter().any(|plain| name.starts_with(plain));
                let bound = if undivided { 1e-12 } else { 1e-10 };
                let (got, want) = (pack(&network, theta), numbers(want));
                let size = want.iter().fold(0.0f64, |m, w| m.max(w.abs()));
                for (g, w) in got.iter().zip(&want) {
                    let error = (g - w).abs() / w.abs().max(1e-3 * size);
                    assert!(error <= bound, "{name}, {what} after {} steps: {g}, should be {w} ({error:e})", step + 1);
                }
            }
        }
    }
}
