//! Small things that several families check.

use crate::report::Log;

/// Why instruction sets are not switched in a library's test.
pub(crate) const LEVELS: &str = "concerns the whole process: `Scope::InstructionSets` runs it alone";

/// The check that does it.
pub(crate) const INSTRUCTION_SETS: &str = "instruction-sets";

/// Lower case letters, digits and hyphens.
pub(crate) fn kebab(name: &str, log: &mut Log) {
    let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    log.holds(|| format!("`{name}` is in kebab case"), !name.is_empty() && name.chars().all(kebab));
}

/// The columns of a matrix, in another order.
pub(crate) fn columns(matrix: &[f64], rows: usize, order: &[usize]) -> Vec<f64> {
    order.iter().flat_map(|&j| matrix[j * rows..(j + 1) * rows].to_vec()).collect()
}
