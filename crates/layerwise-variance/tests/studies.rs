//! Studies: the same bits for any number of threads, finished trainings are kept, and what is wrong is one line.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_data::{Dataset, Friedman1, Target, Teacher, two_moons};
use layerwise_stats::Part;
use layerwise_train::{EarlyStopping, NetworkSpec, Recipe, TrainError};
use layerwise_variance::{
    Basis, By, Fit, LeastSquares, Measure, Point, Progress, RecipeTrainer, Restarts, Runner, Source, Study, Trainer,
    VarianceError,
};
use nalgebra::DMatrix;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("layerwise-variance-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn quick() -> RecipeTrainer {
    RecipeTrainer::new(Recipe {
        epochs: 15,
        network: NetworkSpec { hidden: vec![6], ..NetworkSpec::default() },
        early_stopping: Some(EarlyStopping { patience: 3, margin: 0.0 }),
        ..Recipe::default()
    })
}

#[test]
fn trainings_have_the_same_bits_for_any_number_of_threads() {
    let moons = two_moons(200, 0.2, 1);
    let test = two_moons(50, 0.2, 2);
    let source = Source::Parts { table: &moons, parts: 4 };
    let study = Study { source, test: &test, measure: Measure::CrossEntropy, seed: 1 };
    let trainer = quick();
    let points = [20, 50].map(|rows| Point { sets: 0..4, starts: 3, ..Point::new(rows, &trainer) });
    let split = |threads| {
        let found = study.run(&points, &Runner { threads, ..Runner::default() }).unwrap();
        assert!(found.iter().all(|ensemble| ensemble.broken == 0));
        found
            .iter()
            .map(|ensemble| format!("{:?} {ensemble:?}", study.split(ensemble, None).unwrap()))
            .collect::<Vec<_>>()
    };
    let alone = split(1);
    assert_eq!(alone, split(3));
    assert_ne!(alone[0], alone[1]);
    // Starts and sets both matter.
    let found = study.run(&points, &Runner::default()).unwrap();
    let found = study.split(&found[1], None).unwrap();
    assert!(found.part(Part::Sample).unwrap().value > 0.0 && found.part(Part::Start).unwrap().value > 0.0, "{found:?}");
}

#[test]
fn a_stopped_study_goes_on_and_another_study_is_refused() {
    let folder = Folder::new("kept");
    let friedman = Friedman1 { features: 5, noise: 1.0 };
    let source = Source::Fresh(&friedman);
    let test = source.draw(Source::TEST, 30, 1).unwrap();
    let study = Study { source, test: &test, measure: Measure::Squared, seed: 1 };
    let trained = AtomicUsize::new(0);
    let linear = LeastSquares { basis: Basis::Linear { features: 5 }, ridge: 0.1 };
    let counting = By {
        name: linear.name(),
        fit: |rows: &Dataset, seed: u64| {
            trained.fetch_add(1, Ordering::Relaxed);
            linear.fit(rows, seed, &|| false)
        },
    };
    let points = [Point { sets: 0..6, starts: 2, ..Point::new(10, &counting) }];
    let told = Mutex::new(Vec::new());
    let progress = |progress: Progress| told.lock().unwrap().push((progress.done, progress.of));
    let seen = || trained.load(Ordering::Relaxed);
    let stop = || seen() == 5;
    let runner = Runner { keep: Some(folder.0.clone()), progress: &progress, stop: &stop, ..Runner::default() };
    let stopped = study.run(&points, &runner).unwrap_err();
    assert_eq!(stopped.to_string(), "stopped after 4 of 12 trainings");
    let runner = Runner { keep: Some(folder.0.clone()), threads: 2, progress: &progress, ..Runner::default() };
    let found = study.run(&points, &runner).unwrap();
    // The fifth was under way when it was stopped: it is not kept.
    assert_eq!(seen(), 5 + 8);
    let told: Vec<(usize, usize)> = std::mem::take(&mut *told.lock().unwrap());
    assert_eq!(told[..6], [(0, 12), (1, 12), (2, 12), (3, 12), (4, 12), (4, 12)], "{told:?}");
    assert!(told.len() == 14 && told.contains(&(12, 12)), "{told:?}");
    let alone = study.run(&points, &Runner::default()).unwrap();
    assert_eq!(format!("{found:?}"), format!("{alone:?}"));
    // All is there: nothing is trained. A damaged file is trained again.
    let before = seen();
    study.run(&points, &runner).unwrap();
    assert_eq!(seen(), before);
    fs::write(folder.0.join("point0-set3-start1.numbers"), "no numbers").unwrap();
    assert_eq!(format!("{:?}", study.run(&points, &runner).unwrap()), format!("{alone:?}"));
    assert_eq!(seen(), before + 1);

    let other = Study { seed: 2, ..study }.run(&points, &runner).unwrap_err().to_string();
    assert!(other.contains("plan.txt: line 2 should be `seed 2`, got `seed 1`") && !other.contains('\n'), "{other}");
    let more = [Point { sets: 0..7, ..points[0].clone() }];
    let other = study.run(&more, &runner).unwrap_err().to_string();
    assert!(other.contains("sets 0 to 7") && other.contains("sets 0 to 6"), "{other}");
}

#[test]
fn what_is_wrong_is_one_line() {
    let moons = two_moons(40, 0.2, 1);
    let trainer = quick();
    let say = |study: &Study<'_>, point: Point<'_>| study.run(&[point], &Runner::default()).unwrap_err().to_string();
    let parts = Source::Parts { table: &moons, parts: 5 };
    let study = Study { source: parts, test: &moons, measure: Measure::ZeroOne, seed: 1 };
    assert_eq!(say(&study, Point::new(9, &trainer)), "training sets: rows of a set should be from 1 to 8, got 9");
    let wrong = Study { measure: Measure::Squared, ..study };
    assert_eq!(
        say(&wrong, Point::new(8, &trainer)),
        "measure: should fit the targets, which are classes, got squared error"
    );
    let one = moons.subset(&[0]);
    assert!(trainer.check(&moons).is_ok());
    let say_check = |trainer: &RecipeTrainer| trainer.check(&one).unwrap_err().to_string();
    assert_eq!(say_check(&trainer), "validation part of two_moons: number of rows should be at least 1, got 0");
    let mut wrong = RecipeTrainer { validation: 0.0, ..trainer.clone() };
    assert!(wrong.check(&one).is_ok());
    wrong.recipe.network.dropout = 2.0;
    assert_eq!(say_check(&wrong), "network.dropout: should be in [0, 1), got 2");
    let refuses = By { name: "refuses".into(), fit: |_: &Dataset, _| Err(TrainError::recipe("rate", "should be low")) };
    assert_eq!(say(&study, Point::new(8, &refuses)), "rate: should be low");
    let nan =
        By { name: "nan".into(), fit: |_: &Dataset, _| Ok(Fit::new(|x: &DMatrix<f64>| vec![f64::NAN; 2 * x.ncols()])) };
    assert_eq!(say(&study, Point::new(8, &nan)), "decomposition: predictions should be finite, got NaN");
    let folder = Folder::new("file");
    fs::write(&folder.0, "a file").unwrap();
    let runner = Runner { keep: Some(folder.0.clone()), ..Runner::default() };
    let error = study.run(&[Point::new(8, &trainer)], &runner).unwrap_err();
    assert!(matches!(error, VarianceError::Io { .. }), "{error}");
    fs::remove_file(&folder.0).unwrap();
}

/// The outputs of a network are those of the model that `fit` gives, before the softmax, and unscaled for values.
#[test]
fn a_recipe_predicts_what_its_model_predicts() {
    let moons = two_moons(60, 0.2, 1);
    let recipe = Recipe { epochs: 5, early_stopping: None, seed: 9, ..Recipe::default() };
    let model = layerwise_train::MlpClassifier { recipe: recipe.clone(), validation: 0.0, balanced: false };
    let model = model.fit(&moons).unwrap();
    let fit = RecipeTrainer::new(recipe.clone()).fit(&moons, 9, &|| false).unwrap();
    let outputs = (fit.predict)(&moons.x).unwrap();
    for (y, p) in outputs.chunks(2).zip(model.predict_proba(&moons.x).unwrap().column_iter()) {
        assert!((1.0 / (1.0 + (y[0] - y[1]).exp()) - p[1]).abs() < 1e-6, "{y:?} {p:?}");
    }
    let teacher = Teacher { features: 3, hidden: 2, noise: 0.0, teacher: 1 };
    let mut values = layerwise_data::Generator::draw(&teacher, 60, 1).unwrap();
    let Target::Values { values: y, .. } = &mut values.target else { unreachable!() };
    *y *= 1000.0;
    let model = layerwise_train::MlpRegressor { recipe: recipe.clone(), validation: 0.0 }.fit(&values).unwrap();
    let fit = RecipeTrainer::new(recipe).fit(&values, 9, &|| false).unwrap();
    let outputs = (fit.predict)(&values.x).unwrap();
    assert!(
        outputs
            .iter()
            .zip(model.predict(&values.x).unwrap().iter())
            .all(|(a, b)| (a - b).abs() < 1e-2 * a.abs().max(1.0))
    );
}

/// One logit is two outputs; rows are held back only if something judges by them.
#[test]
fn one_logit_and_rows_held_back() {
    let moons = two_moons(60, 0.2, 1);
    let loss = Some(layerwise_losses::Losses::BernoulliCrossEntropy(Default::default()));
    let mut trainer = quick();
    trainer.recipe.loss = loss;
    let fit = trainer.fit(&moons, 1, &|| false).unwrap();
    let outputs = (fit.predict)(&moons.x).unwrap();
    assert!(outputs.len() == 120 && outputs.chunks(2).all(|y| y[0] == 0.0) && outputs.iter().any(|y| *y > 0.0));
    let function = |trainer: &RecipeTrainer| (trainer.fit(&moons, 1, &|| false).unwrap().predict)(&moons.x).unwrap();
    let other = |change: &dyn Fn(&mut RecipeTrainer)| {
        let mut other = trainer.clone();
        change(&mut other);
        function(&other)
    };
    assert_ne!(other(&|t| t.validation = 0.3), outputs);
    let plain = other(&|t| t.recipe.early_stopping = None);
    assert_ne!(plain, outputs);
    assert_eq!(other(&|t| (t.recipe.early_stopping, t.validation) = (None, 0.3)), plain);
    let plateau = other(&|t| (t.recipe.early_stopping, t.recipe.reduce_on_plateau) = (None, Some(Default::default())));
    assert_ne!(plateau, plain);
}

/// More restarts fit the sample at least as well, and the first alone is the plain training.
#[test]
fn the_best_of_restarts_fits_best() {
    let teacher = Teacher { features: 3, hidden: 2, noise: 0.1, teacher: 1 };
    let rows = layerwise_data::Generator::draw(&teacher, 40, 1).unwrap();
    let recipe = Recipe { early_stopping: None, epochs: 40, ..quick().recipe };
    let error = |trainer: &dyn Trainer, seed| {
        let fit = trainer.fit(&rows, seed, &|| false).unwrap();
        Measure::Squared.error((fit.predict)(&rows.x).unwrap(), &rows).unwrap()
    };
    let plain: Vec<f64> = (5..9).map(|seed| error(&RecipeTrainer::new(recipe.clone()), seed)).collect();
    let best = plain.iter().copied().fold(f64::INFINITY, f64::min);
    let of = |restarts| error(&Restarts { recipe: recipe.clone(), restarts }, 5);
    assert_eq!((of(1), of(4)), (plain[0], best));
    assert!(best < plain[0], "{plain:?}");
}
