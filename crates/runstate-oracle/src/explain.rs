//! `explain`: the [matrix](crate::matrix) as people and programs read it.

pub mod html;
pub mod json;
pub mod label;
pub mod table;
pub mod text;
