//! The graph as text: one line a pair.

use super::{Format, Picture, by_words};
use crate::explain::table;

/// Lines: from, to, since, by which inputs.
#[derive(Clone, Copy, Debug)]
pub struct Text {
    /// The most columns of a line.
    pub width: usize,
    /// The most inputs named for a pair.
    pub inputs: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self {
            width: 120,
            inputs: 4,
        }
    }
}

impl Format for Text {
    fn draw(&self, picture: &Picture) -> String {
        let header = ["from", "to", "since", "by"].map(str::to_owned).to_vec();
        let mut rows = vec![header];
        let mut last = None;
        let mut from = |state: runstate::RunState| {
            let repeated = last == Some(state);
            last = Some(state);
            if repeated {
                String::new()
            } else {
                state.name().to_owned()
            }
        };
        for &state in runstate::RunState::ALL {
            for edge in picture.edges.iter().filter(|edge| edge.from == state) {
                let by = match edge.untaken {
                    Some(why) => format!("nothing: {why}"),
                    None if edge.by.is_empty() => "more than one input".to_owned(),
                    None => by_words(&edge.by, self.inputs),
                };
                rows.push(vec![
                    from(state),
                    edge.to.name().to_owned(),
                    edge.since.to_string(),
                    by,
                ]);
            }
            for ending in picture.ends.iter().filter(|ending| ending.from == state) {
                let by = by_words(&ending.by, self.inputs);
                rows.push(vec![from(state), ending.end.words(), String::new(), by]);
            }
        }
        format!("{}\n\n{}", picture.title, table::lay_out(&rows, 0, self.width))
    }
}
