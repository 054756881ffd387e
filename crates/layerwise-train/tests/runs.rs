//! A run is its numbers: the same seed gives the same bits, watched or not, cloned or not, on any number of threads; and a step
//! allocates nothing.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use layerwise_data::{Dataset, digits_split, friedman1, two_blobs};
use layerwise_layers::{BatchNorm, Dense, Dropout, Layers};
use layerwise_losses::{BernoulliCrossEntropy, Losses};
use layerwise_network::{Probe, Snapshot};
use layerwise_optimizers::{Adam, Averaging, Muon, Optimizers, Sgd};
use layerwise_regularizers::{GroupLasso, L2, MaxNorm, Orthogonality, ProximalGroupLasso, Regularizers, StudentT};
use layerwise_tensor::Team;
use layerwise_train::{
    ActivitySpec, JacobianSpec, LayerSpec, Mixup, MlpClassifier, Model, NetworkSpec, PenaltySpec, Prepared, Recipe,
    Residual, Run, StopReason,
};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

// SAFETY: every call goes to the system's allocator unchanged; only a counter is kept beside it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A recipe with a bit of everything that has state or noise.
fn recipe(optimizer: Optimizers) -> Recipe {
    let dense = |width| LayerSpec::Layer(Layers::Dense(Dense::new(width)));
    let activation = |name: &str| serde_json::from_str::<LayerSpec>(&format!("\"{name}\"")).unwrap();
    let penalty = |penalty| PenaltySpec { penalty, layers: Vec::new(), biases: false };
    Recipe {
        epochs: 3,
        batch: 100,
        optimizer,
        network: NetworkSpec {
            layers: vec![
                dense(300),
                LayerSpec::Layer(Layers::BatchNorm(BatchNorm::default())),
                activation("tanh"),
                LayerSpec::Layer(Layers::Dropout(Dropout { rate: 0.3 })),
                LayerSpec::Residual(Residual {
                    layers: vec![dense(300), activation("gelu"), dense(300)],
                    projection: false,
                }),
                activation("relu"),
            ],
            hidden: Vec::new(),
            ..NetworkSpec::default()
        },
        penalties: vec![
            penalty(Regularizers::L2(L2 { strength: 1e-3 })),
            penalty(Regularizers::MaxNorm(MaxNorm { limit: 2.0 })),
        ],
        ..Recipe::default()
    }
}

fn optimizers() -> [Optimizers; 2] {
    [Sgd { rate: 0.05, momentum: 0.9, ..Sgd::default() }.into(), Adam { clip: Some(1.0), ..Adam::default() }.into()]
}

fn prepared(optimizer: Optimizers) -> Prepared<f32> {
    let parts = digits_split();
    Prepared::new(&recipe(optimizer), &parts.train, Some(&parts.validation)).unwrap()
}

fn bits(run: &Run<f32>) -> Vec<u32> {
    run.theta().iter().chain(run.state().planes()).map(|v| v.to_bits()).collect()
}

fn steps(run: &mut Run<f32>, n: usize) {
    for _ in 0..n {
        run.step(&mut []).unwrap();
    }
}

#[test]
fn the_same_bits_watched_or_not() {
    struct Every(usize);
    impl Probe<f32> for Every {
        fn due(&self, step: u64) -> bool {
            step % 2 == 1
        }
        fn observe(&mut self, at: &Snapshot<'_, f32>) {
            assert!(at.value.is_finite() && at.theta.len() == at.update.len());
            self.0 += 1;
        }
    }
    for optimizer in optimizers() {
        let prepared = prepared(optimizer);
        let (mut plain, mut watched, mut probe) = (prepared.start(3), prepared.start(3), Every(0));
        for _ in 0..25 {
            plain.step(&mut []).unwrap();
            watched.step(&mut [&mut probe]).unwrap();
        }
        assert_eq!(probe.0, 13);
        assert!(bits(&plain) == bits(&watched));
    }
}

#[test]
fn the_same_bits_on_any_number_of_threads() {
    for optimizer in optimizers() {
        let prepared = prepared(optimizer);
        let mut one = prepared.start(5);
        steps(&mut one, 15);
        for threads in [2, 3] {
            let mut more = prepared.start(5);
            Team::new(threads).unwrap().install(|| steps(&mut more, 15));
            assert!(bits(&one) == bits(&more), "{threads} threads");
        }
    }
}

#[test]
fn every_regularization_has_the_same_bits_in_forks_and_on_threads_and_allocates_nothing() {
    let penalty = |penalty| PenaltySpec { penalty, layers: Vec::new(), biases: false };
    let recipe = Recipe {
        penalties: vec![
            penalty(GroupLasso::default().into()),
            penalty(ProximalGroupLasso::default().into()),
            penalty(Orthogonality::default().into()),
        ],
        activities: vec![ActivitySpec { penalty: StudentT::default().into(), layers: Vec::new() }],
        jacobian: Some(JacobianSpec { strength: 0.01, projections: 1 }),
        mixup: Some(Mixup { alpha: 0.2 }),
        ..recipe(Sgd { rate: 0.05, momentum: 0.9, ..Sgd::default() }.into())
    };
    let prepared = Prepared::<f32>::new(&recipe, &digits_split().train, None).unwrap();
    let mut one = prepared.start(5);
    steps(&mut one, 1);
    let before = ALLOCATIONS.get();
    steps(&mut one, 1);
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in a step");
    let mut fork = one.clone();
    let mut again = one.under(std::sync::Arc::clone(one.setup()));
    for run in [&mut one, &mut fork, &mut again] {
        steps(run, 2);
    }
    assert!(bits(&one) == bits(&fork) && bits(&one) == bits(&again));
    let mut two = prepared.start(5);
    Team::new(2).unwrap().install(|| steps(&mut two, 4));
    assert!(bits(&one) == bits(&two));
    // A fork may stop mixing, and begin again.
    let plain = layerwise_train::Setup { mixup: None, jacobian: None, ..(**one.setup()).clone() };
    let mut plain = one.under(std::sync::Arc::new(plain));
    steps(&mut plain, 1);
    let mut mixed = plain.under(std::sync::Arc::clone(one.setup()));
    steps(&mut mixed, 1);
    steps(&mut one, 2);
    assert!(bits(&mixed) != bits(&one));
}

/// Its matrix products are the work of many steps: few are enough.
#[test]
fn muon_and_its_average_have_the_same_bits_on_any_number_of_threads_and_allocate_nothing() {
    let average = Some(Averaging::Exponential { decay: 0.5 });
    let prepared = prepared(Muon { average, ..Muon::default() }.into());
    let mut one = prepared.start(5);
    steps(&mut one, 2);
    let before = ALLOCATIONS.get();
    steps(&mut one, 2);
    assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in 2 steps");
    let mut two = prepared.start(5);
    Team::new(2).unwrap().install(|| steps(&mut two, 4));
    assert!(bits(&one) == bits(&two) && one.averaged() == two.averaged() && one.averaged() != one.theta());
}

#[test]
fn a_clone_continues_in_the_same_bits_and_another_seed_does_not() {
    for optimizer in optimizers() {
        let prepared = prepared(optimizer);
        let mut run = prepared.start(7);
        steps(&mut run, 8);
        let mut fork = run.clone();
        steps(&mut run, 20);
        steps(&mut fork, 20);
        assert!(bits(&run) == bits(&fork) && run.step_count() == fork.step_count() && run.epoch() == fork.epoch());
        let mut other = prepared.start(8);
        steps(&mut other, 28);
        assert!(bits(&run) != bits(&other));
    }
}

#[test]
fn a_step_allocates_nothing() {
    for optimizer in optimizers() {
        let mut run = prepared(optimizer).start(1);
        // The first step may set up the scratch of the matrix product.
        steps(&mut run, 2);
        let before = ALLOCATIONS.get();
        steps(&mut run, 30);
        assert_eq!(ALLOCATIONS.get() - before, 0, "allocations in 30 steps");
    }
}

#[test]
fn a_loss_that_is_not_finite_stops_and_keeps_good_parameters() {
    let parts = digits_split();
    let recipe = Recipe {
        optimizer: Sgd { rate: 1e30, ..Sgd::default() }.into(),
        early_stopping: None,
        ..recipe(Sgd::default().into())
    };
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation)).unwrap();
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let StopReason::NotFinite(trouble) = &outcome.stop else { panic!("{:?}", outcome.stop) };
    assert!(trouble.step <= 5 && !trouble.layer.is_empty(), "{trouble}");
    assert!(outcome.theta.iter().all(|v| v.is_finite()));
}

#[test]
fn early_stopping_restores_the_best_parameters() {
    let parts = digits_split();
    let recipe = Recipe { epochs: 40, ..recipe(Adam { rate: 0.01, ..Adam::default() }.into()) };
    let recipe = Recipe { early_stopping: Some(layerwise_train::EarlyStopping { patience: 3, margin: 0.0 }), ..recipe };
    let prepared = Prepared::<f32>::new(&recipe, &parts.train, Some(&parts.validation)).unwrap();
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    let losses: Vec<f64> = outcome.history.iter().map(|row| row.validation.unwrap().loss).collect();
    let best = losses.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(outcome.delivered().validation.unwrap().loss, best);
    assert_eq!(prepared.score(&outcome.theta, &parts.validation).unwrap().loss, best);
    assert!(outcome.stop == StopReason::EarlyStopping && outcome.history.len() as u64 == outcome.epoch + 1 + 3);
}

#[test]
fn a_model_survives_its_file_and_damaged_files_are_refused() {
    let parts = digits_split();
    let model = MlpClassifier::default().epochs(5).fit(&parts.train).unwrap();
    let folder = std::env::temp_dir().join(format!("layerwise-model-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("model.json");
    model.save(&path).unwrap();
    let again = Model::load(&path).unwrap();
    let x = &parts.test.x;
    assert_eq!(model.predict_proba(x).unwrap(), again.predict_proba(x).unwrap());
    assert_eq!(model.predict_names(x).unwrap(), again.predict_names(x).unwrap());
    assert!(model.score(&parts.test).unwrap() > 0.85);
    let text = std::fs::read_to_string(&path).unwrap();
    let damaged = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        Model::load(&path).unwrap_err().to_string()
    };
    for (from, to, part) in [
        ("layerwise-model", "other", "format: should be layerwise-model 1, got other 1"),
        ("\"hidden\":[64]", "\"hidden\":[4000000000000]", "parameters"),
        ("\"hidden\":[64]", "\"hidden\":[18446744073709551615]", "too many parameters"),
        ("\"rows\":64", "\"rows\":63", "block: should be hidden1/w 64x64, got hidden1/w 63x64"),
        ("\"epochs\":5", "\"epochs\":0", "epochs: should be at least 1, got 0"),
        ("\"numbers\":[", "\"numbers\":[1,", "parameters: should be"),
        ("{", "", "should be a model file"),
    ] {
        let message = damaged(from, to);
        assert!(message.contains(part) && !message.contains('\n'), "{message}");
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// A model of one epoch, and inputs for it.
fn small_model(data: &Dataset, loss: Option<Losses>) -> Model {
    let recipe = Recipe { epochs: 1, loss, ..Recipe::default() };
    let prepared = Prepared::new(&recipe, data, None).unwrap();
    let (_, outcome) = prepared.train(1, &mut [], &mut ());
    Model::new(&prepared, data, &outcome)
}

#[test]
fn a_predictor_allocates_nothing_and_predicts_what_its_model_does() {
    let one_output = Losses::BernoulliCrossEntropy(BernoulliCrossEntropy);
    for (data, loss) in
        [(digits_split().test, None), (friedman1(100, 5, 1.0, 1), None), (two_blobs(100, 2, 1.0, 1), Some(one_output))]
    {
        let model = small_model(&data, loss);
        // What a program has is numbers in f32.
        let x: Vec<f32> = data.x.iter().map(|&v| v as f32).collect();
        let wide = nalgebra::DMatrix::from_iterator(data.x.nrows(), data.x.ncols(), x.iter().map(|&v| f64::from(v)));
        let want: Vec<f32> = model.predict_proba(&wide).unwrap().iter().map(|&v| v as f32).collect();
        for samples in [1, 7, 1000] {
            let mut predictor = model.predictor(samples);
            let (d, k) = (predictor.n_features(), predictor.n_outputs());
            let mut y = vec![f32::NAN; data.len() * k];
            predictor.predict_into(&x[..d], &mut y[..k]).unwrap();
            let before = ALLOCATIONS.get();
            predictor.predict_into(&x, &mut y).unwrap();
            for (x, y) in x.chunks(d).zip(y.chunks_mut(k)).take(10) {
                predictor.predict_into(x, y).unwrap();
            }
            assert_eq!(ALLOCATIONS.get() - before, 0);
            assert!(y.iter().zip(&want).all(|(y, want)| (y - want).abs() <= 1e-5 * want.abs().max(1.0)));
            let refused =
                |n, m| predictor.clone().predict_into(&vec![0.0; n], &mut vec![0.0; m]).unwrap_err().to_string();
            assert_eq!(refused(d + 1, k), format!("x: length should be a multiple of {d}, got {}", d + 1));
            assert_eq!(refused(2 * d, k), format!("y: length should be {} for 2 samples, got {k}", 2 * k));
        }
    }
}

#[test]
fn sample_weights_count_like_repeated_rows() {
    // Two of the rows three times, against weights of 3: a score is the weighted mean, so both are the same number.
    let parts = digits_split();
    let few: Vec<usize> = (0..10).collect();
    let repeated: Vec<usize> = few.iter().copied().chain([0, 0, 1, 1]).collect();
    let scores = |data: &Dataset| {
        let recipe = Recipe { batch: 10, early_stopping: None, ..Recipe::default() };
        let prepared = Prepared::<f64>::new(&recipe, data, None).unwrap();
        let fixed = Prepared::<f64>::new(&recipe, &parts.train, None).unwrap();
        fixed.score(prepared.start(1).theta(), data).unwrap().loss
    };
    let mut weights = vec![1.0; 10];
    (weights[0], weights[1]) = (3.0, 3.0);
    let weighted = parts.train.subset(&few).with_weights(weights).unwrap();
    assert!((scores(&weighted) / scores(&parts.train.subset(&repeated)) - 1.0).abs() < 1e-12);
}
