//! A step α along d that meets the strong Wolfe conditions f(θ + α d) ≤ f(θ) + c₁ α s and |∇f(θ + α d)ᵀ d| ≤ c₂ |s|, with the
//! slope s = ∇f(θ)ᵀ d < 0 at the start.
//!
//! Source: Nocedal & Wright (2006), "Numerical optimization", algorithms 3.5 and 3.6 in one loop, with their cubic (equation
//! 3.59). Where two values differ by rounding alone, slopes decide: Hager & Zhang (2005), "A new conjugate gradient method with
//! guaranteed descent and an efficient line search", equation 4.1.

use layerwise_core::Objective;
use layerwise_tensor::orthogonal::dot;
use layerwise_tensor::{Scalar, elementwise};

/// Trial steps of one search, at most: an interval shrinks by a tenth at least.
const MOST_TRIALS: usize = 40;
/// How near to an end of the interval a trial may be, as a share of it.
const MARGIN: f64 = 0.1;
/// How much farther than to the last trial the next one is, while nothing is bracketed, in units of the last advance.
const FARTHER: [f64; 2] = [1.0, 9.0];

/// c₁ and c₂.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wolfe {
    pub decrease: f64,
    pub slope: f64,
}

/// f along the line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trial {
    pub step: f64,
    pub value: f64,
    pub slope: f64,
}

impl Trial {
    fn finite(&self) -> bool {
        self.value.is_finite() && self.slope.is_finite()
    }
}

/// The line θ + α d, and where f was evaluated on it last.
pub(crate) struct Line<'a, S: Scalar> {
    pub f: &'a mut dyn Objective<S>,
    pub start: &'a [S],
    pub direction: &'a [S],
    pub theta: &'a mut [S],
    pub grad: &'a mut [S],
    /// Evaluations that are left.
    pub left: usize,
}

impl<S: Scalar> Line<'_, S> {
    fn at(&mut self, step: f64) -> Option<Trial> {
        self.left = self.left.checked_sub(1)?;
        self.theta.copy_from_slice(self.start);
        add_scaled(self.theta, step, self.direction);
        let value = self.f.eval(self.theta, self.grad).value();
        Some(Trial { step, value, slope: dot(self.grad, self.direction) })
    }

    /// A step for which the conditions hold, from a first guess; or, if the evaluations run out or the interval gets too small,
    /// the best one that brings f down. `theta` and `grad` are then of this step.
    pub fn search(&mut self, start: Trial, guess: f64, wolfe: Wolfe) -> Option<Trial> {
        let rounding = 4.0 * ulp::<S>();
        let noise = rounding * start.value.abs();
        let enough = |trial: &Trial| {
            let level = (trial.value - start.value).abs() <= noise;
            let flat = level && trial.slope <= (2.0 * wolfe.decrease - 1.0) * start.slope;
            trial.value <= start.value + wolfe.decrease * trial.step * start.slope || flat
        };
        // `low` is the best so far; beyond it, towards `high`, f falls at first, and has a minimum before `high`.
        let (mut low, mut high, mut step) = (start, None::<Trial>, guess);
        for _ in 0..MOST_TRIALS {
            let Some(trial) = self.at(step) else { break };
            let before = low;
            if !trial.finite() || !enough(&trial) || low.step > 0.0 && trial.value > low.value + noise {
                high = Some(trial);
            } else if trial.slope.abs() <= -wolfe.slope * start.slope {
                return Some(trial);
            } else {
                if trial.slope * high.map_or(1.0, |high| high.step - trial.step) >= 0.0 {
                    high = Some(low);
                }
                low = trial;
            }
            step = match high {
                Some(high) if (high.step - low.step).abs() <= rounding * high.step.max(low.step) => break,
                Some(high) => between(low, high),
                None => beyond(before, low),
            };
        }
        if low.value < start.value { self.at(low.step) } else { None }
    }
}

/// The minimum of the cubic through two trials, not too near to either.
fn between(low: Trial, high: Trial) -> f64 {
    let width = high.step - low.step;
    let share = if high.finite() { (cubic(low, high) - low.step) / width } else { MARGIN };
    let share = if share.is_nan() { 0.5 } else { share.clamp(MARGIN, 1.0 - MARGIN) };
    low.step + share * width
}

/// The minimum of the cubic through two trials, beyond the second.
fn beyond(before: Trial, last: Trial) -> f64 {
    let advance = last.step - before.step;
    let more = (cubic(before, last) - last.step) / advance;
    // Where it has no minimum, or one that lies behind, f curves downward.
    let [least, most] = FARTHER;
    last.step + advance * if more >= 0.0 { more.clamp(least, most) } else { most }
}

/// The minimum of the cubic that has these values and slopes; NaN if there is none.
fn cubic(a: Trial, b: Trial) -> f64 {
    let width = b.step - a.step;
    let mean = a.slope + b.slope - 3.0 * (b.value - a.value) / width;
    let root = width.signum() * (mean * mean - a.slope * b.slope).sqrt();
    b.step - width * (b.slope + root - mean) / (b.slope - a.slope + 2.0 * root)
}

/// y ← y + a x.
pub(crate) fn add_scaled<S: Scalar>(y: &mut [S], a: f64, x: &[S]) {
    let a = S::of(a);
    elementwise::zip(y, x, |y, x| *y += a * x);
}

/// The distance from 1 to the next number.
fn ulp<S: Scalar>() -> f64 {
    // f32 rounds it off, as do dual numbers of f32.
    let single = S::of(1.0 + f64::EPSILON).value() == 1.0;
    if single { f64::from(f32::EPSILON) } else { f64::EPSILON }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any function of one number with its slope.
    struct Curve<F>(F);

    impl<S: Scalar, F: Fn(f64) -> [f64; 2]> Objective<S> for Curve<F> {
        fn len(&self) -> usize {
            1
        }
        fn eval(&mut self, theta: &[S], grad: &mut [S]) -> S {
            let [value, slope] = (self.0)(theta[0].value());
            grad[0] = S::of(slope);
            S::of(value)
        }
    }

    fn search_in<S: Scalar>(curve: impl Fn(f64) -> [f64; 2], guess: f64, wolfe: Wolfe) -> (Option<Trial>, usize, f64) {
        let [value, slope] = curve(0.0);
        let (mut theta, mut grad, mut f) = ([S::ZERO], [S::ZERO], Curve(curve));
        let (start, direction) = (&[S::ZERO], &[S::ONE]);
        let mut line = Line { f: &mut f, start, direction, theta: &mut theta, grad: &mut grad, left: 100 };
        let found = line.search(Trial { step: 0.0, value, slope }, guess, wolfe);
        let left = line.left;
        (found, 100 - left, theta[0].value())
    }

    fn search(curve: impl Fn(f64) -> [f64; 2], guess: f64, wolfe: Wolfe) -> (Option<Trial>, usize, f64) {
        search_in::<f64>(curve, guess, wolfe)
    }

    /// The functions of Moré & Thuente (1994), section 5, from their four guesses: the conditions hold.
    #[test]
    fn both_conditions_hold_on_the_functions_of_more_and_thuente() {
        let beta = 2.0f64;
        let first = move |a: f64| [-a / (a * a + beta), (a * a - beta) / (a * a + beta).powi(2)];
        let second = |a: f64| {
            let x = a + 0.004;
            [x.powi(5) - 2.0 * x.powi(4), 5.0 * x.powi(4) - 8.0 * x.powi(3)]
        };
        let third = |a: f64| {
            let (l, b) = (39.0, 0.01);
            let core = if (a - 1.0).abs() <= b {
                [(a - 1.0).powi(2) / (2.0 * b) + b / 2.0, (a - 1.0) / b]
            } else {
                [(a - 1.0).abs(), (a - 1.0).signum()]
            };
            let wave = l * std::f64::consts::FRAC_PI_2;
            [
                core[0] + 2.0 * (1.0 - b) / (l * std::f64::consts::PI) * (wave * a).sin(),
                core[1] + (1.0 - b) * (wave * a).cos(),
            ]
        };
        let curves: [&dyn Fn(f64) -> [f64; 2]; 3] = [&first, &second, &third];
        for (i, curve) in curves.iter().enumerate() {
            for guess in [1e-3, 0.1, 10.0, 1e3] {
                for wolfe in [Wolfe { decrease: 1e-4, slope: 0.1 }, Wolfe { decrease: 0.1, slope: 0.1 }] {
                    let [value, slope] = curve(0.0);
                    let (found, trials, theta) = search(curve, guess, wolfe);
                    let found = found.expect("a step");
                    assert_eq!(found.step, theta);
                    assert!(found.value <= value + wolfe.decrease * theta * slope, "{i}, {guess}: {found:?}");
                    assert!(found.slope.abs() <= -wolfe.slope * slope, "{i}, {guess}: {found:?}");
                    assert!(trials <= 20, "{i}, {guess}: {trials} trials");
                }
            }
        }
    }

    const USUAL: Wolfe = Wolfe { decrease: 1e-4, slope: 0.9 };

    #[test]
    fn a_step_out_of_the_domain_is_taken_back() {
        // x − ln(1 + x) from the left of 0 has a wall at −1.
        let wall = |a: f64| [-a - (1.0 - 2.0 * a).ln() * 0.25, -1.0 + 0.5 / (1.0 - 2.0 * a)];
        let (found, _, theta) = search(wall, 3.0, USUAL);
        assert!(found.is_some() && theta < 0.5 && wall(theta)[0] < 0.0);
    }

    #[test]
    fn nothing_is_found_where_f_only_rises_or_everything_is_nan() {
        // The slope claims a descent that is not there.
        assert!(search(|a| [a, -1.0], 1.0, USUAL).0.is_none());
        assert!(search(|a| if a == 0.0 { [0.0, -1.0] } else { [f64::NAN; 2] }, 1.0, USUAL).0.is_none());
    }

    /// Down to −10 at 1, steeply, and from 1.2 on flat at `rest`.
    fn ledge(rest: f64) -> impl Fn(f64) -> [f64; 2] {
        move |a| if a <= 1.2 { [-a - 9.0 * a * a, -1.0 - 18.0 * a] } else { [rest, 0.0] }
    }

    #[test]
    fn what_is_higher_than_the_best_so_far_is_no_end() {
        let wolfe = Wolfe { decrease: 1e-4, slope: 0.1 };
        let (found, _, _) = search(ledge(-2.0), 1.0, wolfe);
        assert!(found.is_some_and(|found| found.value < -10.0), "{found:?}");
        // What is as high may be.
        let (found, trials, theta) = search(ledge(-10.0), 1.0, wolfe);
        assert!(found.is_some_and(|found| found.value == -10.0 && theta > 1.2) && trials == 2, "{found:?}");
        // Also where f at the start leaves something to rounding.
        let lifted = |a: f64| [ledge(-10.0)(a)[0] + 5.0, ledge(-10.0)(a)[1]];
        let (found, trials, theta) = search(lifted, 1.0, wolfe);
        assert!(found.is_some_and(|found| found.value == -5.0 && theta > 1.2) && trials == 2, "{found:?}");
    }

    #[test]
    fn what_is_higher_than_the_start_is_no_step() {
        let step = |a: f64| if a > 0.5 { [15.0, 0.0] } else { [10.0 - a, -1.0] };
        let (found, _, theta) = search(step, 1.0, USUAL);
        assert!(found.is_some_and(|found| found.value < 10.0) && theta <= 0.5, "{found:?}");
    }

    #[test]
    fn an_abyss_is_no_step() {
        let hole = |a: f64| if a > 0.5 { [f64::NEG_INFINITY, 0.0] } else { [-a, -1.0] };
        let (found, _, theta) = search(hole, 1.0, USUAL);
        assert!(found.is_some_and(|found| found.value.is_finite()) && theta <= 0.5, "{found:?}");
    }

    #[test]
    fn slopes_decide_where_values_differ_by_rounding() {
        // One unit in the last place above the start.
        let level = |start: f64, there: f64| move |a: f64| if a == 0.0 { [1e16, start] } else { [1e16 + 2.0, there] };
        assert_eq!(search(level(-1.0, 0.0), 0.5, USUAL).1, 1);
        // Less steep than the start is downward.
        let (found, trials, _) = search(level(-2.0, 1.0), 0.5, USUAL);
        assert!(found.is_some_and(|found| found.step == 0.5) && trials == 1, "{found:?}");
        assert!(search(level(-2.0, 2.0), 0.5, USUAL).0.is_none());
    }

    #[test]
    fn trials_keep_their_distances() {
        let parabola = |at: f64, step: f64| Trial { step, value: 0.5 * (step - at).powi(2), slope: step - at };
        // Not nearer to an end than a tenth of the interval.
        let near = |at: f64| between(parabola(at, 0.0), parabola(at, 1.0));
        assert!([(0.95, 0.9), (0.5, 0.5), (0.05, 0.1)].iter().all(|(at, want)| (near(*at) - want).abs() < 1e-12));
        // Beyond by one to nine times the last advance.
        let far = |at: f64| beyond(parabola(at, 1.0), parabola(at, 3.0));
        assert!([(4.0, 5.0), (9.0, 9.0), (30.0, 21.0)].iter().all(|(at, want)| (far(*at) - want).abs() < 1e-9));
    }

    #[test]
    fn a_search_ends_where_steps_differ_by_rounding_alone() {
        let kink = |a: f64| [(a - 0.3).abs(), if a < 0.3 { -1.0 } else { 1.0 }];
        let (found, trials, theta) = search_in::<f32>(kink, 1.0, USUAL);
        assert!(found.is_some() && (theta - 0.3).abs() < 1e-6 && trials < MOST_TRIALS, "{found:?} in {trials}");
    }

    #[test]
    fn the_minimum_of_a_cubic_is_exact() {
        // x³ − 3x: its minimum is at 1.
        let at = |x: f64| Trial { step: x, value: x.powi(3) - 3.0 * x, slope: 3.0 * x * x - 3.0 };
        for (a, b) in [(0.0, 2.0), (2.0, 0.0), (0.0, 0.5), (-0.5, 4.0)] {
            assert!((cubic(at(a), at(b)) - 1.0).abs() < 1e-14);
        }
    }
}
