//! The ranks of the crates: the one place where they stand. An arrow (a normal or build dependency) goes down, never up and
//! never sideways; the table in `docs/architecture.md` is compared with this one.

/// Crate and rank.
pub const RANKS: &[(&str, u8)] = &[
    ("layerwise-tensor", 0),
    ("layerwise-stats", 0),
    ("layerwise-core", 1),
    ("layerwise-activations", 2),
    ("layerwise-layers", 2),
    ("layerwise-losses", 2),
    ("layerwise-regularizers", 2),
    ("layerwise-optimizers", 2),
    ("layerwise-gradcheck", 2),
    ("layerwise-data", 2),
    ("layerwise-network", 3),
    ("layerwise-curvature", 4),
    ("layerwise-train", 5),
    ("layerwise-pretrain", 6),
    ("layerwise-variance", 6),
    ("layerwise-diagnosis", 6),
    ("layerwise-report", 7),
    ("layerwise", 8),
    ("layerwise-cli", 8),
    ("layerwise-bench", 8),
    ("layerwise-reproduce", 8),
    ("layerwise-theory", 8),
    ("xtask", 9),
];

/// The rank of a crate of the workspace.
pub fn rank(name: &str) -> Option<u8> {
    RANKS.iter().find(|(known, _)| *known == name).map(|(_, rank)| *rank)
}
