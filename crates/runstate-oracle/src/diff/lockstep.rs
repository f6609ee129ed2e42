//! Both releases in lockstep: the same launch, the same inputs, breadth first, until what they say differs. The sequence at
//! which it does is a shortest one.

use std::collections::{HashMap, HashSet};

use runstate::{
    Actions, IncomingOption, Input, Launch, Load, Machine, PanicAction, RebootAction, Release,
    ShutdownAction, Thread, Vm, WatchdogAction,
};

use super::{Kind, Limits, Pair, Told, compare};
use crate::{
    act::Act,
    matrix::keep_final_state,
    told::{Step, launched, perform, perform_held},
};

/// A shortest sequence whose last step is told differently.
#[derive(Clone, Debug)]
pub struct Sequence {
    /// The launch, in QEMU's options.
    pub launch: String,
    /// The acts; one that ends in ` &` is not followed by a pass of the main loop.
    pub steps: Vec<String>,
    /// The place of the last act; `None` if the launch itself differs.
    pub act: Option<usize>,
    /// What the first says of the last step.
    pub from: Told,
    /// What the second says of it.
    pub to: Told,
}

/// The options of a launch, and the launch.
type Start = (String, Launch);

/// One policy of each kind: the default, all that stops, and the rest.
const POLICIES: [Actions; 3] = [
    Actions::DEFAULT,
    Actions::new(
        RebootAction::Reset,
        ShutdownAction::Pause,
        PanicAction::Pause,
        WatchdogAction::Pause,
    ),
    Actions::new(
        RebootAction::Shutdown,
        ShutdownAction::Pause,
        PanicAction::Shutdown,
        WatchdogAction::Poweroff,
    ),
];

fn starts() -> Vec<Start> {
    let mut starts = Vec::new();
    for actions in POLICIES {
        for thread in [Thread::Vcpu, Thread::MainLoop] {
            let base = Launch {
                actions,
                thread,
                machine: Machine {
                    snapshot_disk: true,
                    ..Machine::DEFAULT
                },
                ..Launch::new(Release::DEFAULT)
            };
            let mut options = String::new();
            if actions != Actions::DEFAULT {
                options.push_str(&format!(" -action {actions}"));
            }
            if thread == Thread::MainLoop {
                options.push_str(" -accel qtest");
            }
            let mut add = |more: &str, launch: Launch| starts.push((format!("qemu{options}{more}"), launch));
            add("", base);
            add(
                " -S",
                Launch {
                    autostart: false,
                    ..base
                },
            );
            add(
                " -incoming URI",
                Launch {
                    incoming: IncomingOption::Uri,
                    ..base
                },
            );
            // What the machine has is asked once.
            if actions == Actions::DEFAULT && thread == Thread::Vcpu {
                add(
                    " -incoming defer",
                    Launch {
                        incoming: IncomingOption::Defer,
                        ..base
                    },
                );
                add(
                    " -preconfig",
                    Launch {
                        preconfig: true,
                        ..base
                    },
                );
                let loadvm = Some(Load::Found { suspended: true });
                add(" -loadvm TAG (of a suspended VM)", Launch { loadvm, ..base });
            }
        }
    }
    starts
}

struct Node {
    from: Vm,
    to: Vm,
    /// The node before, the act's place, and whether no pass followed.
    parent: Option<(usize, usize, bool)>,
}

/// The shortest sequences, one for each act and pair of outcomes.
pub(super) fn sequences(acts: &[Act], from: Release, to: Release, limits: Limits) -> Vec<Sequence> {
    let mut found: HashMap<(Option<usize>, Pair), Sequence> = HashMap::new();
    for (options, launch) in starts() {
        let walk = Walk {
            acts,
            options,
            order_differs: from.reply_after_pass() != to.reply_after_pass(),
        };
        walk.go(
            Launch {
                release: from,
                ..launch
            },
            Launch {
                release: to,
                ..launch
            },
            limits,
            &mut found,
        );
    }
    let mut all: Vec<Sequence> = found.into_values().collect();
    all.sort_by_cached_key(|s| {
        (
            s.act,
            s.steps.len(),
            s.launch.clone(),
            s.steps.clone(),
            s.from.clone(),
            s.to.clone(),
        )
    });
    all
}

struct Walk<'a> {
    acts: &'a [Act],
    options: String,
    order_differs: bool,
}

impl Walk<'_> {
    fn go(
        &self,
        from: Launch,
        to: Launch,
        limits: Limits,
        found: &mut HashMap<(Option<usize>, Pair), Sequence>,
    ) {
        let ((from, one), (to, other)) = (started(from), started(to));
        if let Some(pair) = compare::pair(one, other, false) {
            let sequence = Sequence {
                launch: self.options.clone(),
                steps: Vec::new(),
                act: None,
                from: pair.from.clone(),
                to: pair.to.clone(),
            };
            found.entry((None, pair)).or_insert(sequence);
        }
        if from.is_gone() || to.is_gone() || from.run_state() != to.run_state() {
            return;
        }
        let mut nodes = vec![Node {
            from,
            to,
            parent: None,
        }];
        let mut seen = HashSet::from([(nodes[0].from, nodes[0].to)]);
        let (mut at, mut depth, mut level_end) = (0, 0, 1);
        while at < nodes.len() && depth < limits.depth {
            self.expand(at, &mut nodes, &mut seen, found);
            at += 1;
            if at == level_end {
                (depth, level_end) = (depth + 1, nodes.len());
            }
        }
    }

    fn expand(
        &self,
        at: usize,
        nodes: &mut Vec<Node>,
        seen: &mut HashSet<(Vm, Vm)>,
        found: &mut HashMap<(Option<usize>, Pair), Sequence>,
    ) {
        let mut told = [Vec::new(), Vec::new()];
        let pending = nodes[at].from.has_requests() || nodes[at].to.has_requests();
        for (place, act) in self.acts.iter().enumerate() {
            // A command is handled after the pass that is pending.
            if pending && act.is_command() {
                continue;
            }
            for held in [false, true] {
                if held && act.is_command() {
                    continue;
                }
                let (mut from, mut to) = (nodes[at].from, nodes[at].to);
                let before = from.run_state();
                for (vm, told) in [&mut from, &mut to].into_iter().zip(told.iter_mut()) {
                    tell_into(vm, act.input, held, told);
                }
                if held && !from.has_requests() && !to.has_requests() {
                    continue;
                }
                let pair = if told[0] == told[1] {
                    None
                } else {
                    let [mut one, mut other] = told.clone();
                    keep_final_state(&mut one, before);
                    keep_final_state(&mut other, before);
                    compare::pair(one, other, self.order_differs)
                };
                // What follows from a difference is no difference of its own.
                let alike = pair
                    .as_ref()
                    .is_none_or(|pair| super::kind(&pair.from.0, &pair.to.0) < Kind::Abort);
                if let Some(pair) = pair {
                    let key = (Some(place), pair);
                    let length = self.length(nodes, at) + 1;
                    if found.get(&key).is_none_or(|known| known.steps.len() > length) {
                        let sequence = self.tell(nodes, at, place, held, &key.1);
                        found.insert(key, sequence);
                    }
                }
                let go_on = alike && !from.is_gone() && !to.is_gone() && from.run_state() == to.run_state();
                if go_on && seen.insert((from, to)) {
                    nodes.push(Node {
                        from,
                        to,
                        parent: Some((at, place, held)),
                    });
                }
            }
        }
    }

    #[expect(clippy::unused_self, reason = "reads as the question it is")]
    fn length(&self, nodes: &[Node], mut at: usize) -> usize {
        let mut length = 0;
        while let Some((parent, _, _)) = nodes[at].parent {
            (at, length) = (parent, length + 1);
        }
        length
    }

    fn tell(&self, nodes: &[Node], mut at: usize, act: usize, held: bool, pair: &Pair) -> Sequence {
        let name =
            |place: usize, held: bool| format!("{}{}", self.acts[place].name, if held { " &" } else { "" });
        let mut steps = vec![name(act, held)];
        while let Some((parent, place, held)) = nodes[at].parent {
            steps.push(name(place, held));
            at = parent;
        }
        steps.reverse();
        Sequence {
            launch: self.options.clone(),
            steps,
            act: Some(act),
            from: pair.from.clone(),
            to: pair.to.clone(),
        }
    }
}

/// A VM after its launch and the first pass of the main loop, and what both say.
fn started(launch: Launch) -> (Vm, Vec<Step>) {
    let mut told = Vec::new();
    let vm = launched(&launch, &mut told);
    keep_final_state(&mut told, runstate::RunState::Prelaunch);
    (vm, told)
}

fn tell_into(vm: &mut Vm, input: Input, held: bool, told: &mut Vec<Step>) {
    told.clear();
    if held {
        perform_held(vm, input, told);
    } else {
        perform(vm, input, told);
    }
}
