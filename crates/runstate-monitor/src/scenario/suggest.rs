//! Names that were meant.

/// Words that are longer are not names that somebody mistyped.
const LONGEST: usize = 40;

/// The name that was probably meant by `written`.
pub(super) fn nearest<'a>(written: &str, names: &[&'a str]) -> Option<&'a str> {
    if written.len() > LONGEST {
        return None;
    }
    let written = written.to_ascii_lowercase().replace('_', "-");
    names
        .iter()
        .map(|name| {
            let plain = name.to_ascii_lowercase().replace('_', "-");
            (strsim::damerau_levenshtein(&written, &plain), *name)
        })
        .filter(|(distance, name)| *distance <= name.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A hint: the name that was meant, or all there are.
pub(super) fn hint(written: &str, names: &[&str]) -> String {
    match nearest(written, names) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("there {}", list(names)),
    }
}

/// `is a`, `are a, b and c`
fn list(names: &[&str]) -> String {
    match names {
        [] => "is none".to_owned(),
        [name] => format!("is `{name}`"),
        [names @ .., last] => format!("are `{}` and `{last}`", names.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_suggested() {
        const NAMES: &[&str] = &["panic", "reset", "suspend", "suspend-disk"];
        for (written, meant) in [
            ("panik", Some("panic")),
            ("Reset", Some("reset")),
            ("rest", Some("reset")),
            ("suspend_disk", Some("suspend-disk")),
            ("halt", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, NAMES), meant, "{written}");
        }
        assert_eq!(nearest(&"x".repeat(1 << 20), NAMES), None);
        assert_eq!(hint("halt", &NAMES[..2]), "there are `panic` and `reset`");
    }
}
