//! A small team of threads for the inside of a training step.
//!
//! `team.install(|| …)` makes the team current on this thread; tensor functions inside then split their work over it. They split
//! only where each output number is computed by one thread in the order of one thread, so results have the same bits for any
//! number of threads. Helpers spin for a moment after a job and then sleep.

use std::cell::Cell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;

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

/// What the helpers run: part number `usize` of a job.
type Job = *const (dyn Fn(usize) + Sync);

struct State {
    /// The current job; valid while `generation` is newer than what a helper has seen and `pending` is not 0.
    job: Cell<Option<Job>>,
    generation: AtomicUsize,
    pending: AtomicUsize,
    stop: AtomicBool,
    panicked: AtomicBool,
    sleeping: Mutex<()>,
    wake: Condvar,
}
// SAFETY: `job` is written only by the thread that owns the fork, before it publishes a new generation (release), and read by
// helpers after they saw that generation (acquire). The fork does not return before every helper is done with it.
unsafe impl Sync for State {}
// SAFETY: the job pointer is only dereferenced while the fork that made it waits.
unsafe impl Send for State {}

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
    /// A team of `n` threads, the caller included.
    ///
    /// Errors: if the system refuses a thread.
    pub fn new(n: usize) -> std::io::Result<Team> {
        let state = Arc::new(State {
            job: Cell::new(None),
            generation: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            sleeping: Mutex::new(()),
            wake: Condvar::new(),
        });
        let mut team = Team { state, helpers: Vec::new(), busy: Cell::new(false) };
        for part in 1..n {
            let state = Arc::clone(&team.state);
            let helper =
                std::thread::Builder::new().name(format!("layerwise-{part}")).spawn(move || help(&state, part))?;
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

    /// Runs `f(0)` here and `f(1)`, … on the helpers; returns when all are done.
    fn fork(&self, f: &(dyn Fn(usize) + Sync)) {
        let state = &*self.state;
        // SAFETY: only the lifetime is erased. This function waits for all helpers before it returns, also when `f` panics, so
        // the closure outlives every use.
        let job: Job = unsafe { std::mem::transmute::<*const (dyn Fn(usize) + Sync), Job>(f) };
        state.job.set(Some(job));
        state.pending.store(self.helpers.len(), Ordering::Relaxed);
        {
            // The lock orders the new generation with a helper that is about to sleep.
            let _guard = state.sleeping.lock();
            state.generation.fetch_add(1, Ordering::Release);
        }
        state.wake.notify_all();
        self.busy.set(true);
        let mine = catch_unwind(AssertUnwindSafe(|| f(0)));
        let mut spins = 0..10_000u32;
        while state.pending.load(Ordering::Acquire) != 0 {
            match spins.next() {
                Some(_) => std::hint::spin_loop(),
                None => std::thread::yield_now(),
            }
        }
        self.busy.set(false);
        if let Err(cause) = mine {
            std::panic::resume_unwind(cause);
        }
        assert!(!state.panicked.swap(false, Ordering::Relaxed), "team: a helper thread panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        {
            let _guard = self.state.sleeping.lock();
            self.state.generation.fetch_add(1, Ordering::Release);
        }
        self.state.wake.notify_all();
        for helper in self.helpers.drain(..) {
            let _ = helper.join();
        }
    }
}

/// The life of a helper.
fn help(state: &State, part: usize) {
    let mut seen = 0;
    loop {
        let mut spins = 0..20_000u32;
        while state.generation.load(Ordering::Acquire) == seen {
            if spins.next().is_some() {
                std::hint::spin_loop();
                continue;
            }
            let Ok(mut guard) = state.sleeping.lock() else { return };
            while state.generation.load(Ordering::Acquire) == seen {
                guard = match state.wake.wait(guard) {
                    Ok(guard) => guard,
                    Err(_) => return,
                };
            }
        }
        seen = seen.wrapping_add(1);
        if state.stop.load(Ordering::Relaxed) {
            return;
        }
        if let Some(job) = state.job.get() {
            // SAFETY: the fork that published this generation waits until `pending` is 0, so the closure is alive.
            let run = AssertUnwindSafe(|| unsafe { (*job)(part) });
            if catch_unwind(run).is_err() {
                state.panicked.store(true, Ordering::Relaxed);
            }
        }
        state.pending.fetch_sub(1, Ordering::Release);
    }
}

fn current<R>(f: impl FnOnce(Option<&Team>) -> R) -> R {
    let team = CURRENT.get();
    // SAFETY: `install` keeps the team borrowed for as long as its pointer is current, on this thread only.
    f(unsafe { team.as_ref() })
}

/// How many threads the current team has; 1 without one.
pub fn width() -> usize {
    current(|team| team.map_or(1, |team| if team.busy.get() { 1 } else { team.helpers.len() + 1 }))
}

/// Calls `f` with disjoint ranges that cover 0..n, at multiples of `grain`, on at most `parts` threads of the current team.
pub fn split(n: usize, grain: usize, parts: usize, f: &(dyn Fn(Range<usize>) + Sync)) {
    let grains = n.div_ceil(grain);
    let parts = parts.min(grains).min(width());
    if parts <= 1 {
        return f(0..n);
    }
    let run = |part: usize| {
        // Parts beyond the last begin and end at n.
        let at = |p: usize| (grains * p / parts * grain).min(n);
        let range = at(part)..at(part + 1);
        if !range.is_empty() {
            f(range);
        }
    };
    current(|team| match team {
        Some(team) => team.fork(&run),
        None => f(0..n),
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_is_visited_once_and_nested_splits_stay_serial() {
        let team = Team::new(3).expect("threads");
        for n in [0, 1, 15, 16, 17, 100, 1000] {
            let seen: Vec<AtomicUsize> = (0..n).map(|_| AtomicUsize::new(0)).collect();
            team.install(|| {
                split(n, 16, width(), &|range| {
                    split(range.len(), 1, width(), &|inner| {
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
    fn work_goes_to_as_many_threads_as_asked_for_in_these_ranges() {
        let team = Team::new(3).expect("threads");
        assert_eq!((width(), team.install(width), format!("{team:?}")), (1, 3, "Team of 3".to_string()));
        let run = |parts: usize, inner_width: usize| {
            let calls = Mutex::new(Vec::new());
            split(100, 16, parts, &|range| {
                assert_eq!(width(), inner_width);
                calls.lock().expect("no panic").push((range.start, range.end, std::thread::current().id()));
            });
            let mut calls = calls.into_inner().expect("no panic");
            calls.sort_unstable_by_key(|call| call.0);
            let threads: std::collections::HashSet<_> = calls.iter().map(|call| call.2).collect();
            assert!(calls[0].2 == std::thread::current().id() && threads.len() == calls.len());
            calls.into_iter().map(|call| (call.0, call.1)).collect::<Vec<_>>()
        };
        assert_eq!(run(3, 1), [(0, 100)], "without a team");
        team.install(|| {
            // One part is no fork: what it calls may use the team.
            assert_eq!(run(1, 3), [(0, 100)]);
            assert_eq!(run(2, 1), [(0, 48), (48, 100)]);
            assert_eq!(run(3, 1), [(0, 32), (32, 64), (64, 100)]);
            assert_eq!(run(9, 1), [(0, 32), (32, 64), (64, 100)], "more parts than threads");
        });
    }

    #[test]
    fn threads_end_with_their_team() {
        let team = Team::new(3).expect("threads");
        let state = Arc::downgrade(&team.state);
        assert_eq!(state.strong_count(), 3);
        drop(team);
        assert_eq!(state.strong_count(), 0);
    }

    #[test]
    fn a_panic_on_any_thread_reaches_the_caller_and_the_team_still_works() {
        let team = Team::new(2).expect("threads");
        for bad in [0, 99] {
            let result = catch_unwind(AssertUnwindSafe(|| {
                team.install(|| split(100, 1, 2, &|range| assert!(!range.contains(&bad), "planted")));
            }));
            assert!(result.is_err());
        }
        let count = AtomicUsize::new(0);
        team.install(|| {
            split(100, 1, 2, &|range| {
                count.fetch_add(range.len(), Ordering::Relaxed);
            })
        });
        assert_eq!(count.into_inner(), 100);
    }
}
