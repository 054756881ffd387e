//! A trained network with everything that prediction needs: scaling, names, the way rows were read.
//!
//! The file is JSON: format, version, recipe, scalers, schema, names, and the parameters block by block. Reading one checks
//! every size against the network that the recipe describes before anything is allocated; it cannot run code or name a file.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use layerwise_core::{Block, Loss};
use layerwise_data::{Dataset, Layout, Scaler, Schema, Target, Task};
use layerwise_network::Network;
use layerwise_tensor::{Buf, Key, Purpose};
use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::ensemble::Members;
use crate::error::TrainError;
use crate::evaluate::{Scores, evaluate, predict, predict_rows, predict_with};
use crate::fit::Outcome;
use crate::predictor::Predictor;
use crate::prepared::Prepared;
use crate::recipe::Recipe;
use crate::samples::Samples;

const FORMAT: &str = "layerwise-model";
const VERSION: u32 = 1;
/// Model files larger than this are refused.
const MAX_BYTES: u64 = 1 << 30;

/// A trained network.
#[derive(Clone, Debug)]
pub struct Model {
    file: ModelFile,
    network: Network,
    loss: Arc<dyn Loss>,
    /// Of each member: one, unless it is an ensemble.
    thetas: Vec<Buf<f32>>,
}

/// Predictions with their spread.
#[derive(Clone, Debug, PartialEq)]
pub struct Spread {
    /// The mean over members and passes, outputs × samples.
    pub mean: DMatrix<f64>,
    /// Their standard deviation around it, with one degree of freedom less; 0 of a single one.
    pub deviation: DMatrix<f64>,
}

/// What stands in a model file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    format: String,
    version: u32,
    recipe: Recipe,
    task: Task,
    features: Vec<String>,
    /// Names of the classes or of the outputs.
    outputs: Vec<String>,
    scaler: Scaler,
    target_scaler: Scaler,
    /// How the features are steps, if the samples are sequences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    layout: Option<Layout>,
    schema: Option<Schema>,
    blocks: Vec<BlockFile>,
    /// The blocks of the other members of an ensemble.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    members: Vec<Vec<BlockFile>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockFile {
    name: String,
    rows: usize,
    cols: usize,
    /// Column after column.
    numbers: Vec<f32>,
}

impl Model {
    /// The model of a finished training.
    pub fn new(prepared: &Prepared<f32>, data: &Dataset, outcome: &Outcome<f32>) -> Model {
        Model::of(prepared, data, vec![outcome.theta.clone()])
    }

    /// The model that predicts the mean of what the members do.
    ///
    /// Errors: no member.
    pub fn ensemble(prepared: &Prepared<f32>, data: &Dataset, members: &Members<f32>) -> Result<Model, TrainError> {
        if members.outcomes.is_empty() {
            return Err(TrainError::recipe("ensemble", "should have at least 1 member, got 0"));
        }
        Ok(Model::of(prepared, data, members.outcomes.iter().map(|outcome| outcome.theta.clone()).collect()))
    }

    fn of(prepared: &Prepared<f32>, data: &Dataset, thetas: Vec<Buf<f32>>) -> Model {
        let setup = &prepared.setup;
        let file = ModelFile {
            format: FORMAT.into(),
            version: VERSION,
            recipe: prepared.recipe.clone(),
            task: data.task(),
            features: data.features.clone(),
            outputs: data.output_names().to_vec(),
            scaler: prepared.scaler.clone(),
            target_scaler: prepared.target_scaler.clone(),
            layout: data.layout,
            schema: None,
            blocks: Vec::new(),
            members: Vec::new(),
        };
        Model { file, network: setup.network.clone(), loss: Arc::clone(&setup.loss), thetas }
    }

    /// Remembers how the rows were read from a file, so that new ones are read the same way.
    pub fn with_schema(mut self, schema: Schema) -> Model {
        self.file.schema = Some(schema);
        self
    }

    /// How the rows were read, if it was from a file.
    pub fn schema(&self) -> Option<&Schema> {
        self.file.schema.as_ref()
    }

    /// The recipe it was trained by.
    pub fn recipe(&self) -> &Recipe {
        &self.file.recipe
    }

    /// The network.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The parameters; of an ensemble, those of its first member.
    pub fn theta(&self) -> &[f32] {
        &self.thetas[0]
    }

    /// The parameters of each member: one, unless it is an ensemble.
    pub fn members(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.thetas.iter().map(|theta| &theta[..])
    }

    /// Classification or regression.
    pub fn task(&self) -> Task {
        self.file.task
    }

    /// Names of the features, in the order of the rows of x.
    pub fn features(&self) -> &[String] {
        &self.file.features
    }

    /// Names of the classes, or of the outputs.
    pub fn output_names(&self) -> &[String] {
        &self.file.outputs
    }

    /// What predicts again and again without allocating, `samples` at a time. It keeps a copy of the parameters.
    pub fn predictor(&self, samples: usize) -> Predictor {
        Predictor::new(self, samples)
    }

    pub(crate) fn loss(&self) -> &Arc<dyn Loss> {
        &self.loss
    }

    /// Of the features, and of the target values.
    pub(crate) fn scalers(&self) -> (&Scaler, &Scaler) {
        (&self.file.scaler, &self.file.target_scaler)
    }

    /// Probabilities of the classes, or predicted values. For many small calls see [`Model::predictor`].
    ///
    /// Shapes: x is features × samples, the result outputs × samples. Errors: another number of features.
    pub fn predict_proba(&self, x: &DMatrix<f64>) -> Result<DMatrix<f64>, TrainError> {
        let x = self.scaled(x)?;
        let mut sum = DMatrix::zeros(self.network.d_out(), x.ncols());
        for theta in &self.thetas {
            sum += predict(&self.network, &*self.loss, theta, &x);
        }
        self.finished(sum / self.thetas.len() as f64)
    }

    /// Predictions with their spread: over the members of an ensemble, and over `passes` passes with the noise of training (dropout
    /// and the like) through each of them, if there are any. The noise is that of the recipe's seed: the same rows give the same numbers.
    ///
    /// Shapes: as for [`Model::predict_proba`], whose numbers the mean has with 0 passes, up to rounding. A network without noise spreads only as an
    /// ensemble. Errors: another number of features.
    /// Source: Gal and Ghahramani (2016), "Dropout as a Bayesian approximation", without their τ⁻¹ for the noise of the
    /// targets; ensembles, Lakshminarayanan, Pritzel and Blundell (2017).
    pub fn predict_spread(&self, x: &DMatrix<f64>, passes: usize) -> Result<Spread, TrainError> {
        let x = self.scaled(x)?;
        let noise: Vec<Option<u64>> = if passes == 0 { vec![None] } else { (0..passes as u64).map(Some).collect() };
        let (mut mean, mut squares) = (DMatrix::zeros(0, 0), DMatrix::zeros(0, 0));
        let mut n = 0.0;
        for (member, theta) in self.thetas.iter().enumerate() {
            for pass in &noise {
                let key = pass.map(|pass| {
                    // A seed for each member and pass; blocks of rows are the steps of its streams.
                    let mut rng = Key::new(self.file.recipe.seed, Purpose::Mask).step(pass).layer(member as u64).rng();
                    Key::new(rng.bits64(), Purpose::Mask)
                });
                let y = self.finished(predict_with(&self.network, &*self.loss, theta, &x, key))?;
                if n == 0.0 {
                    (mean, squares) = (DMatrix::zeros(y.nrows(), y.ncols()), DMatrix::zeros(y.nrows(), y.ncols()));
                }
                n += 1.0;
                // Welford (1962): a sum of squares without cancellation, in one pass.
                let gap = &y - &mean;
                mean += &gap / n;
                squares += gap.component_mul(&(y - &mean));
            }
        }
        let of = (n - 1.0f64).max(1.0);
        Ok(Spread { mean, deviation: squares.map(|square: f64| (square.max(0.0) / of).sqrt()) })
    }

    fn scaled(&self, x: &DMatrix<f64>) -> Result<DMatrix<f64>, TrainError> {
        let mut x = x.clone();
        if x.nrows() != self.network.d_in() {
            let problem = format!("number of features should be {}, got {}", self.network.d_in(), x.nrows());
            return Err(TrainError::recipe("x", problem));
        }
        self.file.scaler.transform(&mut x)?;
        Ok(x)
    }

    /// Outputs as the user knows them: in the units of the targets, or one probability for each class.
    fn finished(&self, mut y: DMatrix<f64>) -> Result<DMatrix<f64>, TrainError> {
        if self.file.task == Task::Regression {
            self.file.target_scaler.inverse(&mut y)?;
        } else if y.nrows() == 1 {
            // One output is the probability of the second class.
            y = DMatrix::from_fn(2, y.ncols(), |i, j| if i == 1 { y[(0, j)] } else { 1.0 - y[(0, j)] });
        }
        Ok(y)
    }

    /// The class of each sample, as a place in [`Model::output_names`].
    ///
    /// Errors: another number of features, or a regression model.
    pub fn predict_classes(&self, x: &DMatrix<f64>) -> Result<Vec<usize>, TrainError> {
        if self.file.task == Task::Regression {
            return Err(TrainError::recipe("predict_classes", "should be a classification model, got regression"));
        }
        Ok(self.predict_proba(x)?.column_iter().map(|column| column.imax()).collect())
    }

    /// The predicted values, outputs × samples, or the places of the classes as numbers, 1 × samples.
    ///
    /// Errors: another number of features.
    pub fn predict(&self, x: &DMatrix<f64>) -> Result<DMatrix<f64>, TrainError> {
        match self.file.task {
            Task::Regression => self.predict_proba(x),
            Task::Classification => {
                let classes = self.predict_classes(x)?;
                Ok(DMatrix::from_fn(1, classes.len(), |_, j| classes[j] as f64))
            }
        }
    }

    /// The names of the predicted classes.
    ///
    /// Errors: another number of features, or a regression model.
    pub fn predict_names(&self, x: &DMatrix<f64>) -> Result<Vec<&str>, TrainError> {
        Ok(self.predict_classes(x)?.into_iter().map(|class| self.file.outputs[class].as_str()).collect())
    }

    /// Mean loss and error on labelled rows. Of an ensemble, the loss is the mean over its members, and the error that of their mean
    /// prediction.
    ///
    /// Errors: another number of features, or other targets.
    pub fn evaluate(&self, data: &Dataset) -> Result<Scores, TrainError> {
        let same = match &data.target {
            Target::Classes { names, .. } => self.file.task == Task::Classification && *names == self.file.outputs,
            Target::Values { .. } => self.file.task == Task::Regression && data.n_outputs() == self.file.outputs.len(),
        };
        if !same {
            let problem = format!("should be {}, as the model was trained on", self.file.outputs.join(", "));
            return Err(TrainError::recipe("target", problem));
        }
        if data.n_features() != self.network.d_in() {
            let problem = format!("number of features should be {}, got {}", self.network.d_in(), data.n_features());
            return Err(TrainError::recipe("x", problem));
        }
        let rows = Samples::new(data, &self.file.scaler, &self.file.target_scaler)?;
        let scores = |theta| evaluate(&self.network, &*self.loss, theta, &rows);
        if let [theta] = &self.thetas[..] {
            return Ok(scores(theta));
        }
        let n = self.thetas.len() as f64;
        let loss = self.thetas.iter().map(|theta| scores(theta).loss).sum::<f64>() / n;
        let mut sum = DMatrix::zeros(self.network.d_out(), rows.len());
        for theta in &self.thetas {
            sum += predict_rows(&self.network, Some(&*self.loss), theta, rows.len(), None, |range, to: &mut [f32]| {
                to.copy_from_slice(rows.x(range).data());
            });
        }
        Ok(Scores { loss, error: rows.error((sum / n).as_slice(), self.network.d_out()) })
    }

    /// Accuracy for classes, R² for values: 1 is perfect.
    ///
    /// Errors: as for [`Model::evaluate`].
    pub fn score(&self, data: &Dataset) -> Result<f64, TrainError> {
        Ok(1.0 - self.evaluate(data)?.error)
    }

    /// Writes the model; the file is complete or not there at all.
    ///
    /// Errors: the system's reason.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), TrainError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let mut file = self.file.clone();
        let blocks = |theta: &Buf<f32>| {
            let block = |(group, block): (&str, &Block)| BlockFile {
                name: format!("{group}/{}", block.name),
                rows: block.rows,
                cols: block.cols,
                numbers: theta[block.range()].to_vec(),
            };
            self.network.blocks().map(block).collect()
        };
        let mut members = self.thetas.iter().map(blocks);
        file.blocks = members.next().unwrap_or_default();
        file.members = members.collect();
        let text = serde_json::to_string(&file)
            .map_err(|e| TrainError::Model { file: name.clone(), problem: e.to_string() })?;
        write_whole(path, text.as_bytes()).map_err(|cause| TrainError::Io { file: name, cause })
    }

    /// Reads a model.
    ///
    /// Errors: not a model file, or one whose parts do not fit together.
    pub fn load(path: impl AsRef<Path>) -> Result<Model, TrainError> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let io = |cause| TrainError::Io { file: name.clone(), cause };
        let bytes = fs::metadata(path).map_err(io)?.len();
        let bad = |problem: String| TrainError::Model { file: name.clone(), problem };
        if bytes > MAX_BYTES {
            return Err(bad(format!("size should be at most {MAX_BYTES} bytes, got {bytes}")));
        }
        let text = fs::read_to_string(path).map_err(io)?;
        let file: ModelFile =
            serde_json::from_str(&text).map_err(|e| bad(format!("should be a model file, got {e}")))?;
        Model::from_file(file).map_err(|e| bad(e.to_string()))
    }

    fn from_file(mut file: ModelFile) -> Result<Model, TrainError> {
        let should = |what: &str, expected: &dyn std::fmt::Display, got: &dyn std::fmt::Display| {
            Err(TrainError::recipe(what, format!("should be {expected}, got {got}")))
        };
        if file.format != FORMAT || file.version != VERSION {
            return should("format", &format!("{FORMAT} {VERSION}"), &format!("{} {}", file.format, file.version));
        }
        file.recipe.check()?;
        if file.outputs.is_empty() || file.features.is_empty() {
            return should("features and outputs", &"at least one each", &"none");
        }
        // A data set of one row has the shapes that the recipe needs.
        let names = file.outputs.clone();
        let target = match file.task {
            Task::Classification => Target::Classes { labels: vec![0], names },
            Task::Regression => Target::Values { values: DMatrix::zeros(names.len(), 1), names },
        };
        let mut one = Dataset::new("model", file.features.clone(), DMatrix::zeros(file.features.len(), 1), target)?;
        if let Some(layout) = file.layout {
            one = one.with_layout(layout)?;
        }
        let network = file.recipe.network_for(&one)?;
        let expected: usize = network.blocks().map(|(_, block)| block.range().len()).sum();
        let mut thetas = Vec::new();
        for blocks in std::iter::once(&file.blocks).chain(&file.members) {
            let numbers: usize = blocks.iter().map(|block| block.numbers.len()).sum();
            if expected != numbers {
                return should("parameters", &expected, &numbers);
            }
            let mut theta = Buf::zeros(network.n_theta());
            if network.blocks().count() != blocks.len() {
                return should("blocks", &network.blocks().count(), &blocks.len());
            }
            for ((group, block), stored) in network.blocks().zip(blocks) {
                let name = format!("{group}/{}", block.name);
                if stored.name != name || stored.rows != block.rows || stored.cols != block.cols {
                    let got = format!("{} {}x{}", stored.name, stored.rows, stored.cols);
                    return should("block", &format!("{name} {}x{}", block.rows, block.cols), &got);
                }
                if stored.numbers.len() != block.rows * block.cols {
                    return should(&name, &format!("{} numbers", block.rows * block.cols), &stored.numbers.len());
                }
                if stored.numbers.iter().any(|v| !v.is_finite()) {
                    return should(&name, &"finite numbers", &"one that is not");
                }
                theta[block.range()].copy_from_slice(&stored.numbers);
            }
            thetas.push(theta);
        }
        let check = |scaler: &Scaler, width: usize| scaler.transform(&mut DMatrix::zeros(width, 1));
        check(&file.scaler, file.features.len())?;
        if file.task == Task::Regression {
            check(&file.target_scaler, file.outputs.len())?;
        }
        if let Some(schema) = &file.schema {
            schema.check()?;
            if schema.features() != file.features || schema.output_names() != file.outputs {
                return should("schema", &"the model's features and outputs", &"others");
            }
        }
        file.blocks.clear();
        file.members.clear();
        let loss = file.recipe.loss_for(&one.target);
        Ok(Model { file, network, loss, thetas })
    }
}

/// Writes a whole file or none: beside its place first, then renamed, so that a full disk or a kill leaves what was there.
///
/// Errors: the system's reason.
pub fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    let beside = Path::new(&beside);
    let written = fs::File::create(beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(beside, path));
    if done.is_err() {
        let _ = fs::remove_file(beside);
    }
    done
}
