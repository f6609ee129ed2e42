# `just` lists the recipes; `just ci` is what CI runs.

[private]
default:
    @just --list --unsorted

# Everything: what CI runs
[group('check')]
ci:
    .ci/run

# The README's test command
[group('check')]
test:
    .ci/run test

# Format and lints
[group('check')]
lint:
    .ci/run lint

# One step of .ci/steps, or several: `just step conform libvirt`
[group('check')]
step +NAMES:
    .ci/run {{NAMES}}

# Licences and advisories, with cargo-deny
[group('check')]
deny:
    cargo deny check

# The main job
[group('run')]
run *ARGS:
    cargo run --release -- {{ARGS}}

# The benchmarks, peers beside them; BENCH names one
[group('run')]
bench *BENCH:
    cargo bench -p runstate-benches {{BENCH}}

# A fuzz target for so many seconds (cargo install cargo-fuzz)
[group('run')]
fuzz TARGET SECONDS="600":
    fuzz/run {{TARGET}} {{SECONDS}}

# The book (cargo install mdbook)
[group('doc')]
book:
    mdbook build docs
