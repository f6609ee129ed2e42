//! `runstate graph`

use std::io::Write as _;

use runstate::{Actions, Release, RunState, SetAction};
use runstate_oracle::draw::{Format, Picture, dot::Dot, json::Json, mermaid::Mermaid, svg::Svg, text::Text};

use crate::exit::Outcome;
use crate::names;
use crate::ui::{CommandResult, Ui};

/// Draw the transition graph: all of it, one state's neighbours, or what one set of actions allows
///
/// Each transition says since which release it is allowed, and which inputs take it; those that are allowed and that nothing
/// takes say why.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Of this release
    #[arg(long, value_parser = names::release, default_value_t = Release::DEFAULT)]
    release: Release,
    /// Only this state: what leads there, and where it leads
    #[arg(long, value_name = "STATE", value_parser = state)]
    from: Option<RunState>,
    /// Only what happens under these actions, the others being the default: `panic=pause,shutdown=pause`
    #[arg(long, value_name = "K=V,..", value_parser = names::actions)]
    action: Option<SetAction>,
    /// As what
    #[arg(long, value_enum, default_value_t = Output::Text)]
    output: Output,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Output {
    /// Lines
    Text,
    /// A picture
    Svg,
    /// For Graphviz
    Dot,
    /// For Markdown
    Mermaid,
    /// One object
    Json,
}

/// Runs the command.
///
/// # Errors
///
/// It cannot be printed.
pub fn run(args: &Args, ui: &mut Ui) -> CommandResult {
    let actions = args.action.map(|set| Actions::DEFAULT.with(set));
    let picture = match (args.from, actions) {
        (Some(state), actions) => Picture::around(args.release, state, actions),
        (None, Some(actions)) => Picture::under(args.release, actions),
        (None, None) => Picture::of(args.release),
    };
    let text = match args.output {
        Output::Text => Text {
            width: names::width(),
            ..Text::default()
        }
        .draw(&picture),
        Output::Svg => Svg.draw(&picture),
        Output::Dot => Dot.draw(&picture),
        Output::Mermaid => Mermaid.draw(&picture),
        Output::Json => Json.draw(&picture),
    };
    ui.out().write_all(text.as_bytes())?;
    Ok(Outcome::AsExpected)
}

fn state(name: &str) -> Result<RunState, String> {
    name.parse()
        .map_err(|error: runstate::UnknownName| error.to_string())
}
