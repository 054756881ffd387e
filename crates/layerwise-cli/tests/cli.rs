//! The program as a user meets it: both main commands, and every kind of bad input as one line and a status.

#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;

/// A folder that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("layerwise-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }
    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        fs::write(self.0.join(name), text).unwrap();
    }
    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }
    fn run(&self, arguments: &str) -> Output {
        Command::new(env!("CARGO_BIN_EXE_layerwise")).current_dir(&self.0).args(arguments.split(' ')).output().unwrap()
    }
    /// Runs and expects success; the standard output.
    #[track_caller]
    fn good(&self, arguments: &str) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
    /// Runs and expects one line of error that contains all parts, with this status; nothing is left behind.
    #[track_caller]
    fn bad(&self, arguments: &str, status: i32, parts: &[&str]) {
        let before = fs::read_dir(&self.0).unwrap().count();
        let output = self.run(arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{arguments}: {error}");
        let line = error.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(parts.iter().all(|part| line.contains(part)), "{arguments}: {error}");
        assert_eq!(before, fs::read_dir(&self.0).unwrap().count(), "{arguments} left files behind");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Two interleaved classes that a small network learns.
fn flowers(delimiter: char) -> String {
    let mut text = format!("length{delimiter}width{delimiter}color{delimiter}kind\n");
    for i in 0..240 {
        let (x, y) = ((i * 37 % 100) as f64 / 10.0, (i * 61 % 97) as f64 / 10.0);
        let color = ["red", "blue"][i % 2];
        let kind = if x + y > 10.0 { "rose" } else { "daisy" };
        text += &format!("{x}{delimiter}{y}{delimiter}{color}{delimiter}{kind}\n");
    }
    text
}

const QUICK: &str = "epochs = 8\nbatch = 16\n[network]\nhidden = [8]\n[optimizer]\nkind = \"adam\"\nrate = 0.01\n";

#[test]
fn from_a_table_to_predictions() {
    let folder = Folder::new("train");
    folder.write("flowers.csv", flowers(';'));
    folder.write("quick.toml", QUICK);
    let said = folder.good("train --data flowers.csv --target kind --config quick.toml --out model --json result.json");
    assert!(said.contains("on test rows"), "{said}");
    let result: Value = serde_json::from_str(&folder.read("result.json")).unwrap();
    assert!(result["test"]["error"].as_f64().unwrap() < 0.2, "{result}");
    for file in ["model.json", "recipe.toml", "history.csv", "report.html"] {
        assert!(folder.0.join("model").join(file).exists(), "{file}");
    }
    // New rows: other order of columns, no target.
    folder.write("new.csv", "color,width,length\nred,9,9\nblue,0.5,1\n");
    assert_eq!(folder.good("predict --model model/model.json --data new.csv"), "prediction\nrose\ndaisy\n");
    let table = folder.good("predict --model model/model.json --data new.csv --probabilities");
    assert!(table.starts_with("prediction,p(daisy),p(rose)\n"), "{table}");
    folder.good("predict --model model/model.json --data new.csv --out out.csv");
    assert_eq!(folder.read("out.csv"), "prediction\nrose\ndaisy\n");
    // The same seed gives the same model, on any number of threads.
    folder.good("train --data flowers.csv --target kind --config quick.toml --out again --threads 1");
    assert_eq!(folder.read("model/model.json"), folder.read("again/model.json"));

    folder.bad(
        "predict --model model/model.json --data new.csv --out out.csv",
        2,
        &["out.csv", "nothing is overwritten"],
    );
    folder.bad("train --data flowers.csv --out model", 2, &["model", "nothing is overwritten"]);
    folder.bad("train --data flowers.csv --json result.json", 2, &["result.json", "nothing is overwritten"]);
    folder.write("wrong.csv", "width,length\n1,2\n");
    folder.bad("predict --model model/model.json --data wrong.csv", 2, &["wrong.csv", "color"]);
    folder.write("wrong.csv", "color,width,length\ngreen,1,2\n");
    folder.bad("predict --model model/model.json --data wrong.csv", 2, &["line 2", "color", "green"]);
    folder.bad("predict --model quick.toml --data new.csv", 2, &["quick.toml", "should be a model file"]);
    folder.bad("predict --model none.json --data new.csv", 1, &["none.json"]);
}

#[test]
fn a_diagnosis_ends_in_a_verdict_that_fits_the_schema_and_a_config_that_trains() {
    let folder = Folder::new("diagnose");
    folder.write("flowers.csv", flowers(','));
    folder.write("slow.toml", QUICK.replace("0.01", "0.00001"));
    let said =
        folder.good("diagnose --data flowers.csv --config slow.toml --out verdict --json verdict.json --threads 2");
    assert!(said.contains("rate-too-low"), "{said}");
    let verdict: Value = serde_json::from_str(&folder.read("verdict.json")).unwrap();
    assert_eq!((&verdict["status"], &verdict["hypothesis"]), (&"sick".into(), &"optimization".into()));
    assert_eq!(verdict["causes"][0]["cause"], "rate-too-low");
    let schema: Value = serde_json::from_str(include_str!("../../../docs/diagnosis.schema.json")).unwrap();
    conforms(&schema, &verdict, "verdict");
    let page = folder.read("verdict/report.html");
    assert!(page.contains("rate-too-low") && !page.contains("<script") && !page.contains("src=\"http"));
    folder.good("train --data flowers.csv --config verdict/remedied.toml --out cured");

    folder.write("quick.toml", QUICK);
    let healthy = folder.good("diagnose --data flowers.csv --config quick.toml --json -");
    conforms(&schema, &serde_json::from_str(&healthy).unwrap(), "verdict");
    assert!(folder.0.join("layerwise-diagnosis/report.html").exists());
    folder.bad("diagnose --data flowers.csv --out verdict", 2, &["verdict", "nothing is overwritten"]);
}

/// As much of JSON Schema as the file in `docs` uses.
fn conforms(schema: &Value, value: &Value, place: &str) {
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = |name: &Value| name == kind || (name == "number" && kind == "integer");
    match &schema["type"] {
        Value::Null => {}
        Value::Array(names) => assert!(names.iter().any(fits), "{place}: {kind}, should be {names:?}"),
        name => assert!(fits(name), "{place}: {kind}, should be {name}"),
    }
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{place}: {value}");
    }
    for (bound, sign) in [("minimum", 1.0), ("maximum", -1.0)] {
        if let (Some(bound), Some(v)) = (schema[bound].as_f64(), value.as_f64()) {
            assert!(sign * (v - bound) >= 0.0, "{place}: {v} against {bound}");
        }
    }
    if let Value::Object(fields) = value {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(fields.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
        }
        for (name, field) in fields {
            if let Some(inner) = schema["properties"].get(name) {
                conforms(inner, field, &format!("{place}.{name}"));
            }
        }
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(inner) = schema.get("items") {
            conforms(inner, item, &format!("{place}[{i}]"));
        }
    }
}

#[test]
fn curvature_is_measured_where_a_training_starts_and_ends() {
    let folder = Folder::new("curvature");
    folder.write("rows.csv", flowers(','));
    folder.write("quick.toml", QUICK);
    let command = "curvature --data rows.csv --config quick.toml --products 30 --seed 3";
    let text = folder.good(&format!("{command} --out here"));
    assert!(text.starts_with("At the start: ") && text.lines().count() == 2, "{text}");
    let report: Value = serde_json::from_str(&folder.read("here/curvature.json")).unwrap();
    let moments = report["moments"].as_array().unwrap();
    assert_eq!((moments[0]["epoch"].as_u64(), moments[0]["kind"].as_str()), (Some(0), Some("not critical")));
    for moment in moments {
        // 4 inputs, 8 units, 2 classes: all eigenvalues, within the intervals of the few products.
        let values: Vec<f64> = moment["eigenvalues"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert_eq!(values.len(), 4 * 8 + 8 + 8 * 2 + 2);
        let inside = |name: &str, value: f64| {
            let ends: Vec<f64> = moment[name].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            assert!(ends[0] <= value && value <= ends[1], "{name}: {ends:?} {value}");
        };
        inside("smallest", values[0]);
        inside("largest", values[values.len() - 1]);
        assert_eq!(moment["index"].as_u64().unwrap() as usize, values.iter().filter(|v| **v < -1e-12).count());
    }
    assert!(folder.read("here/report.html").contains("Eigenvalues of the Hessian at the end"));
    let same = folder.good(&format!("{command} --out there --threads 1 --json -"));
    assert_eq!(serde_json::from_str::<Value>(&same).unwrap()["moments"], report["moments"]);
    folder.bad("curvature --data rows.csv --rows 0", 2, &["--rows", "at least 1", "got 0"]);
    folder.bad("curvature --data rows.csv --products 5", 2, &["--products", "from 12", "got 5"]);
    folder.bad("curvature --data none.csv", 2, &["none.csv"]);
}

#[test]
fn wrong_tables_are_one_line_and_status_2() {
    let folder = Folder::new("tables");
    let table = |text: &str, parts: &[&str]| {
        folder.write("t.csv", text);
        folder.bad("train --data t.csv", 2, parts);
    };
    let rows = |row: &str| "a,b,kind\n".to_owned() + &"1,2,x\n3,4,y\n".repeat(20) + row;
    table(&rows("NaN,4,x\n"), &["t.csv, line 42, column a"]);
    table(&rows("inf,4,x\n"), &["t.csv, line 42, column a", "inf"]);
    table(&rows("many,4,x\n"), &["t.csv, line 42, column a", "many"]);
    table(&rows("1,2\n"), &["t.csv, line 42", "number of fields should be 3", "got 2"]);
    table(&rows("1,2,x,9\n"), &["t.csv, line 42", "number of fields should be 3", "got 4"]);
    table("a,b,kind\n", &["t.csv", "rows should be at least 1, got 0"]);
    table("", &["t.csv"]);
    table(&("a,b,kind\n".to_owned() + &"1,2,x\n".repeat(30)), &["column kind", "classes should be at least 2, got 1"]);
    folder.write("t.csv", rows(""));
    folder.bad("train --data t.csv --target knid", 2, &["t.csv", "knid", "kind"]);
    folder.bad("train --data t.csv --target 7", 2, &["t.csv", "7"]);
    folder.bad("train --data t.csv --delimiter ;", 2, &["t.csv", "columns should be at least 2, got 1", "','"]);
    folder.bad("train --data none.csv", 2, &["none.csv"]);
    folder.bad("train --data .", 2, &["."]);
    // A byte order mark, Windows line ends and quotes are no mistake.
    let windows = rows("").replace('\n', "\r\n").replace("a,b", "\"a\",b");
    folder.write("t.csv", format!("\u{feff}{windows}"));
    folder.write("quick.toml", QUICK.replace("epochs = 8", "epochs = 1"));
    folder.good("train --data t.csv --config quick.toml");
}

#[test]
fn wrong_configurations_and_commands_are_one_line_and_status_2() {
    let folder = Folder::new("config");
    let config = |text: &str, parts: &[&str]| {
        folder.write("c.toml", text);
        folder.bad("train --config c.toml", 2, parts);
        folder.bad("diagnose --config c.toml", 2, parts);
    };
    config("epoch = 3", &["c.toml, line 1", "`epoch`", "did you mean `epochs`?"]);
    config("[network]\nhidden = [0]", &["c.toml: network.hidden[0]: should be at least 1, got 0"]);
    config("[optimizer]\nkind = \"sgd\"\nrate = -1", &["c.toml", "rate", "-1"]);
    config("[optimizer]\nkind = \"sgd\"\nrate = nan", &["c.toml", "rate", "NaN"]);
    config("[network]\nactivation = \"rleu\"", &["c.toml, line 2", "did you mean `relu`?"]);
    config("batch = 100000", &["batch", "100000", "1077"]);
    config(
        "[[penalties]]\npenalty = { kind = \"l2\" }\nlayers = [\"hiden1\"]",
        &["penalties[0].layers", "hidden1, output", "hiden1"],
    );
    config("loss = \"squared\"", &["loss", "squared"]);
    folder.bad("train --config none.toml", 2, &["none.toml"]);
    folder.bad("train --threads 0", 2, &["--threads"]);
    for wrong in ["trian", "train --sed 3", "train --target kind", "diagnose --seeds 1"] {
        let output = folder.run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
    }
    folder.good("init my.toml");
    folder.bad("init my.toml", 2, &["my.toml", "nothing is overwritten"]);
    for help in ["--help", "diagnose --help", "train --help", "predict --help", "init --help"] {
        assert!(folder.good(help).contains("Usage"), "{help}");
    }
}

#[test]
fn a_training_that_breaks_keeps_its_last_good_parameters() {
    let folder = Folder::new("broken");
    folder.write("c.toml", "epochs = 3\nearly_stopping = { patience = 9 }\n[optimizer]\nkind = \"sgd\"\nrate = 1e30\n");
    let output = folder.run("train --config c.toml --out model");
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("first non-finite number"), "{error}");
    assert!(folder.0.join("model/model.json").exists());
}

/// Ten steps of two numbers and a flag; the class is the sign of the first number of the first step.
fn remembered() -> String {
    let mut text = (0..10).map(|t| format!("t{t}.a,t{t}.b,t{t}.flag,")).collect::<String>() + "class\n";
    for i in 0..200 {
        let length = 6 + i % 5;
        for t in 0..10 {
            let (a, b) = ((i * 37 + t * 61) % 23, (i * 11 + t * 7) % 19);
            text += &if t < length { format!("{}.5,{b},1,", a as i64 - 12) } else { "0,0,0,".to_owned() };
        }
        text += if i * 37 % 23 >= 12 { "up\n" } else { "down\n" };
    }
    text
}

#[test]
fn sequences_from_a_file_are_learnt_by_a_recurrent_net_and_its_gradient_over_time_is_drawn() {
    let folder = Folder::new("sequences");
    folder.write("s.csv", remembered());
    let config = "epochs = 40\n[optimizer]\nkind = \"adam\"\nrate = 0.02\nclip = 1.0\n[network]\n\
                  layers = [{ kind = \"gru\", channels = 3, units = 8, padded = true }]\n";
    folder.write("c.toml", config);
    let said = folder.good("train --data s.csv --channels 3 --padded --config c.toml --threads 1 --out m --json -");
    let found: Value = serde_json::from_str(&said).unwrap();
    assert!(found["train"]["error"].as_f64().unwrap() < 0.1, "{said}");
    assert!(folder.read("m/report.html").contains("Gradient over time in hidden1"));
    let again = folder.good("predict --model m/model.json --data s.csv");
    assert_eq!(again.lines().count(), 201);
    let train = "train --data s.csv --config c.toml";
    let wanted = "network.layers[0]: reads steps of 3 channels, padded; the data should be such";
    folder.bad(train, 2, &[wanted, "got samples that are no sequences"]);
    folder.bad(&format!("{train} --channels 3"), 2, &[wanted, "got 3 channels, not padded"]);
    folder.bad(
        &format!("{train} --channels 4"),
        2,
        &["number of features should be a multiple of channels (4), got 30"],
    );
    folder.bad(&format!("{train} --channels 2 --padded"), 2, &["flag of step 1 of sample 0 should be 0 or 1, got 3.5"]);
}
