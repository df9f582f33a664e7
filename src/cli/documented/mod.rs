//! The documentation and `--help` agree with the program: their commands can be parsed, and they use current terms.

mod blocks;

use std::path::Path;

use clap::{CommandFactory, Parser};

use super::args::Args;
use blocks::{commands, examples, pages, split};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every command of the program, by its name.
fn subcommands() -> Vec<(String, clap::Command)> {
    fn below(name: &str, command: &clap::Command, found: &mut Vec<(String, clap::Command)>) {
        found.push((name.to_owned(), command.clone()));
        for next in command.get_subcommands() {
            below(&format!("{name} {}", next.get_name()), next, found);
        }
    }
    let mut command = Args::command();
    // Every command has the flags of all.
    command.build();
    let mut found = Vec::new();
    below("retort", &command, &mut found);
    found
}

/// Every command in the documentation and in the help texts, with its place.
fn documented() -> Vec<(String, String)> {
    let of_pages = pages(root()).into_iter().flat_map(|(page, text)| {
        commands(&text).into_iter().map(move |(line, command)| (format!("{page}:{line}"), command))
    });
    let of_help = subcommands().into_iter().flat_map(|(name, command)| {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        examples(&help).into_iter().map(move |example| (format!("{name} --help"), example))
    });
    of_pages.chain(of_help).collect()
}

#[test]
fn every_documented_command_of_retort_can_be_parsed() {
    let mut parsed = 0;
    for (place, line) in documented() {
        for words in split(&line).iter().filter(|words| words[0] == "retort") {
            parsed += 1;
            if let Err(error) = Args::try_parse_from(words) {
                let shown = [clap::error::ErrorKind::DisplayHelp, clap::error::ErrorKind::DisplayVersion];
                assert!(shown.contains(&error.kind()), "{place}: `{line}`:\n{error}");
            }
        }
    }
    assert!(parsed > 60, "only {parsed} commands were found");
}

/// Returns the text that a person reads as prose: without fenced blocks, code spans and the addresses of links.
fn prose(page: &str) -> String {
    let mut fenced = false;
    let mut text = String::new();
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            for (index, part) in line.split('`').enumerate() {
                text += if index % 2 == 0 { part } else { "`" };
            }
        }
        text += "\n";
    }
    text
}

/// Reads the retired terms of `docs/words.md`: the first column of its last table.
fn retired() -> Vec<String> {
    let page = fs_err::read_to_string(root().join("docs/words.md")).expect("there is the page");
    let (_, table) = page.split_once("| retired | now |\n|---|---|\n").expect("there is the table");
    let terms = table.lines().take_while(|line| line.starts_with('|')).filter_map(|line| line.split('|').nth(1));
    terms.flat_map(|terms| terms.split(',')).map(|term| term.trim().to_owned()).collect()
}

#[test]
fn retired_terms_are_in_no_page_and_in_no_help() {
    let terms = retired();
    assert!(terms.len() >= 20, "{terms:?}");
    let pages = pages(root()).into_iter().filter(|(page, _)| page != "docs/words.md");
    let pages = pages.map(|(page, text)| (page, prose(&text)));
    let helps = subcommands().into_iter().map(|(name, mut command)| {
        let help = command.render_long_help().to_string();
        (format!("{name} --help"), prose(&help))
    });
    let mut found = Vec::new();
    for (place, text) in pages.chain(helps) {
        for (index, line) in text.lines().enumerate() {
            let line = format!(" {} ", line.to_lowercase().replace(|c: char| !c.is_alphanumeric(), " "));
            let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let here = terms.iter().filter(|term| format!(" {words} ").contains(&format!(" {term} ")));
            found.extend(here.map(|term| format!("{place}:{}: {term}", index + 1)));
        }
    }
    assert!(found.is_empty(), "retired terms of docs/words.md are used:\n{}", found.join("\n"));
}

#[test]
fn the_page_of_commands_names_every_command() {
    let page = fs_err::read_to_string(root().join("docs/commands.md")).expect("there is the page");
    let (_, table) = page.split_once("| command | what it does |\n").expect("there is the table");
    let table: String = table.lines().take_while(|line| line.starts_with('|')).collect();
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    for command in Args::command().get_subcommands() {
        let below: Vec<String> =
            command.get_subcommands().map(|next| format!("{} {}", command.get_name(), next.get_name())).collect();
        let expected = if below.is_empty() { vec![command.get_name().to_owned()] } else { below };
        for name in expected {
            assert!(named.contains(&name.as_str()), "docs/commands.md does not name `{name}`");
        }
    }
}
