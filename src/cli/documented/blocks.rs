//! Pages of documentation, and the commands in them and in help texts.

use std::collections::BTreeMap;
use std::path::Path;

/// A fenced block of a page.
pub(crate) struct Block {
    /// The language after the fence.
    pub(crate) language: String,
    /// The line of its fence, from 1.
    pub(crate) line: usize,
    /// The lines between the fences, without their common indentation.
    pub(crate) text: String,
}

/// Reads every page for users, by its path in the repository.
pub(crate) fn pages(root: &Path) -> BTreeMap<String, String> {
    let top = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(|name| root.join(name));
    let docs =
        fs_err::read_dir(root.join("docs")).expect("there are docs").map(|entry| entry.expect("it is read").path());
    let pages = top.into_iter().chain(docs).filter(|path| path.extension().is_some_and(|ext| ext == "md"));
    pages
        .map(|path| {
            let name = path.strip_prefix(root).expect("it lies below").display().to_string();
            (name, fs_err::read_to_string(path).expect("it is text"))
        })
        .collect()
}

/// Lists the fenced blocks of a page.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut open = false;
    for (index, line) in page.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            open = !open;
            if open {
                found.push(Block { language: language.trim().to_owned(), line: index + 1, text: String::new() });
            }
        } else if open && let Some(block) = found.last_mut() {
            block.text += line;
            block.text += "\n";
        }
    }
    assert!(!open, "a block is not closed");
    found
}

/// Lists the commands of a page: the lines of its `console` blocks that begin with `$`, each with its line.
pub(crate) fn commands(page: &str) -> Vec<(usize, String)> {
    let consoles = blocks(page).into_iter().filter(|block| block.language == "console");
    let of = |block: Block| {
        let lines = block.text.lines().enumerate();
        let command = |(index, line): (usize, &str)| {
            line.strip_prefix("$ ").map(|command| (block.line + 1 + index, command.to_owned()))
        };
        lines.filter_map(command).collect::<Vec<_>>()
    };
    consoles.flat_map(of).collect()
}

/// Lists the example commands of a help text: its lines that begin with `retort`, without what is said of them.
pub(crate) fn examples(help: &str) -> Vec<String> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  ")).filter(|line| line.starts_with("retort "));
    lines.map(|line| line.split("   ").next().unwrap_or(line).trim_end().to_owned()).collect()
}

/// Splits a line of a shell into its commands, each into words, without comments and redirections. Quotes are understood,
/// expansions are not.
pub(crate) fn split(line: &str) -> Vec<Vec<String>> {
    let (mut all, mut words, mut word, mut quote) = (Vec::new(), Vec::new(), None::<String>, None);
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    let mut command = Vec::new();
    let mut rest = words.into_iter();
    while let Some(word) = rest.next() {
        match word.as_str() {
            "|" | "&&" => all.push(std::mem::take(&mut command)),
            ">" => drop(rest.next()),
            _ => command.push(word),
        }
    }
    all.push(command);
    all.retain(|command| !command.is_empty());
    all
}
