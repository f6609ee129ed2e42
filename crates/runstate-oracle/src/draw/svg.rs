//! The graph as SVG: a matrix of all states, or the neighbours of one.
//!
//! Light and dark by the reader's preference; every mark has a title that says what it is; no script, no font of its own.

use super::{Format, Picture, neighbours, square};

/// An SVG image.
#[derive(Clone, Copy, Debug)]
pub struct Svg;

impl Format for Svg {
    fn draw(&self, picture: &Picture) -> String {
        match picture.around {
            Some(state) => neighbours::draw(picture, state),
            None => square::draw(picture),
        }
    }
}

/// The colours, and what each kind of mark looks like.
const STYLE: &str = "\
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1b1f24; }
.title { font-size: 17px; font-weight: 600; }
.faint { fill: #57606a; font-size: 11px; }
.axis { font-size: 12px; fill: #57606a; }
.ground { fill: #ffffff; }
.cell { fill: #f3f5f7; }
.self { fill: #dde2e8; }
.first { fill: #2f6fbd; }
.later { fill: #0f8a5f; }
.more { fill: #9dbfe6; }
.untaken { fill: none; stroke: #8a939e; stroke-dasharray: 3 2; }
.ends { fill: #b3541e; }
.mark { fill: #ffffff; font-size: 10px; }
.box { fill: #f3f5f7; stroke: #c3cad2; }
.centre { fill: #2f6fbd; }
.centre-name { fill: #ffffff; font-weight: 600; font-size: 15px; }
.name { font-weight: 600; }
.arrow { fill: none; stroke: #57606a; stroke-width: 1.4; }
.head { fill: #57606a; }
.dashed { stroke-dasharray: 4 3; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e8eb; } .faint, .axis { fill: #a3acb8; } .ground { fill: #14171c; } .cell { fill: #1f242b; } .self { fill: #303740; }
  .first { fill: #5b9be6; } .later { fill: #3cc391; } .more { fill: #33567f; } .untaken { stroke: #7d8794; } .ends { fill: #e08a50; }
  .mark { fill: #101318; } .box { fill: #1f242b; stroke: #414a55; } .centre { fill: #5b9be6; } .centre-name { fill: #101318; }
  .arrow { stroke: #a3acb8; } .head { fill: #a3acb8; }
}
";

/// A whole image of that size around its marks.
pub(super) fn image(width: usize, height: usize, title: &str, marks: &str) -> String {
    let title = escape(title);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n\
         <text class=\"title\" x=\"20\" y=\"32\">{title}</text>\n{marks}</svg>\n"
    )
}

/// Text that may stand in an element or attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
