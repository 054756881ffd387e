//! What is measured: cells, each with everybody who does its job.

use layerwise_bench::{NETS, OPTIMIZERS};

use super::workers::Kind;

/// A job of ours, and the jobs of others that it is compared with.
#[derive(Debug)]
pub struct Cell {
    /// `train`, `infer`, `curvature`, `fit`, `products`.
    pub kind: &'static str,
    /// Name of the net.
    pub net: String,
    /// What else tells it from others: the optimizer, the batch, the product.
    pub case: String,
    /// Ours first.
    pub contestants: Vec<Contestant>,
}

/// Somebody who does the job of a cell.
#[derive(Debug)]
pub struct Contestant {
    /// As it stands in the tables.
    pub name: &'static str,
    pub worker: Kind,
    /// The line that the worker is asked.
    pub job: String,
}

/// What our times are held against, too: these are no peers.
pub const OWN: [&str; 4] = ["own products", "own gradient", "bare step", "epochs alone"];

impl Cell {
    fn new(kind: &'static str, net: &str, case: impl Into<String>, job: &str) -> Cell {
        let ours = Contestant { name: "layerwise", worker: Kind::Layerwise, job: job.to_owned() };
        Cell { kind, net: net.to_owned(), case: case.into(), contestants: vec![ours] }
    }

    /// Somebody else.
    fn and(mut self, name: &'static str, worker: Kind, job: impl Into<String>) -> Cell {
        self.contestants.push(Contestant { name, worker, job: job.into() });
        self
    }

    /// Whether `--only` means this cell: a kind or a net among its words.
    pub fn matches(&self, only: &str) -> bool {
        only.split(',').any(|word| word == self.kind || word == self.net)
    }
}

/// All of them. Data sets and models lie in `folder`.
pub fn cells(folder: &str) -> Vec<Cell> {
    let mut cells = Vec::new();
    let products = NETS.into_iter().chain([("square", "512-512-512 relu 512")]);
    cells.extend(products.map(|(name, net)| Cell::new("products", name, "", &format!("products {net}"))));
    for (name, net) in NETS {
        cells.extend(OPTIMIZERS.map(|optimizer| training(name, net, optimizer)));
    }
    for (name, net) in NETS {
        cells.extend([1, 256].map(|batch| inference(name, net, batch, folder)));
    }
    cells.extend(curvature());
    for (set, (name, net), epochs) in [("digits", NETS[0], 40), ("blobs", NETS[1], 2)] {
        cells.extend(OPTIMIZERS.map(|optimizer| fit(set, name, net, optimizer, epochs, folder)));
    }
    cells
}

fn training(name: &str, net: &str, optimizer: &str) -> Cell {
    let job = format!("train {net} {optimizer}");
    Cell::new("train", name, optimizer, &job)
        .and("PyTorch", Kind::Torch, &job)
        .and("PyTorch compiled", Kind::Torch, format!("{job} compiled"))
        .and("JAX", Kind::Jax, &job)
        .and("JAX scan", Kind::Jax, format!("{job} scan"))
        .and("scikit-learn", Kind::Sklearn, &job)
        .and("candle", Kind::Candle, &job)
        .and("burn", Kind::Burn, &job)
        .and("own products", Kind::Layerwise, format!("products {net}"))
}

/// The net with another batch.
fn batched(net: &str, batch: usize) -> String {
    let (perceptron, _) = net.rsplit_once(' ').unwrap_or((net, ""));
    format!("{perceptron} {batch}")
}

fn inference(name: &str, net: &str, batch: usize, folder: &str) -> Cell {
    let job = format!("infer {}", batched(net, batch));
    Cell::new("infer", name, format!("batch {batch}"), &job)
        .and("PyTorch", Kind::Torch, &job)
        .and("PyTorch compiled", Kind::Torch, format!("{job} compiled"))
        .and("JAX", Kind::Jax, &job)
        .and("ONNX Runtime", Kind::OnnxRuntime, format!("{job} {folder}"))
        .and("tract", Kind::Tract, format!("{job} {folder}"))
        .and("candle", Kind::Candle, &job)
        .and("burn", Kind::Burn, &job)
}

/// The nets that peers read from files.
pub fn models() -> Vec<String> {
    NETS.iter().flat_map(|(_, net)| [1, 256].map(|batch| batched(net, batch))).collect()
}

/// The curvature of net b: products with the Hessian and the Gauss–Newton matrix, with everything computed anew or at the θ of
/// the product before, and the largest eigenvalue of the Hessian.
fn curvature() -> Vec<Cell> {
    let (name, net) = NETS[1];
    let cell = |case: &str, job: &str, width: &str, peers: &[(&'static str, &str)]| {
        let (kind, way) = job.split_once(' ').unwrap_or((job, ""));
        let job = |way: &str| format!("{kind} {net} {width} {way}").trim_end().to_owned();
        let cell = Cell::new("curvature", name, format!("{case}, {width}"), &job(way));
        let cell = peers.iter().fold(cell, |cell, (name, way)| cell.and(name, Kind::Torch, job(way)));
        cell.and("own gradient", Kind::Layerwise, format!("grad {net} {width}"))
    };
    let mut cells = Vec::new();
    for width in ["f32", "f64"] {
        let from_scratch = [("PyTorch double backward", "scratch"), ("PyTorch torch.func", "func")];
        cells.push(cell("Hessian", "hvp scratch", width, &from_scratch));
        cells.push(cell("Hessian, same θ", "hvp kept", width, &[("PyTorch graph kept", "kept")]));
    }
    cells.push(cell("Gauss–Newton", "gn scratch", "f32", &[("PyTorch torch.func", "func")]));
    cells.push(cell("Gauss–Newton, same θ", "gn kept", "f32", &[("PyTorch graph kept", "kept")]));
    cells.push(cell("top eigenvalue", "top", "f64", &[("PyTorch and SciPy", "")]));
    cells
}

fn fit(set: &str, name: &str, net: &str, optimizer: &str, epochs: usize, folder: &str) -> Cell {
    let words = format!("{set} {net} {optimizer} {epochs}");
    Cell::new("fit", name, format!("{set}, {optimizer}"), &format!("fit {words}"))
        .and("scikit-learn", Kind::Sklearn, format!("fit {words} {folder}"))
        .and("epochs alone", Kind::Layerwise, format!("epochs {words}"))
        .and("bare step", Kind::Layerwise, format!("train {net} {optimizer}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use layerwise_bench::Net;

    #[test]
    fn jobs_are_ours_first_and_their_nets_can_be_read() {
        for cell in cells("folder") {
            assert_eq!(cell.contestants[0].worker, Kind::Layerwise);
            for contestant in &cell.contestants {
                let words: Vec<&str> = contestant.job.split(' ').collect();
                let start = words.iter().position(|word| word.contains('-')).unwrap_or(0);
                let net = words[start..start + 3].join(" ").parse::<Net>();
                assert!(net.is_ok(), "{}: {net:?}", contestant.job);
                let ours = contestant.worker == Kind::Layerwise && contestant.name != "layerwise";
                assert_eq!(ours, OWN.contains(&contestant.name), "{}", contestant.name);
            }
        }
    }

    #[test]
    fn cells_are_chosen_by_kind_or_net() {
        let chosen = |only: &str| {
            let cells = cells("").into_iter().filter(|cell| cell.matches(only));
            cells.map(|cell| format!("{} {} {}", cell.kind, cell.net, cell.case)).collect::<Vec<_>>()
        };
        assert_eq!(chosen("d"), ["products d ", "train d sgd", "train d adam", "infer d batch 1", "infer d batch 256"]);
        assert_eq!(chosen("curvature").len(), 7);
        assert_eq!(chosen("fit,square").len(), 5);
        assert!(chosen("trains").is_empty());
    }

    #[test]
    fn a_net_with_another_batch() {
        assert_eq!(batched("64-10 relu 32", 256), "64-10 relu 256");
        assert_eq!(models().len(), 8);
    }
}
