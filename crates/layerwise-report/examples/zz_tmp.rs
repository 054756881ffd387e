//! temp
use layerwise_activations::{Activations, Relu};
use layerwise_data::{Task, digits_split, friedman1, split};
use layerwise_diagnosis::{Options, Rows, diagnose, record::units};
use layerwise_optimizers::Sgd;
use layerwise_report::*;
use layerwise_train::{NetworkSpec, Prepared, Recipe};
fn main() {
    let parts = digits_split();
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    let options = Options { threads: 2, seeds: 4, ..Options::default() };
    for (name, rate, early, hidden) in [("high", 20.0, false, vec![32, 32]), ("broken", 1e25, false, vec![32]), ("healthy", 0.05, true, vec![64]), ("many", 1e-4, false, vec![3; 3])] {
        let mut recipe = Recipe { epochs: 15, optimizer: Sgd { rate, momentum: 0.9, ..Sgd::default() }.into(),
            network: NetworkSpec { hidden, activation: Activations::Relu(Relu), ..Default::default() }, ..Recipe::default() };
        if !early { recipe.early_stopping = None; }
        let (d, p, c) = diagnose(&recipe, &rows, &options, &|_| (), &|| false).unwrap();
        println!("{}", diagnosis_text(&d, 80));
        let about = About { data: "digits", task: Task::Classification, command: "layerwise diagnose", recipe: "x = 1", remedied: "" };
        std::fs::write(format!("/tmp/{name}.html"), diagnosis_page(&d, &p, &c, &about)).unwrap();
        if name == "high" || name == "healthy" {
            let prepared = Prepared::<f32>::new(&recipe, &rows.train, rows.validation.as_ref()).unwrap();
            let mut run = prepared.start(1);
            let before = units(&run);
            let o = prepared.carry_on(&mut run, 15, &mut [], &mut ());
            let t = Training { summary: "all epochs done; parameters of epoch 15: error 0.01 on training rows, 0.02 on validation rows, 0.03 on test rows", history: &o.history, stop: &o.stop, delivered: o.epoch, before: &before, after: &units(&run) };
            std::fs::write(format!("/tmp/train_{name}.html"), training_page(&t, &about)).unwrap();
        }
    }
    let parts = split(&friedman1(300, 5, 0.1, 1), [0.5, 0.25, 0.25], 1).unwrap();
    let rows = Rows { train: parts.train, validation: Some(parts.validation), test: Some(parts.test) };
    let recipe = Recipe { epochs: 15, early_stopping: None, optimizer: Sgd { rate: 1e-5, ..Sgd::default() }.into(), ..Recipe::default() };
    let (d, p, c) = diagnose(&recipe, &rows, &options, &|_| (), &|| false).unwrap();
    println!("{}", diagnosis_text(&d, 80));
    let about = About { data: "friedman", task: Task::Regression, command: "layerwise diagnose", recipe: "x = 1", remedied: "" };
    std::fs::write("/tmp/friedman.html", diagnosis_page(&d, &p, &c, &about)).unwrap();
}
