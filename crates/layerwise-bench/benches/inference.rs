//! Predictions: each net on a batch of 1 and of 256, one thread. Throughput is in samples.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use layerwise_bench::{NETS, Net, infer, net};

fn inference(criterion: &mut Criterion) {
    for (name, _) in NETS {
        let mut group = criterion.benchmark_group(format!("inference/{name}"));
        for batch in [1, 256] {
            let net = Net { batch, ..net(name).expect("a net of the list") };
            let mut job = infer(&net).expect("a net that fits");
            group.throughput(Throughput::Elements(batch as u64));
            group.bench_function(BenchmarkId::from_parameter(batch), |bencher| bencher.iter(|| (job.run)()));
        }
    }
}

criterion_group!(benches, inference);
criterion_main!(benches);
