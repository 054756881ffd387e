//! A step allocates nothing, alone or on a team.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_optimizers::{Adamw, Optimizers, Schedules};
use layerwise_tensor::{Team, team};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

// SAFETY: only counts, and passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

#[test]
fn a_step_allocates_nothing() {
    let n = 50_000;
    let then = Box::new(Schedules::Cosine { steps: 5, floor: 0.0 });
    let schedule = Schedules::WarmUp { steps: 2, then };
    let optimizer = Optimizers::from(Adamw { schedule, clip: Some(0.5), ..Default::default() }).build();
    let mut state = optimizer.state::<f32>(n);
    let (mut theta, mut grad, weights) = (vec![1.0; n], vec![0.5; n], vec![1.0; n]);
    for threads in [1usize, 2] {
        Team::new(threads).expect("threads").install(|| {
            let mut run = || {
                for _ in 0..10 {
                    optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
                }
            };
            // Threads allocate while they start: a job whose parts wait for each other needs them all.
            let started = AtomicUsize::new(0);
            team::split(threads, 1, threads, &|_| {
                started.fetch_add(1, Ordering::SeqCst);
                while started.load(Ordering::SeqCst) < threads {
                    std::thread::yield_now();
                }
            });
            run();
            let before = COUNT.load(Ordering::Relaxed);
            run();
            assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0, "{threads} threads");
        });
    }
}
