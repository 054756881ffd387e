//! Static SVG plots, self-contained HTML pages and terminal text for training diagnoses.
//!
//! Nothing drawn here needs a script, a font file or a network: every figure is one SVG string and
//! every page is one HTML file. Figures stay readable without color, because series also differ by
//! dash pattern and end label and the heat map's palette darkens steadily.
//!
//! ```
//! use layerwise_report::{Axis, LineChart, Page, Series, Tone};
//!
//! let chart = LineChart {
//!     title: "Training loss".into(),
//!     x: Axis::linear("epoch"),
//!     y: Axis::log10("loss").unit("nats"),
//!     series: vec![Series::new("tanh", vec![(0.0, 2.3), (1.0, 0.9), (2.0, 0.4)])],
//!     marks: vec![],
//! };
//! let mut page = Page::new("Why is training hard?");
//! page.headline("The loss falls steadily.", Tone::Good)
//!     .figure(&chart.svg(), "Loss on the training set.");
//! assert!(page.render().starts_with("<!doctype html>"));
//! ```
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod axis;
mod bars;
mod curve;
mod frame;
mod heat_map;
mod histograms;
mod layer_bars;
mod line_chart;
mod markup;
mod page;
mod palette;
mod statistics;
mod svg;
pub mod terminal;
mod texture;
mod ticks;
mod width;

pub use axis::{Axis, Scale};
pub use bars::{Bars, Group};
pub use heat_map::HeatMap;
pub use histograms::{HistogramRow, Histograms};
pub use layer_bars::LayerBars;
pub use line_chart::{LineChart, Mark, Series};
pub use markup::escape;
pub use page::{Page, Tone};
pub use statistics::{MeanInterval, student_t_quantile};
