//! Faults that are planted into a component while it runs, to see that they are found: the test of the test.
//!
//! A fault damages numbers that a kernel has just written, in every number type alike, as a wrong line in its source would.

use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use layerwise_tensor::{Dual32, Dual64, Scalar};

/// One fault: what is damaged, and how.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub target: Target,
    pub damage: Damage,
    /// Shared by all clones: a fault is planted into many runs.
    felt: Rc<Cell<bool>>,
}

/// Whose numbers are damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// What comes out of the forward pass: outputs, losses, λΩ.
    Value,
    /// The gradient with respect to the input.
    Input,
    /// The gradient with respect to parameters.
    Parameters,
    /// Running state.
    State,
}

/// What is done to the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Damage {
    /// Times 1 + this.
    Scale(f64),
    Sign,
    DropFirst,
    DropLast,
    DropColumn,
    /// The first two numbers change places.
    Swap,
    /// Rows and columns change places.
    Transpose,
    /// Every number moves by one.
    OffByOne,
    /// A sum where there should be a mean, and the reverse.
    SumForMean,
    MeanForSum,
    /// Each sample gets what belongs to the next.
    NextColumn,
    Twice,
    /// Added to what memory held, where it should be set.
    Added,
    /// Set, where it should be added to what memory held.
    Set,
    /// The last number is not written.
    Tail,
    /// Nothing is written.
    Unwritten,
    /// The last row is missing: a bias, the last output.
    DropRow,
    /// The derivative of the gradient is lost.
    Detached,
    /// Wrong in single precision only.
    Single,
    /// Not a number where numbers are large.
    FarNan,
    /// Large numbers are cut off.
    Clipped,
    /// Small numbers count as 0.
    Flushed,
    /// Rounded to single precision.
    Rounded,
    /// A constant is added: an ε in the wrong place.
    Epsilon(f64),
    /// The input is read a little beside where it is.
    Beside(f64),
    /// Scratch from another pass.
    StaleCache,
    /// Noise on when it should be off, and the reverse.
    OtherPass,
    /// Another mask backward than forward.
    OtherMask,
    /// Only the first sample counts.
    FirstSample,
    /// Nothing unless ∂L/∂x is wanted too.
    OnlyWithInput,
    /// At a kink, the derivative of the steeper side.
    WrongBranch,
    /// The output is taken for the input.
    OutputForInput,
    /// The step is counted one too far.
    LateStep,
}

use Damage::*;

/// What can be done to any array of numbers.
pub(crate) const COMMON: [Damage; 27] = [
    Scale(1e-3),
    Scale(1e-4),
    Scale(1e-6),
    Scale(1e-8),
    Scale(1e-9),
    Scale(1e-10),
    Sign,
    DropFirst,
    DropLast,
    DropColumn,
    DropRow,
    Swap,
    Transpose,
    OffByOne,
    SumForMean,
    MeanForSum,
    NextColumn,
    Twice,
    Tail,
    Unwritten,
    Single,
    FarNan,
    Clipped,
    Flushed,
    Rounded,
    Epsilon(1e-5),
    Epsilon(1e-10),
];

impl Fault {
    pub fn new(target: Target, damage: Damage) -> Fault {
        Fault { target, damage, felt: Rc::new(Cell::new(false)) }
    }

    /// Whether it has changed a number so far.
    pub fn felt(&self) -> bool {
        self.felt.get()
    }

    /// The fault is something other than damage to an array, and happens now.
    pub fn feel(&self, changed: bool) {
        self.felt.set(self.felt.get() | changed);
    }

    /// Damages what was written over `old`, a rows × columns matrix, if this target is meant.
    pub fn strike<S: Scalar>(&self, target: Target, new: &mut [S], old: &[S], rows: usize) {
        if target != self.target || new.is_empty() {
            return;
        }
        let honest = new.to_vec();
        damage(self.damage, new, &honest, old, rows.max(1));
        self.compare(&honest, new);
    }

    /// Whether numbers differ, their derivatives included.
    pub fn compare<S: Scalar>(&self, honest: &[S], spoilt: &[S]) {
        self.feel(!self.felt() && honest.iter().zip(spoilt).any(|(h, s)| parts(h) != parts(s)));
    }

    /// Whether values differ, whatever their derivatives.
    pub fn compare_values<S: Scalar>(&self, honest: &[S], spoilt: &[S]) {
        self.feel(honest.iter().zip(spoilt).any(|(h, s)| h.value() != s.value()));
    }
}

/// A distance that is not the same for all numbers: some functions do not feel one that is.
pub(crate) fn uneven(by: f64, i: usize) -> f64 {
    by * (1 + i % 3) as f64
}

/// Value and derivative. What is not a number is equal to itself here.
fn parts<S: Scalar>(x: &S) -> [Option<f64>; 2] {
    let any: &dyn Any = x;
    let [re, eps] = match (any.downcast_ref::<Dual64>(), any.downcast_ref::<Dual32>()) {
        (Some(x), _) => [x.re, x.eps],
        (_, Some(x)) => [f64::from(x.re), f64::from(x.eps)],
        _ => [x.value(), 0.0],
    };
    [re, eps].map(|x| (!x.is_nan()).then_some(x))
}

fn is<T: 'static, S: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<S>()
}

fn damage<S: Scalar>(damage: Damage, new: &mut [S], honest: &[S], old: &[S], rows: usize) {
    let n = new.len();
    let cols = n / rows;
    let all = |new: &mut [S], f: &dyn Fn(S) -> S| new.iter_mut().for_each(|x| *x = f(*x));
    match damage {
        Scale(by) => all(new, &|x| x * S::of(1.0 + by)),
        Sign => all(new, &|x| -x),
        DropFirst => new[0] = S::ZERO,
        DropLast => new[n - 1] = S::ZERO,
        DropColumn => new[..rows].fill(S::ZERO),
        DropRow => new.iter_mut().skip(rows - 1).step_by(rows).for_each(|x| *x = S::ZERO),
        Swap if n > 1 => new.swap(0, 1),
        Transpose => {
            for (i, x) in new.iter_mut().enumerate() {
                *x = honest[(i % cols) * rows + i / cols];
            }
        }
        OffByOne => new.rotate_right(1),
        SumForMean => all(new, &|x| x * S::of(cols as f64)),
        MeanForSum => all(new, &|x| x / S::of(cols as f64)),
        NextColumn => new.rotate_left(rows),
        Twice => all(new, &|x| x + x),
        Added => new.iter_mut().zip(old).for_each(|(x, old)| *x += *old),
        Tail => new[n - 1] = old[n - 1],
        Unwritten => new.copy_from_slice(old),
        Detached if is::<Dual64, S>() || is::<Dual32, S>() => all(new, &|x| S::of(x.value())),
        Single if is::<f32, S>() => all(new, &|x| x * S::of(1.001)),
        FarNan => all(new, &|x| S::select(x.value().abs() > 4.0, S::of(f64::NAN), x)),
        Clipped => all(new, &|x| S::select(x.value().abs() > 4.0, S::of(4.0), x)),
        Flushed => all(new, &|x| S::select(x.value().abs() < 1e-3, S::ZERO, x)),
        Rounded if !is::<f32, S>() => all(new, &|x| x + S::of(f64::from(x.value() as f32) - x.value())),
        Epsilon(by) => all(new, &|x| x + S::of(by)),
        _ => {}
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.target, self.damage)
    }
}
