//! Configuration files: TOML in, one clear line out when something is wrong.

use std::fmt;
use std::fs;
use std::path::Path;

use layerwise_pretrain::Pretraining;
use layerwise_train::Recipe;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use crate::failure::Failure;

/// Configurations larger than this are refused.
const MAX_BYTES: u64 = 1 << 20;

/// What a file holds: a recipe, and for `layerwise pretrain` one more table.
#[derive(Debug)]
pub struct Configuration {
    pub recipe: Recipe,
    pub pretraining: Option<Pretraining>,
}

/// Reads and checks a recipe; a table `pretraining` is refused, since nothing would be done with it.
pub fn read(path: &Path) -> Result<Recipe, Failure> {
    let Configuration { recipe, pretraining } = read_all(path)?;
    match pretraining {
        None => Ok(recipe),
        Some(_) => Err(Failure::usage(format!("{}: pretraining: is for `layerwise pretrain` only", path.display()))),
    }
}

/// Reads and checks a configuration file.
pub fn read_all(path: &Path) -> Result<Configuration, Failure> {
    let name = path.display().to_string();
    let size = fs::metadata(path).map_err(|e| Failure::usage(format!("{name}: cannot be read: {e}")))?.len();
    if size > MAX_BYTES {
        return Err(Failure::usage(format!("{name}: size should be at most {MAX_BYTES} bytes, got {size}")));
    }
    let text = fs::read_to_string(path).map_err(|e| Failure::usage(format!("{name}: cannot be read: {e}")))?;
    parse(&name, &text)
}

/// Parses and checks a configuration; `name` stands for the file.
pub fn parse(name: &str, text: &str) -> Result<Configuration, Failure> {
    let configuration: Configuration = toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(String::new(), |span| {
            format!(", line {}", text[..span.start.min(text.len())].matches('\n').count() + 1)
        });
        let message = e.message().trim().replace('\n', " ");
        Failure::usage(format!("{name}{line}: {}", with_suggestion(&message)))
    })?;
    configuration.recipe.check().map_err(|e| Failure::usage(format!("{name}: {e}")))?;
    if let Some(pretraining) = &configuration.pretraining {
        pretraining.check().map_err(|e| Failure::usage(format!("{name}: pretraining.{e}")))?;
    }
    Ok(configuration)
}

const PRETRAINING: &str = "pretraining";

impl<'de> Deserialize<'de> for Configuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Tables;
        impl<'de> Visitor<'de> for Tables {
            type Value = Configuration;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Configuration, A::Error> {
                let mut pretraining = None;
                let rest = Without { map, pretraining: &mut pretraining };
                let recipe = Recipe::deserialize(MapAccessDeserializer::new(rest))?;
                Ok(Configuration { recipe, pretraining })
            }
        }
        deserializer.deserialize_map(Tables)
    }
}

/// The keys of a recipe; the table `pretraining` is put aside.
struct Without<'p, A> {
    map: A,
    pretraining: &'p mut Option<Pretraining>,
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Without<'_, A> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, mut seed: K) -> Result<Option<K::Value>, A::Error> {
        loop {
            match self.map.next_key_seed(Key(seed))? {
                None => return Ok(None),
                Some(Ok(key)) => return Ok(Some(key)),
                Some(Err(unused)) => seed = unused,
            }
            *self.pretraining = Some(self.map.next_value()?);
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, A::Error> {
        self.map.next_value_seed(seed)
    }
}

/// A key by its seed, or the seed back if it is `pretraining`.
struct Key<K>(K);

impl<'de, K: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<K> {
    type Value = Result<K::Value, K>;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        let key = String::deserialize(deserializer)?;
        if key == PRETRAINING {
            return Ok(Err(self.0));
        }
        self.0.deserialize(key.into_deserializer()).map(Ok)
    }
}

/// The configuration as TOML.
pub fn write(recipe: &Recipe) -> Result<String, Failure> {
    write_any(recipe)
}

/// A part of a configuration as TOML.
pub fn write_any(part: &impl serde::Serialize) -> Result<String, Failure> {
    toml::to_string(part).map_err(|e| Failure::failed(format!("configuration cannot be written: {e}")))
}

/// Adds the nearest expected name to serde's "unknown field `x`, expected one of `a`, `b`".
pub fn with_suggestion(message: &str) -> String {
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    if !message.contains("unknown") || quoted.len() < 2 {
        return message.to_owned();
    }
    let (wrong, known) = (quoted[0], &quoted[1..]);
    match known.iter().map(|name| (distance(wrong, name), name)).min() {
        Some((d, nearest)) if d <= 1 + wrong.len() / 3 => format!("{message}; did you mean `{nearest}`?"),
        _ => message.to_owned(),
    }
}

/// Edit distance with swaps of neighbours (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            if i == 0 || j == 0 {
                d[i][j] = i + j;
                continue;
            }
            let change = d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            d[i][j] = change.min(d[i - 1][j] + 1).min(d[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                d[i][j] = d[i][j].min(d[i - 2][j - 2] + 1);
            }
        }
    }
    d[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        parse("c.toml", text).unwrap_err().message
    }

    #[track_caller]
    fn check(text: &str, parts: &[&str]) {
        let got = message(text);
        assert!(parts.iter().all(|part| got.contains(part)), "{got}");
        assert!(!got.contains('\n'), "{got}");
    }

    #[test]
    fn wrong_values_are_named_with_file_and_place() {
        check("epoch = 3", &["c.toml, line 1", "unknown field `epoch`", "did you mean `epochs`?"]);
        check("seed = 1\n[network]\nhiden = [3]", &["c.toml, line 3", "did you mean `hidden`?"]);
        check("[network]\nhidden = [8, 0]", &["c.toml: network.hidden[1]: should be at least 1, got 0"]);
        check("[network]\nactivation = \"tahn\"", &["c.toml, line 2", "did you mean `tanh`?"]);
        check(
            "[network]\nlayers = [{ kind = \"dens\", width = 3 }]",
            &["unknown variant `dens`", "did you mean `dense`?"],
        );
        check("[network]\nlayers = [{ kind = \"dense\", widht = 3 }]", &["did you mean `width`?"]);
        check("[optimizer]\nkind = \"sgd\"\nrate = -0.1", &["c.toml", "rate should be", "-0.1"]);
        check("[optimizer]\nkind = \"sgd\"\nrate = nan", &["c.toml", "rate should be", "NaN"]);
        check("[optimizer]\nkind = \"sdg\"", &["did you mean `sgd`?"]);
        check("epochs = 0", &["c.toml: epochs: should be at least 1, got 0"]);
        check("batch = 0", &["c.toml: batch: should be at least 1, got 0"]);
        check("[network]\ndropout = 1.5", &["c.toml: network.dropout: should be in [0, 1), got 1.5"]);
        check("seed = ", &["c.toml, line 1"]);
        check("seed = 1\nbatch = 3\nepoch = 3", &["c.toml, line 3", "did you mean `epochs`?"]);
        check("seed = 1\n[pretraining]\nepoch = 3", &["c.toml, line 3", "did you mean `epochs`?"]);
        check("[pretraining]\nepochs = 0", &["c.toml: pretraining.epochs: should be at least 1, got 0"]);
        check(
            "[pretraining]\nmethod = { kind = \"rbm\", steps = 0 }\n[network]\nhidden = [3]",
            &["c.toml: pretraining.", "should be at least 1, got 0"],
        );
    }

    #[test]
    fn pretraining_is_a_table_beside_the_recipe() {
        let text =
            "[pretraining]\nepochs = 7\nmethod = { kind = \"autoencoder\", code = \"tanh\" }\n[network]\nhidden = [3]";
        let Configuration { recipe, pretraining } = parse("c.toml", text).unwrap();
        assert_eq!(recipe.network.hidden, [3]);
        let pretraining = pretraining.unwrap();
        assert_eq!(pretraining.epochs, 7);
        assert_eq!(parse("c.toml", "seed = 2").unwrap().pretraining, None);
    }

    #[test]
    fn every_part_of_a_recipe_goes_through_toml_and_back() {
        let text = r#"
            seed = 7
            epochs = 3
            batch = 16
            scaling = "none"
            optimizer = { kind = "sgd", rate = 0.1, momentum = 0.9, nesterov = true, clip = 1.0, schedule = { kind = "cosine", steps = 100, floor = 0.1 } }
            loss = { kind = "softmax-cross-entropy", smoothing = 0.1 }
            early_stopping = { patience = 3 }
            reduce_on_plateau = { factor = 0.5 }
            [network]
            init = "he"
            layers = [
              { kind = "dense", width = 8, init = { orthogonal = { gain = 1.0 } } }, "tanh", { kind = "dropout", rate = 0.2 },
              { kind = "residual", layers = [{ kind = "dense", width = 8 }, { kind = "leaky-relu", slope = 0.1 }] },
            ]
            [[penalties]]
            penalty = { kind = "l2", strength = 0.01 }
            layers = ["hidden1"]
        "#;
        let recipe = parse("c.toml", text).unwrap().recipe;
        let again = parse("again.toml", &write(&recipe).unwrap()).unwrap().recipe;
        assert_eq!(recipe, again);
        // What is absent is on; to turn it off takes a word.
        let off = parse("off.toml", "early_stopping = false").unwrap().recipe;
        assert_eq!((off.early_stopping, parse("on.toml", "").unwrap().recipe.early_stopping.is_some()), (None, true));
        assert_eq!(parse("again.toml", &write(&off).unwrap()).unwrap().recipe, off);
        assert_eq!(parse("on.toml", "early_stopping = true").unwrap().recipe, parse("on.toml", "").unwrap().recipe);
        assert_eq!(parse("c.toml", &write(&Recipe::default()).unwrap()).unwrap().recipe, Recipe::default());
    }
}
