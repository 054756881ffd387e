//! One program for all tests but the gradient check, which takes longest and should run last: it is built and linked once.
#![allow(clippy::unwrap_used)]

mod dropout;
mod enumeration;
mod noise;
mod normalization;
mod recurrent;
