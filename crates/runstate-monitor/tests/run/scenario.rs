//! The scenario format.

mod corpus;
