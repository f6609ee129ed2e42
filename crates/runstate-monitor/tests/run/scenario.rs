//! The scenario format.

pub(crate) mod corpus;
mod fuzz;
mod invalid;
mod round_trip;
mod strategy;
