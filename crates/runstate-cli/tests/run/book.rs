//! The book and the README: every command in them is run, and says what they say.
//!
//! A block that is fenced as `console` is a session. A line that begins with `$ ` is a command, lines that begin with `> ` right
//! behind it are the rest of it, and what follows is what it prints on both streams. A line `...` stands for any lines, `...` in
//! a line for any text, and a last line `[1]` says that the command ended with this status. A block fenced as `console,qemu` is
//! run only where there is a QEMU.

use core::fmt::Write;
use std::{
    collections::BTreeSet,
    env, fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use runstate_monitor::faults::Fault;

/// Commands that would run this test, or take minutes.
const NOT_RUN: &[&str] = &["cargo test", "cargo bench", "cargo install", "just "];

/// How the README runs the tool from a checkout.
const FROM_CHECKOUT: &str = "cargo run --release -- ";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A command of a page, and what the page says that it prints.
#[derive(Debug, Default)]
struct Example {
    line: usize,
    command: String,
    expected: Vec<String>,
    status: i32,
    needs_qemu: bool,
}

/// The pages: the README, the cookbook's index, and the book.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![root().join("README.md"), root().join("docs/scenarios/README.md")];
    let mut chapters: Vec<PathBuf> = fs::read_dir(root().join("docs/src"))
        .expect("the book is there")
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    chapters.sort();
    pages.append(&mut chapters);
    pages
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut fence = None;
    for (number, line) in text.lines().enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(info) };
            continue;
        }
        let Some("console" | "console,qemu") = fence else {
            continue;
        };
        if let Some(command) = line.strip_prefix("$ ") {
            examples.push(Example {
                line: number + 1,
                command: command.to_owned(),
                needs_qemu: fence == Some("console,qemu"),
                ..Example::default()
            });
        } else if let Some(example) = examples.last_mut() {
            match line.strip_prefix("> ").or_else(|| (line == ">").then_some("")) {
                Some(more) if example.expected.is_empty() => {
                    example.command.push('\n');
                    example.command.push_str(more);
                }
                Some(_) | None => example.expected.push(line.to_owned()),
            }
        }
    }
    for example in &mut examples {
        let last = example.expected.last();
        let status = last.and_then(|line| line.strip_prefix('[')?.strip_suffix(']')?.parse().ok());
        if let Some(status) = status {
            example.status = status;
            example.expected.pop();
        }
    }
    examples
}

/// Whether a line is as expected, `...` standing for any text.
fn line_matches(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|start| line.strip_prefix(start)) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(end) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(end)
}

fn output_matches(expected: &[String], lines: &[&str]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => {
            (0..=lines.len()).any(|skipped| output_matches(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines
            .split_first()
            .is_some_and(|(line, lines)| line_matches(first, line) && output_matches(rest, lines)),
    }
}

/// Runs a command as a reader would at the top of a checkout; what it writes is left behind in `folder`.
fn run(command: &str, folder: &Path) -> (String, i32) {
    let tool = Path::new(env!("CARGO_BIN_EXE_runstate"));
    let mut path = tool.parent().expect("it is in a folder").as_os_str().to_owned();
    if let Some(others) = env::var_os("PATH") {
        path.push(":");
        path.push(others);
    }
    let command = command.replace(FROM_CHECKOUT, "runstate ");
    let output = Command::new("sh")
        .args(["-c", &format!("{{ {command}\n}} 2>&1")])
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .output()
        .expect("there is a shell");
    (
        String::from_utf8_lossy(&output.stdout).replace('\r', ""),
        output.status.code().unwrap_or(-1),
    )
}

fn is_run(example: &Example) -> bool {
    let by_others = NOT_RUN.iter().any(|prefix| example.command.starts_with(prefix));
    let without_qemu = example.needs_qemu
        && !env::var_os("PATH").is_some_and(|path| {
            env::split_paths(&path).any(|folder| folder.join("qemu-system-x86_64").exists())
        });
    if without_qemu {
        eprintln!("skipped, there is no qemu-system-x86_64: {}", example.command);
    }
    !by_others && !without_qemu
}

#[test]
fn every_command_says_what_the_page_says() {
    let (mut count, mut problems) = (0, String::new());
    for page in pages() {
        let name = page.strip_prefix(root()).expect("it is a page of ours").display();
        let folder = tempfile::tempdir().expect("a folder can be made");
        for entry in ["docs", "crates"] {
            symlink(root().join(entry), folder.path().join(entry)).expect("the folder is empty");
        }
        let text = fs::read_to_string(&page).expect("it is readable");
        for example in examples(&text).iter().filter(|example| is_run(example)) {
            count += 1;
            let (output, status) = run(&example.command, folder.path());
            let lines: Vec<&str> = output.lines().collect();
            if status != example.status || !output_matches(&example.expected, &lines) {
                let _ = writeln!(
                    problems,
                    "{name}:{}: $ {}\n{output}[{status}]\n",
                    example.line, example.command
                );
            }
        }
    }
    assert!(problems.is_empty(), "{problems}");
    assert!(count >= 10, "only {count} commands were found");
}

#[test]
fn the_summary_lists_every_chapter_and_links_to_nothing_else() {
    let source = root().join("docs/src");
    let summary = fs::read_to_string(source.join("SUMMARY.md")).expect("the book has a summary");
    let linked: BTreeSet<&str> = summary
        .lines()
        .filter_map(|line| line.split_once("](")?.1.split_once(')'))
        .map(|(link, _)| link)
        .collect();
    let chapters: Vec<String> = pages()
        .iter()
        .filter(|page| page.parent().is_some_and(|folder| folder.ends_with("src")))
        .filter_map(|page| Some(page.file_name()?.to_string_lossy().into_owned()))
        .filter(|name| name != "SUMMARY.md")
        .collect();
    assert_eq!(linked, chapters.iter().map(String::as_str).collect());
}

#[test]
fn the_book_names_every_fault() {
    let page = fs::read_to_string(root().join("docs/src/stand-in.md")).expect("it is readable");
    for name in Fault::names() {
        assert!(
            page.contains(&format!("`{name}`")),
            "stand-in.md does not tell of {name}"
        );
    }
}

#[test]
fn no_page_links_into_the_void() {
    for page in pages() {
        let text = fs::read_to_string(&page).expect("it is readable");
        let folder = page.parent().expect("it is in a folder");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            assert!(
                folder.join(path).exists(),
                "{}: there is no {path}",
                page.display()
            );
        }
    }
}

#[test]
fn elisions_stand_for_text_and_for_lines() {
    assert!(line_matches("a...c", "abc") && line_matches("a...c", "ac") && line_matches("...", ""));
    assert!(!line_matches("a...c", "abd") && !line_matches("a", "ab") && !line_matches("ab", "a"));
    let expected = ["a", "...", "d"].map(str::to_owned);
    assert!(output_matches(&expected, &["a", "b", "c", "d"]) && output_matches(&expected, &["a", "d"]));
    assert!(!output_matches(&expected, &["a", "b"]) && !output_matches(&expected, &["b", "d"]));
}
