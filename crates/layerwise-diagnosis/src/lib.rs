//! Says why a network is hard to train: which of the two hypotheses dominates, where, how sure, what to do, and what it gains.
//!
//! 1. Train the recipe over several seeds, with probes that read the workspace.
//! 2. Each cause (one file in `causes/`) looks for its symptom and proposes interventions: the same recipe with one thing
//!    changed, from the same seeds and the same batches.
//! 3. **A cause is named only if an intervention that removes it improves the validation risk significantly and by a relevant
//!    amount; otherwise its symptom is reported as an observation.** The intervention is chosen on pilot seeds and tested on
//!    others.
//! 4. The best-supported cause is removed, and the remedied recipe is diagnosed again.
//! 5. The cure is trained on fresh seeds and compared with the patient on rows that nothing was decided by.
#![forbid(unsafe_code)]

pub mod cause;
pub mod causes;
pub mod diagnosis;
pub mod over_time;
pub mod record;
pub mod trial;

mod engine;

pub use cause::{Cause, Contrast, Hypothesis, Intervention, Patient, Symptom};
pub use diagnosis::{CauseFound, Cure, Diagnosis, LayerRow, Observation, Status};
pub use engine::{Options, diagnose};
pub use over_time::OverTime;
pub use record::{Record, Units};
pub use trial::{Lab, LabError, Rows, Share, Trace};
