//! The deep autoencoder 784-400-200-100-50-25-6 and back on CURVES-like images, trained by first- and second-order methods in the same
//! small number of passes over the data:
//!
//! ```sh
//! cargo run --release -p layerwise-bench --example curves -- --passes 30
//! ```
//!
//! Source: Martens (2010), "Deep learning via Hessian-free optimization"; Sutskever, Martens, Dahl and Hinton (2013), "On the
//! importance of initialization and momentum in deep learning", tables 1 and 3 (sparse start, schedule of the momentum); Martens and
//! Grosse (2015). The published numbers are of the images that these resemble, of 7,500 passes and more: they stand beside for the
//! order, not for the size.
//!
//! A pass is as many rows as there are training images, each gone through the network once: for a gradient, for a product with the
//! Gauss–Newton matrix, or for a look at the risk alone, which is cheaper. Every finished run is a file in the folder `--out`; a
//! second call goes on where the first was ended, and prints the table of all that is there.

use std::cell::Cell;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use layerwise_activations::Sigmoid;
use layerwise_core::{Curvature, Init, Objective, Pass, Pointwise, Targets};
use layerwise_curvature::{GaussNewton, Kfac, Preconditioner};
use layerwise_data::{Curves, Generator, fill_order};
use layerwise_layers::Dense;
use layerwise_losses::BernoulliCrossEntropy;
use layerwise_network::{Batch, Builder, Network, Supervised, Workspace};
use layerwise_optimizers::{HessianFree, Optimizer, adam, momentum, nesterov};
use layerwise_tensor::{Buf, Key, Mat, MatMut, Purpose, Scalar, elementwise};

const PIXELS: usize = 784;
const WIDTHS: [usize; 11] = [400, 200, 100, 50, 25, 6, 25, 50, 100, 200, 400];
/// Rows evaluated at a time.
const CHUNK: usize = 1000;
/// Rows a step of the first-order methods.
const BATCH: usize = 200;
/// Seed of the images; the start and the order of the rows have that of the command line.
const DATA_SEED: u64 = 1;

/// How a run descends.
#[derive(Clone, Copy, Debug)]
enum Method {
    /// Classical momentum up to a largest μ; 0 is plain descent.
    Momentum {
        rate: f64,
        most: f64,
    },
    /// Nesterov's.
    Nesterov {
        rate: f64,
        most: f64,
    },
    Adam {
        rate: f64,
    },
    /// λ at the start; rows of the first and of the last batch, which grow evenly in between.
    Kfac {
        damping: f64,
        rows: [usize; 2],
    },
    /// λ at the start, products a step, rows of the first and of the last batch, and the part of a batch that products are taken on.
    HessianFree {
        damping: f64,
        products: usize,
        rows: [usize; 2],
        part: usize,
    },
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    method: Method,
    /// Factor on the sparse start.
    scale: f64,
}

impl Plan {
    fn name(&self) -> String {
        let scale = self.scale;
        match self.method {
            Method::Momentum { rate, most } => format!("momentum-{most}-rate-{rate}-scale-{scale}"),
            Method::Nesterov { rate, most } => format!("nag-{most}-rate-{rate}-scale-{scale}"),
            Method::Adam { rate } => format!("adam-rate-{rate}-scale-{scale}"),
            Method::Kfac { damping, rows: [first, last] } => {
                format!("kfac-{damping}-rows-{first}-{last}-scale-{scale}")
            }
            Method::HessianFree { damping, products, rows: [first, last], part } => {
                format!("hf-{damping}-products-{products}-rows-{first}-{last}-part-{part}-scale-{scale}")
            }
        }
    }

    /// The group whose best is compared, and what was published.
    fn group(&self) -> Option<(&'static str, &'static str)> {
        let in_table_1 = self.scale == 1.0;
        in_table_1.then_some(match self.method {
            Method::Momentum { most: 0.0, .. } => ("gradient descent", "0.48"),
            Method::Momentum { most: 0.9, .. } => ("momentum, at most 0.9", "0.15"),
            Method::Momentum { .. } => ("momentum, at most 0.99", "0.10"),
            Method::Nesterov { most: 0.9, .. } => ("Nesterov, at most 0.9", "0.16"),
            Method::Nesterov { .. } => ("Nesterov, at most 0.99", "0.096"),
            Method::Adam { .. } => ("Adam", "-"),
            Method::Kfac { .. } => ("K-FAC", "-"),
            Method::HessianFree { .. } => ("Hessian-free", "0.058"),
        })
    }
}

/// In an order in which an early end leaves something to compare.
fn plans() -> Vec<Plan> {
    let nag = |rate, most| Method::Nesterov { rate, most };
    let heavy = |rate, most| Method::Momentum { rate, most };
    let kfac = |damping| Method::Kfac { damping, rows: [500, 5000] };
    let free = |damping, products, part| Method::HessianFree { damping, products, rows: [500, 5000], part };
    let mut plans: Vec<Plan> = [
        nag(0.01, 0.99),
        kfac(150.0),
        Method::Adam { rate: 1e-3 },
        free(2.0, 5, 4),
        heavy(0.01, 0.99),
        heavy(0.05, 0.0),
    ]
    .map(|method| Plan { method, scale: 1.0 })
    .into();
    plans.extend([0.25, 0.5, 2.0, 4.0].map(|scale| Plan { method: nag(0.01, 0.99), scale }));
    let rest = [
        nag(0.05, 0.99),
        nag(0.05, 0.9),
        Method::Adam { rate: 3e-3 },
        heavy(0.05, 0.99),
        heavy(0.05, 0.9),
        heavy(0.2, 0.0),
        nag(0.01, 0.9),
        Method::Adam { rate: 3e-4 },
        nag(0.002, 0.99),
        heavy(0.01, 0.9),
        kfac(15.0),
        kfac(1.0),
        free(45.0, 8, 4),
        free(2.0, 8, 8),
        heavy(0.01, 0.0),
    ];
    plans.extend(rest.map(|method| Plan { method, scale: 1.0 }));
    plans
}

/// The images, and passes over the training ones so far.
struct Data {
    train: Buf<f32>,
    test: Buf<f32>,
    rows: usize,
    passes: Cell<f64>,
}

impl Data {
    fn new(rows: usize, test: usize) -> Result<Data, Box<dyn Error>> {
        let drawn = Curves.draw(rows + test, DATA_SEED)?;
        let single = |of: &[f64]| {
            let mut to = Buf::zeros(of.len());
            to.iter_mut().zip(of).for_each(|(to, &x): (&mut f32, _)| *to = x as f32);
            to
        };
        let (train, test) = drawn.x.as_slice().split_at(rows * PIXELS);
        Ok(Data { train: single(train), test: single(test), rows, passes: Cell::new(0.0) })
    }

    fn count(&self, rows: usize) {
        self.passes.set(self.passes.get() + rows as f64 / self.rows as f64);
    }

    fn images(&self) -> Mat<'_, f32> {
        Mat::new(&self.train, PIXELS, self.rows)
    }
}

fn batch<'a>(x: Mat<'a, f32>) -> Batch<'a, f32> {
    Batch { x, targets: Targets::Values(x), weights: None }
}

fn risk<'a>(network: &'a Network, x: Mat<'a, f32>, workspace: &'a mut Workspace<f32>) -> Supervised<'a, f32> {
    Supervised {
        network,
        loss: &BernoulliCrossEntropy,
        penalties: &[],
        batch: batch(x),
        workspace,
        pass: Pass::Predict,
        key: Key::new(0, Purpose::Mask),
    }
}

/// Images `start..end` of all.
fn part(all: Mat<'_, f32>, start: usize, end: usize) -> Mat<'_, f32> {
    Mat::new(&all.data()[start * PIXELS..end * PIXELS], PIXELS, end - start)
}

fn chunks(all: Mat<'_, f32>) -> impl Iterator<Item = Mat<'_, f32>> {
    let n = all.cols();
    (0..n).step_by(CHUNK).map(move |start| part(all, start, n.min(start + CHUNK)))
}

/// The squared error of an image, summed over its pixels, on average.
fn squared_error(network: &Network, theta: &[f32], x: Mat<'_, f32>, workspace: &mut Workspace<f32>) -> f64 {
    let mut total = 0.0;
    for x in chunks(x) {
        network.forward(theta, x, workspace, Pass::Predict, Key::new(0, Purpose::Mask));
        let outputs = workspace.output().data().iter().zip(x.data());
        total += outputs.map(|(y, t)| f64::from(y.sigmoid() - t).powi(2)).sum::<f64>();
    }
    total / x.cols() as f64
}

/// A risk, or its curvature, on some rows, whose passes are counted.
struct Counted<'a, C> {
    of: C,
    rows: usize,
    data: &'a Data,
}

impl<C> Counted<'_, C> {
    fn count(&self) {
        self.data.count(self.rows);
    }
}

impl<C: Objective<f32>> Objective<f32> for Counted<'_, C> {
    fn len(&self) -> usize {
        self.of.len()
    }
    fn eval(&mut self, theta: &[f32], grad: &mut [f32]) -> f32 {
        self.count();
        self.of.eval(theta, grad)
    }
}

impl<C: Curvature<f32>> Curvature<f32> for Counted<'_, C> {
    fn at(&mut self, theta: &[f32]) {
        // With the factors of the preconditioner.
        self.count();
        self.count();
        self.of.at(theta);
    }
    fn product(&mut self, v: &[f32], out: &mut [f32]) {
        self.count();
        self.of.product(v, out);
    }
    fn precondition(&mut self, damping: f64, v: &[f32], out: &mut [f32]) {
        self.of.precondition(damping, v, out);
    }
}

/// Rows of the training images in a random order, pass after pass.
struct Order {
    order: Vec<usize>,
    next: usize,
    pass: u64,
    seed: u64,
    picked: Buf<f32>,
}

impl Order {
    fn new(rows: usize, most: usize, seed: u64) -> Order {
        Order { order: (0..rows).collect(), next: rows, pass: 0, seed, picked: Buf::zeros(most * PIXELS) }
    }

    fn pick(&mut self, data: &Data, rows: usize) -> Mat<'_, f32> {
        if self.next + rows > self.order.len() {
            (self.next, self.pass) = (0, self.pass + 1);
            fill_order(&mut self.order, self.seed, self.pass);
        }
        let picked = &mut self.picked[..rows * PIXELS];
        let order = &self.order[self.next..self.next + rows];
        elementwise::pick_columns(&mut MatMut::new(picked, PIXELS, rows), data.images(), order);
        self.next += rows;
        Mat::new(picked, PIXELS, rows)
    }
}

/// What a run gave.
struct Score {
    train: f64,
    test: f64,
    passes: f64,
    seconds: f64,
}

fn network(scale: f64) -> Result<Network, Box<dyn Error>> {
    let dense = |width| Dense { init: Init::Sparse { nonzero: 15, deviation: scale }, ..Dense::new(width) };
    let mut builder = Builder::new(PIXELS);
    for width in WIDTHS {
        builder = builder.layer(dense(width));
        // The code is linear.
        if width != 6 {
            builder = builder.layer(Pointwise(Sigmoid));
        }
    }
    Ok(builder.layer(dense(PIXELS)).build()?)
}

/// The momentum of update t: min(1 − 2^(−1 − log₂(⌊t/250⌋ + 1)), most), and 0.9 at most in the last twentieth.
fn momentum_at(t: usize, of: usize, most: f64) -> f64 {
    let most = if t + of / 20 >= of { most.min(0.9) } else { most };
    (1.0 - 0.5 / (t / 250 + 1) as f64).min(most)
}

/// Rows of a batch when this share of the passes is done.
fn growing([first, last]: [usize; 2], done: f64) -> usize {
    (first as f64 * (last as f64 / first as f64).powf(done)) as usize
}

fn train(plan: &Plan, data: &Data, passes: f64, seed: u64) -> Result<Score, Box<dyn Error>> {
    let network = network(plan.scale)?;
    let mut theta = network.init::<f32>(seed);
    let began = Instant::now();
    data.passes.set(0.0);
    let mut told = 0.0;
    let mut tell = |theta: &[f32], workspace: &mut Workspace<f32>| {
        if data.passes.get() >= told {
            told += passes / 10.0;
            let error = squared_error(&network, theta, part(data.images(), 0, data.rows.min(CHUNK)), workspace);
            println!("    {:7.2} passes: squared error {error:.3}", data.passes.get());
        }
    };
    let chain: Box<dyn Fn(usize, usize) -> Optimizer> = match plan.method {
        Method::Momentum { rate, most } => Box::new(move |t, of| momentum(rate, momentum_at(t, of, most))),
        Method::Nesterov { rate, most } => Box::new(move |t, of| nesterov(rate, momentum_at(t, of, most))),
        Method::Adam { rate } => Box::new(move |_, _| adam(rate)),
        _ => Box::new(|_, _| Optimizer::default()),
    };
    match plan.method {
        Method::Momentum { .. } | Method::Nesterov { .. } | Method::Adam { .. } => {
            let mut workspace = Workspace::new(&network, CHUNK);
            let mut order = Order::new(data.rows, BATCH, seed);
            let weights = network.weights_mask();
            let mut grad = Buf::zeros(theta.len());
            let mut state = chain(0, 1).state(theta.len());
            let steps = (passes * (data.rows / BATCH) as f64) as usize;
            for t in 0..steps {
                tell(&theta, &mut workspace);
                let value = risk(&network, order.pick(data, BATCH), &mut workspace).eval(&theta, &mut grad);
                data.count(BATCH);
                if !value.is_finite() {
                    break;
                }
                chain(t, steps).step(&mut theta, &mut grad, &weights, 1.0, &mut state);
            }
        }
        Method::Kfac { damping, rows: [first, last] } => {
            let last = last.min(data.rows);
            let mut workspace = Workspace::new(&network, last.max(CHUNK));
            let mut order = Order::new(data.rows, last, seed);
            let kfac = Kfac { damping, seed, ..Kfac::default() };
            let mut state = kfac.start::<f32>(&network)?;
            loop {
                tell(&theta, &mut workspace);
                let rows = growing([first, last], data.passes.get() / passes);
                let share = |share: f64| ((rows as f64 * share).ceil() as usize).max(Kfac::FEWEST).min(rows);
                // The gradient, and every so often a look at the risk; the factors; the forward pass of the model and two products.
                let cost =
                    rows + rows / kfac.adapt_every as usize + share(kfac.factor_share) + 3 * share(kfac.model_share);
                if data.passes.get() + cost as f64 / data.rows as f64 > passes {
                    break;
                }
                data.count(cost);
                if state.step(&mut risk(&network, order.pick(data, rows), &mut workspace), &mut theta).is_err() {
                    break;
                }
            }
            println!("    lambda {}", state.damping());
        }
        Method::HessianFree { damping, products, rows: [first, last], part: share } => {
            let last = last.min(data.rows);
            let [mut workspace, mut second] = [last.max(CHUNK), last].map(|rows| Workspace::new(&network, rows));
            let mut order = Order::new(data.rows, last, seed);
            let mut by = Preconditioner::new(&network, 20, seed)?;
            let mut state = HessianFree { damping, products, adapt: 0.95 }.start(theta.len());
            let mut within = theta.clone();
            loop {
                tell(&theta, &mut workspace);
                let rows = growing([first, last], data.passes.get() / passes);
                let images = order.pick(data, rows);
                let few = rows.div_ceil(share);
                let matrix = GaussNewton::new(risk(&network, part(images, 0, few), &mut second), &theta);
                let mut matrix = Counted { of: by.with(matrix), rows: few, data };
                let mut f = Counted { of: risk(&network, images, &mut workspace), rows, data };
                if state.step(&mut f, &mut matrix, &mut theta).is_err() || data.passes.get() > passes {
                    break;
                }
                within.copy_from_slice(&theta);
            }
            println!("    lambda {}", state.damping());
            theta = within;
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut workspace = Workspace::new(&network, CHUNK);
    let train = squared_error(&network, &theta, data.images(), &mut workspace);
    let all = Mat::new(&data.test, PIXELS, data.test.len() / PIXELS);
    let test = squared_error(&network, &theta, all, &mut workspace);
    Ok(Score { train, test, passes: data.passes.get(), seconds })
}

/// What the mean image leaves, on average.
fn mean_predictor(x: Mat<'_, f32>) -> f64 {
    let n = x.cols() as f64;
    let (mut sums, mut squares) = (vec![0.0; PIXELS], 0.0);
    for image in x.columns() {
        for (sum, &pixel) in sums.iter_mut().zip(image) {
            *sum += f64::from(pixel);
            squares += f64::from(pixel).powi(2);
        }
    }
    squares / n - sums.iter().map(|sum| (sum / n).powi(2)).sum::<f64>()
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut passes, mut rows, mut seed, mut only, mut out) = (30.0, 20_000, 1, String::new(), None);
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{name}: should have a value"));
        match &*name {
            "--passes" => passes = value()?.parse()?,
            "--rows" => rows = value()?.parse()?,
            "--seed" => seed = value()?.parse()?,
            "--only" => only = value()?,
            "--out" => out = Some(PathBuf::from(value()?)),
            other => return Err(format!("{other}: should be --passes, --rows, --seed, --only or --out").into()),
        }
    }
    if rows < CHUNK {
        return Err(format!("--rows: should be at least {CHUNK}, got {rows}").into());
    }
    let out = out.unwrap_or_else(|| PathBuf::from(format!("target/curves/{passes}-passes-{rows}-rows-seed-{seed}")));
    fs::create_dir_all(&out)?;
    let file = |plan: &Plan| out.join(plan.name() + ".txt");
    let data = Data::new(rows, rows / 2)?;
    for plan in plans().iter().filter(|plan| plan.name().contains(&only)) {
        if file(plan).exists() {
            continue;
        }
        println!("{}", plan.name());
        let Score { train, test, passes, seconds } = train(plan, &data, passes, seed)?;
        println!("    train {train:.4}, test {test:.4}, {passes:.2} passes, {seconds:.0} s");
        let beside = file(plan).with_extension("part");
        fs::write(&beside, format!("{train} {test} {passes} {seconds}"))?;
        fs::rename(&beside, file(plan))?;
    }
    let done: Vec<(Plan, Vec<f64>)> = plans()
        .into_iter()
        .filter_map(|plan| {
            let text = fs::read_to_string(file(&plan)).ok()?;
            Some((plan, text.split_whitespace().filter_map(|word| word.parse().ok()).collect()))
        })
        .filter(|(_, numbers): &(Plan, Vec<f64>)| numbers.len() == 4)
        .collect();
    print!("{}", table(&done, &data, passes, seed));
    Ok(())
}

/// The numbers as Markdown.
fn table(done: &[(Plan, Vec<f64>)], data: &Data, passes: f64, seed: u64) -> String {
    let mut text = format!(
        "\n{} training images, {passes} passes, seed {seed} of start and batches, {DATA_SEED} of the images. The mean image leaves {:.2} \
         (published: about 16).\n\n",
        data.rows,
        mean_predictor(data.images())
    );
    text +=
        "| method | runs | best | train | test | passes | seconds | published |\n|---|---|---|---|---|---|---|---|\n";
    let mut groups: Vec<&str> = Vec::new();
    for (plan, _) in done {
        if let Some((group, published)) = plan.group()
            && !groups.contains(&group)
        {
            groups.push(group);
            let of: Vec<_> = done.iter().filter(|(p, _)| p.group().is_some_and(|(g, _)| g == group)).collect();
            // A run that broke counts as the worst.
            let key = |n: f64| if n.is_finite() { n } else { f64::INFINITY };
            let Some((best, n)) = of.iter().min_by(|a, b| key(a.1[0]).total_cmp(&key(b.1[0]))) else { continue };
            let _ = writeln!(
                text,
                "| {group} | {} | {} | {:.3} | {:.3} | {:.1} | {:.0} | {published} |",
                of.len(),
                best.name(),
                n[0],
                n[1],
                n[2],
                n[3]
            );
        }
    }
    text += "\n| scale of the start (Nesterov) | train | published |\n|---|---|---|\n";
    for (scale, published) in [(0.25, "16"), (0.5, "16"), (1.0, "0.074"), (2.0, "0.083"), (4.0, "0.35")] {
        let same =
            |plan: &Plan| matches!(plan.method, Method::Nesterov { rate: 0.01, most: 0.99 }) && plan.scale == scale;
        if let Some((_, n)) = done.iter().find(|(plan, _)| same(plan)) {
            let _ = writeln!(text, "| {scale} | {:.3} | {published} |", n[0]);
        }
    }
    text
}
