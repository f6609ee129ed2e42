//! Every format says the same graph.

use runstate::{Actions, Release, RunState};
use runstate_oracle::draw::{Format, Picture, dot::Dot, json::Json, mermaid::Mermaid, svg::Svg, text::Text};

fn pictures() -> Vec<Picture> {
    let release = Release::V10_0;
    let mut pictures = vec![Picture::of(release), Picture::under(release, Actions::DEFAULT)];
    pictures.extend(
        RunState::ALL
            .iter()
            .map(|&state| Picture::around(release, state, None)),
    );
    pictures
}

#[test]
fn each_format_has_each_edge() {
    for picture in pictures() {
        let (dot, mermaid) = (Dot.draw(&picture), Mermaid.draw(&picture));
        let json: serde_json::Value = serde_json::from_str(&Json.draw(&picture)).expect("it is JSON");
        assert_eq!(json["edges"].as_array().map(Vec::len), Some(picture.edges.len()));
        let text = Text::default().draw(&picture);
        assert!(text.starts_with(&picture.title));
        for edge in &picture.edges {
            assert!(
                dot.contains(&format!("\"{}\" -> \"{}\"", edge.from, edge.to)),
                "{edge:?}"
            );
            let id = |state: RunState| state.name().replace('-', "_");
            assert!(
                mermaid.contains(&format!("{} --> {}", id(edge.from), id(edge.to))),
                "{edge:?}"
            );
        }
        // A statement a line, brackets in pairs.
        assert_eq!(dot.matches('{').count(), dot.matches('}').count());
        assert!(
            dot.lines()
                .filter(|line| line.contains("->"))
                .all(|line| line.ends_with(';'))
        );
    }
}

#[test]
fn images_are_well_formed_and_say_what_each_mark_is() {
    for picture in pictures() {
        let image = Svg.draw(&picture);
        let mut open = Vec::new();
        for tag in image.split('<').skip(1) {
            let (tag, _) = tag.split_once('>').expect("each tag ends");
            let name = tag
                .split([' ', '/'])
                .find(|name| !name.is_empty())
                .expect("it has a name");
            if tag.starts_with('/') {
                assert_eq!(open.pop(), Some(name), "{}", picture.title);
            } else if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(open.is_empty(), "{open:?}");
        for edge in &picture.edges {
            let title = format!("<title>{} \u{2192} {}", edge.from, edge.to);
            assert!(image.contains(&title), "{edge:?}");
        }
        assert!(!image.contains("<script") && !image.contains("href"));
    }
}
