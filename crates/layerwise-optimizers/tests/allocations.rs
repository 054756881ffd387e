//! A step allocates nothing, alone or on a team.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_core::{Block, Init, Role};
use layerwise_optimizers::{Optimizers, Schedules};
use layerwise_tensor::{Team, team};

struct Counting;

static COUNT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether the allocations of this thread count: those of the test runner do not.
    static COUNTS: Cell<bool> = const { Cell::new(false) };
}

// SAFETY: only counts, and passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.fetch_add(usize::from(COUNTS.get()), Ordering::Relaxed);
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
    let (init, role) = (Init::Constant { value: 0.0 }, Role::Weight);
    let block = Block { name: "w", rows: 100, cols: 120, role, init, offset: 0 };
    for (mut config, threads) in
        Optimizers::all().into_iter().flat_map(|config| [(config.clone(), 1usize), (config, 2)])
    {
        config.set_clip(Some(0.5));
        if !config.build().averages() {
            config.set_average(Some(layerwise_optimizers::Averaging::Uniform { from: 0 }));
            let then = Box::new(Schedules::Cosine { steps: 5, floor: 0.0 });
            config.set_schedule(Schedules::WarmUp { steps: 2, then });
        }
        // A thread makes itself room for products when its first comes.
        if threads > 1 && config.name() == "muon" {
            continue;
        }
        let optimizer = config.build().on([&block]);
        let mut state = optimizer.state::<f32>(n);
        let (mut theta, mut grad, weights) = (vec![1.0; n], vec![0.5; n], vec![1.0; n]);
        Team::new(threads).expect("threads").install(|| {
            let mut run = || {
                for _ in 0..10 {
                    optimizer.step(&mut theta, &mut grad, &weights, 1.0, &mut state);
                }
            };
            // Threads allocate while they start: a job whose parts wait for each other needs them all.
            let started = AtomicUsize::new(0);
            team::split(threads, 1, threads, &|_| {
                COUNTS.set(true);
                started.fetch_add(1, Ordering::SeqCst);
                while started.load(Ordering::SeqCst) < threads {
                    std::thread::yield_now();
                }
            });
            run();
            let before = COUNT.load(Ordering::Relaxed);
            run();
            assert_eq!(COUNT.load(Ordering::Relaxed) - before, 0, "{config:?}, {threads} threads");
            let before = COUNT.load(Ordering::Relaxed);
            std::hint::black_box(vec![0.0f32; 7]);
            assert!(COUNT.load(Ordering::Relaxed) > before, "nothing is counted");
        });
    }
}
