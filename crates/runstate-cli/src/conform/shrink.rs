//! Makes a scenario that differs as short as it can be and still differ.

use runstate_monitor::scenario::Scenario;

/// The shortest scenario that removing groups of steps, options and what it is `with` leads to, for which `differs` still
/// holds. `differs` holds for the scenario itself.
pub fn shrink(scenario: &Scenario, differs: &mut dyn FnMut(&Scenario) -> bool) -> Scenario {
    let mut best = scenario.clone();
    loop {
        let before = size(&best);
        remove_steps(&mut best, differs);
        remove_holds(&mut best, differs);
        remove_options(&mut best, differs);
        remove_withs(&mut best, differs);
        if size(&best) == before {
            return best;
        }
    }
}

fn size(scenario: &Scenario) -> usize {
    let held = scenario.steps.iter().filter(|step| step.hold).count();
    scenario.steps.len() + held + scenario.launch.len() + scenario.with.len()
}

/// Removes runs of steps, long ones first, from the end, where what comes after a difference goes at once.
fn remove_steps(best: &mut Scenario, differs: &mut dyn FnMut(&Scenario) -> bool) {
    let mut length = best.steps.len().div_ceil(2).max(1);
    loop {
        let mut end = best.steps.len();
        while end > 0 {
            let start = end.saturating_sub(length);
            let mut shorter = best.clone();
            shorter.steps.drain(start..end);
            if let Some(last) = shorter.steps.last_mut() {
                // Nothing follows it any more.
                last.hold = false;
            }
            if differs(&shorter) {
                *best = shorter;
            }
            end = start.min(best.steps.len());
        }
        if length == 1 {
            return;
        }
        length = length.div_ceil(2);
    }
}

/// Takes groups apart.
fn remove_holds(best: &mut Scenario, differs: &mut dyn FnMut(&Scenario) -> bool) {
    for index in 0..best.steps.len() {
        if best.steps[index].hold {
            let mut simpler = best.clone();
            simpler.steps[index].hold = false;
            if differs(&simpler) {
                *best = simpler;
            }
        }
    }
}

/// Removes options with their arguments.
fn remove_options(best: &mut Scenario, differs: &mut dyn FnMut(&Scenario) -> bool) {
    let mut index = 0;
    while index < best.launch.len() {
        let next = best.launch[index + 1..]
            .iter()
            .position(|word| word.starts_with('-'))
            .map_or(best.launch.len(), |at| index + 1 + at);
        let mut shorter = best.clone();
        shorter.launch.drain(index..next);
        // Where the guest acts makes no scenario longer.
        if best.launch[index] != "-accel" && differs(&shorter) {
            *best = shorter;
        } else {
            index = next;
        }
    }
}

fn remove_withs(best: &mut Scenario, differs: &mut dyn FnMut(&Scenario) -> bool) {
    for index in (0..best.with.len()).rev() {
        let mut shorter = best.clone();
        shorter.with.remove(index);
        if differs(&shorter) {
            *best = shorter;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use runstate_monitor::scenario::File;

    fn scenario(text: &str) -> Scenario {
        let mut file = File::parse("test.qmp", text.as_bytes()).expect("a scenario");
        file.scenarios.remove(0)
    }

    #[test]
    fn what_does_not_matter_goes() {
        let whole = scenario(
            "qemu -accel qtest -S -no-shutdown -action panic=pause\nwith disk\n-> {\"execute\": \"cont\"}\nguest reset &\n\
             guest panic\n-> {\"execute\": \"stop\"}\nguest suspend\nwait 1s\n",
        );
        let mut trials = 0;
        let shortest = shrink(&whole, &mut |candidate| {
            trials += 1;
            let text = candidate.to_string();
            text.contains("guest panic") && text.contains("-action") && text.contains("\"stop\"")
        });
        assert_eq!(
            shortest.to_string(),
            "qemu -accel qtest -action panic=pause\nguest panic\n-> {\"execute\": \"stop\"}\n"
        );
        assert!(trials < 60, "{trials}");
    }

    #[test]
    fn what_matters_together_stays_together() {
        let whole = scenario("guest crashloaded\nguest reset &\nguest panic\nguest reset\n");
        let shortest = shrink(&whole, &mut |candidate| {
            candidate.to_string().contains("guest reset &\nguest panic\n")
        });
        assert_eq!(shortest.to_string(), "qemu\nguest reset &\nguest panic\n");
    }
}
