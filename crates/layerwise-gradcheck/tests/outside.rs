//! A crate outside the workspace, as a researcher has it: one line checks her layer, and a wrong one is caught.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;
use std::{env, fs};

/// A layer y = s x with one parameter; `{backward}` is ∂L/∂s of one number.
const SOURCE: &str = r#"
//! y = s x.
use layerwise_core::{Backward, Forward, Init, Layer, LayerKernel, Plan, ShapeError};
use layerwise_tensor::Scalar;

#[derive(Debug)]
pub struct Scale;

impl Layer for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }
    fn plan(&self, d_in: usize) -> Result<Plan, ShapeError> {
        if d_in == 0 {
            return Err(ShapeError::mismatch("s", "input width", "at least 1", 0));
        }
        Ok(Plan::new(d_in).weight("s", 1, 1, Init::Constant { value: 1.0 }))
    }
}

impl<S: Scalar> LayerKernel<S> for Scale {
    fn forward(&self, mut io: Forward<'_, S>) {
        let s = io.theta.vec(0)[0];
        for (y, x) in io.y.data().iter_mut().zip(io.x.data()) {
            *y = s * *x;
        }
    }
    fn backward(&self, mut io: Backward<'_, S>) {
        let s = io.theta.vec(0)[0];
        let mut ds = S::ZERO;
        for (x, dy) in io.x.data().iter().zip(io.dy.data()) {
            ds += {backward};
        }
        io.dtheta.mat(0).data()[0] += ds;
        if let Some(mut dx) = io.dx {
            for (dx, dy) in dx.data().iter_mut().zip(io.dy.data()) {
                *dx = s * *dy;
            }
        }
    }
}

#[test]
fn scale_is_right() {
    layerwise_gradcheck::check_layer(&Scale).assert();
}
"#;

/// (passed, what was printed).
fn test(folder: &Path, backward: &str) -> (bool, String) {
    fs::write(folder.join("src/lib.rs"), SOURCE.replace("{backward}", backward)).unwrap();
    let cargo = Command::new(env!("CARGO"))
        .args(["test", "--lib", "--offline", "--quiet"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    let text = [cargo.stdout, cargo.stderr].concat();
    (cargo.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn one_line_checks_a_layer_of_another_crate() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("outside");
    fs::create_dir_all(folder.join("src")).unwrap();
    let path = |name: &str| format!("{name} = {{ path = {:?} }}\n", here.parent().unwrap().join(name));
    let manifest = [
        "[package]\nname = \"outside\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n",
        &path("layerwise-core"),
        &path("layerwise-tensor"),
        "[dev-dependencies]\n",
        &path("layerwise-gradcheck"),
        "[profile.dev]\nopt-level = 1\ndebug = false\n",
    ];
    fs::write(folder.join("Cargo.toml"), manifest.concat()).unwrap();
    // The versions that are at hand.
    fs::copy(here.join("../../Cargo.lock"), folder.join("Cargo.lock")).unwrap();

    let (passed, text) = test(&folder, "*x * *dy");
    assert!(passed, "the right layer should pass:\n{text}");
    let (passed, text) = test(&folder, "*x * *dy * S::of(1.0 + 1e-10)");
    assert!(!passed, "the wrong layer should fail:\n{text}");
    for part in ["scale: gradient: ∂L/∂s[0, 0] should be", "d_in 1", "x = [1.0]", "replay"] {
        assert!(text.contains(part), "`{part}` should be in:\n{text}");
    }
}
