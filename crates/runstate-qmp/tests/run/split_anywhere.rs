//! split_anywhere
