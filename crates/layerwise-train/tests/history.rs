//! What the history of a training holds, and that it holds the same for any number of threads.
#![allow(clippy::unwrap_used)]

use layerwise_data::{Dataset, digits_split, friedman1};
use layerwise_optimizers::{Adam, ReduceOnPlateau, Sgd};
use layerwise_tensor::Team;
use layerwise_train::{EarlyStopping, Epoch, Prepared, Recipe, Scores, StopReason, TrainScores};

fn recipe(batch: usize) -> Recipe {
    let optimizer = Adam { rate: 0.01, ..Adam::default() }.into();
    Recipe { epochs: 4, batch, optimizer, early_stopping: None, ..Recipe::default() }
}

fn history(prepared: &Prepared<f32>, train_scores: TrainScores) -> Vec<Epoch> {
    let prepared = Prepared { train_scores, ..prepared.clone() };
    prepared.train(1, &mut [], &mut ()).1.history
}

fn close(a: Scores, b: Scores) -> bool {
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-5 * b.abs().max(1e-3);
    close(a.loss, b.loss) && close(a.error, b.error)
}

fn weighted(data: Dataset) -> Dataset {
    let weights = (0..data.len()).map(|i| 0.5 + (i % 3) as f64).collect();
    data.with_weights(weights).unwrap()
}

#[test]
fn seen_scores_are_those_before_each_step() {
    // One batch an epoch: what its step saw is what the epoch before ended with.
    for data in [digits_split().test, weighted(digits_split().test), friedman1(300, 5, 1.0, 1)] {
        let prepared = Prepared::new(&recipe(data.len()), &data, None).unwrap();
        let (seen, exact) = (history(&prepared, TrainScores::Seen), history(&prepared, TrainScores::Exact));
        assert_eq!(seen[0].train, exact[0].train);
        for (seen, before) in seen[1..].iter().zip(&exact) {
            assert!(close(seen.train, before.train), "{:?} {:?}", seen.train, before.train);
        }
        assert!(exact[4].train.loss < 0.9 * exact[0].train.loss);
    }
}

#[test]
fn seen_scores_are_the_mean_over_the_batches() {
    let data = weighted(digits_split().test.subset(&(0..100).collect::<Vec<_>>()));
    let prepared = Prepared::<f64>::new(&recipe(40), &data, None).unwrap();
    let mut run = prepared.start(3);
    assert!(run.seen().loss.is_nan());
    // Batches of 40, 40 and 20 rows whose weights have some sum W: the risk of a batch is Σ w l / n.
    let sums: f64 = [40.0, 40.0, 20.0].map(|n| n * run.step(&mut []).unwrap()).iter().sum();
    let weights: f64 = data.weights.as_ref().unwrap().iter().sum();
    assert!((run.seen().loss / (sums / weights) - 1.0).abs() < 1e-12);
    let (first, risk) = (run.seen(), run.step(&mut []).unwrap());
    assert!(run.seen() != first && risk > 0.0, "a new epoch begins anew");
}

#[test]
fn a_rule_that_judges_by_training_rows_gets_exact_scores() {
    let data = digits_split().test;
    let plain = Prepared::new(&recipe(32), &data, None).unwrap();
    let exact = history(&plain, TrainScores::Exact);
    assert!(history(&plain, TrainScores::Seen)[1..].iter().zip(&exact[1..]).all(|(a, b)| a.train != b.train));
    let early = Recipe { early_stopping: Some(EarlyStopping::default()), ..recipe(32) };
    let plateau = Recipe { reduce_on_plateau: Some(ReduceOnPlateau::default()), ..recipe(32) };
    for recipe in [early, plateau] {
        assert_eq!(history(&Prepared::new(&recipe, &data, None).unwrap(), TrainScores::Seen), exact);
    }
}

#[test]
fn how_the_rows_are_scored_does_not_change_the_training() {
    let parts = digits_split();
    let prepared = Prepared::<f32>::new(&recipe(32), &parts.test, Some(&parts.validation)).unwrap();
    let exact = Prepared { train_scores: TrainScores::Exact, ..prepared.clone() };
    let (a, b) = (prepared.train(1, &mut [], &mut ()).1, exact.train(1, &mut [], &mut ()).1);
    assert_eq!(a.theta[..], b.theta[..]);
    assert_eq!(prepared.scores(&a.theta), (b.delivered().train, b.delivered().validation));
    assert!(a.history.iter().zip(&b.history).all(|(a, b)| a.validation == b.validation));
}

#[test]
fn scores_have_the_same_bits_for_any_number_of_threads() {
    for data in [digits_split().train, friedman1(1000, 5, 1.0, 1)] {
        let prepared = Prepared::<f32>::new(&recipe(32), &data, None).unwrap();
        let scores = || prepared.scores(prepared.start(1).theta()).0;
        let one = scores();
        assert!(one.loss.is_finite() && one.error.is_finite());
        for threads in [2, 3, 9] {
            assert_eq!(Team::new(threads).unwrap().install(scores), one, "{threads} threads");
        }
    }
}

#[test]
fn parameters_under_which_the_last_batch_overflows_are_not_delivered() {
    let data = digits_split().test;
    let wild = Recipe { optimizer: Sgd { rate: 1e30, ..Sgd::default() }.into(), ..recipe(data.len()) };
    let prepared = Prepared::<f32>::new(&wild, &data, None).unwrap();
    let (run, outcome) = prepared.train(1, &mut [], &mut ());
    assert!(matches!(&outcome.stop, StopReason::NotFinite(trouble) if trouble.step == 1), "{:?}", outcome.stop);
    assert!(outcome.epoch == 0 && outcome.theta[..] == *prepared.start(1).theta() && run.theta() != &outcome.theta[..]);
    assert_eq!(outcome.history.len(), 2);
}
