//! The shortest account of what was heard: the cheapest way through the automaton of one release.

use std::collections::{HashMap, VecDeque};

use runstate::{PanicAction, Release, RunState, ShutdownAction, Thread, Vm, WatchdogAction};

use super::{
    Happened,
    automaton::{ALONE, ASKED, Automaton, Edge, HELD_BACK, LATE, Rest},
    letter::Letter,
    subsets::{Node, Place, Set, Subsets},
};

/// How a hypothesis was come by: from which one, and through which deeds.
#[derive(Clone, Debug)]
struct Step {
    cost: u32,
    from: Node,
    deeds: Vec<String>,
}

/// Accounts for the letters of a trail.
pub(super) fn explain(subsets: &mut Subsets, trail: &VecDeque<(Set, Letter, u64)>) -> Vec<Happened> {
    let Some(&(first, ..)) = trail.front() else {
        return Vec::new();
    };
    let Some(&(last, letter, _)) = trail.back() else {
        return Vec::new();
    };
    let end = subsets.hear(last, letter);
    // The release people mean where they name none, if it is possible; else the newest that is. A vCPU before qtest.
    let Some(at) = (0..subsets.automata.len())
        .filter(|at| {
            subsets
                .nodes_of(end)
                .iter()
                .any(|node| usize::from(subsets.place(*node).automaton) == *at)
        })
        .max_by_key(|at| {
            let automaton = &subsets.automata[*at];
            let default = automaton.releases.contains(&Release::DEFAULT);
            (
                automaton.thread == Thread::Vcpu,
                default,
                automaton.releases.last().copied(),
            )
        })
    else {
        return Vec::new();
    };
    let mine = |subsets: &Subsets, node: &Node| usize::from(subsets.place(*node).automaton) == at;
    let mut costs: HashMap<Node, u32> = subsets
        .nodes_of(first)
        .iter()
        .copied()
        .filter(|node| mine(subsets, node))
        .map(|node| (node, begin(subsets, node)))
        .collect();
    let mut layers: Vec<HashMap<Node, Step>> = Vec::with_capacity(trail.len());
    for &(_, letter, _) in trail {
        let mut layer: HashMap<Node, Step> = HashMap::new();
        let mut nodes: Vec<(Node, u32)> = costs.iter().map(|(node, cost)| (*node, *cost)).collect();
        nodes.sort_unstable();
        for (node, cost) in nodes {
            for (next, deeds) in ways(subsets, node, letter) {
                let cost = cost + deeds.len() as u32;
                if layer.get(&next).is_none_or(|known| cost < known.cost) {
                    layer.insert(
                        next,
                        Step {
                            cost,
                            from: node,
                            deeds,
                        },
                    );
                }
            }
        }
        costs = layer.iter().map(|(node, step)| (*node, step.cost)).collect();
        layers.push(layer);
    }
    let Some(mut node) = costs
        .iter()
        .min_by_key(|(node, cost)| (**cost, **node))
        .map(|(node, _)| *node)
    else {
        return Vec::new();
    };
    let mut account = Vec::new();
    for (layer, (_, letter, line)) in layers.iter().zip(trail).rev() {
        let Some(step) = layer.get(&node) else { break };
        account.push(Happened::Heard {
            line: *line,
            letter: *letter,
        });
        account.extend(step.deeds.iter().rev().cloned().map(Happened::Inferred));
        node = step.from;
    }
    let vm = *subsets.vm(subsets.place(node));
    account.push(Happened::Begins {
        state: vm.run_state(),
        options: options(&vm),
    });
    account.reverse();
    account
}

/// A VM that runs is likelier than one in any other state, and one without options than one with.
fn begin(subsets: &Subsets, node: Node) -> u32 {
    let place = subsets.place(node);
    let vm = subsets.vm(place);
    let usual = matches!(vm.run_state(), RunState::Running | RunState::Prelaunch);
    u32::from(vm.run_state() != RunState::Running) + 3 * u32::from(!usual) + 4 * place.rest.len() as u32
}

/// QEMU's options for a VM that has these actions.
fn options(vm: &Vm) -> String {
    let mut options = Vec::new();
    if vm.actions().reboot() == runstate::RebootAction::Shutdown {
        options.push("-no-reboot");
    }
    if vm.actions().shutdown() == ShutdownAction::Pause {
        options.push("-no-shutdown");
    }
    debug_assert!(
        vm.actions().panic() == PanicAction::Shutdown && vm.actions().watchdog() == WatchdogAction::Reset
    );
    options.join(" ")
}

/// Where a hypothesis can be when it has said the letter, and by which deeds. The cheapest of each.
fn ways(subsets: &mut Subsets, node: Node, letter: Letter) -> Vec<(Node, Vec<String>)> {
    let mut reached = Vec::new();
    subsets.step_node(node, letter, &mut |next| reached.push(next));
    let place = subsets.place(node).clone();
    if !place.rest.is_empty() {
        return reached.into_iter().map(|next| (next, Vec::new())).collect();
    }
    let silent = subsets.silently(place.automaton, place.to);
    let automaton = &subsets.automata[usize::from(place.automaton)];
    reached
        .into_iter()
        .filter_map(|next| {
            let target = subsets.place(next);
            let (state, edge) = silent.iter().find_map(|(state, _)| {
                automaton.edges[*state as usize]
                    .iter()
                    .find(|edge| says(edge, letter, target))
                    .map(|edge| (*state, edge))
            })?;
            let mut deeds = names(automaton, edge);
            let mut at = state;
            while let Some((before, number)) = silent
                .iter()
                .find(|(known, _)| *known == at)
                .and_then(|(_, by)| *by)
            {
                let mut earlier = names(automaton, &automaton.edges[before as usize][number]);
                earlier.append(&mut deeds);
                deeds = earlier;
                at = before;
            }
            Some((next, deeds))
        })
        .collect()
}

fn says(edge: &Edge, letter: Letter, target: &Place) -> bool {
    let to: Rest = target.to;
    edge.to == to
        && edge
            .letters
            .split_first()
            .is_some_and(|(first, rest)| *first == letter && *rest == *target.rest)
}

fn names(automaton: &Automaton, edge: &Edge) -> Vec<String> {
    edge.deeds
        .iter()
        .filter_map(|deed| match *deed {
            ALONE | ASKED => None,
            HELD_BACK => Some("the rate limit lets an earlier event go".to_owned()),
            LATE => Some("a vCPU still runs while QEMU exits".to_owned()),
            deed => Some(automaton.deeds[usize::from(deed)].name.clone()),
        })
        .collect()
}
