//! The program `layerwise`: `diagnose`, `train`, `curvature`, `bias-variance`, `pretrain`, `predict`, `init`.
//!
//! Exit status: 0 done, 1 it failed (a full disk, a training that broke), 2 the command, the configuration or the data are wrong.
#![forbid(unsafe_code)]

mod bias_variance;
mod common;
mod config;
mod curvature;
mod diagnose;
mod failure;
mod files;
mod init;
mod patient;
mod predict;
mod pretrain;
mod progress;
mod rows;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Train a neural network, find out why training is hard, and cure it.
#[derive(Parser)]
#[command(name = "layerwise", version, about, long_about = None, arg_required_else_help = true)]
#[command(
    after_help = "First steps:\n  layerwise diagnose                        a deep network that fails on handwritten digits, and its cure\n  layerwise diagnose --data my.csv --target price\n  layerwise init my.toml                    a commented configuration to edit\n  layerwise train --data my.csv --target price --config my.toml --out my-model\n  layerwise predict --model my-model/model.json --data new.csv"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say whether a training is healthy, and if not why, with proof and remedy.
    ///
    /// Trains the network on several seeds, looks for symptoms, removes each suspected cause in a controlled experiment (same
    /// seeds, same batches, one thing changed), names only causes whose removal helps significantly, and measures the remedy on
    /// fresh seeds. Without --data it uses 1,797 handwritten digits; without --data and --config the network is ten hidden
    /// layers of sigmoid units under the old uniform initialization and plain gradient descent.
    Diagnose(diagnose::Arguments),
    /// Train a network on a table and save the model.
    Train(train::Arguments),
    /// Train a network and look at the curvature of its risk: where it stopped, minimum or saddle, and how sharp.
    ///
    /// At the start and at the end of the training: whether the gradient is small against its noise, and if so whether the point
    /// is a minimum, a saddle point (with the way down) or flat; extreme eigenvalues, trace and density of the Hessian's spectrum
    /// with intervals; for up to 2,000 parameters all eigenvalues.
    Curvature(curvature::Arguments),
    /// Train a network many times, and split its error into noise, bias and variance; learning curves.
    ///
    /// Each of several training sets is trained on from several starts, one training a core: the variance by sample is told from that by
    /// initialization. With several --rows or --widths, error, bias and variance are drawn against them. Finished trainings are kept
    /// in the folder, so that the same command goes on where it was stopped.
    BiasVariance(bias_variance::Arguments),
    /// Train the hidden layers one by one without labels, then the network with them.
    ///
    /// The table `pretraining` of the configuration says how (see `layerwise init`). The same training without it is done too, to
    /// compare.
    Pretrain(pretrain::Arguments),
    /// Predict new rows with a saved model.
    Predict(predict::Arguments),
    /// Write a commented configuration file to start from.
    Init(init::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Diagnose(arguments) => diagnose::run(&arguments),
        Command::Train(arguments) => train::run(&arguments),
        Command::Curvature(arguments) => curvature::run(&arguments),
        Command::BiasVariance(arguments) => bias_variance::run(&arguments),
        Command::Pretrain(arguments) => pretrain::run(&arguments),
        Command::Predict(arguments) => predict::run(&arguments),
        Command::Init(arguments) => init::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {}", failure.message);
            ExitCode::from(failure.status)
        }
    }
}
