//! One state in the middle, what leads there on the left, where it leads on the right.

use runstate::{Release, RunState};

use super::{
    Edge, Picture, by_words,
    svg::{escape, image},
};

const BOX_WIDTH: usize = 290;
const LINE: usize = 15;
const BETWEEN: usize = 12;
const TOP: usize = 64;
const LEFT_X: usize = 20;
const CENTRE_X: usize = 430;
const CENTRE_WIDTH: usize = 170;
const RIGHT_X: usize = 720;
/// How many characters of inputs fit on a line of a box.
const CHARACTERS: usize = 46;
const MOST_LINES: usize = 3;

/// A box: its name, a remark beside the name, the inputs in lines, whether nothing takes it.
struct Entry {
    name: String,
    remark: String,
    lines: Vec<String>,
    dashed: bool,
    title: String,
}

impl Entry {
    fn of(edge: &Edge, other: RunState) -> Self {
        let (inputs, lines) = match edge.untaken {
            Some(why) => (why.to_owned(), wrap(&format!("nothing: {why}"))),
            None if edge.by.is_empty() => (
                "more than one input".to_owned(),
                vec!["more than one input".to_owned()],
            ),
            None => (edge.by.join("; "), wrap_inputs(&edge.by)),
        };
        Self {
            name: other.name().to_owned(),
            remark: if edge.since > Release::FIRST {
                format!("since {}", edge.since)
            } else {
                String::new()
            },
            lines,
            dashed: edge.untaken.is_some(),
            title: format!("{} \u{2192} {}: {inputs}", edge.from, edge.to),
        }
    }

    fn height(&self) -> usize {
        26 + self.lines.len() * LINE
    }

    fn draw(&self, x: usize, y: usize) -> String {
        let dashed = if self.dashed { " dashed" } else { "" };
        let mut marks = format!(
            "<g><title>{}</title><rect class=\"box{dashed}\" x=\"{x}\" y=\"{y}\" width=\"{BOX_WIDTH}\" height=\"{}\" rx=\"6\"/>\
             <text class=\"name\" x=\"{}\" y=\"{}\">{}</text>",
            escape(&self.title),
            self.height(),
            x + 10,
            y + 18,
            escape(&self.name)
        );
        if !self.remark.is_empty() {
            marks.push_str(&format!(
                "<text class=\"faint\" text-anchor=\"end\" x=\"{}\" y=\"{}\">{}</text>",
                x + BOX_WIDTH - 10,
                y + 18,
                self.remark
            ));
        }
        for (number, line) in self.lines.iter().enumerate() {
            marks.push_str(&format!(
                "<text class=\"faint\" x=\"{}\" y=\"{}\">{}</text>",
                x + 10,
                y + 18 + (number + 1) * LINE,
                escape(line)
            ));
        }
        marks.push_str("</g>\n");
        marks
    }
}

/// As many inputs as fit, and how many more there are.
fn wrap_inputs(by: &[String]) -> Vec<String> {
    for most in (1..=by.len()).rev() {
        let lines = wrap(&by_words(by, most));
        if lines.len() <= MOST_LINES {
            return lines;
        }
    }
    wrap(&by_words(by, 1))
}

fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always one");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= CHARACTERS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

fn height(entries: &[Entry]) -> usize {
    entries.iter().map(|entry| entry.height() + BETWEEN).sum()
}

pub(super) fn draw(picture: &Picture, state: RunState) -> String {
    let to = picture.edges.iter().filter(|edge| edge.to == state);
    let from = picture.edges.iter().filter(|edge| edge.from == state);
    let left: Vec<Entry> = to.map(|edge| Entry::of(edge, edge.from)).collect();
    let mut right: Vec<Entry> = from.map(|edge| Entry::of(edge, edge.to)).collect();
    right.extend(picture.ends.iter().map(|ending| Entry {
        name: ending.end.words(),
        remark: String::new(),
        lines: wrap_inputs(&ending.by),
        dashed: false,
        title: format!("{}: {}", ending.end.words(), by_words(&ending.by, usize::MAX)),
    }));
    let tall = height(&left).max(height(&right)).max(90);
    let middle = TOP + tall / 2;
    let mut marks = String::new();
    for (entries, x, leads_here) in [(&left, LEFT_X, true), (&right, RIGHT_X, false)] {
        let mut y = TOP + (tall - height(entries)) / 2;
        for entry in entries {
            marks.push_str(&entry.draw(x, y));
            marks.push_str(&arrow(entry, y + entry.height() / 2, middle, leads_here));
            y += entry.height() + BETWEEN;
        }
    }
    marks.push_str(&format!(
        "<rect class=\"centre\" x=\"{CENTRE_X}\" y=\"{}\" width=\"{CENTRE_WIDTH}\" height=\"44\" rx=\"8\"/>\
         <text class=\"centre-name\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{state}</text>\n",
        middle - 22,
        CENTRE_X + CENTRE_WIDTH / 2,
        middle + 5
    ));
    image(RIGHT_X + BOX_WIDTH + 20, TOP + tall + 20, &picture.title, &marks)
}

/// A curve between a box at height `y` and the middle, with a head where it ends.
fn arrow(entry: &Entry, y: usize, middle: usize, leads_here: bool) -> String {
    let (from_x, from_y, to_x, to_y) = if leads_here {
        (LEFT_X + BOX_WIDTH, y, CENTRE_X, middle)
    } else {
        (CENTRE_X + CENTRE_WIDTH, middle, RIGHT_X, y)
    };
    let half = (from_x + to_x) / 2;
    let dashed = if entry.dashed { " dashed" } else { "" };
    format!(
        "<path class=\"arrow{dashed}\" d=\"M{from_x} {from_y} C{half} {from_y} {half} {to_y} {} {to_y}\"/>\
         <path class=\"head\" d=\"M{to_x} {to_y} l-8 -4 v8 z\"/>\n",
        to_x - 6
    )
}
