//! A small team of threads for the inside of a training step.
//!
//! `team.install(|| …)` makes the team current on this thread; tensor functions inside then split their work over it. They split
//! only where each output number is computed by one thread in the order of one thread, so results have the same bits for any
//! number of threads.
//!
//! A job is cut into parts, and whoever comes first claims a part, the caller too: it waits for parts that were begun, never for a
//! helper that has not come. So a helper that sleeps, or whose core is taken by others, costs nothing but its help. A helper
//! without work looks for some for a few microseconds, then lets others run between looks, and soon sleeps.

use std::any::Any;
use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

thread_local! {
    static CURRENT: Cell<*const Team> = const { Cell::new(std::ptr::null()) };
}

/// A pointer that closures on several threads may copy; whoever uses it argues why that is sound.
pub(crate) struct Shared<T>(pub(crate) *mut T);
// SAFETY: the pointer is only a number here; every dereference carries its own argument.
unsafe impl<T: Send> Sync for Shared<T> {}
impl<T> Shared<T> {
    pub(crate) fn get(&self) -> *mut T {
        self.0
    }
}

/// A job has at most so many parts, and a team so many threads: a bit each.
const MOST: usize = 64;

/// Looks for work before the core is offered to others. About the time between two jobs of a step.
const LOOKS: u32 = 1000;

/// A helper that found no work for so long sleeps. Waking it up costs tens of microseconds, so that it should not sleep within a
/// step; meanwhile it runs only while nobody else wants its core.
const AWAKE: Duration = Duration::from_micros(2000);

/// Runs the part of a job with this number.
type Job = *const (dyn Fn(usize) + Sync);

/// What one side writes while the other side looks at something else has its own cache line (two, as they are fetched in pairs).
#[repr(align(128))]
#[derive(Default)]
struct Line<T>(T);

struct State {
    /// Bit p is set while nobody has claimed part p of the current job.
    open: Line<AtomicU64>,
    /// Parts of the current job that are not finished.
    unfinished: Line<AtomicUsize>,
    /// The current job, for whoever has claimed a part.
    job: Cell<Option<Job>>,
    /// Bit i is set while helper i sleeps or is about to.
    asleep: AtomicU64,
    stop: AtomicBool,
    /// What a helper panicked with.
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}
// SAFETY: all but `job` is Sync. `job` is written by the caller before it opens parts (release) and read after a part was claimed
// (acquire, see `claim`). The next write comes after all claimed parts are finished (release by the helper, acquire by the
// caller), so a write never meets a read.
unsafe impl Sync for State {}
// SAFETY: the pointer in `job` is only a number, unless a part is claimed; see `run`.
unsafe impl Send for State {}

impl State {
    /// Claims an open part, if there is one: the first of `own`, else the last of the others.
    ///
    /// Whoever clears a set bit owns the part, of whatever job is current at that moment: what was seen before does not matter.
    /// Acquire: the bit was set by the caller's store or stands in a later clearing of other bits, which continues its release
    /// sequence; so the job of that store is seen.
    fn claim(&self, own: u64) -> Option<usize> {
        let mut open = self.open.0.load(Ordering::Relaxed);
        while open != 0 {
            let part = if open & own != 0 { (open & own).trailing_zeros() } else { open.ilog2() };
            let bit = 1 << part;
            let before = self.open.0.fetch_and(!bit, Ordering::Acquire);
            if before & bit != 0 {
                return Some(part as usize);
            }
            open = before;
        }
        None
    }

    /// Runs a part that a helper has claimed.
    fn run(&self, part: usize) {
        if let Some(job) = self.job.get() {
            // SAFETY: the part is claimed and not finished, and `fork` returns only when all parts are, so the closure is alive.
            if let Err(cause) = catch_unwind(AssertUnwindSafe(|| unsafe { (*job)(part) })) {
                *self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(cause);
            }
        }
        // Release: what the part wrote is seen by the caller, who waits for 0 with acquire. The other decrements continue the
        // release sequence, so that holds for the parts of all helpers.
        self.unfinished.0.fetch_sub(1, Ordering::Release);
    }
}

/// Threads that share the work of a step.
pub struct Team {
    state: Arc<State>,
    helpers: Vec<JoinHandle<()>>,
    busy: Cell<bool>,
}

impl std::fmt::Debug for Team {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Team of {}", self.helpers.len() + 1)
    }
}

impl Team {
    /// A team of `n` threads, the caller included; at most 64.
    ///
    /// Errors: if the system refuses a thread.
    pub fn new(n: usize) -> std::io::Result<Team> {
        let n = n.clamp(1, MOST);
        let state = Arc::new(State {
            open: Line::default(),
            unfinished: Line::default(),
            job: Cell::new(None),
            asleep: AtomicU64::new(0),
            stop: AtomicBool::new(false),
            panic: Mutex::new(None),
        });
        let mut team = Team { state, helpers: Vec::new(), busy: Cell::new(false) };
        for me in 1..n {
            let state = Arc::clone(&team.state);
            let helper =
                std::thread::Builder::new().name(format!("layerwise-{me}")).spawn(move || help(&state, me, n))?;
            team.helpers.push(helper);
        }
        Ok(team)
    }

    /// Runs `f` with this team current on the calling thread.
    pub fn install<R>(&self, f: impl FnOnce() -> R) -> R {
        struct Restore(*const Team);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(self));
        f()
    }

    /// Runs `f(0)`, …, `f(parts − 1)`, the first here, the others here and on the helpers; returns when all are done.
    fn fork(&self, parts: usize, f: &(dyn Fn(usize) + Sync)) {
        let state = &*self.state;
        // SAFETY: only the lifetime is erased. This function returns when all parts are finished, also when `f` panics, so the
        // closure outlives every use.
        let job: Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), Job>(f) };
        state.job.set(Some(job));
        state.unfinished.0.store(parts - 1, Ordering::Relaxed);
        // Release for what stands above; sequentially consistent with `asleep`, see `help`.
        state.open.0.store((u64::MAX >> (MOST - parts)) & !1, Ordering::SeqCst);
        let asleep = state.asleep.load(Ordering::SeqCst);
        if asleep != 0 {
            let sleepers = self.helpers.iter().enumerate().filter(|(i, _)| asleep & (2 << i) != 0);
            sleepers.take(parts - 1).for_each(|(_, helper)| helper.thread().unpark());
        }
        self.busy.set(true);
        let own = shares(0, self.helpers.len() + 1);
        let mine = catch_unwind(AssertUnwindSafe(|| {
            f(0);
            while let Some(part) = state.claim(own) {
                // In advance: nobody but this thread waits for it.
                state.unfinished.0.fetch_sub(1, Ordering::Relaxed);
                f(part);
            }
        }));
        // After a panic what nobody has begun is not begun.
        let dropped = state.open.0.swap(0, Ordering::Relaxed).count_ones();
        state.unfinished.0.fetch_sub(dropped as usize, Ordering::Relaxed);
        let mut looks = 0..LOOKS;
        while state.unfinished.0.load(Ordering::Acquire) != 0 {
            match looks.next() {
                Some(_) => std::hint::spin_loop(),
                // The helper may want this very core.
                None => std::thread::yield_now(),
            }
        }
        self.busy.set(false);
        // Taken in any case: it must not come up in the next job.
        let theirs = state.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
        if let Some(cause) = mine.err().or(theirs) {
            std::panic::resume_unwind(cause);
        }
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::SeqCst);
        for helper in self.helpers.drain(..) {
            helper.thread().unpark();
            let _ = helper.join();
        }
    }
}

/// The parts that thread `me` of `n` prefers, so that a loop that is repeated finds its numbers in the same caches.
fn shares(me: usize, n: usize) -> u64 {
    (me..MOST).step_by(n).fold(0, |bits, part| bits | 1 << part)
}

/// The life of helper `me` of a team of `n`.
fn help(state: &State, me: usize, n: usize) {
    let own = shares(me, n);
    let mut looks = 0;
    let mut since = None;
    while !state.stop.load(Ordering::Relaxed) {
        if let Some(part) = state.claim(own) {
            state.run(part);
            (looks, since) = (0, None);
        } else if looks < LOOKS {
            looks += 1;
            std::hint::spin_loop();
        } else if since.get_or_insert_with(Instant::now).elapsed() < AWAKE {
            // Nobody waits for this thread now; later, in the middle of a part, somebody would.
            std::thread::yield_now();
        } else {
            // Of two threads that each write and then read what the other writes, at least one sees the other's: either this one
            // sees open parts (or `stop`, whose wake-up is unconditional), or the caller sees the bit and wakes it up.
            state.asleep.fetch_or(1 << me, Ordering::SeqCst);
            if state.open.0.load(Ordering::SeqCst) == 0 && !state.stop.load(Ordering::SeqCst) {
                std::thread::park();
            }
            state.asleep.fetch_and(!(1 << me), Ordering::Relaxed);
            (looks, since) = (0, None);
        }
    }
}

fn current<R>(f: impl FnOnce(Option<&Team>) -> R) -> R {
    let team = CURRENT.get();
    // SAFETY: `install` keeps the team borrowed for as long as its pointer is current, on this thread only.
    f(unsafe { team.as_ref() })
}

/// How many threads the current team has; 1 without one, and within a part of a job.
pub fn width() -> usize {
    current(|team| team.map_or(1, |team| if team.busy.get() { 1 } else { team.helpers.len() + 1 }))
}

/// Calls `f` with disjoint ranges that cover 0..n, at multiples of `grain`, over the current team.
///
/// There are at most `parts` ranges, of about the same length, and at most 64; one, 0..n, if the team is of one thread. A thread
/// takes the next when it is done with one: more parts than threads ([`width`]) even out unequal speeds.
/// Cost: about a microsecond if the helpers are awake.
/// Panics: if `f` does on any thread; what was begun is finished first.
pub fn split(n: usize, grain: usize, parts: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
    let grains = n.div_ceil(grain);
    let parts = parts.min(grains).min(MOST);
    if parts <= 1 || width() == 1 {
        return f(0..n);
    }
    let run = |part: usize| {
        let at = |p: usize| (grains * p / parts * grain).min(n);
        f(at(part)..at(part + 1));
    };
    current(|team| match team {
        Some(team) => team.fork(parts, &run),
        None => f(0..n),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_visited_once_and_nested_splits_stay_serial() {
        let team = Team::new(3).expect("threads");
        for n in [0, 1, 15, 16, 17, 100, 1000, 5000] {
            let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            team.install(|| {
                split(n, 16, n, &|range| {
                    split(range.len(), 1, range.len(), &|inner| {
                        assert!(n <= 16 || inner.len() == range.len());
                        for i in inner {
                            seen[range.start + i].fetch_add(1, Ordering::Relaxed);
                        }
                    });
                });
            });
            assert!(seen.iter().all(|s| s.load(Ordering::Relaxed) == 1), "{n}");
        }
        assert_eq!(width(), 1);
    }

    #[test]
    fn work_is_cut_into_as_many_ranges_as_asked_for() {
        let team = Team::new(3).expect("threads");
        assert_eq!((width(), team.install(width), format!("{team:?}")), (1, 3, "Team of 3".to_string()));
        let run = |n: usize, parts: usize, inner_width: usize| {
            let calls = Mutex::new(Vec::new());
            split(n, 16, parts, &|range| {
                assert_eq!(width(), inner_width);
                calls.lock().expect("no panic").push((range.start, range.end, std::thread::current().id()));
            });
            let mut calls = calls.into_inner().expect("no panic");
            calls.sort_unstable_by_key(|call| call.0);
            assert_eq!(calls[0].2, std::thread::current().id(), "the first range belongs to the caller");
            calls.into_iter().map(|call| (call.0, call.1)).collect::<Vec<_>>()
        };
        assert_eq!(run(100, 3, 1), [(0, 100)], "without a team");
        Team::new(1).expect("threads").install(|| assert_eq!(run(100, 3, 1), [(0, 100)], "a team of one"));
        team.install(|| {
            // One part is no fork: what it calls may use the team.
            assert_eq!(run(100, 1, 3), [(0, 100)]);
            assert_eq!(run(100, 2, 1), [(0, 48), (48, 100)]);
            assert_eq!(run(100, 3, 1), [(0, 32), (32, 64), (64, 100)]);
            assert_eq!(run(50, 9, 1), [(0, 16), (16, 32), (32, 48), (48, 50)], "fewer grains than parts");
            assert_eq!(run(16 * 1000, 1000, 1).len(), MOST);
        });
    }

    #[test]
    fn each_thread_prefers_parts_of_its_own() {
        for n in 1..=MOST {
            let all: Vec<u64> = (0..n).map(|me| shares(me, n)).collect();
            assert_eq!(all.iter().fold(0, |union, own| union | own), u64::MAX);
            assert_eq!(all.iter().map(|own| own.count_ones()).sum::<u32>(), 64);
        }
        let state = Team::new(1).expect("threads").state.clone();
        state.open.0.store(0b11110, Ordering::Relaxed);
        let claims: Vec<_> = (0..5).map(|_| state.claim(shares(1, 3))).collect();
        assert_eq!(claims, [Some(1), Some(4), Some(3), Some(2), None]);
    }

    #[test]
    fn the_caller_does_not_wait_for_helpers_that_do_not_come() {
        // Helpers whose ends have come: nobody answers.
        let team = Team::new(3).expect("threads");
        team.state.stop.store(true, Ordering::SeqCst);
        while Arc::strong_count(&team.state) > 1 {
            team.helpers.iter().for_each(|helper| helper.thread().unpark());
            std::thread::yield_now();
        }
        let (sum, caller) = (AtomicUsize::new(0), std::thread::current().id());
        team.install(|| {
            split(1000, 1, 9, &|range| {
                assert_eq!(std::thread::current().id(), caller);
                sum.fetch_add(range.len(), Ordering::Relaxed);
            });
        });
        assert_eq!(sum.into_inner(), 1000);
    }

    #[test]
    fn helpers_help_awake_and_asleep() {
        let team = Team::new(2).expect("threads");
        for _ in 0..20 {
            // Both parts wait for each other, so each needs a thread of its own.
            let met = AtomicUsize::new(0);
            team.install(|| {
                split(2, 1, 2, &|_| {
                    met.fetch_add(1, Ordering::SeqCst);
                    while met.load(Ordering::SeqCst) < 2 {
                        std::thread::yield_now();
                    }
                });
            });
            while team.state.asleep.load(Ordering::SeqCst) == 0 {
                std::thread::yield_now();
            }
        }
    }

    /// Jobs of every size back to back, from more teams and threads than there are cores: each sees what the jobs before it wrote.
    #[test]
    fn nothing_is_lost_or_done_twice_on_crowded_cores() {
        std::thread::scope(|scope| {
            for seed in 0..4usize {
                scope.spawn(move || {
                    let team = Team::new(2 + 3 * seed).expect("threads");
                    let (mut numbers, mut want) = (vec![0u64; 200], vec![0u64; 200]);
                    team.install(|| {
                        for job in 0..3000usize {
                            let n = 1 + (job * 37 + seed * 11) % 200;
                            let add = |x: u64| x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(job as u64);
                            let out = Shared(numbers.as_mut_ptr());
                            split(n, 1 + job % 3, 1 + job % 67, &|range| {
                                for i in range {
                                    // SAFETY: the ranges are disjoint and within the numbers, which nobody else touches.
                                    unsafe { *out.get().add(i) = add(*out.get().add(i)) };
                                }
                            });
                            want[..n].iter_mut().for_each(|x| *x = add(*x));
                            if job % 500 == 0 {
                                // Let them fall asleep.
                                std::thread::sleep(2 * AWAKE);
                            }
                        }
                    });
                    assert_eq!(numbers, want);
                });
            }
        });
    }

    #[test]
    fn threads_end_with_their_team() {
        for pause in [Duration::ZERO, 5 * AWAKE] {
            let team = Team::new(3).expect("threads");
            let state = Arc::downgrade(&team.state);
            assert_eq!(state.strong_count(), 3);
            std::thread::sleep(pause);
            drop(team);
            assert_eq!(state.strong_count(), 0);
        }
        assert_eq!(Team::new(0).expect("no thread").install(width), 1);
        assert_eq!(Team::new(1000).expect("threads").install(width), MOST);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_still_works() {
        let team = Team::new(2).expect("threads");
        for bad in [0, 50, 99] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.install(|| split(100, 1, 20, &|range| assert!(!range.contains(&bad), "planted at {bad}")));
            }));
            let cause = result.expect_err("it panics");
            assert_eq!(cause.downcast_ref::<String>(), Some(&format!("planted at {bad}")));
        }
        // Both threads in one job: what is left of the second must not come up in the next job.
        let both = catch_unwind(AssertUnwindSafe(|| {
            let met = AtomicUsize::new(0);
            team.install(|| {
                split(2, 1, 2, &|_| {
                    met.fetch_add(1, Ordering::SeqCst);
                    while met.load(Ordering::SeqCst) < 2 {
                        std::thread::yield_now();
                    }
                    panic!("planted");
                });
            });
        }));
        assert!(both.is_err());
        let count = AtomicUsize::new(0);
        team.install(|| {
            assert_eq!(width(), 2);
            split(100, 1, 2, &|range| {
                count.fetch_add(range.len(), Ordering::Relaxed);
            })
        });
        assert_eq!(count.into_inner(), 100);
    }
}
