//! Whole commands: what they print to stdout and stderr, and their exit status.
//!
//! `TRYCMD=overwrite cargo test` writes what they do into the transcripts; then those are to be read.

#[test]
fn commands_do_what_their_transcripts_say() {
    trycmd::TestCases::new()
        .default_bin_name("runstate")
        .case("tests/cmd/*.trycmd");
}
