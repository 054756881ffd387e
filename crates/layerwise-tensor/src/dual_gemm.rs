//! The product of matrices of dual numbers, (A + εA′)(B + εB′) = AB + ε(AB′ + A′B), by contiguous products of their planes.
//!
//! Operands are unpacked into planes kept per thread, and the results packed again; products on stride 2 are far slower. An ε-plane
//! that is zero everywhere is left out. Three products cost what the real one costs three times; an [`Evaluation`] knows more:
//!
//! - planes of operands that somebody has at hand already (θ and its direction, the batch),
//! - a [`Gradient`] of which nobody reads the values: a Hessian-vector product is its ε-part alone,
//! - the values of all products, if the same function was evaluated before at the same values: its [`Tape`].

use std::cell::{Cell, RefCell};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buf::Buf;
use crate::dual::{Dual, Plane};
use crate::elementwise::{GRAIN, parts};
use crate::gemm::{self, Op, Write};
use crate::matrix::MatMut;
use crate::simd::{self, Kernel};
use crate::team;

/// Dual numbers of which somebody has the planes.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a, T> {
    duals: &'a [Dual<T>],
    re: &'a [T],
    eps: Option<&'a [T]>,
}

impl<'a, T: Plane> Known<'a, T> {
    /// duals ← re + ε eps, or constants.
    ///
    /// Panics: if the lengths differ.
    pub fn join(duals: &'a mut [Dual<T>], re: &'a [T], eps: Option<&'a [T]>) -> Known<'a, T> {
        join(duals, Write::Set, re, eps);
        Known { duals, re, eps }
    }

    /// Constants that were joined before.
    ///
    /// Panics: if the lengths differ; in debug builds also if any number does.
    pub fn constants(duals: &'a [Dual<T>], re: &'a [T]) -> Known<'a, T> {
        assert!(duals.len() == re.len(), "constants: {} dual numbers, {} values", duals.len(), re.len());
        debug_assert!(duals.iter().zip(re).all(|(d, re)| d.eps.vanishes() && same(d.re, *re)));
        Known { duals, re, eps: None }
    }

    /// The numbers themselves.
    pub fn duals(&self) -> &'a [Dual<T>] {
        self.duals
    }

    /// The planes of `of`, if it is a part of these numbers.
    fn planes(&self, of: &[Dual<T>]) -> Option<Planes<'a, T>> {
        let range = place(self.duals.as_ptr(), self.duals.len(), of)?;
        let eps = self.eps.map(|eps| &eps[range.clone()]).filter(|eps| eps.iter().any(|eps| !eps.vanishes()));
        Some(Planes { re: &self.re[range], eps })
    }
}

/// The values of all products of one evaluation, in order.
#[derive(Clone, Debug)]
pub struct Tape<T> {
    values: Vec<T>,
    /// Rows, inner size and columns of each.
    shapes: Vec<[usize; 3]>,
    complete: bool,
    /// How many products and values were read in this evaluation.
    read: (usize, usize),
}

impl<T> Default for Tape<T> {
    fn default() -> Self {
        Tape { values: Vec::new(), shapes: Vec::new(), complete: false, read: (0, 0) }
    }
}

impl<T> Tape<T> {
    /// Forgets everything: the next evaluation is elsewhere. Keeps the memory.
    pub fn clear(&mut self) {
        self.values.clear();
        self.shapes.clear();
        self.complete = false;
        self.read = (0, 0);
    }

    /// The values of the next product, which must have this shape.
    fn next(&mut self, shape: [usize; 3]) -> &[T] {
        let (i, start) = self.read;
        assert!(self.shapes.get(i) == Some(&shape), "tape: product {i} was {:?}, is {shape:?}", self.shapes.get(i));
        let end = start + shape[0] * shape[2];
        self.read = (i + 1, end);
        &self.values[start..end]
    }
}

/// A gradient in dual numbers of which somebody wants the ε-part alone.
///
/// Products that are added to it ([`Scalar::gemm_gradient`]) go straight to the vector of ε-parts, and their values are left out.
/// Whatever is added in another way stands in the dual numbers, which are 0 between two evaluations.
///
/// [`Scalar::gemm_gradient`]: crate::Scalar::gemm_gradient
#[derive(Clone, Debug)]
pub struct Gradient<T: Plane> {
    duals: Buf<Dual<T>>,
    /// Where products went in this evaluation.
    set: Vec<Range<usize>>,
    /// All dual numbers are 0.
    clean: bool,
}

impl<T: Plane> Gradient<T> {
    /// For a gradient of `n` numbers.
    pub fn new(n: usize) -> Self {
        Gradient { duals: Buf::zeros(n), set: Vec::new(), clean: true }
    }

    /// Completes `out` by what stands in the dual numbers, and zeros those.
    fn finish(&mut self, out: &mut [T]) {
        let zero = Dual::new(T::ZERO, T::ZERO);
        self.set.sort_unstable_by_key(|range| range.start);
        let mut done = 0;
        for range in self.set.iter().cloned().chain(std::iter::once(out.len()..out.len())) {
            let gap = done..range.start;
            derivatives(&mut out[gap.clone()], &self.duals[gap.clone()]);
            self.duals[gap].fill(zero);
            let added = &mut self.duals[range.clone()];
            if !vanish(added) {
                for (out, added) in out[range.clone()].iter_mut().zip(&*added) {
                    *out += added.eps;
                }
                added.fill(zero);
            }
            done = range.end;
        }
        self.clean = true;
    }
}

/// An evaluation in dual numbers, and what is known about it.
#[derive(Debug)]
pub struct Evaluation<'a, T> {
    known: &'a [Known<'a, T>],
    tape: Option<&'a mut Tape<T>>,
}

impl<'a, T: Plane> Evaluation<'a, T> {
    /// One in which these planes are at hand.
    pub fn new(known: &'a [Known<'a, T>]) -> Self {
        Evaluation { known, tape: None }
    }

    /// With the values of all products from this tape or, if it is empty, onto it.
    ///
    /// The function must be the same one at the same values whenever the tape is used: all numbers that it computes may differ in
    /// their ε-parts alone. Debug builds compute the values nevertheless and compare.
    pub fn tape(self, tape: &'a mut Tape<T>) -> Self {
        Evaluation { tape: Some(tape), ..self }
    }

    /// Evaluates `f`, on this thread.
    ///
    /// Panics: if `f` computes other products than those on the tape.
    pub fn run<R>(self, f: impl FnOnce() -> R) -> R {
        Context { known: self.known, tape: self.tape.map(RefCell::new), sink: None }.install(f)
    }

    /// Evaluates `f(grad)`, on this thread; out ← the ε-part of grad. `f` must only add to grad, wherever it does not set it.
    ///
    /// Panics: if the lengths differ; if `f` computes other products than those on the tape.
    pub fn derivative<R>(self, gradient: &mut Gradient<T>, out: &mut [T], f: impl FnOnce(&mut [Dual<T>]) -> R) -> R {
        let Gradient { duals, set, clean } = gradient;
        assert!(out.len() == duals.len(), "derivative: {} numbers of {}", out.len(), duals.len());
        if !*clean {
            duals.fill(Dual::new(T::ZERO, T::ZERO));
        }
        *clean = false;
        set.clear();
        let sink = Sink { first: duals.as_ptr(), out: &mut *out, set };
        let tape = self.tape.map(RefCell::new);
        let result = Context { known: self.known, tape, sink: Some(RefCell::new(sink)) }.install(|| f(duals));
        gradient.finish(out);
        result
    }
}

/// Where the products of a gradient go.
struct Sink<'a, T> {
    /// The address of the gradient.
    first: *const Dual<T>,
    out: &'a mut [T],
    set: &'a mut Vec<Range<usize>>,
}

impl<T: Plane> Sink<'_, T> {
    /// The numbers that stand for these, and whether a product is there already.
    fn part(&mut self, of: &[Dual<T>]) -> Option<(&mut [T], bool)> {
        let range = place(self.first, self.out.len(), of)?;
        let set = self.set.contains(&range);
        if !set {
            self.set.push(range.clone());
        }
        Some((&mut self.out[range], set))
    }
}

/// What products on this thread look at.
struct Context<'a, T> {
    known: &'a [Known<'a, T>],
    tape: Option<RefCell<&'a mut Tape<T>>>,
    sink: Option<RefCell<Sink<'a, T>>>,
}

/// The context of a thread, if any; opaque to other crates, since whoever could set it could let it dangle.
#[derive(Debug)]
pub struct Current<T: 'static>(Cell<*const Context<'static, T>>);

impl<T: 'static> Current<T> {
    pub(crate) const fn none() -> Self {
        Current(Cell::new(ptr::null()))
    }
}

impl<'a, T: Plane> Context<'a, T> {
    fn install<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore<T: Plane>(*const Context<'static, T>);
        impl<T: Plane> Drop for Restore<T> {
            fn drop(&mut self) {
                T::current().with(|current| current.0.set(self.0));
            }
        }
        if let Some(tape) = &self.tape {
            let tape = &mut **tape.borrow_mut();
            if !tape.complete {
                tape.clear();
            }
            tape.read = (0, 0);
        }
        let restore = Restore(T::current().with(|current| current.0.replace(ptr::from_ref(self).cast())));
        let result = f();
        drop(restore);
        if let Some(tape) = &self.tape {
            let tape = &mut **tape.borrow_mut();
            let (read, n) = (tape.read.0, tape.shapes.len());
            assert!(!tape.complete || read == n, "tape: {read} products instead of {n}");
            tape.complete = true;
        }
        result
    }

    fn planes(&self, of: &[Dual<T>]) -> Option<Planes<'a, T>> {
        self.known.iter().find_map(|known| known.planes(of))
    }
}

/// Calls `f` with the context of this thread.
fn current<T: Plane, R>(f: impl FnOnce(Option<&Context<'_, T>>) -> R) -> R {
    let context = T::current().with(|current| current.0.get());
    // SAFETY: `install` keeps the context borrowed for as long as its pointer is current, on this thread only; `f` is generic over
    // the lifetimes, so nothing of it leaves this call.
    f(unsafe { context.as_ref() })
}

/// Which of `n` numbers from `first` on `part` is, if any: by their addresses.
fn place<T>(first: *const Dual<T>, n: usize, part: &[Dual<T>]) -> Option<Range<usize>> {
    let bytes = (part.as_ptr() as usize).checked_sub(first as usize)?;
    let start = bytes / size_of::<Dual<T>>();
    (!part.is_empty() && start + part.len() <= n).then_some(start..start + part.len())
}

/// A matrix as planes; without the second one if that is zero.
struct Planes<'a, T> {
    re: &'a [T],
    eps: Option<&'a [T]>,
}

/// c ← op(a) op(b), or c ← c + op(a) op(b).
pub(crate) fn product<T: Plane>(c: MatMut<'_, Dual<T>>, write: Write, a: Op<'_, Dual<T>>, b: Op<'_, Dual<T>>) {
    gemm::check(&c, &a, &b);
    let (m, k, n) = (c.rows(), a.shape().1, c.cols());
    with_planes([a, b], m * n, |[a_planes, b_planes], context, of_c| {
        let (c_re, c_eps) = of_c.split_at_mut(m * n);
        let mut tape = context.and_then(|context| context.tape.as_ref()).map(RefCell::borrow_mut);
        let recorded = tape.as_ref().is_some_and(|tape| tape.complete);
        if !recorded || cfg!(debug_assertions) {
            T::gemm(MatMut::new(c_re, m, n), Write::Set, a.with(a_planes.re), b.with(b_planes.re));
        }
        let mut re = &*c_re;
        if let Some(tape) = &mut tape {
            if recorded {
                let values = tape.next([m, k, n]);
                debug_assert!(re.iter().zip(values).all(|(re, v)| same(*re, *v)), "tape: the values differ");
                re = values;
            } else {
                tape.values.extend_from_slice(re);
                tape.shapes.push([m, k, n]);
            }
        }
        let moves = derivative(MatMut::new(c_eps, m, n), Write::Set, (a, &a_planes), (b, &b_planes));
        join(c.into_data(), write, re, moves.then_some(&*c_eps));
    });
}

/// As [`product`]; where an evaluation wants the ε-part of a gradient alone, and c is a part of that, only there.
pub(crate) fn gradient<T: Plane>(mut c: MatMut<'_, Dual<T>>, write: Write, a: Op<'_, Dual<T>>, b: Op<'_, Dual<T>>) {
    let done = current::<T, _>(|context| {
        let mut sink = context.and_then(|context| context.sink.as_ref()).map(RefCell::borrow_mut);
        let Some((out, set)) = sink.as_mut().and_then(|sink| sink.part(c.data())) else { return false };
        gemm::check(&c, &a, &b);
        let first = if set { write } else { Write::Set };
        with_planes([a, b], 0, |[a_planes, b_planes], _, _| {
            let moves = derivative(MatMut::new(out, c.rows(), c.cols()), first, (a, &a_planes), (b, &b_planes));
            if !moves && first == Write::Set {
                out.fill(T::ZERO);
            }
        });
        true
    });
    if !done {
        product(c, write, a, b);
    }
}

/// The ε-part of a product: c ← or += A B′ + A′ B. Returns whether there is any; else c is left alone.
fn derivative<T: Plane>(
    mut c: MatMut<'_, T>,
    mut write: Write,
    (a, a_planes): (Op<'_, Dual<T>>, &Planes<'_, T>),
    (b, b_planes): (Op<'_, Dual<T>>, &Planes<'_, T>),
) -> bool {
    if let Some(eps) = b_planes.eps {
        T::gemm(c.reborrow(), write, a.with(a_planes.re), b.with(eps));
        write = Write::Add;
    }
    if let Some(eps) = a_planes.eps {
        T::gemm(c, write, a.with(eps), b.with(b_planes.re));
    }
    a_planes.eps.is_some() || b_planes.eps.is_some()
}

/// Calls `f` with the planes of two operands, known or unpacked, and scratch for the two planes of `n` numbers.
fn with_planes<T: Plane>(
    of: [Op<'_, Dual<T>>; 2],
    n: usize,
    f: impl FnOnce([Planes<'_, T>; 2], Option<&Context<'_, T>>, &mut [T]),
) {
    current(|context| {
        let duals = of.map(|of| of.mat().data());
        let known = duals.map(|duals| context.and_then(|context| context.planes(duals)));
        let room = |i: usize| if known[i].is_some() { 0 } else { 2 * duals[i].len() };
        let sizes = [room(0), room(1), 2 * n];
        let mut scratch = T::scratch().take();
        let [of_a, of_b, of_c] = pieces(&mut scratch, sizes);
        let [known_a, known_b] = known;
        let a = known_a.unwrap_or_else(|| unpack(duals[0], of_a));
        let b = known_b.unwrap_or_else(|| unpack(duals[1], of_b));
        f([a, b], context, of_c);
        T::scratch().set(scratch);
    });
}

/// Both are NaN or have the same value.
fn same<T: Plane>(a: T, b: T) -> bool {
    let (a, b) = (a.value(), b.value());
    a == b || (a.is_nan() && b.is_nan())
}

/// Disjoint pieces of these sizes, each on a cache line.
fn pieces<T: Plane, const N: usize>(scratch: &mut Buf<T>, sizes: [usize; N]) -> [&mut [T]; N] {
    let total = sizes.iter().map(|&n| crate::padded(n)).sum();
    if scratch.len() < total {
        *scratch = Buf::zeros(total);
    }
    let mut rest = &mut scratch[..];
    sizes.map(|n| &mut rest.split_off_mut(..crate::padded(n)).unwrap_or_default()[..n])
}

/// Splits into planes, the second half for the derivatives.
fn unpack<'a, T: Plane>(from: &[Dual<T>], to: &'a mut [T]) -> Planes<'a, T> {
    struct Unpack<'a, T>(&'a [Dual<T>], &'a mut [T], &'a mut [T]);
    impl<T: Plane> Kernel for Unpack<'_, T> {
        type Out = bool;
        #[inline(always)]
        fn run(self) -> bool {
            let mut moves = false;
            for ((d, re), eps) in self.0.iter().zip(self.1).zip(self.2) {
                (*re, *eps) = (d.re, d.eps);
                moves |= !d.eps.vanishes();
            }
            moves
        }
    }
    let n = from.len();
    let (re, eps) = to.split_at_mut(n);
    let (to_re, to_eps) = (team::Shared(re.as_mut_ptr()), team::Shared(eps.as_mut_ptr()));
    let moves = AtomicBool::new(false);
    team::split(n, GRAIN, parts(n), &|range| {
        // SAFETY: the ranges are disjoint and within 0..n, and both planes are borrowed for the whole call.
        let (re, eps) = unsafe {
            (
                std::slice::from_raw_parts_mut(to_re.get().add(range.start), range.len()),
                std::slice::from_raw_parts_mut(to_eps.get().add(range.start), range.len()),
            )
        };
        if simd::run(Unpack(&from[range], re, eps)) {
            moves.store(true, Ordering::Relaxed);
        }
    });
    Planes { re, eps: moves.into_inner().then_some(eps) }
}

/// duals ← or += re + ε eps, or re alone.
fn join<T: Plane>(duals: &mut [Dual<T>], write: Write, re: &[T], eps: Option<&[T]>) {
    struct Join<'a, T, F>(&'a mut [Dual<T>], &'a [T], &'a [T], F);
    impl<T: Plane, F: Fn(&mut Dual<T>, T, T)> Kernel for Join<'_, T, F> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for ((d, re), eps) in self.0.iter_mut().zip(self.1).zip(self.2) {
                (self.3)(d, *re, *eps);
            }
        }
    }
    fn each<T: Plane>(duals: &mut [Dual<T>], re: &[T], eps: &[T], f: impl Fn(&mut Dual<T>, T, T) + Copy + Sync) {
        let n = duals.len();
        assert!(n == re.len() && n == eps.len(), "join: lengths {n}, {}, {}", re.len(), eps.len());
        let out = team::Shared(duals.as_mut_ptr());
        team::split(n, GRAIN, parts(n), &|range| {
            // SAFETY: the ranges are disjoint and within 0..n, and `duals` is borrowed for the whole call.
            let duals = unsafe { std::slice::from_raw_parts_mut(out.get().add(range.start), range.len()) };
            simd::run(Join(duals, &re[range.clone()], &eps[range], f));
        });
    }
    match (write, eps) {
        (Write::Set, Some(eps)) => each(duals, re, eps, |d, re, eps| *d = Dual::new(re, eps)),
        (Write::Set, None) => each(duals, re, re, |d, re, _| *d = Dual::new(re, T::ZERO)),
        (Write::Add, Some(eps)) => each(duals, re, eps, |d, re, eps| *d += Dual::new(re, eps)),
        (Write::Add, None) => each(duals, re, re, |d, re, _| d.re += re),
    }
}

/// Whether all ε-parts are 0.
fn vanish<T: Plane>(duals: &[Dual<T>]) -> bool {
    struct Vanish<'a, T>(&'a [Dual<T>]);
    impl<T: Plane> Kernel for Vanish<'_, T> {
        type Out = bool;
        #[inline(always)]
        fn run(self) -> bool {
            self.0.iter().fold(true, |all, d| all & d.eps.vanishes())
        }
    }
    duals.chunks(4096).all(|chunk| simd::run(Vanish(chunk)))
}

/// out ← the ε-parts.
///
/// Panics: if the lengths differ.
pub fn derivatives<T: Plane>(out: &mut [T], duals: &[Dual<T>]) {
    struct Derivatives<'a, T>(&'a mut [T], &'a [Dual<T>]);
    impl<T: Plane> Kernel for Derivatives<'_, T> {
        type Out = ();
        #[inline(always)]
        fn run(self) {
            for (out, d) in self.0.iter_mut().zip(self.1) {
                *out = d.eps;
            }
        }
    }
    let n = out.len();
    assert!(duals.len() == n, "derivatives: {n} numbers of {}", duals.len());
    let to = team::Shared(out.as_mut_ptr());
    team::split(n, GRAIN, parts(n), &|range| {
        // SAFETY: the ranges are disjoint and within 0..n, and `out` is borrowed for the whole call.
        let out = unsafe { std::slice::from_raw_parts_mut(to.get().add(range.start), range.len()) };
        simd::run(Derivatives(out, &duals[range]));
    });
}
