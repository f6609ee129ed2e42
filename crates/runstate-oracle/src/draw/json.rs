//! The graph as JSON.

use serde::Serialize;

use super::{Format, Picture};

/// One object: release, title, edges, ends.
#[derive(Clone, Copy, Debug)]
pub struct Json;

#[derive(Serialize)]
struct Graph<'a> {
    release: &'static str,
    title: &'a str,
    edges: Vec<Edge<'a>>,
    ends: Vec<Ending<'a>>,
}

#[derive(Serialize)]
struct Edge<'a> {
    from: &'static str,
    to: &'static str,
    since: &'static str,
    by: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    untaken: Option<&'static str>,
}

#[derive(Serialize)]
struct Ending<'a> {
    from: &'static str,
    end: String,
    by: &'a [String],
}

impl Format for Json {
    fn draw(&self, picture: &Picture) -> String {
        let edges = picture.edges.iter().map(|edge| Edge {
            from: edge.from.name(),
            to: edge.to.name(),
            since: edge.since.name(),
            by: &edge.by,
            untaken: edge.untaken,
        });
        let ends = picture.ends.iter().map(|ending| Ending {
            from: ending.from.name(),
            end: ending.end.words(),
            by: &ending.by,
        });
        let graph = Graph {
            release: picture.release.name(),
            title: &picture.title,
            edges: edges.collect(),
            ends: ends.collect(),
        };
        let text = serde_json::to_string(&graph).expect("names and lists of names are always JSON");
        format!("{text}\n")
    }
}
