//! A worker: a process that prepares jobs and says how long they take, asked line by line. It needs the standard library only,
//! because the peers in `xtask/peers` compile this file too: all are timed by the same loop, on the same numbers.
//!
//! The first line that it prints is its name with versions. Then, on standard input, a line `SECONDS JOB…` asks for a job to be
//! repeated for about so long; the answer is `SECONDS NUMBER`: the median time of one step, and what the job returned last (a
//! loss, an accuracy), which shows that the work was done. `none` means that there is no such job here, `error …` that it failed.
//! `forget` drops all prepared jobs. The end of the input is the end of the worker.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, BufRead, Write};
use std::str::FromStr;
use std::time::Instant;

/// A perceptron and the size of its batch: `784-512-512-10 relu 128`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    /// Widths from the inputs to the classes.
    pub widths: Vec<usize>,
    /// The activation of all hidden layers: `relu` or `tanh`.
    pub activation: String,
    /// Samples a step.
    pub batch: usize,
}

impl FromStr for Net {
    type Err = String;
    fn from_str(text: &str) -> Result<Net, String> {
        let wrong = || format!("net should be as `64-32-10 relu 32`, got `{text}`");
        let [widths, activation, batch] = text.split(' ').collect::<Vec<_>>()[..] else { return Err(wrong()) };
        let widths: Result<Vec<usize>, _> = widths.split('-').map(str::parse).collect();
        let net = Net {
            widths: widths.map_err(|_| wrong())?,
            activation: activation.to_owned(),
            batch: batch.parse().map_err(|_| wrong())?,
        };
        let usable = net.widths.len() > 1 && !net.widths.contains(&0) && net.batch > 0;
        if usable && ["relu", "tanh"].contains(&activation) { Ok(net) } else { Err(wrong()) }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<String> = self.widths.iter().map(usize::to_string).collect();
        write!(f, "{} {} {}", widths.join("-"), self.activation, self.batch)
    }
}

impl Net {
    /// Number of inputs.
    pub fn d_in(&self) -> usize {
        self.widths[0]
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Inputs and outputs of each dense layer.
    pub fn layers(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.widths.windows(2).map(|pair| (pair[0], pair[1]))
    }

    /// A batch that can be learnt: uniform noise of variance 1, and 1 more at the inputs that belong to the sample's class.
    /// Inputs one sample after the other, and the classes.
    pub fn data(&self) -> (Vec<f32>, Vec<u32>) {
        let mut noise = Noise(1);
        let mut x = Vec::with_capacity(self.d_in() * self.batch);
        let classes: Vec<u32> = (0..self.batch).map(|j| (j % self.n_classes()) as u32).collect();
        for &class in &classes {
            let bump = |i: usize| if i % self.n_classes() == class as usize { 1.0 } else { 0.0 };
            x.extend((0..self.d_in()).map(|i| noise.uniform(3f32.sqrt()) + bump(i)));
        }
        (x, classes)
    }

    /// Weights for one layer of so many inputs and outputs, of the size that He's initialization gives.
    pub fn weights(d_in: usize, d_out: usize) -> Vec<f32> {
        let mut noise = Noise((d_in * d_out) as u64);
        (0..d_in * d_out).map(|_| noise.uniform((6.0 / d_in as f32).sqrt())).collect()
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Noise(u64);

impl Noise {
    fn uniform(&mut self, bound: f32) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 40) as f32 / (1 << 23) as f32 * bound - bound
    }
}

/// Something that is timed.
pub struct Job {
    /// Does the work once.
    pub run: Box<dyn FnMut() -> f64>,
    /// The steps in it: the time is divided by them.
    pub steps: usize,
}

impl Job {
    /// A job of one step.
    pub fn new(run: impl FnMut() -> f64 + 'static) -> Job {
        Job { run: Box::new(run), steps: 1 }
    }

    /// Seconds for one step, repeated for about `seconds`, and what came out last.
    ///
    /// The median over about ten stretches: one that another process disturbed does not count, and neither does a lucky one.
    fn time(&mut self, seconds: f64) -> (f64, f64) {
        let mut number = f64::NAN;
        let mut stretch = |calls: usize| {
            let start = Instant::now();
            for _ in 0..calls {
                number = (self.run)();
            }
            start.elapsed().as_secs_f64() / calls as f64
        };
        let start = Instant::now();
        // The first call finds cold caches; one that is longer than the whole measurement does not mind.
        let first = stretch(1);
        let mut times = vec![first];
        if first < seconds {
            times = vec![stretch(1)];
            let calls = (seconds / 10.0 / times[0]) as usize;
            if calls > 1 {
                times.clear();
            }
            while times.len() < 3 || start.elapsed().as_secs_f64() < seconds {
                times.push(stretch(calls.max(1)));
            }
        }
        times.sort_by(f64::total_cmp);
        let middle = times.len() / 2;
        let median = if times.len() % 2 == 1 { times[middle] } else { (times[middle - 1] + times[middle]) / 2.0 };
        (median / self.steps as f64, number)
    }
}

/// How many threads are asked for: the argument `--threads N`, else 1.
pub fn threads() -> usize {
    let words: Vec<String> = std::env::args().collect();
    let place = words.iter().position(|word| word == "--threads");
    place.and_then(|i| words.get(i + 1)?.parse().ok()).unwrap_or(1)
}

/// Says its name and works until the input ends. `prepare` makes a job from its words, or `None` if it does not know such.
///
/// Errors: the input cannot be read, or nobody listens.
pub fn serve(name: &str, mut prepare: impl FnMut(&[&str]) -> Result<Option<Job>, String>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{name}")?;
    out.flush()?;
    let mut jobs: HashMap<String, Option<Job>> = HashMap::new();
    for line in io::stdin().lock().lines() {
        let line = line?;
        match answer(&line, &mut jobs, &mut prepare) {
            Ok(text) => writeln!(out, "{text}")?,
            Err(problem) => writeln!(out, "error {}", problem.replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}

fn answer(
    line: &str,
    jobs: &mut HashMap<String, Option<Job>>,
    prepare: &mut impl FnMut(&[&str]) -> Result<Option<Job>, String>,
) -> Result<String, String> {
    if line == "forget" {
        jobs.clear();
        return Ok("ok".to_owned());
    }
    let wrong = || format!("line should be `SECONDS JOB…`, got `{line}`");
    let (seconds, text) = line.split_once(' ').ok_or_else(wrong)?;
    let seconds: f64 = seconds.parse().map_err(|_| wrong())?;
    if !jobs.contains_key(text) {
        let words: Vec<&str> = text.split(' ').collect();
        jobs.insert(text.to_owned(), prepare(&words)?);
    }
    Ok(match jobs.get_mut(text) {
        Some(Some(job)) => {
            let (time, number) = job.time(seconds);
            format!("{time:e} {number}")
        }
        _ => "none".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nets_are_read_and_written() {
        let text = "784-512-10 tanh 128";
        let net: Net = text.parse().unwrap();
        assert_eq!((net.d_in(), net.n_classes(), net.batch, net.to_string()), (784, 10, 128, text.to_owned()));
        assert_eq!(net.layers().collect::<Vec<_>>(), [(784, 512), (512, 10)]);
        for wrong in ["", "3-2 relu", "3 relu 1", "3-0 relu 1", "3-2 relu 0", "3-2 elu 1", "3-x relu 1", "3-2 relu 1 1"]
        {
            assert!(wrong.parse::<Net>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn data_can_be_learnt_and_weights_keep_the_variance() {
        let net: Net = "100-10 relu 200".parse().unwrap();
        let (x, classes) = net.data();
        assert_eq!((x.len(), classes.len()), (20_000, 200));
        // Inputs of the sample's class are around 1, the others around 0, and the spread is 1.
        let (mut own, mut others, mut squares) = (0.0, 0.0, 0.0);
        for (sample, class) in x.chunks(100).zip(classes) {
            for (i, x) in sample.iter().enumerate() {
                let is_own = i % 10 == class as usize;
                *if is_own { &mut own } else { &mut others } += x;
                squares += (x - f32::from(u8::from(is_own))).powi(2);
            }
        }
        assert!((own / 2000.0 - 1.0).abs() < 0.1 && (others / 18_000.0).abs() < 0.05, "{own} {others}");
        assert!((squares / 20_000.0 - 1.0).abs() < 0.05, "{squares}");
        let weights = Net::weights(50, 200);
        let variance = weights.iter().map(|w| w * w).sum::<f32>() / 10_000.0;
        assert!((variance - 2.0 / 50.0).abs() < 2e-3, "{variance}");
    }

    #[test]
    fn lines_are_answered() {
        let mut prepared = 0;
        let mut prepare = |words: &[&str]| match words {
            ["count"] => {
                prepared += 1;
                let mut calls = 0;
                Ok(Some(Job::new(move || {
                    calls += 1;
                    f64::from(calls)
                })))
            }
            ["broken"] => Err("it is\nbroken".to_owned()),
            _ => Ok(None),
        };
        let mut jobs = HashMap::new();
        let mut ask = |line: &str| answer(line, &mut jobs, &mut prepare);
        let number = |text: &str| text.split_once(' ').and_then(|(_, number)| number.parse::<u32>().ok());
        // A time of 0 asks for one call.
        let first = ask("0 count").unwrap();
        assert_eq!(number(&first), Some(1), "{first}");
        let second = ask("0.002 count").unwrap();
        assert!(number(&second).is_some_and(|calls| calls > 4), "{second}");
        assert_eq!(ask("0 unknown"), Ok("none".to_owned()));
        assert!(ask("0 broken").is_err() && ask("count").is_err() && ask("x count").is_err());
        assert_eq!(ask("forget"), Ok("ok".to_owned()));
        assert_eq!(ask("0 count").ok().and_then(|text| number(&text)), Some(1));
        assert_eq!(prepared, 2);
    }

    #[test]
    fn the_time_is_that_of_a_step() {
        let mut job = Job { steps: 4, ..Job::new(|| 0.0) };
        job.run = Box::new(|| {
            std::thread::sleep(std::time::Duration::from_millis(2));
            7.0
        });
        // Sleep may take longer than it was asked to, but never less.
        let (seconds, number) = job.time(0.01);
        assert!(seconds >= 0.5e-3 && number == 7.0, "{seconds}");
    }
}
