//! Once memory is planned, neither a gradient nor a product with the Hessian or the Gauss–Newton matrix allocates anything.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use layerwise_activations::Tanh;
use layerwise_core::{Objective, Pass, Pointwise, Targets};
use layerwise_curvature::{GaussNewton, Hessian};
use layerwise_layers::{Dense, Dropout, Skip};
use layerwise_losses::Squared;
use layerwise_network::{Batch, Builder, Supervised, Workspace};
use layerwise_tensor::{Key, Mat, Purpose};

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
fn gradients_and_products_allocate_nothing() {
    COUNTS.set(true);
    let layers = Builder::new(5).layer(Dense::new(7)).layer(Pointwise(Tanh)).layer(Dropout { rate: 0.3 });
    let network = layers.layer(Dense::new(7)).layer(Skip::new(2)).layer(Dense::new(2)).build().unwrap();
    let (x, t, weights) = (vec![0.5; 5 * 20], vec![1.0; 2 * 20], vec![1.0; 20]);
    let targets = Targets::Values(Mat::new(&t, 2, 20));
    let theta = network.init::<f64>(1);
    let (v, mut out) = (theta.clone(), theta.clone());
    let mut workspaces = [(); 2].map(|()| Workspace::new(&network, 20));
    let [first, second] = workspaces.each_mut();
    let risk = |workspace| Supervised {
        network: &network,
        loss: &Squared,
        penalties: &[],
        batch: Batch { x: Mat::new(&x, 5, 20), targets, weights: Some(&weights) },
        workspace,
        pass: Pass::Train,
        key: Key::new(0, Purpose::Mask),
    };
    // The first call may grow the scratch that the matrix product keeps a thread, and the tape.
    let count = |f: &mut dyn FnMut()| {
        f();
        let before = COUNT.load(Ordering::Relaxed);
        f();
        COUNT.load(Ordering::Relaxed) - before
    };
    let (mut risk, another) = (risk(first), risk(second));
    assert_eq!(count(&mut || _ = std::hint::black_box(vec![0.0f32; 7])), 1);
    assert_eq!(count(&mut || _ = risk.eval(&theta, &mut out)), 0);
    let mut matrix = GaussNewton::new(risk, &theta);
    assert_eq!(count(&mut || matrix.product(&v, &mut out)), 0);
    assert_eq!(count(&mut || _ = matrix.at(&theta)), 0);
    let mut matrix = Hessian::new(another, &theta);
    assert_eq!(count(&mut || _ = matrix.product(&v, &mut out)), 0);
    assert_eq!(count(&mut || matrix.at(&theta)), 0);
    // A new θ finds the memory of the old one.
    assert_eq!(count(&mut || _ = matrix.product(&v, &mut out)), 0);
}
