//! How large the spaces are. A number here changes when a rule does, and then somebody should know why.

use runstate::Release;
use runstate_oracle::explore::{Nothing, Scope, Space};

/// States under any policy, summed over the policies; with races likewise.
const COUNTS: &[(Release, usize, u64, usize, u64)] = &[
    (Release::V6_0, 8_014, 451_764, 2_250, 134_612),
    (Release::V6_1, 8_662, 494_994, 2_250, 134_612),
    (Release::V6_2, 8_662, 494_994, 2_250, 134_612),
    (Release::V7_0, 8_662, 494_994, 2_250, 134_612),
    (Release::V7_1, 8_662, 644_540, 2_250, 179_786),
    (Release::V7_2, 8_662, 644_540, 2_250, 179_786),
    (Release::V8_0, 8_662, 644_540, 2_250, 179_786),
    (Release::V8_1, 8_662, 644_540, 2_250, 179_786),
    (Release::V8_2, 8_664, 644_652, 2_272, 186_182),
    (Release::V9_0, 17_062, 1_374_184, 3_808, 311_660),
    (Release::V9_1, 26_343, 2_061_596, 3_808, 311_660),
    (Release::V9_2, 26_343, 2_061_596, 3_808, 311_660),
    (Release::V10_0, 23_483, 1_846_056, 3_808, 311_660),
    (Release::V10_1, 23_483, 1_846_056, 3_808, 311_660),
    (Release::V10_2, 26_343, 2_061_596, 3_808, 311_660),
    (Release::V11_0, 26_343, 2_061_596, 3_808, 311_660),
];

#[test]
fn the_spaces_are_as_large_as_ever() {
    let counted: Vec<_> = Release::ALL
        .iter()
        .map(|&release| {
            let all = Space::of(Scope::new(release), &Nothing);
            let races = Space::of(Scope::races(release), &Nothing);
            (
                release,
                all.len(),
                all.reach().states(),
                races.len(),
                races.reach().states(),
            )
        })
        .collect();
    for (counted, pinned) in counted.iter().zip(COUNTS) {
        assert_eq!(counted, pinned);
    }
    assert_eq!(counted.len(), COUNTS.len(), "{counted:#?}");
}
