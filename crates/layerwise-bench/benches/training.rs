//! Steps of training: each net with each optimizer, on one thread and on all. Throughput is in samples.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use layerwise_bench::{NETS, OPTIMIZERS, net, train};
use layerwise_tensor::team::Team;

fn training(criterion: &mut Criterion) {
    let all = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<usize> = if all > 1 { vec![1, all] } else { vec![1] };
    for (name, _) in NETS {
        let net = net(name).expect("a net of the list");
        let mut group = criterion.benchmark_group(format!("training/{name}"));
        group.throughput(Throughput::Elements(net.batch as u64)).sample_size(if name == "c" { 10 } else { 50 });
        for optimizer in OPTIMIZERS {
            for &threads in &threads {
                let mut job = train(&net, optimizer).expect("an optimizer of the list");
                let team = Team::new(threads).expect("threads");
                group.bench_function(BenchmarkId::new(optimizer, threads), |bencher| {
                    team.install(|| bencher.iter(|| (job.run)()));
                });
            }
        }
    }
}

criterion_group!(benches, training);
criterion_main!(benches);
