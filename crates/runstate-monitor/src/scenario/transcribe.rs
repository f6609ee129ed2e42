//! What QEMU says in a scenario, as a scenario: for `--transcript` and `--bless`.

use runstate::Release;

use super::run::{Report, run};
use super::{Note, Scenario, Step};

impl Scenario {
    /// The same without what it expects: what is done, and nothing else.
    ///
    /// What stands above an expectation goes on to the next step.
    #[must_use]
    pub fn script(&self) -> Self {
        let mut script = Self {
            steps: Vec::new(),
            ..self.clone()
        };
        let mut notes = Vec::new();
        for step in &self.steps {
            if step.action.is_expectation() {
                notes.extend(step.notes.iter().cloned());
            } else {
                let mut step = step.clone();
                step.notes.splice(..0, notes.drain(..));
                script.steps.push(step);
            }
        }
        script.below.splice(..0, without_outer_blanks(notes));
        script
    }

    /// What is done, and what a QEMU of that release says to it. Comments stay where they are: those above the first
    /// expectation behind a step stay above the first message behind it, and so on.
    #[must_use]
    pub fn transcribe(&self, release: Release) -> Report {
        let mut notes = Vec::new();
        let mut plain = self.clone();
        for step in &mut plain.steps {
            notes.push(core::mem::take(&mut step.notes));
        }
        let mut report = run(&plain.script(), release);
        restore(self, notes, &mut report.transcript);
        report
    }
}

/// Puts the notes of `original`'s steps above the steps of `transcript` that stand in their place.
fn restore(original: &Scenario, notes: Vec<Vec<Note>>, transcript: &mut Scenario) {
    let mut left = Vec::new();
    let mut steps = core::mem::take(&mut transcript.steps).into_iter().peekable();
    let mut put = |mut step: Step, mut notes: Vec<Note>, left: &mut Vec<Note>| {
        step.notes = core::mem::take(left);
        step.notes.append(&mut notes);
        transcript.steps.push(step);
    };
    for (step, notes) in original.steps.iter().zip(notes) {
        if step.action.is_expectation() {
            match steps.next_if(|step| step.action.is_expectation()) {
                Some(said) => put(said, notes, &mut left),
                None => left.extend(notes),
            }
            continue;
        }
        while let Some(said) = steps.next_if(|step| step.action.is_expectation()) {
            put(said, Vec::new(), &mut left);
        }
        match steps.next() {
            Some(done) => put(done, notes, &mut left),
            None => left.extend(notes),
        }
    }
    for said in steps {
        put(said, Vec::new(), &mut left);
    }
    transcript.below.splice(..0, without_outer_blanks(left));
}

fn without_outer_blanks(notes: Vec<Note>) -> Vec<Note> {
    let mut notes: Vec<Note> = notes
        .into_iter()
        .skip_while(|note| *note == Note::Blank)
        .collect();
    while notes.pop_if(|note| *note == Note::Blank).is_some() {}
    notes
}

#[cfg(test)]
mod tests {
    use crate::scenario::File;

    const TEXT: &str = "\
qemu -no-shutdown
# It stops.
-> {\"execute\": \"stop\"}
# First the event,
<- {\"event\": \"STOP\"}

# then the reply.
<- {\"return\": {}}
# Nothing else.
<- {\"event\": \"RESUME\"}
-> {\"execute\": \"quit\"}
# Below.
";

    #[test]
    fn comments_stay_where_they_are() {
        let file = File::parse("f", TEXT.as_bytes()).expect("a scenario");
        let report = file.scenarios[0].transcribe(runstate::Release::V10_0);
        assert_eq!(
            report.transcript.to_string(),
            "\
qemu -no-shutdown
# It stops.
-> {\"execute\": \"stop\"}
# First the event,
<- {\"event\": \"STOP\"}

# then the reply.
<- {\"return\": {}}
# Nothing else.
-> {\"execute\": \"quit\"}
<- {\"event\": \"SHUTDOWN\", \"data\": {\"guest\": false, \"reason\": \"host-qmp-quit\"}}
<- {\"return\": {}}
exit 0

# Below.
"
        );
    }

    #[test]
    fn a_script_keeps_all_comments() {
        let file = File::parse("f", TEXT.as_bytes()).expect("a scenario");
        let script = file.scenarios[0].script();
        assert!(script.is_script());
        assert_eq!(script.to_string().matches('#').count(), 5);
    }
}
