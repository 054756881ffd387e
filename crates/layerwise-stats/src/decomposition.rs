//! Why predictions are wrong: the mean error of models that were trained on other rows and from other starts, split into noise, bias
//! and variances, which add up to it.
//!
//! Models are crossed: every training set with every start. Of f(s, i) = μ + a(s) + b(i) + e(s, i), the variance of a is that of the
//! sample, of b that of the initialization, of e that of their interaction; the usual analysis of variance (Fisher 1925; Searle,
//! Casella and McCulloch 1992, chapter 4) estimates each without bias, in the case of one axis as k/(k − 1) times the mean square.
//!
//! - squared loss: E‖f − t‖² = ‖f* − t‖² + ‖μ − f*‖² + Σ Var (Geman, Bienenstock and Doursat 1992);
//! - 0-1 loss: the main prediction is the mode; its loss is the bias, being elsewhere the variance, which adds where the main
//!   prediction is right and subtracts where it is wrong and the other one right (Domingos 2000);
//! - cross-entropy: E KL(t‖p) = KL(t‖p̄) + E KL(p̄‖p), with the normalized geometric mean p̄ (Heskes 1998; Yang et al. 2020).
//!
//! Where more is known, squared loss has another split: with f* the best function, f_F the best of the functions F that the network can
//! be, f_n the one of F that fits the sample best, and f what training reached (Bottou and Bousquet 2008, equation 6),
//! E‖f − t‖² = noise + \[E‖f_F − f*‖²\] + \[E‖f_n − f*‖² − E‖f_F − f*‖²\] + \[E‖f − f*‖² − E‖f_n − f*‖²\]:
//! approximation, estimation, optimization.
//!
//! Standard errors are those of the jackknife over training sets and over starts (Efron and Stein 1981), with the degrees of freedom of
//! Satterthwaite (1946), (Σ v)² / Σ v²/ν over both axes.

use std::fmt;

use crate::estimate::Estimate;
use crate::summary::mean;

/// What models say of test rows: `numbers[((set · starts + start) · rows + row) · outputs + output]`.
#[derive(Clone, Debug)]
pub struct Predictions {
    sets: usize,
    starts: usize,
    rows: usize,
    outputs: usize,
    numbers: Vec<f64>,
}

/// What is wrong with predictions or targets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DecompositionError {
    at: &'static str,
    expected: String,
    got: String,
}

impl fmt::Display for DecompositionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decomposition: {} should be {}, got {}", self.at, self.expected, self.got)
    }
}

impl std::error::Error for DecompositionError {}

fn refuse<T>(at: &'static str, expected: impl ToString, got: impl ToString) -> Result<T, DecompositionError> {
    Err(DecompositionError { at, expected: expected.to_string(), got: got.to_string() })
}

/// A part of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// What even the best function gets wrong.
    Noise,
    /// What the mean of all models gets wrong.
    Bias,
    /// How far models differ by their training sets.
    Sample,
    /// How far they differ by their starts.
    Start,
    /// How far they differ by both together.
    Interaction,
    /// What the best function that the network can be gets wrong beyond noise.
    Approximation,
    /// What is lost because the function that is best on the sample is not the best one.
    Estimation,
    /// What is lost because training does not reach the function that is best on the sample; below 0 where stopping short helps.
    Optimization,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Noise => "noise",
            Part::Bias => "bias",
            Part::Sample => "variance by sample",
            Part::Start => "variance by initialization",
            Part::Interaction => "variance by both",
            Part::Approximation => "approximation",
            Part::Estimation => "estimation",
            Part::Optimization => "optimization",
        })
    }
}

/// A mean error and its parts, which add up to it.
#[derive(Clone, Debug)]
pub struct Decomposition {
    /// The mean error over models and rows.
    pub error: Estimate,
    /// Its parts.
    pub parts: Vec<(Part, Estimate)>,
    /// The sum of those parts that are variances.
    pub variance: Estimate,
}

impl Decomposition {
    /// A part; `None` if this decomposition has no such one.
    pub fn part(&self, part: Part) -> Option<Estimate> {
        self.parts.iter().find(|(known, _)| *known == part).map(|(_, estimate)| *estimate)
    }
}

impl Predictions {
    /// Predictions of `sets` × `starts` models for `rows` rows of `outputs` numbers.
    ///
    /// Errors: a number of them is 0; there are more or fewer numbers; one is not finite.
    pub fn new(
        [sets, starts, rows, outputs]: [usize; 4],
        numbers: Vec<f64>,
    ) -> Result<Predictions, DecompositionError> {
        let names = ["training sets", "starts", "rows", "outputs"];
        for (at, count) in names.into_iter().zip([sets, starts, rows, outputs]) {
            if count == 0 {
                return refuse(at, "at least 1", 0);
            }
        }
        let count = sets * starts * rows * outputs;
        if numbers.len() != count {
            return refuse("the number of predictions", count, numbers.len());
        }
        if let Some(number) = numbers.iter().find(|x| !x.is_finite()) {
            return refuse("predictions", "finite", number);
        }
        Ok(Predictions { sets, starts, rows, outputs, numbers })
    }

    /// All numbers of a model: its outputs, row after row.
    ///
    /// Panics: unless there are so many sets and starts.
    pub fn model(&self, set: usize, start: usize) -> &[f64] {
        let one = self.rows * self.outputs;
        &self.numbers[(set * self.starts + start) * one..][..one]
    }

    /// The outputs of a model for a row.
    fn of(&self, set: usize, start: usize, row: usize) -> &[f64] {
        let at = ((set * self.starts + start) * self.rows + row) * self.outputs;
        &self.numbers[at..at + self.outputs]
    }

    /// Squared loss ‖f − t‖², over outputs summed, over rows averaged. `best` is f*, if it is known; else noise and bias are one part,
    /// called bias.
    ///
    /// With f*, targets and mean predictions may go together by chance: twice that covariance, whose expectation is 0, is counted as
    /// noise, so that the parts add up.
    ///
    /// Errors: targets or best values of another length; one that is not finite.
    pub fn squared(&self, targets: &[f64], best: Option<&[f64]>) -> Result<Decomposition, DecompositionError> {
        self.check_values("the targets", targets)?;
        if let Some(best) = best {
            self.check_values("the best values", best)?;
        }
        Ok(self.jackknife(|sets, starts| self.squared_of(targets, best, sets, starts)))
    }

    fn squared_of(&self, targets: &[f64], best: Option<&[f64]>, sets: &[usize], starts: &[usize]) -> Parts {
        let (s, i) = (sets.len() as f64, starts.len() as f64);
        let mut sums = [0.0; 5];
        for row in 0..self.rows {
            for output in 0..self.outputs {
                let f = |set: usize, start: usize| self.of(set, start, row)[output];
                let by_set: Vec<f64> = sets.iter().map(|&a| starts.iter().map(|&b| f(a, b)).sum::<f64>() / i).collect();
                let by_start: Vec<f64> =
                    starts.iter().map(|&b| sets.iter().map(|&a| f(a, b)).sum::<f64>() / s).collect();
                let middle = mean(&by_set);
                let target = targets[row * self.outputs + output];
                let squares = |of: &[f64]| of.iter().map(|x| (x - middle).powi(2)).sum::<f64>();
                let (of_sets, of_starts) = (i * squares(&by_set), s * squares(&by_start));
                let mut of_both = 0.0;
                for (&a, mean_a) in sets.iter().zip(&by_set) {
                    for (&b, mean_b) in starts.iter().zip(&by_start) {
                        let x = f(a, b);
                        sums[0] += (x - target).powi(2) / (s * i);
                        of_both += (x - mean_a - mean_b + middle).powi(2);
                    }
                }
                // Mean squares, and from them the components; with one set or one start there is nothing to tell them apart by.
                let [sample, start, both] = match (sets.len(), starts.len()) {
                    (1, 1) => [0.0; 3],
                    (1, _) => [0.0, of_starts / (i - 1.0), 0.0],
                    (_, 1) => [of_sets / (s - 1.0), 0.0, 0.0],
                    _ => {
                        let both = of_both / ((s - 1.0) * (i - 1.0));
                        [(of_sets / (s - 1.0) - both) / i, (of_starts / (i - 1.0) - both) / s, both]
                    }
                };
                sums[2] += sample;
                sums[3] += start;
                sums[4] += both;
                // ‖t − f*‖² − 2 (μ − f*)(t − f*): what the error has beyond that against f*.
                sums[1] += best.map_or(0.0, |best| {
                    let off = target - best[row * self.outputs + output];
                    off * off - 2.0 * off * (middle - best[row * self.outputs + output])
                });
            }
        }
        let [error, noise, sample, start, both] = sums.map(|sum| sum / self.rows as f64);
        let mut parts = vec![(Part::Bias, error - noise - sample - start - both)];
        if best.is_some() {
            parts.insert(0, (Part::Noise, noise));
        }
        self.named(error, parts, [sample, start], Some(both))
    }

    /// Squared loss ‖f − t‖² as noise + approximation + estimation + optimization. `best` is f*, `of_class` f_F, and `fitted` holds
    /// f_n of each training set.
    ///
    /// Targets and predictions that go together by chance are counted as noise, as by [`Predictions::squared`]. Approximation is
    /// exact on these rows.
    ///
    /// Errors: numbers of another length, or one that is not finite; other sets, rows or outputs in `fitted`, or several starts.
    pub fn excess(
        &self,
        targets: &[f64],
        best: &[f64],
        of_class: &[f64],
        fitted: &Predictions,
    ) -> Result<Decomposition, DecompositionError> {
        self.check_values("the targets", targets)?;
        self.check_values("the best values", best)?;
        self.check_values("the best values of the class", of_class)?;
        let shape = |p: &Predictions, starts| format!("{} × {starts} × {} × {}", p.sets, p.rows, p.outputs);
        let (wanted, got) = (shape(self, 1), shape(fitted, fitted.starts));
        if wanted != got {
            return refuse("the fitted functions (training sets × starts × rows × outputs)", wanted, got);
        }
        let n = self.rows as f64;
        let distance = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>() / n;
        let approximation = distance(of_class, best);
        Ok(self.jackknife(|sets, starts| {
            let (s, i) = (sets.len() as f64, starts.len() as f64);
            let [mut error, mut reached, mut fit] = [0.0; 3];
            for &set in sets {
                fit += distance(fitted.model(set, 0), best) / s;
                for &start in starts {
                    error += distance(self.model(set, start), targets) / (s * i);
                    reached += distance(self.model(set, start), best) / (s * i);
                }
            }
            let parts = vec![
                (Part::Noise, error - reached),
                (Part::Approximation, approximation),
                (Part::Estimation, fit - approximation),
                (Part::Optimization, reached - fit),
            ];
            Parts { error, parts }
        }))
    }

    /// 0-1 loss of the class with the largest output (the first of equal ones). `best` is the best class of each row, if it is
    /// known; else noise and bias are one part.
    ///
    /// The variance is the net one, which may be negative: where the main prediction is wrong, to differ from it helps. That of the
    /// sample is what remains when the starts of a set vote; the rest is that of the start. Noise is the net effect of targets that
    /// are not the best class.
    ///
    /// Errors: another number of classes than rows, or one without an output.
    pub fn zero_one(&self, targets: &[u32], best: Option<&[u32]>) -> Result<Decomposition, DecompositionError> {
        self.check_classes("the targets", targets)?;
        if let Some(best) = best {
            self.check_classes("the best classes", best)?;
        }
        Ok(self.jackknife(|sets, starts| self.zero_one_of(targets, best, sets, starts)))
    }

    fn zero_one_of(&self, targets: &[u32], best: Option<&[u32]>, sets: &[usize], starts: &[usize]) -> Parts {
        let models = (sets.len() * starts.len()) as f64;
        let mut sums = [0.0; 4];
        for row in 0..self.rows {
            let truth = best.unwrap_or(targets)[row] as usize;
            let mut all = vec![0.0; self.outputs];
            // The share of sets whose vote is wrong.
            let mut voted_wrong = 0.0;
            for &set in sets {
                let mut own = vec![0.0; self.outputs];
                for &start in starts {
                    own[largest(self.of(set, start, row))] += 1.0;
                }
                voted_wrong += f64::from(largest(&own) != truth) / sets.len() as f64;
                all.iter_mut().zip(&own).for_each(|(all, own)| *all += own);
            }
            let bias = f64::from(largest(&all) != truth);
            let wrong = |class: usize| 1.0 - all[class] / models;
            sums[0] += wrong(targets[row] as usize);
            sums[1] += wrong(targets[row] as usize) - wrong(truth);
            sums[2] += bias;
            sums[3] += voted_wrong;
        }
        let [error, noise, bias, voted] = sums.map(|sum| sum / self.rows as f64);
        let mut parts = vec![(Part::Bias, bias)];
        if best.is_some() {
            parts.insert(0, (Part::Noise, noise));
        }
        self.named(error, parts, [voted - bias, error - noise - voted], None)
    }

    /// Cross-entropy of softmax outputs, −ln p of the target, from outputs before the softmax.
    ///
    /// The variance of the sample is that of the geometric means of the starts; that of the start is within a training set. Both are
    /// of the models at hand, without k/(k − 1): Kullback and Leibler's divergence has no such factor.
    ///
    /// Errors: another number of classes than rows, or one without an output.
    pub fn cross_entropy(&self, targets: &[u32]) -> Result<Decomposition, DecompositionError> {
        self.check_classes("the targets", targets)?;
        Ok(self.jackknife(|sets, starts| self.cross_entropy_of(targets, sets, starts)))
    }

    fn cross_entropy_of(&self, targets: &[u32], sets: &[usize], starts: &[usize]) -> Parts {
        let (s, i) = (sets.len() as f64, starts.len() as f64);
        let mut sums = [0.0; 4];
        for (row, &target) in targets.iter().enumerate() {
            let target = target as usize;
            let mut all = vec![0.0; self.outputs];
            // Of the geometric mean exp(E ln p) the sum is below 1: minus its logarithm is the variance.
            let mut within = 0.0;
            for &set in sets {
                let mut own = vec![0.0; self.outputs];
                for &start in starts {
                    let y = self.of(set, start, row);
                    let total = log_sum(y);
                    own.iter_mut().zip(y).for_each(|(own, y)| *own += (y - total) / i);
                }
                within -= log_sum(&own) / s;
                all.iter_mut().zip(&own).for_each(|(all, own)| *all += own / s);
            }
            let variance = -log_sum(&all);
            sums[0] -= all[target];
            sums[1] -= all[target] + variance;
            sums[2] += variance - within;
            sums[3] += within;
        }
        let [error, bias, sample, start] = sums.map(|sum| sum / self.rows as f64);
        self.named(error, vec![(Part::Bias, bias)], [sample, start], None)
    }

    /// The parts, with those variances that this design can tell apart.
    fn named(&self, error: f64, mut parts: Vec<(Part, f64)>, [sample, start]: [f64; 2], both: Option<f64>) -> Parts {
        if self.sets > 1 {
            parts.push((Part::Sample, sample));
        }
        if self.starts > 1 {
            parts.push((Part::Start, start));
        }
        if let Some(both) = both.filter(|_| self.sets > 1 && self.starts > 1) {
            parts.push((Part::Interaction, both));
        }
        Parts { error, parts }
    }

    /// The decomposition by all models, with standard errors by leaving out each set and each start.
    fn jackknife(&self, of: impl Fn(&[usize], &[usize]) -> Parts) -> Decomposition {
        let (sets, starts): (Vec<usize>, Vec<usize>) = ((0..self.sets).collect(), (0..self.starts).collect());
        let whole = of(&sets, &starts);
        let without = |all: &[usize], i: usize| all.iter().copied().filter(|&x| x != i).collect::<Vec<_>>();
        let mut axes = Vec::new();
        if self.sets > 2 {
            axes.push(sets.iter().map(|&set| of(&without(&sets, set), &starts)).collect::<Vec<_>>());
        }
        if self.starts > 2 {
            axes.push(starts.iter().map(|&start| of(&sets, &without(&starts, start))).collect());
        }
        let estimate = |value: f64, pick: &dyn Fn(&Parts) -> f64| {
            // Of each axis its share of the variance; and the sum of their squares, each over its degrees of freedom.
            let (mut variance, mut squares) = (0.0, 0.0);
            for axis in &axes {
                // Less the whole, so that what does not vary has an error of just 0.
                let left: Vec<f64> = axis.iter().map(|parts| pick(parts) - value).collect();
                let (k, middle) = (left.len() as f64, mean(&left));
                let own = (k - 1.0) / k * left.iter().map(|x| (x - middle).powi(2)).sum::<f64>();
                variance += own;
                squares += own * own / (k - 1.0);
            }
            match axes.is_empty() {
                true => Estimate { value, error: f64::INFINITY, freedom: 0.0 },
                false => Estimate {
                    value,
                    error: variance.sqrt(),
                    freedom: variance * variance / squares.max(f64::MIN_POSITIVE),
                },
            }
        };
        let error = estimate(whole.error, &|parts| parts.error);
        let part = |i: usize| (whole.parts[i].0, estimate(whole.parts[i].1, &|parts| parts.get(whole.parts[i].0)));
        let variance = estimate(whole.variance(), &|parts| parts.variance());
        Decomposition { error, parts: (0..whole.parts.len()).map(part).collect(), variance }
    }

    fn check_values(&self, at: &'static str, values: &[f64]) -> Result<(), DecompositionError> {
        if values.len() != self.rows * self.outputs {
            return refuse(at, format!("{} numbers", self.rows * self.outputs), values.len());
        }
        values.iter().find(|x| !x.is_finite()).map_or(Ok(()), |x| refuse(at, "finite", x))
    }

    fn check_classes(&self, at: &'static str, classes: &[u32]) -> Result<(), DecompositionError> {
        if classes.len() != self.rows {
            return refuse(at, format!("{} classes", self.rows), classes.len());
        }
        let outside = classes.iter().find(|&&class| class as usize >= self.outputs);
        outside.map_or(Ok(()), |class| refuse(at, format!("below {}", self.outputs), class))
    }
}

/// Numbers without standard errors.
struct Parts {
    error: f64,
    parts: Vec<(Part, f64)>,
}

impl Parts {
    /// Left out is 0.
    fn get(&self, part: Part) -> f64 {
        self.parts.iter().find(|(known, _)| *known == part).map_or(0.0, |(_, value)| *value)
    }

    fn variance(&self) -> f64 {
        [Part::Sample, Part::Start, Part::Interaction].into_iter().map(|part| self.get(part)).sum()
    }
}

/// Where the largest number is; the first of equal ones.
fn largest(of: &[f64]) -> usize {
    (0..of.len()).fold(0, |best, i| if of[i] > of[best] { i } else { best })
}

/// ln Σ exp xᵢ.
fn log_sum(x: &[f64]) -> f64 {
    let most = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    most + x.iter().map(|x| (x - most).exp()).sum::<f64>().ln()
}
