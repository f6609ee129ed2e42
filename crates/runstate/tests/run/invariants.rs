//! What holds whatever happens to a VM, in whatever order: see `runstate::fuzzing::inputs` for what is looked at.

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// No panic, transitions are told and lie in the graph, what is impossible changes nothing, equal runs are equal.
    #[test]
    fn any_inputs_keep_the_invariants(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        runstate::fuzzing::inputs(&bytes);
    }
}
