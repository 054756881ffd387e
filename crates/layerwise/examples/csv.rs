//! From a CSV file to predictions: the example of the README, on a file that is made first.
//!
//! `cargo run --release --example csv`

use std::fmt::Write as _;

use layerwise::data::two_moons;
use layerwise::{CsvOptions, MlpClassifier, Schema, Target};

/// Fails if the loaded model says something else.
pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("layerwise-csv-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::env::set_current_dir(&folder)?;
    std::fs::write("flowers.csv", table(400, 1, true)?)?;
    std::fs::write("new.csv", table(5, 2, false)?)?;

    let (data, schema) = Schema::learn("flowers.csv", &CsvOptions::default())?; // the last column is the target
    let model = MlpClassifier::default().hidden([32, 32]).epochs(200).seed(1).fit(&data)?.with_schema(schema.clone());
    println!("{:.1} % of the known rows are right", 100.0 * model.score(&data)?);
    model.save("flowers.json")?;
    let new = schema.read("new.csv", &CsvOptions::default())?; // the same columns, with or without the target
    for name in model.predict_names(&new.x)? {
        println!("{name}");
    }

    let loaded = layerwise::Model::load("flowers.json")?;
    assert_eq!(loaded.predict_proba(&new.x)?, model.predict_proba(&new.x)?);
    std::env::set_current_dir(std::env::temp_dir())?;
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Rows of two interleaved half circles, `length,width,kind`.
fn table(n: usize, seed: u64, with_kind: bool) -> Result<String, std::fmt::Error> {
    let moons = two_moons(n, 0.1, seed);
    let Target::Classes { labels, .. } = &moons.target else { return Ok(String::new()) };
    let mut text = String::from(if with_kind { "length,width,kind\n" } else { "length,width\n" });
    for (point, &label) in moons.x.column_iter().zip(labels) {
        write!(text, "{},{}", point[0], point[1])?;
        let kind = ["iris", "rose"][label as usize];
        writeln!(text, "{}", if with_kind { format!(",{kind}") } else { String::new() })?;
    }
    Ok(text)
}
