//! What prints parses to the same.

use proptest::prelude::*;
use runstate_monitor::scenario::File;

use super::strategy;

fn parse(text: &str) -> File {
    let mut file = File::parse("made", text.as_bytes()).unwrap_or_else(|error| panic!("{error}\nof\n{text}"));
    file.forget_positions();
    file
}

proptest! {
    #[test]
    fn text_is_parsed_to_what_printed_it(file in strategy::file()) {
        let text = file.to_string();
        let again = parse(&text);
        prop_assert_eq!(&again, &file, "{}", &text);
        prop_assert_eq!(again.to_string(), text);
    }

    #[test]
    fn json_is_parsed_to_what_printed_it(mut file in strategy::file()) {
        let lines = file.to_json_lines();
        let again = parse(&lines);
        file.forget_layout();
        prop_assert_eq!(&again, &file, "{}", &lines);
        prop_assert_eq!(again.to_json_lines(), lines);
    }
}
