//! What steps are made of: the matrix products of a step (throughput in floating-point operations), and elementwise functions
//! over 4096 numbers in the first cache (throughput in numbers).
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use layerwise_bench::{NETS, net, products};
use layerwise_tensor::{Buf, Scalar, elementwise};

fn matrix_products(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("products");
    for (name, _) in NETS {
        let mut job = products(&net(name).expect("a net of the list"));
        let operations = (job.run)();
        group.throughput(Throughput::Elements(operations as u64)).sample_size(if name == "c" { 10 } else { 50 });
        group.bench_function(name, |bencher| bencher.iter(|| (job.run)()));
    }
}

fn function<S: Scalar>(criterion: &mut Criterion, name: &str, f: impl Fn(S) -> S + Copy + Sync) {
    const N: usize = 4096;
    let mut x = Buf::<S>::zeros(N);
    for (i, x) in x.iter_mut().enumerate() {
        *x = S::of(8.0 * (i as f64 + 0.5) / N as f64 - 4.0);
    }
    let mut y = Buf::<S>::zeros(N);
    let mut group = criterion.benchmark_group("elementwise");
    group.throughput(Throughput::Elements(N as u64));
    group.bench_function(name, |bencher| bencher.iter(|| elementwise::map(&mut y, &x, f)));
}

fn functions(criterion: &mut Criterion) {
    macro_rules! both {
        ($($name:literal, $f:expr);*) => {$(
            function::<f32>(criterion, concat!($name, "/f32"), $f);
            function::<f64>(criterion, concat!($name, "/f64"), $f);
        )*};
    }
    both!(
        "exp", Scalar::exp;
        "ln", |x| Scalar::ln(Scalar::abs(x));
        "tanh", Scalar::tanh;
        "sigmoid", Scalar::sigmoid;
        "erf", Scalar::erf
    );
}

criterion_group!(benches, matrix_products, functions);
criterion_main!(benches);
