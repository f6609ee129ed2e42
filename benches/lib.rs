//! Criterion benchmarks of runstate, its peers measured beside it in the same run.
