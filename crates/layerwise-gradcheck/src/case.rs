//! Cases of a property: sizes and numbers, drawn small first, and shrunk to what a person can check with a pocket calculator.

use std::cell::Cell;
use std::fmt;
use std::time::{Duration, Instant};

use layerwise_tensor::{Key, Purpose, Rng};
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// One case: everything that a check computes follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What the sizes mean is up to the family: input width, samples, ….
    pub sizes: Vec<usize>,
    /// The numbers of all fields, one field after the other, by columns.
    pub numbers: Vec<f64>,
    /// Masks and random directions.
    pub seed: u64,
}

/// A named matrix of numbers within a case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub name: &'static str,
    pub rows: usize,
    pub cols: usize,
    pub draw: Draw,
}

impl Field {
    pub fn new(name: &'static str, rows: usize, cols: usize) -> Field {
        Field { name, rows, cols, draw: Draw::Input }
    }

    pub fn drawn(self, draw: Draw) -> Field {
        Field { draw, ..self }
    }

    pub fn len(&self) -> usize {
        self.rows * self.cols
    }
}

/// How the numbers of a field are drawn. All are numbers of f32, so that one case serves both precisions.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Draw {
    /// As the style of the case says.
    Input,
    /// Normal, in sixty-fourths: parameters and cotangents.
    Short,
    /// Uniform in \[0, 1\].
    Unit,
    /// A class below this number.
    Class(usize),
}

/// How the inputs of a case are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Style {
    /// Normal, in sixty-fourths: few digits.
    Short,
    /// Normal with this deviation.
    Scaled(f64),
    /// Integers from −2 to 2, and points of the component's own choice: these meet kinks.
    Kinks,
}

impl Style {
    /// The styles take turns, short numbers first.
    fn of(index: usize) -> Style {
        [
            Style::Short,
            Style::Kinks,
            Style::Short,
            Style::Scaled(10.0),
            Style::Short,
            Style::Scaled(1e-3),
            Style::Kinks,
            Style::Scaled(1.0),
        ][index % 8]
    }
}

/// What cases are drawn for.
pub(crate) trait Space {
    /// Sizes of a case with this index, small ones first.
    fn sizes(&self, index: usize, rng: &mut Rng) -> Vec<usize>;
    /// The smallest sizes; those of equal size are not shrunk.
    fn least(&self) -> Vec<usize>;
    /// The fields for these sizes; `None` if the component does not take them.
    fn fields(&self, sizes: &[usize]) -> Option<Vec<Field>>;
    /// Inputs that kinks lie at.
    fn kinks(&self) -> &[f64] {
        &[]
    }
    /// Whether derivatives of the case can be compared: no branch is within reach.
    fn usable(&self, case: &Case) -> bool;
}

/// To the nearest number of f32.
pub(crate) fn short(x: f64) -> f64 {
    f64::from(x as f32)
}

fn number(draw: Draw, style: Style, kinks: &[f64], rng: &mut Rng) -> f64 {
    let sixty_fourths = |rng: &mut Rng| (rng.normal() * 64.0).round() / 64.0;
    match (draw, style) {
        (Draw::Short, Style::Kinks) => rng.below(5) as f64 - 2.0,
        (Draw::Unit, Style::Kinks) => rng.below(2) as f64,
        (Draw::Input, Style::Kinks) => match rng.below(9 + kinks.len()) {
            i @ 0..5 => i as f64 - 2.0,
            i @ 5..9 => (i as f64 - 6.5) / 2.0,
            i => kinks[i - 9],
        },
        (Draw::Short, _) | (Draw::Input, Style::Short) => sixty_fourths(rng),
        (Draw::Unit, _) => short(rng.uniform()),
        (Draw::Class(k), _) => rng.below(k.max(1)) as f64,
        (Draw::Input, Style::Scaled(scale)) => short(rng.normal() * scale),
    }
}

/// The case with this index, and how many draws were thrown away before it; `None` if the component takes no such sizes.
pub(crate) fn draw(space: &(impl Space + ?Sized), seed: u64, index: usize) -> Option<(Case, usize)> {
    let style = Style::of(index);
    let mut rng = Key::new(seed, Purpose::Test).step(index as u64).rng();
    let sizes = space.sizes(index, &mut rng);
    let fields = space.fields(&sizes)?;
    let mut thrown = 0;
    loop {
        let numbers = fill(space, &fields, style, &mut rng);
        let case = Case { sizes: sizes.clone(), numbers, seed: seed.wrapping_mul(1 << 20).wrapping_add(index as u64) };
        if style == Style::Kinks || thrown == MOST_THROWN || space.usable(&case) {
            return Some((case, thrown));
        }
        thrown += 1;
    }
}

const MOST_THROWN: usize = 50;

fn fill(space: &(impl Space + ?Sized), fields: &[Field], style: Style, rng: &mut Rng) -> Vec<f64> {
    let draws = fields.iter().flat_map(|field| std::iter::repeat_n(field.draw, field.len()));
    draws.map(|draw| number(draw, style, space.kinks(), rng)).collect()
}

/// A case of these sizes; `None` if the component does not take them.
pub(crate) fn at(space: &(impl Space + ?Sized), sizes: &[usize], style: Style, seed: u64) -> Option<Case> {
    let mut rng = Key::new(seed, Purpose::Test).layer(3).rng();
    let numbers = fill(space, &space.fields(sizes)?, style, &mut rng);
    Some(Case { sizes: sizes.to_vec(), numbers, seed })
}

/// The same numbers at other sizes: what is outside is cut off.
fn resized(space: &(impl Space + ?Sized), case: &Case, sizes: Vec<usize>) -> Option<Case> {
    let (from, to) = (space.fields(&case.sizes)?, space.fields(&sizes)?);
    let mut numbers = Vec::new();
    let mut start = 0;
    for (i, field) in to.iter().enumerate() {
        let old = from.get(i);
        for j in 0..field.cols {
            for k in 0..field.rows {
                let inside = old.filter(|old| k < old.rows && j < old.cols);
                let number = inside.map_or(0.0, |old| case.numbers[start + j * old.rows + k]);
                numbers.push(if let Draw::Class(n) = field.draw { number.min(n as f64 - 1.0) } else { number });
            }
        }
        start += old.map_or(0, Field::len);
    }
    Some(Case { sizes, numbers, seed: case.seed })
}

/// The cases of a space, in the order of their index.
pub(crate) struct Cases<'a, T: ?Sized> {
    pub space: &'a T,
    pub seed: u64,
    pub next: Cell<usize>,
    pub thrown: Cell<usize>,
}

impl<T: ?Sized> fmt::Debug for Cases<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cases")
    }
}

impl<'a, T: Space + ?Sized> Strategy for Cases<'a, T> {
    type Tree = Shrink<'a, T>;
    type Value = Case;

    fn new_tree(&self, _runner: &mut TestRunner) -> NewTree<Self> {
        // Sizes that the component refuses are skipped; a component that refuses many in a row takes none.
        for _ in 0..64 {
            let index = self.next.get();
            self.next.set(index + 1);
            if let Some((case, thrown)) = draw(self.space, self.seed, index) {
                self.thrown.set(self.thrown.get() + thrown);
                return Ok(Shrink { space: self.space, best: case.clone(), tried: case, candidates: None, end: None });
            }
        }
        Err("no sizes fit".into())
    }
}

/// Shrinks sizes first, then numbers to 0, to 1, to integers, to fewer digits: for as long as something helps.
pub(crate) struct Shrink<'a, T: ?Sized> {
    space: &'a T,
    best: Case,
    tried: Case,
    candidates: Option<std::vec::IntoIter<Case>>,
    /// When it has taken long enough: a case of a large network takes its time.
    end: Option<Instant>,
}

/// How long a failure is shrunk.
const PATIENCE: Duration = Duration::from_secs(10);

impl<T: ?Sized> fmt::Debug for Shrink<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.best)
    }
}

impl<T: Space + ?Sized> ValueTree for Shrink<'_, T> {
    type Value = Case;

    fn current(&self) -> Case {
        self.tried.clone()
    }

    /// The case last tried failed: it is the best, and simpler ones are tried.
    fn simplify(&mut self) -> bool {
        self.best = self.tried.clone();
        let end = *self.end.get_or_insert_with(|| Instant::now() + PATIENCE);
        let candidates = if Instant::now() < end { simpler(self.space, &self.best) } else { Vec::new() };
        self.candidates = Some(candidates.into_iter());
        self.complicate()
    }

    /// The case last tried passed: the next candidate.
    fn complicate(&mut self) -> bool {
        let late = self.end.is_some_and(|end| Instant::now() >= end);
        match self.candidates.as_mut().and_then(Iterator::next) {
            Some(case) if !late => {
                self.tried = case;
                true
            }
            _ => {
                self.tried = self.best.clone();
                false
            }
        }
    }
}

/// How hard a number is to work with: 0, 1, −1, integers, few digits, many.
fn weight(x: f64) -> u8 {
    match x {
        0.0 => 0,
        1.0 => 1,
        -1.0 => 2,
        _ if x == x.round() && x.abs() <= 4.0 => 3,
        _ if x == x.round() => 4,
        _ if (x * 64.0).round() == x * 64.0 => 5,
        _ => 6,
    }
}

/// Simpler cases, the boldest first.
fn simpler(space: &(impl Space + ?Sized), case: &Case) -> Vec<Case> {
    let mut cases = Vec::new();
    let least = space.least();
    for (i, (&size, &least)) in case.sizes.iter().zip(&least).enumerate() {
        for smaller in [least, size / 2, size.saturating_sub(1)] {
            if smaller >= least && smaller < size {
                let mut sizes = case.sizes.clone();
                sizes[i] = smaller;
                cases.extend(resized(space, case, sizes));
            }
        }
    }
    let with = |range: std::ops::Range<usize>, value: &dyn Fn(f64) -> f64| {
        let mut simple = case.clone();
        let mut better = false;
        for x in &mut simple.numbers[range] {
            let new = value(*x);
            if weight(new) < weight(*x) {
                (*x, better) = (new, true);
            }
        }
        better.then_some(simple)
    };
    let values: [&dyn Fn(f64) -> f64; 6] =
        [&|_| 0.0, &|_| 1.0, &|x| x.signum(), &|x| x.clamp(-2.0, 2.0).round(), &|x| x.round(), &|x| {
            (x * 64.0).round() / 64.0
        }];
    // Whole fields at once, then number by number.
    let (mut fields, mut numbers) = (Vec::new(), Vec::new());
    let mut start = 0;
    for field in space.fields(&case.sizes).unwrap_or_default() {
        let range = start..start + field.len();
        start = range.end;
        // A class can only become the first one.
        let values = if let Draw::Class(_) = field.draw { &values[..1] } else { &values[..] };
        if field.len() > 1 {
            fields.extend(values.iter().filter_map(|value| with(range.clone(), value)));
        }
        for i in range {
            numbers.extend(values.iter().filter_map(|value| with(i..i + 1, value)));
        }
    }
    cases.extend(fields);
    cases.extend(numbers);
    cases
}

impl fmt::Display for Case {
    /// `sizes/seed/numbers`, with zeros left out: `2,1,0/7/0:1,3:0.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |words: Vec<String>| words.join(",");
        let sizes = join(self.sizes.iter().map(usize::to_string).collect());
        let numbers = self.numbers.iter().enumerate().filter(|(_, x)| **x != 0.0 || x.is_sign_negative());
        let numbers = join(numbers.map(|(i, x)| format!("{i}:{x:?}")).collect());
        write!(f, "{sizes}/{}/{numbers}", self.seed)
    }
}

impl Case {
    /// Reads what [`fmt::Display`] wrote, for a component with these fields.
    pub(crate) fn parse(text: &str, space: &(impl Space + ?Sized)) -> Result<Case, String> {
        let wrong = |what: &str| format!("`{text}` is sizes/seed/numbers, as in 2,1,0/7/0:1.5 ({what})");
        let mut parts = text.split('/');
        let (Some(sizes), Some(seed), Some(numbers), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("three parts"));
        };
        let list =
            |text: &str| -> Vec<String> { text.split(',').filter(|w| !w.is_empty()).map(str::to_owned).collect() };
        let sizes: Vec<usize> =
            list(sizes).iter().map(|s| s.parse()).collect::<Result<_, _>>().map_err(|_| wrong("sizes"))?;
        // A case from a command line is no reason to fill the memory.
        if sizes.len() != space.least().len() || sizes.iter().any(|size| *size > 4096) {
            return Err(wrong("sizes"));
        }
        let seed = seed.parse().map_err(|_| wrong("seed"))?;
        let fields = space.fields(&sizes).ok_or_else(|| wrong("the component does not take these sizes"))?;
        let mut case = Case { sizes, seed, numbers: vec![0.0; fields.iter().map(Field::len).sum()] };
        for word in list(numbers) {
            let (at, value) = word.split_once(':').ok_or_else(|| wrong("numbers"))?;
            let at: usize = at.parse().map_err(|_| wrong("numbers"))?;
            *case.numbers.get_mut(at).ok_or_else(|| wrong("numbers"))? = value.parse().map_err(|_| wrong("numbers"))?;
        }
        Ok(case)
    }

    /// Numbers that are neither 0 nor 1.
    pub(crate) fn effort(&self) -> usize {
        self.numbers.iter().filter(|x| weight(**x) > 1).count()
    }

    /// The case as a person reads it.
    pub(crate) fn describe(&self, fields: &[Field]) -> String {
        let mut text = Vec::new();
        let mut start = 0;
        for field in fields {
            let numbers = &self.numbers[start..start + field.len()];
            start += field.len();
            match numbers.len() {
                0 => {}
                1..=64 => text.push(format!("{} = {numbers:?}", field.name)),
                n => text.push(format!("{} = {:?} and {} more", field.name, &numbers[..16], n - 16)),
            }
        }
        text.join("  ")
    }
}
