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
    // Without noise and alone, the network has no doubt.
    let table = folder.good("predict --model model/model.json --data new.csv --passes 5");
    assert_eq!(table, "prediction,spread\nrose,0\ndaisy,0\n");
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
fn ensembles_are_trained_and_predict_with_their_spread() {
    let folder = Folder::new("ensemble");
    folder.write("flowers.csv", flowers(';'));
    folder.write("bagged.toml", format!("ensemble = {{ kind = \"bagged\", members = 3 }}\n{QUICK}"));
    let said =
        folder.good("train --data flowers.csv --target kind --config bagged.toml --out model --json result.json");
    assert!(said.starts_with("3 members: error") && said.contains("out of bag"), "{said}");
    let result: Value = serde_json::from_str(&folder.read("result.json")).unwrap();
    assert!(result["test"]["error"].as_f64().unwrap() < 0.2 && result["out_of_bag"].is_f64(), "{result}");
    folder.write("new.csv", "color,width,length\nred,9,9\nblue,0.5,1\n");
    let table = folder.good("predict --model model/model.json --data new.csv --passes 0 --probabilities");
    assert!(table.starts_with("prediction,p(daisy),p(rose),spread\nrose,"), "{table}");
    assert!(
        table.lines().skip(1).all(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap() > 0.0),
        "{table}"
    );
    folder.bad("predict --model model/model.json --data new.csv --passes 100001", 2, &["--passes", "at most 100000"]);
    folder.write("none.toml", "ensemble = { kind = \"snapshots\", members = 0 }");
    folder.bad("train --data flowers.csv --config none.toml", 2, &["none.toml", "members should be at least 1, got 0"]);
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

/// Parts of a split in a report add up to its error.
#[track_caller]
fn adds_up(split: &Value) {
    let parts = split["parts"].as_object().unwrap();
    let sum: f64 = parts.values().map(|part| part["value"].as_f64().unwrap()).sum();
    assert!((sum - split["error"]["value"].as_f64().unwrap()).abs() < 1e-12, "{split}");
}

#[test]
fn errors_are_split_and_an_unfinished_study_goes_on() {
    let folder = Folder::new("variance");
    folder.write("rows.csv", flowers(','));
    folder.write("quick.toml", QUICK);
    let command =
        "bias-variance --data rows.csv --config quick.toml --sets 3 --starts 2 --rows 30,60 --widths 2,8 --seed 4";
    let text = folder.good(command);
    assert!(text.contains("variance by sample") && text.contains("rows of a training set"), "{text}");
    let made = "layerwise-bias-variance/bias-variance.json";
    let report: Value = serde_json::from_str(&folder.read(made)).unwrap();
    adds_up(&report["split"]);
    // Two sizes and two widths, three sets and two starts each; the largest size is the main one.
    assert_eq!(report["trainings"], 24);
    let [rows, widths] = &report["curves"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!((&rows["points"][0]["at"], &rows["points"][1]["at"]), (&30.0.into(), &60.0.into()));
    assert_eq!(rows["points"][1]["split"], report["split"]);
    assert_eq!(widths["points"][1]["at"], 8.0);
    // Width 8 is that of the configuration.
    assert_eq!(widths["points"][1]["split"], report["split"]);
    let page = folder.read("layerwise-bias-variance/report.html");
    assert!(page.contains("Error against width of the hidden layers") && !page.contains("<script"));

    // As if it had been stopped: the same command goes on, in the same folder, with the same result.
    for gone in ["report.html", "bias-variance.json", "trainings/point1-set2-start1.numbers"] {
        fs::remove_file(folder.0.join("layerwise-bias-variance").join(gone)).unwrap();
    }
    let output = folder.run(&format!("{command} --threads 1"));
    assert!(output.status.success() && !folder.0.join("layerwise-bias-variance-2").exists());
    assert_eq!(serde_json::from_str::<Value>(&folder.read(made)).unwrap(), report);
    // It is finished now: the next is another one. What was asked for by name is not overwritten.
    folder.good(&format!("{command} --threads 1"));
    assert_eq!(
        serde_json::from_str::<Value>(&folder.read("layerwise-bias-variance-2/bias-variance.json")).unwrap(),
        report
    );
    folder.bad(&format!("{command} --out layerwise-bias-variance"), 2, &["nothing is overwritten"]);

    let bad = |rest: &str, parts: &[&str]| {
        folder.bad(&format!("bias-variance --data rows.csv --config quick.toml {rest}"), 2, parts);
    };
    bad("--sets 500", &["--sets", "at most 192", "the number of training rows", "got 500"]);
    bad("--sets 190", &["validation part of rows.csv", "at least 1, got 0"]);
    bad("--sets 4 --rows 49", &["--rows", "at most 48 in each of 4 disjoint parts", "got 49"]);
    bad("--sets 0", &["--sets", "at least 1, got 0"]);
    bad("--sets 1 --starts 1", &["--sets times --starts", "at least 2"]);
    bad("--rows 0", &["--rows", "at least 1, got 0"]);
    bad("--widths 0", &["--widths", "at least 1, got 0"]);
    bad("--sets 2 --starts 100000", &["trainings", "at most 100000, got 200000"]);
    let bad = |rest: &str, parts: &[&str]| folder.bad(&format!("bias-variance {rest}"), 2, parts);
    bad("--generate techer", &["--generate", "techer", "did you mean `teacher`?"]);
    bad("--generate teacher --cross-entropy", &["--cross-entropy", "classes"]);
    bad("--generate moons --excess", &["--excess", "best function is known"]);
    bad("--data none.csv", &["none.csv"]);
}

#[test]
fn the_excess_error_adds_up_on_generated_rows() {
    let folder = Folder::new("excess");
    folder.write("quick.toml", QUICK.replace("epochs = 8", "epochs = 100"));
    let command =
        "bias-variance --config quick.toml --generate friedman1 --sets 3 --starts 2 --rows 40 --excess --json -";
    let report: Value = serde_json::from_str(&folder.good(command)).unwrap();
    adds_up(&report["split"]);
    adds_up(&report["excess"]);
    let excess = |part: &str| report["excess"]["parts"][part]["value"].as_f64().unwrap();
    let error = report["split"]["error"]["value"].as_f64().unwrap();
    assert!((report["excess"]["error"]["value"].as_f64().unwrap() - error).abs() < 1e-9 && error < 20.0, "{report}");
    // σ = 1 on 2,000 test rows: six standard deviations of the mean of e², and of 2 e (f − f*), which is counted as noise.
    let chance = 6.0 * ((2.0f64 / 2000.0).sqrt() + 2.0 * (error / 2000.0).sqrt());
    assert!((excess("noise") - 1.0).abs() < chance && excess("approximation") > 0.0, "{report}");
}

/// Ctrl-C in the middle: one line says how to go on, and going on trains only what is missing.
#[cfg(unix)]
#[test]
fn an_interrupted_study_keeps_what_is_done() {
    let folder = Folder::new("interrupt");
    folder.write("slow.toml", "epochs = 400\nearly_stopping = { patience = 400 }\n");
    let command =
        "bias-variance --config slow.toml --generate teacher --sets 10 --starts 2 --rows 400 --threads 1 --out here";
    let child = Command::new(env!("CARGO_BIN_EXE_layerwise"))
        .current_dir(&folder.0)
        .args(command.split(' '))
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let kept = || fs::read_dir(folder.0.join("here/trainings")).map_or(0, |files| files.count());
    let begun = std::time::Instant::now();
    while kept() < 3 && begun.elapsed().as_secs() < 120 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("of 20 trainings, which are kept: the same command goes on"), "{error}");
    assert!(kept() >= 3 && !folder.0.join("here/report.html").exists());
    // Another command is refused there.
    folder.bad(&command.replace("--rows 400", "--rows 300"), 2, &["here", "nothing is overwritten"]);
}

#[test]
fn layers_learn_without_labels_and_then_with_them() {
    let folder = Folder::new("pretrain");
    folder.write("rows.csv", flowers(','));
    folder.write("more.csv", "width,length,color\n1,2,red\n5,5,blue\n");
    let config = "epochs = 8\nbatch = 16\nscaling = \"min_max\"\n[network]\nhidden = [6, 3]\nactivation = \"sigmoid\"\n\
                  [pretraining]\nepochs = 30\nbatch = 5\nmethod = { kind = \"rbm\", steps = 1 }\n";
    folder.write("pre.toml", config);
    let command = "pretrain --data rows.csv --config pre.toml --unlabelled more.csv --labels 40";
    let text = folder.good(&format!("{command} --out here --json result.json"));
    assert!(text.contains("layer 2") && text.contains("with pre-training"), "{text}");
    let result: Value = serde_json::from_str(&folder.read("result.json")).unwrap();
    let layers = result["layers"].as_array().unwrap();
    assert_eq!((&layers[0]["units"], &layers[1]["units"]), (&6.into(), &3.into()));
    for layer in layers {
        let history: Vec<f64> = layer["history"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert!(history.len() == 30 && history[29] < history[0], "{history:?}");
    }
    let page = folder.read("here/report.html");
    assert!(page.contains("Layer 2: 3 units") && page.contains("steps = 1") && !page.contains("<script"));
    // The model takes rows as they are in the table.
    let predicted = folder.good("predict --model here/model.json --data rows.csv");
    let right = flowers(',').lines().zip(predicted.lines()).filter(|(row, class)| row.ends_with(class)).count();
    let share = 1.0 - right as f64 / 240.0;
    assert!((share - result["test_error"]["pretrained"].as_f64().unwrap()).abs() < 0.2, "{share} {result}");
    let again: Value = serde_json::from_str(&folder.good(&format!("{command} --json - --threads 1"))).unwrap();
    assert_eq!(again, result);
    // Without the table, what suits the network.
    folder.write("plain.toml", config.split("[pretraining]").next().unwrap().replace("sigmoid", "relu"));
    folder.good("pretrain --data rows.csv --config plain.toml");

    folder.bad("train --data rows.csv --config pre.toml", 2, &["pre.toml", "pretraining", "layerwise pretrain"]);
    folder.bad(
        "pretrain --data rows.csv --config pre.toml --labels 1000",
        2,
        &["--labels", "from 1 to 144", "got 1000"],
    );
    let bad = |change: [&str; 2], parts: &[&str]| {
        folder.write("bad.toml", config.replace(change[0], change[1]));
        folder.bad("pretrain --data rows.csv --config bad.toml", 2, parts);
    };
    bad(["\"sigmoid\"", "\"tanh\""], &["network.activation", "should be sigmoid", "got tanh"]);
    bad(["min_max", "standardize"], &["training rows", "from 0 to 1", "min_max"]);
    bad(["hidden = [6, 3]", "hidden = []"], &["network.hidden"]);
    bad(["epochs = 30", "epochs = 0"], &["pretraining.epochs", "at least 1, got 0"]);
    bad(["steps = 1", "step = 1"], &["bad.toml, line", "did you mean `steps`?"]);
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
fn a_configuration_may_name_a_solver_where_nothing_is_noisy() {
    let folder = Folder::new("solver");
    folder.write("flowers.csv", flowers(','));
    for kind in ["l-bfgs", "k-fac", "leave-saddles"] {
        let out = folder.0.join(kind);
        folder.write(
            "c.toml",
            format!("epochs = 12\n[network]\nhidden = [6]\n[solver]\nkind = \"{kind}\"\nrows = 150\n"),
        );
        let said = folder.good(&format!("train --data flowers.csv --target kind --config c.toml --out {kind}"));
        assert!(said.contains("on test rows"), "{said}");
        let history = fs::read_to_string(out.join("history.csv")).unwrap();
        let losses: Vec<f64> =
            history.lines().skip(1).map(|row| row.split(',').nth(2).unwrap().parse().unwrap()).collect();
        assert!(losses.len() > 3 && losses.last() < losses.first(), "{history}");
        let again = fs::read_to_string(out.join("recipe.toml")).unwrap();
        assert!(again.contains(&format!("kind = \"{kind}\"")) && again.contains("rows = 150"), "{again}");
    }
    folder.write("c.toml", "[network]\ndropout = 0.2\n[solver]\nkind = \"l-bfgs\"\n");
    folder.bad(
        "train --data flowers.csv --target kind --config c.toml",
        2,
        &["l-bfgs", "same twice", "dropout in hidden1"],
    );
    folder.write("c.toml", "[network]\nhidden = [900]\n[solver]\nkind = \"saddle-free-newton\"\n");
    let many = ["parameters should be at most 2000, got", "leave-saddles estimates"];
    folder.bad("train --data flowers.csv --target kind --config c.toml", 2, &many);
    folder.write("c.toml", "solver = \"l-bfsg\"\n");
    folder.bad("train --data flowers.csv --target kind --config c.toml", 2, &["did you mean `l-bfgs`?"]);
    folder.write("c.toml", "solver = \"l-bfgs\"\n");
    folder.bad(
        "diagnose --data flowers.csv --target kind --config c.toml",
        2,
        &["solver", "should be absent", "l-bfgs"],
    );
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
