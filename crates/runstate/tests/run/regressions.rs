//! The body of the fuzz target `inputs` over what fuzzing has found (tests/regressions), and over bytes at random.

use std::{fs, path::Path};

use runstate::fuzzing;

#[test]
fn what_fuzzing_found_stays_mended() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/regressions/inputs");
    let mut replayed = 0;
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("the folder can be read").path();
        fuzzing::inputs(&fs::read(path).expect("the file can be read"));
        replayed += 1;
    }
    assert!(replayed > 0);
}

/// Not a fuzzer, which looks where it has been; it finds what is not rare, in a second.
#[test]
fn bytes_at_random_hold_too() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut bytes = [0; 256];
    for _ in 0..2_000 {
        for byte in &mut bytes {
            // xorshift64, whose high bits are the better ones.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            *byte = (state >> 56) as u8;
        }
        fuzzing::inputs(&bytes);
    }
}
