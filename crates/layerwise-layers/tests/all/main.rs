//! One program for all tests: it is built and linked once.
#![allow(clippy::unwrap_used)]

mod dropout;
mod enumeration;
mod noise;
mod normalization;
mod recurrent;
mod verification;
