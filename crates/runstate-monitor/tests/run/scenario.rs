//! The scenario format.

mod corpus;
mod fuzz;
mod invalid;
mod round_trip;
mod strategy;
