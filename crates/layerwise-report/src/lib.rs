//! Static SVG plots, self-contained HTML pages and terminal text for training diagnoses.
//!
//! Nothing drawn here needs a script, a font file or a network: every figure is one SVG string and
//! every page is one HTML file. Figures stay readable without color, because series also differ by
//! dash pattern and end label and the heat map's palette darkens steadily.
//!
//! On these stand the reports themselves: [`diagnosis_page`] and [`diagnosis_text`] show a verdict, [`training_page`] shows one
//! training.
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

mod about;
mod axis;
mod bars;
mod curvature_page;
mod curve;
mod diagnosis_page;
mod diagnosis_text;
mod filters;
mod frame;
mod gradient_figures;
mod heat_map;
mod histograms;
mod interval_bars;
mod layer_bars;
mod layer_dots;
mod learning_curves;
mod line_chart;
mod markup;
mod page;
mod palette;
mod pretrain_page;
mod statistics;
mod svg;
pub mod terminal;
mod texture;
mod ticks;
mod time_figures;
mod training_page;
mod unit_figures;
mod variance_page;
mod width;
mod words;

pub use about::About;
pub use axis::{Axis, Scale};
pub use bars::{Bars, Group};
pub use curvature_page::{CurvatureReport, Moment, curvature_page, in_words};
pub use diagnosis_page::diagnosis_page;
pub use diagnosis_text::diagnosis_text;
pub use filters::Filters;
pub use heat_map::HeatMap;
pub use histograms::{HistogramRow, Histograms};
pub use interval_bars::{IntervalBar, IntervalBars};
pub use layer_bars::LayerBars;
pub use layer_dots::{Dots, LayerDots};
pub use line_chart::{LineChart, Mark, Series};
pub use markup::escape;
pub use page::{Page, Tone};
pub use pretrain_page::{PretrainReport, PretrainedLayer, pretrain_page};
pub use statistics::MeanInterval;
pub use training_page::{Training, training_page};
pub use variance_page::{CurvePoint, VarianceCurve, VarianceReport, variance_page, variance_text};

#[cfg(test)]
mod report_tests;
