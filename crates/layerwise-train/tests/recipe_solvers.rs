//! Solvers that a recipe names: each trains as any training does, with history, early stopping and an end on request; what cannot be
//! minimized is refused in one line before it begins.
#![allow(clippy::unwrap_used)]

use layerwise_core::{Objective, Solver, Stop};
use layerwise_data::{Dataset, Scaling, friedman1, split};
use layerwise_network::Workspace;
use layerwise_optimizers::{Lbfgs, ReduceOnPlateau, Sgd};
use layerwise_regularizers::{MaxNorm, Regularizers};
use layerwise_tensor::Buf;
use layerwise_train::{
    EarlyStopping, Epoch, KroneckerFactored, LimitedBfgs, NetworkSpec, PenaltySpec, Preconditioning, Prepared, Recipe,
    Solvers, StopReason, TrainScores, Truncated, Watch,
};

fn data() -> Dataset {
    friedman1(80, 5, 0.5, 1)
}

fn recipe(solver: Solvers) -> Recipe {
    let network = NetworkSpec {
        hidden: vec![6],
        activation: serde_json::from_str("\"tanh\"").unwrap(),
        ..NetworkSpec::default()
    };
    let (scaling, target_scaling) = (Scaling::None, Scaling::Standardize);
    Recipe {
        epochs: 30,
        solver: Some(solver),
        early_stopping: None,
        scaling,
        target_scaling,
        network,
        ..Recipe::default()
    }
}

fn prepared(recipe: &Recipe) -> Prepared<f64> {
    Prepared::new(recipe, &data(), None).unwrap()
}

#[test]
fn every_solver_of_the_catalog_trains_and_each_of_its_steps_is_an_epoch() {
    for solver in Solvers::all() {
        let prepared = prepared(&recipe(solver));
        let (run, outcome) = prepared.train(1, &mut [], &mut ());
        let losses: Vec<f64> = outcome.history.iter().map(|row| row.train.loss).collect();
        println!("{}: {} to {:?}, {:?}", solver.name(), losses[0], losses.last(), outcome.stop);
        assert_eq!(outcome.stop, StopReason::Epochs, "{}", solver.name());
        assert!(losses.len() == 31 && losses.is_sorted_by(|a, b| a * (1.0 + 1e-12) >= *b), "{losses:?}");
        assert!(losses[30] < 0.2 * losses[0], "{}: {losses:?}", solver.name());
        assert_eq!((run.epoch(), run.step_count(), outcome.epoch), (30, 30, 30));
        // What is delivered is what was scored, exactly; the same again gives the same bits.
        assert!(run.theta() == &outcome.theta[..] && prepared.scores(&outcome.theta).0.loss == losses[30]);
        assert!(outcome.history.iter().skip(1).all(|row| row.rate == 0.0));
        assert!(prepared.train(1, &mut [], &mut ()).1.theta == outcome.theta);
    }
}

#[test]
fn the_risk_is_that_of_all_rows_or_of_the_first_ones() {
    let all = data();
    let first: Vec<usize> = (0..50).collect();
    let recipe = |rows| Recipe {
        target_scaling: Scaling::None,
        epochs: 5,
        ..recipe(LimitedBfgs { rows, ..LimitedBfgs::default() }.into())
    };
    let train = |recipe: &Recipe, data: &Dataset| {
        Prepared::<f64>::new(recipe, data, None).unwrap().train(1, &mut [], &mut ()).1
    };
    let part = train(&recipe(Some(50)), &all);
    assert!(part.theta == train(&recipe(None), &all.subset(&first)).theta);
    assert!(part.theta != train(&recipe(None), &all).theta);
    assert!(train(&recipe(Some(1000)), &all).theta == train(&recipe(None), &all).theta);
    // And the solver's own.
    let prepared = Prepared::<f64>::new(&recipe(None), &all, None).unwrap();
    let mut workspace = Workspace::new(&prepared.setup.network, all.len());
    let mut risk = prepared.risk(all.len(), &mut workspace);
    let mut theta = Buf::copy_of(prepared.start(1).theta());
    struct Five<'a>(&'a mut dyn Objective<f64>, usize);
    impl Objective<f64> for Five<'_> {
        fn len(&self) -> usize {
            self.0.len()
        }
        fn eval(&mut self, theta: &[f64], grad: &mut [f64]) -> f64 {
            self.0.eval(theta, grad)
        }
        fn stepped(&mut self, _theta: &[f64], _value: f64) -> bool {
            self.1 -= 1;
            self.1 > 0
        }
    }
    let done = Lbfgs::default().minimize(&mut Five(&mut risk, 5), &mut theta, &Stop::default()).unwrap();
    assert_eq!(done.steps, 5);
    assert!(theta == train(&recipe(None), &all).theta);
}

/// Asks for the end after so many epochs.
struct Few(usize);

impl Watch for Few {
    fn epoch(&mut self, _row: &Epoch, of: usize) -> bool {
        assert_eq!(of, 30);
        self.0 -= 1;
        self.0 > 0
    }
}

#[test]
fn it_ends_on_request_at_a_minimum_and_early() {
    for solver in Solvers::all() {
        let (run, outcome) = prepared(&recipe(solver)).train(1, &mut [], &mut Few(3));
        assert_eq!((outcome.stop, outcome.history.len(), run.epoch()), (StopReason::Asked, 4, 3), "{}", solver.name());
    }
    // A linear model is at its minimum after some steps.
    let linear = NetworkSpec { hidden: Vec::new(), ..NetworkSpec::default() };
    for solver in Solvers::all() {
        let (_, outcome) =
            prepared(&Recipe { epochs: 500, network: linear.clone(), ..recipe(solver) }).train(1, &mut [], &mut ());
        println!("{}: {} epochs", solver.name(), outcome.epoch);
        assert!(outcome.stop == StopReason::Settled && outcome.epoch > 0, "{}: {:?}", solver.name(), outcome.stop);
    }
    // On few rows the validation loss rises soon.
    let parts = split(&data(), [0.5, 0.5, 0.0], 1).unwrap();
    let stopping = Some(EarlyStopping { patience: 4, margin: 0.0 });
    let recipe =
        Recipe { epochs: 300, early_stopping: stopping, ..recipe(Solvers::LimitedBfgs(LimitedBfgs::default())) };
    let prepared = Prepared::<f64>::new(&recipe, &parts.train, Some(&parts.validation)).unwrap();
    assert_eq!(prepared.train_scores, TrainScores::Seen);
    let (run, outcome) = prepared.train(1, &mut [], &mut ());
    let losses: Vec<f64> = outcome.history.iter().map(|row| row.validation.unwrap().loss).collect();
    assert!(outcome.stop == StopReason::EarlyStopping && run.epoch() == outcome.epoch + 4, "{losses:?}");
    assert_eq!(losses[outcome.epoch as usize], losses.iter().copied().fold(f64::INFINITY, f64::min));
    assert_eq!(prepared.scores(&outcome.theta).1.unwrap().loss, losses[outcome.epoch as usize]);
}

#[test]
fn a_preconditioner_takes_few_products_farther() {
    let loss = |preconditioner| {
        let solver = Truncated { products: 3, preconditioner, ..Truncated::default() };
        prepared(&recipe(solver.into())).train(1, &mut [], &mut ()).1.history[30].train.loss
    };
    let (plain, kronecker) = (loss(Preconditioning::None), loss(Preconditioning::Kronecker));
    println!("{plain}, with factors {kronecker}");
    assert!(kronecker < 0.8 * plain, "{plain}, with factors {kronecker}");
    let read = serde_json::from_str::<Solvers>(r#"{ "kind": "hessian-free", "preconditioner": "kronecker" }"#).unwrap();
    assert_eq!(read, Truncated { preconditioner: Preconditioning::Kronecker, ..Truncated::default() }.into());
    let mut normed = recipe(read);
    normed.network.hidden = Vec::new();
    normed.network.layers = serde_json::from_str(r#"[{ "kind": "highway" }]"#).unwrap();
    refused(normed, "solver: hessian-free: k-fac: layers with parameters should be dense, got highway in hidden1");
}

#[test]
fn names_read_alone_and_survive_a_round_trip() {
    assert_eq!(Solvers::all().iter().map(Solvers::name).collect::<Vec<_>>(), Solvers::NAMES);
    for solver in Solvers::all() {
        let read = |text: &str| serde_json::from_str::<Solvers>(text);
        assert_eq!(read(&format!("\"{}\"", solver.name())).unwrap(), solver);
        assert_eq!(read(&serde_json::to_string(&solver).unwrap()).unwrap(), solver);
        let whole = Recipe { early_stopping: Some(EarlyStopping::default()), ..recipe(solver) };
        let text = serde_json::to_string(&whole).unwrap();
        assert_eq!(serde_json::from_str::<Recipe>(&text).unwrap(), whole);
    }
    let stated = r#"{ "kind": "l-bfgs", "memory": 3, "rows": 40, "gradient": 0.5 }"#;
    let want = LimitedBfgs { memory: 3, rows: Some(40), gradient: 0.5 };
    assert_eq!(serde_json::from_str::<Solvers>(stated).unwrap(), Solvers::LimitedBfgs(want));
    let error = serde_json::from_str::<Solvers>(r#"{ "kind": "l-bfgs", "memori": 3 }"#).unwrap_err().to_string();
    assert!(error.contains("unknown field `memori`"), "{error}");
}

#[track_caller]
fn refused(recipe: Recipe, want: &str) {
    let line = Prepared::<f64>::new(&recipe, &data(), None).unwrap_err().to_string();
    assert_eq!(line, want);
}

#[test]
fn what_a_solver_cannot_minimize_is_refused_in_one_line() {
    let lbfgs = || recipe(LimitedBfgs::default().into());
    let with = |edit: &dyn Fn(&mut Recipe)| {
        let mut recipe = lbfgs();
        edit(&mut recipe);
        recipe
    };
    let noise =
        "solver: l-bfgs should have a risk that is the same twice: take an optimizer for noise, got dropout in hidden1";
    refused(with(&|r| r.network.dropout = 0.5), noise);
    refused(
        with(&|r| r.optimizer = Sgd::default().into()),
        "optimizer: should be absent beside a solver (l-bfgs), which takes its place",
    );
    refused(
        with(&|r| r.reduce_on_plateau = Some(ReduceOnPlateau::default())),
        "reduce_on_plateau: should be absent beside a solver (l-bfgs), which has no rate",
    );
    let penalty = Regularizers::MaxNorm(MaxNorm { limit: 1.0 });
    refused(
        with(&|r| r.penalties = vec![PenaltySpec { penalty: penalty.clone(), layers: Vec::new(), biases: false }]),
        "penalties[0]: should be absent beside a solver (l-bfgs), which has no place for max-norm after a step",
    );
    let mut wide = recipe(Solvers::SaddleFree(Default::default()));
    wide.network.hidden = vec![300];
    refused(
        wide,
        "solver: saddle-free-newton: parameters should be at most 2000, got 2101; l-bfgs, k-fac and hessian-free need no whole Hessian, \
         and leave-saddles estimates its lowest eigenvalue",
    );
    refused(
        recipe(LimitedBfgs { rows: Some(0), ..LimitedBfgs::default() }.into()),
        "solver: l-bfgs: rows should be at least 1, got 0",
    );
    refused(
        recipe(LimitedBfgs { gradient: f64::NAN, ..LimitedBfgs::default() }.into()),
        "solver: l-bfgs: gradient should be finite and at least 0, got NaN",
    );
    refused(
        recipe(KroneckerFactored { damping: 0.0, ..KroneckerFactored::default() }.into()),
        "solver: k-fac: damping should be finite and above 0, got 0",
    );
}
