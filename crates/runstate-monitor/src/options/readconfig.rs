//! `-readconfig`: options in sections, `[group "id"]` and `key = "value"`.
//!
//! Mirrors `qemu_config_foreach()`, util/qemu-config.c.

use super::report::Report;

/// One section of a configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// The option it stands for.
    pub(crate) group: String,
    /// Its id.
    pub(crate) id: Option<String>,
    /// `FILE:LINE` of its last line.
    pub(crate) location: String,
    /// Its keys and values.
    pub(crate) list: Vec<(String, String)>,
}

/// Reads the sections of a file.
pub(crate) fn parse(file: &str, text: &str) -> Result<Vec<Section>, Report> {
    let mut sections: Vec<Section> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let location = format!("{file}:{}", number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some((group, id)) = heading(line) {
            sections.push(Section {
                group,
                id,
                location,
                list: Vec::new(),
            });
            continue;
        }
        let Some(pair) = pair(line) else {
            return Err(Report::error("parse error").at(&location));
        };
        let Some(section) = sections.last_mut() else {
            return Err(Report::error("no group defined").at(&location));
        };
        section.list.push(pair);
        section.location = location;
    }
    Ok(sections)
}

/// `[group "id"]` or `[group]`; names have at most 63 characters.
fn heading(line: &str) -> Option<(String, Option<String>)> {
    let inner = line.strip_prefix('[')?;
    if let Some((group, rest)) = inner.split_once(' ')
        && let Some((id, _)) = rest
            .trim_start()
            .strip_prefix('"')
            .and_then(|rest| rest.split_once('"'))
    {
        return Some((group.to_owned(), Some(id.to_owned())));
    }
    let (group, _) = inner.split_once(']')?;
    (!group.is_empty()).then(|| (group.to_owned(), None))
}

/// `key = "value"`.
fn pair(line: &str) -> Option<(String, String)> {
    let (key, rest) = line.trim_start().split_once(char::is_whitespace)?;
    let rest = rest
        .trim_start()
        .strip_prefix('=')?
        .trim_start()
        .strip_prefix('"')?;
    let value = rest.split('"').next()?;
    Some((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_have_groups_ids_and_pairs() {
        let text = "# Machine\n[machine]\ngraphics = \"off\"\ntype = \"q35\"\n\n[chardev \"monitor\"]\n  backend = \"socket\"\npath = \"\"\n";
        let sections = parse("f", text).expect("well formed");
        assert_eq!(sections.len(), 2);
        assert_eq!(
            (sections[0].group.as_str(), sections[0].id.as_deref()),
            ("machine", None)
        );
        assert_eq!(sections[1].id.as_deref(), Some("monitor"));
        assert_eq!(sections[1].list[0], ("backend".to_owned(), "socket".to_owned()));
        assert_eq!(sections[1].location, "f:8");
    }

    #[test]
    fn errors_have_lines() {
        let error = parse("f", "[a]\nb\n").expect_err("no value");
        assert_eq!(error.to_string(), "f:2: parse error");
        assert_eq!(
            parse("f", "a = \"b\"").expect_err("no group").to_string(),
            "f:1: no group defined"
        );
    }
}
