//! What keeps a network that is too large for its rows from learning them by heart: one table of penalties, noise, mixtures and
//! ensembles on the same data, each by one entry of the recipe.
//!
//! `cargo run --release --example regularization`

use layerwise::data::two_moons;
use layerwise::regularizers::Groups;
use layerwise::{
    Activities, ActivitySpec, Dataset, Ensemble, GroupLasso, JacobianSpec, L1, L2, MaxNorm, Mixup, Model, NetworkSpec,
    Orthogonality, PenaltySpec, Prepared, ProximalGroupLasso, Recipe, Regularizers, Sigmoid, SoftmaxCrossEntropy,
    Sparsity, StudentT, Target,
};

type Failure = Box<dyn std::error::Error>;
/// A name, and what it changes in the recipe.
type Row = (&'static str, fn(&mut Recipe));

fn penalty(recipe: &mut Recipe, penalty: impl Into<Regularizers>) {
    recipe.penalties.push(PenaltySpec { penalty: penalty.into(), layers: Vec::new(), biases: false });
}

fn activity(recipe: &mut Recipe, penalty: impl Into<Activities>) {
    recipe.activities.push(ActivitySpec { penalty: penalty.into(), layers: Vec::new() });
}

const ROWS: [Row; 16] = [
    ("nothing", |_| {}),
    ("L2", |r| penalty(r, L2 { strength: 0.01 })),
    ("L1", |r| penalty(r, L1 { strength: 0.003 })),
    ("group lasso", |r| penalty(r, GroupLasso { strength: 0.001, groups: Groups::Incoming })),
    ("group lasso, proximal", |r| penalty(r, ProximalGroupLasso { strength: 0.3, groups: Groups::Incoming })),
    ("orthogonality", |r| penalty(r, Orthogonality { strength: 0.01 })),
    ("max-norm", |r| penalty(r, MaxNorm { limit: 1.0 })),
    ("activations, L1", |r| activity(r, L1 { strength: 0.003 })),
    ("activations, Student's t", |r| activity(r, StudentT { strength: 0.003 })),
    ("activations, rare (sigmoid)", |r| {
        r.network.set_activation(Sigmoid.into());
        activity(r, Sparsity { mean: 0.1, strength: 0.01 });
    }),
    ("Jacobian", |r| r.jacobian = Some(JacobianSpec { strength: 0.1, projections: 1 })),
    ("dropout", |r| r.network.dropout = 0.2),
    ("label smoothing", |r| r.loss = Some(SoftmaxCrossEntropy { smoothing: 0.1, ..Default::default() }.into())),
    ("mixup", |r| r.mixup = Some(Mixup { alpha: 0.5 })),
    ("8 bagged", |r| r.ensemble = Some(Ensemble::Bagged { members: 8 })),
    ("5 snapshots", |r| r.ensemble = Some(Ensemble::Snapshots { members: 5 })),
];

fn train(recipe: &Recipe, data: &Dataset) -> Result<Model, Failure> {
    let prepared = Prepared::<f32>::new(recipe, data, None)?;
    Ok(match recipe.ensemble {
        Some(ensemble) => {
            let members = prepared.members(ensemble, recipe.seed, 2, &|| false)?;
            Model::ensemble(&prepared, data, &members)?
        }
        None => Model::new(&prepared, data, &prepared.train(recipe.seed, &mut [], &mut ()).1),
    })
}

/// The mean of −ln p of the right class: how much the answers surprise whoever believes the predictions.
fn surprise(model: &Model, data: &Dataset) -> Result<f64, Failure> {
    let Target::Classes { labels, .. } = &data.target else { return Err("classes".into()) };
    let p = model.predict_proba(&data.x)?;
    let sum: f64 = p.column_iter().zip(labels).map(|(p, &label)| -p[label as usize].ln()).sum();
    Ok(sum / labels.len() as f64)
}

/// Panics or fails if the result is not as good as it should be.
pub fn main() -> Result<(), Failure> {
    let (few, many) = (two_moons(80, 0.35, 3), two_moons(2000, 0.35, 4));
    let base = Recipe {
        network: NetworkSpec { hidden: vec![64, 64], ..NetworkSpec::default() },
        epochs: 100,
        batch: 16,
        early_stopping: None,
        ..Recipe::default()
    };
    println!("{:<28} {:>15} {:>15} {:>13}", "", "training error", "error on new", "surprise");
    let mut losses = Vec::new();
    for (name, change) in ROWS {
        let mut recipe = base.clone();
        change(&mut recipe);
        let model = train(&recipe, &few)?;
        let (seen, new) = (model.evaluate(&few)?, model.evaluate(&many)?);
        let loss = surprise(&model, &many)?;
        println!("{name:<28} {:>13.1} % {:>13.1} % {loss:>13.3}", 100.0 * seen.error, 100.0 * new.error);
        losses.push(loss);
        if recipe.network.dropout > 0.0 {
            // How unsure the network is of its probabilities: their spread over passes with noise.
            let spread = model.predict_spread(&many.x, 50)?.deviation;
            println!("{:<28} spread of its probabilities over 50 passes: {:.3}", "", spread.mean());
            assert!(spread.mean() > 0.0);
        }
    }
    let better = losses[1..].iter().filter(|loss| **loss < losses[0]).count();
    println!("{better} of {} are less surprised by new rows than nothing at all", losses.len() - 1);
    assert!(2 * better > ROWS.len(), "{better}");
    Ok(())
}
