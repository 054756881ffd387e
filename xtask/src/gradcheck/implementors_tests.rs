//! Tests of the reading of rustdoc's lists: on samples of Rust 1.95, on the workspace, and on a crate with planted components.

use super::*;

/// `trait.Objective.js`, shortened.
const SCRIPT: &str = r#"(function() {
    const implementors = Object.fromEntries([["layerwise",[]],["layerwise_network",[["impl&lt;S: <a class=\"trait\" href=\"layerwise_core/number/trait.Number.html\">Number</a>&gt; <a class=\"trait\" href=\"layerwise_core/objective/trait.Objective.html\">Objective</a>&lt;S&gt; for <a class=\"struct\" href=\"layerwise_network/struct.Supervised.html\">Supervised</a>&lt;'_, S&gt;",0]]]]);
    if (window.register_implementors) {
        window.register_implementors(implementors);
    }
})()
//{"start":59,"fragment_lengths":[16,470]}"#;

/// The end of `trait.Schedule.html`, shortened, with a type beside the foreign one.
const PAGE: &str = r##"<h2 id="foreign-impls">Implementations on Foreign Types</h2><details><summary><section id="impl-Schedule-for-f64" class="impl"><a href="#impl-Schedule-for-f64" class="anchor">§</a><h3 class="code-header">impl <a class="trait" href="trait.Schedule.html">Schedule</a> for <a class="primitive">f64</a></h3></section></summary><div class="impl-items"><section id="method.at"><h4 class="code-header">fn <a href="#tymethod.at" class="fn">at</a>(&amp;self) -&gt; <a class="primitive">f64</a></h4></section></div></details><h2 id="implementors">Implementors</h2><div id="implementors-list"><section class="impl"><h3 class="code-header">impl&lt;S: <a class="trait" href="trait.Schedule.html">Schedule</a>&gt; <a class="trait" href="trait.Schedule.html">Schedule</a> for <a class="struct">Twice</a>&lt;S&gt;</h3></section></div>"##;

fn problem(trouble: Trouble) -> String {
    match trouble {
        Trouble::Failed(problem) | Trouble::Usage(problem) => problem,
    }
}

fn words(set: BTreeSet<String>) -> String {
    set.into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn scripts_and_pages_are_read() {
    assert_eq!(of_script(SCRIPT, "Objective").map(words).map_err(problem), Ok("layerwise_network::Supervised".into()));
    assert_eq!(words(of_page(PAGE, "Schedule")), "layerwise_core::Twice layerwise_core::f64");
    // What cannot be read is not passed over.
    for (script, what) in [
        ("", "a table,"),
        ("Object.fromEntries({})", "a table of crates"),
        ("Object.fromEntries([[\"a\",[[\"Tanh\",0]]]])", "an `impl` in each entry"),
    ] {
        let said = of_script(script, "Layer").map(words).map_err(problem).unwrap_err();
        assert!(said.contains(&format!("implementors of Layer should hold {what}")), "{said}");
    }
}

#[test]
fn the_type_of_a_heading_is_found() {
    let check = |heading: &str, expected: Option<&str>| {
        assert_eq!(implementor(heading, "Layer").as_deref(), expected, "{heading}");
    };
    check("impl Layer for Dense", Some("Dense"));
    check("impl Layer for a::Dense", Some("a::Dense"));
    check("impl&lt;A: Activation&gt; Layer for Pointwise&lt;A&gt;", Some("Pointwise"));
    check("impl&lt;F: Fn(f64) -&gt; f64, G&lt;F&gt;&gt; Layer for Map&lt;F&gt;", Some("Map"));
    check("impl&lt;T&gt; Layer for T<div class=\"where\">where\n    T: Activation</div>", Some("T"));
    check("impl&lt;S&gt; Layer&lt;S&gt; for [S]", Some("[S]"));
    check("impl Layers for Dense", None);
    check("impl LayerKernel&lt;f32&gt; for Dense", None);
    check("impl !Layer for Dense", None);
    check("impl dyn Layer", None);
    check("Layer", None);
}

#[test]
fn both_directions_are_compared() {
    let found = Implementors::from([
        ("Activation", ["layerwise_activations::Tanh", "layerwise_activations::Foo"].map(str::to_owned).into()),
        (
            "Layer",
            ["layerwise_core::Pointwise", "layerwise_layers::Dense", "layerwise_core::Dense"].map(str::to_owned).into(),
        ),
    ]);
    let cases = [("Activation", "Tanh"), ("Activation", "Tanh"), ("Layer", "Dense"), ("Layer", "Tanh")];
    assert_eq!(
        compare(&cases.map(|(kind, name)| (kind, name.to_owned())), &found),
        [
            "`layerwise_activations::Foo` implements Activation, but the gradient check has no case for it: \
             add it to the catalog in crates/layerwise-activations/src/lib.rs",
            "`layerwise_core::Pointwise` implements Layer, but the gradient check has no case for it: \
             add it to the cases in xtask/src/gradcheck.rs",
            "`layerwise_layers::Dense` implements Layer, as does another type of that name: rename one",
            "the gradient check has a case for `Tanh`, but no type of that name implements Layer",
        ]
    );
}

/// A crate outside the workspace with a public and a private component, documented like the workspace.
#[test]
fn planted_components_are_found() {
    let folder = target_folder().map_err(problem).unwrap().join("planted");
    let source = folder.join("src");
    fs::create_dir_all(&source).unwrap();
    let dependency = |name: &str| format!("{name} = {{ path = {:?} }}\n", root().join("crates").join(name));
    let manifest = "[package]\nname = \"planted\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n".to_owned();
    let manifest = manifest + &dependency("layerwise-core") + &dependency("layerwise-tensor");
    fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    // The versions that are at hand.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    let plant = |name: &str, item: &str| {
        format!(
            "#[derive(Clone, Debug)]\n{item};\nimpl layerwise_core::Activation for {name} {{\n\
             const NAME: &'static str = \"planted\";\nconst RANGE: (f64, f64) = (0.0, 1.0);\n\
             fn value<S: layerwise_tensor::Scalar>(&self, x: S) -> S {{ x }}\n\
             fn slope<S: layerwise_tensor::Scalar>(&self, x: S, _y: S) -> S {{ x }}\n}}\n"
        )
    };
    let text = plant("Planted", "pub struct Planted") + &plant("Hidden", "struct Hidden");
    fs::write(source.join("lib.rs"), text).unwrap();
    remove(&folder.join("doc")).map_err(problem).unwrap();
    let packages = ["--offline", "--package", "planted", "--package", "layerwise-core"];
    document(&folder, &folder, &packages).map_err(problem).unwrap();

    let found = read(&folder.join("doc")).map_err(problem).unwrap();
    assert_eq!(words(found["Activation"].clone()), "planted::Hidden planted::Planted");
    assert_eq!(words(found["Layer"].clone()), "layerwise_core::Pointwise");
    let cases = [("Layer", "Pointwise"), ("Schedule", "f64"), ("Activation", "Hidden")];
    assert_eq!(
        compare(&cases.map(|(kind, name)| (kind, name.to_owned())), &found),
        ["`planted::Planted` implements Activation, but the gradient check has no case for it: \
          add it to the cases in xtask/src/gradcheck.rs"]
    );
}
