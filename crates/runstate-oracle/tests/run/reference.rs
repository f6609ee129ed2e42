//! The reference of other people's property tests, tested itself.

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use runstate::{Answer, Detail, Input, Output, Vm};
use runstate_oracle::strategy::Reference;

/// The core under any life, step by step; what breaks is shrunk to the inputs that it takes.
struct Core;

impl StateMachineTest for Core {
    type SystemUnderTest = Vm;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Vm {
        reference.vm
    }

    fn apply(mut vm: Vm, reference: &Reference, input: Input) -> Vm {
        let (before, mut state) = (vm, vm.run_state());
        let mut said = Vec::new();
        let answer = vm.handle(input, &mut |output| said.push(output));
        if matches!(answer, Answer::Impossible(_)) {
            assert!(
                said.is_empty() && vm == before,
                "what cannot happen changes nothing"
            );
        }
        vm.main_loop(&mut |output| said.push(output));
        for output in &said {
            match *output {
                Output::State { from, to } => {
                    assert!(
                        from == state && from != to,
                        "a transition is told when it is made"
                    );
                    assert!(vm.release().graph().allows(from, to), "{from} -> {to}");
                    state = to;
                }
                Output::Abort { from, to } => {
                    // Of the same state, it is an assertion about something else.
                    let forbidden = from == to || !vm.release().graph().allows(from, to);
                    assert!(from == state && forbidden, "{from} -> {to}");
                }
                Output::Exit(status) => assert_eq!(vm.exit_status(), Some(status)),
                Output::Event(_) => {}
            }
        }
        assert_eq!(vm.run_state(), state, "no transition is made in silence");
        assert!(!before.is_gone() || vm.is_gone(), "nobody comes back");
        let last = said
            .iter()
            .position(|output| matches!(output, Output::Exit(_) | Output::Abort { .. }));
        assert!(
            last.is_none_or(|last| last + 1 == said.len()),
            "after its end it says nothing: {said:?}"
        );
        assert_eq!(
            (said, vm),
            (reference.said.clone(), reference.vm),
            "equal lives are equal"
        );
        assert_eq!(vm.key(Detail::Full), reference.vm.key(Detail::Full));
        vm
    }
}

prop_state_machine! {
    #![proptest_config(proptest::test_runner::Config { cases: 512, failure_persistence: None, ..Default::default() })]

    #[test]
    fn the_core_keeps_its_invariants_in_any_life(sequential 1..40 => Core);
}

/// What it takes as possible is possible, and it stays gone.
#[test]
fn the_reference_is_a_vm() {
    let mut runner = TestRunner::deterministic();
    for _ in 0..64 {
        let mut state = Reference::init_state()
            .new_tree(&mut runner)
            .expect("a launch")
            .current();
        for _ in 0..16 {
            let input = Reference::transitions(&state)
                .new_tree(&mut runner)
                .expect("an input")
                .current();
            if Reference::preconditions(&state, &input) {
                let gone = state.vm.is_gone();
                state = Reference::apply(state, &input);
                assert!(!gone || state.vm.is_gone());
            }
        }
    }
}
