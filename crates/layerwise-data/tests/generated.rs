//! The invariants that the example prints hold; each fails by luck once in 10⁹.

#[allow(dead_code)]
#[path = "../examples/generated.rs"]
mod generated;

#[test]
fn every_generator_has_its_published_invariants() {
    let all = generated::invariants().expect("parameters in range");
    assert_eq!(all.len(), 36);
    let broken: Vec<String> = all.iter().filter(|one| !one.holds()).map(|one| one.to_string()).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
