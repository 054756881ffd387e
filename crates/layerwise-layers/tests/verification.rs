//! Every layer of the catalog against the exact oracle. This takes longest: its name puts it behind the other tests, which say
//! sooner that something is wrong.

use layerwise_core::GenericLayer;
use layerwise_gradcheck::Gradcheck;
use layerwise_layers::{EachStep, Elman, Gru, Layers, Lstm, Returns, Skip, Squashing};

#[test]
fn every_layer_has_the_name_of_its_catalog_and_passes_the_gradient_check() {
    let names = [
        "alpha-dropout",
        "batch-norm",
        "dense",
        "drop-connect",
        "dropout",
        "gaussian-dropout",
        "gaussian-noise",
        "highway",
        "layer-norm",
        "noisy-dense",
        "normed-dense",
        "skip",
        "elman",
        "lstm",
        "gru",
        "each-step",
    ];
    assert_eq!(Layers::NAMES, names);
    let projected = Skip { back: 1, projection: true };
    let mut layers: Vec<Layers> = Layers::all().into_iter().chain([projected.into()]).collect();
    // The slow ones last: a fault in another is found before them.
    let slow = ["elman", "gru", "lstm", "skip", "highway"];
    layers.sort_by_key(|layer| slow.iter().position(|name| *name == layer.name()).map_or(0, |place| place + 1));
    for layer in layers {
        assert_eq!(layer.boxed().name(), layer.name());
        Gradcheck::default().cases(64).without_saboteurs().layer(&*layer.generic()).assert();
    }
}

/// Every setting of recurrent layers that keeps the gradient a derivative.
#[test]
fn recurrent_layers_pass_the_gradient_check_in_every_setting() {
    let check = |layer: &dyn GenericLayer, channels: usize| {
        let widths: Vec<usize> = (1..4).map(|steps| steps * channels).collect();
        Gradcheck::default().cases(24).widths(widths).without_saboteurs().layer(layer).assert();
    };
    for returns in [Returns::Last, Returns::Every] {
        check(&Elman { padded: true, returns, ..Elman::new(3, 2) }, 3);
        check(&Elman { activation: Squashing::Relu, padded: true, returns, ..Elman::new(2, 2) }, 2);
        check(&Lstm { padded: true, returns, ..Lstm::new(2, 2) }, 2);
        check(&Gru { padded: true, returns, ..Gru::new(2, 2) }, 2);
    }
    check(&Elman { returns: Returns::Every, ..Elman::new(2, 3) }, 2);
    check(&EachStep { padded: true, ..EachStep::new(3, 2) }, 3);
}
