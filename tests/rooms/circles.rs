//! Finds modules that use each other in a circle, by reading the paths of every source file.
//!
//! A name is followed through re-exports and imports to the file that defines it, so a parent that only re-exports a child
//! does not use it. Within a folder the modules are its files, its folders (each as a whole) and the folder's own `mod.rs` or
//! `lib.rs`; a circle is a set of them in which each leads to every other.

use std::collections::{BTreeMap, BTreeSet};

/// One source file as a module.
#[derive(Default)]
pub(crate) struct Module {
    /// Modules declared with `mod name;`.
    children: BTreeSet<String>,
    /// Names defined here.
    own: BTreeSet<String>,
    /// Names that `use` brings in, with their paths.
    imported: BTreeMap<String, Path>,
    /// Paths whose every name `use` brings in.
    globs: Vec<Path>,
    /// Paths that the code names.
    used: Vec<Path>,
}

type Path = Vec<String>;

/// The modules of one crate by their paths; the crate's root is the empty one.
pub(crate) type Room = BTreeMap<Path, Module>;

/// Modules of one folder that lead to each other.
pub(crate) struct Circle {
    /// The folder, from the crate's root.
    pub(crate) folder: Path,
    /// The modules; the folder's own file is `mod`.
    pub(crate) members: BTreeSet<String>,
    /// Who uses whom, and by what names.
    pub(crate) steps: Vec<String>,
}

/// Returns the circles of a room, folder by folder.
pub(crate) fn circles(room: &Room) -> Vec<Circle> {
    let edges = edges(room);
    let folders = room.iter().filter(|(_, module)| !module.children.is_empty());
    folders.flat_map(|(folder, _)| circles_of(folder, &edges)).collect()
}

/// Which file uses which, and by what name.
type Edges = BTreeMap<(Path, Path), BTreeSet<String>>;

fn edges(room: &Room) -> Edges {
    let mut edges = Edges::new();
    for (from, module) in room {
        for path in &module.used {
            if let Some(to) = resolve(room, from, path, 0).filter(|to| to != from) {
                let name = path.last().cloned().unwrap_or_default();
                edges.entry((from.clone(), to)).or_default().insert(name);
            }
        }
    }
    edges
}

/// Finds the file that defines what a path ends at; none for a module itself and for what other crates define.
fn resolve(room: &Room, from: &Path, path: &[String], depth: usize) -> Option<Path> {
    if depth > 16 {
        return None;
    }
    let mut at = from.clone();
    let mut rest = path.iter();
    while let Some(word) = rest.clone().next() {
        match word.as_str() {
            "crate" => at.clear(),
            "super" => _ = at.pop()?,
            "self" => {}
            _ => break,
        }
        rest.next();
    }
    while let Some(word) = rest.next() {
        let module = &room[&at];
        if module.children.contains(word) {
            at.push(word.clone());
        } else if module.own.contains(word) {
            return Some(at);
        } else if let Some(import) = module.imported.get(word) {
            let whole: Path = import.iter().chain(rest).cloned().collect();
            let same = depth > 0 || whole != path;
            return same.then(|| resolve(room, &at, &whole, depth + 1)).flatten();
        } else {
            let further: Vec<&String> = rest.collect();
            return module.globs.iter().find_map(|glob| {
                let whole: Path = glob.iter().chain([word]).chain(further.iter().copied()).cloned().collect();
                resolve(room, &at, &whole, depth + 1)
            });
        }
    }
    None
}

fn circles_of(folder: &Path, edges: &Edges) -> Vec<Circle> {
    let member = |path: &Path| -> Option<String> {
        let below = path.strip_prefix(folder.as_slice())?;
        Some(below.first().cloned().unwrap_or_else(|| "mod".into()))
    };
    let mut steps: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for ((from, to), names) in edges {
        if let (Some(from), Some(to)) = (member(from), member(to))
            && from != to
        {
            steps.entry(from).or_default().entry(to).or_default().extend(names.iter().cloned());
        }
    }
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        steps.keys().map(|from| (from, reachable(&steps, from))).collect();
    let together = |one: &String, other: &String| reach[one].contains(other) && reach[other].contains(one);
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for from in steps.keys().filter(|from| reach[from].contains(from)) {
        let circle: BTreeSet<&String> = steps.keys().filter(|other| together(from, other)).collect();
        if !seen.insert(circle.clone()) {
            continue;
        }
        let mut lines = Vec::new();
        for one in &circle {
            for (to, names) in steps[*one].iter().filter(|(to, _)| circle.contains(to)) {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                lines.push(format!("    {one} uses {to} ({})", names.join(", ")));
            }
        }
        let members = circle.into_iter().cloned().collect();
        found.push(Circle { folder: folder.clone(), members, steps: lines });
    }
    found
}

/// Returns what can be reached from a module in one step or more.
fn reachable<'a>(
    steps: &'a BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    from: &'a String,
) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut open = vec![from];
    while let Some(one) = open.pop() {
        let next = steps.get(one).into_iter().flat_map(BTreeMap::keys);
        open.extend(next.filter(|to| found.insert(*to)));
    }
    found
}

/// Reads one file.
pub(crate) fn read(text: &str) -> Module {
    let tokens = without_tests(&tokens(text));
    let mut module = Module::default();
    let (mut at, mut depth) = (0, 0);
    let mut reexported = Vec::new();
    let mut words = BTreeSet::new();
    // How deep the variants of the enum lie that is being read.
    let mut variants = None;
    while at < tokens.len() {
        match tokens[at].as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "use" if at == 0 || tokens[at - 1] != "::" => {
                let public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                let mut paths = Vec::new();
                at = tree(&tokens, at + 1, &Vec::new(), &mut paths);
                for (path, name) in paths {
                    if name == "*" {
                        module.globs.push(path);
                    } else {
                        if public {
                            reexported.push((path.clone(), name.clone()));
                        } else {
                            module.used.push(path.clone());
                        }
                        module.imported.insert(name, path);
                    }
                }
            }
            "mod" if depth == 0 && tokens.get(at + 2).is_some_and(|next| next == ";") => {
                module.children.insert(tokens[at + 1].clone());
                at += 1;
            }
            "mod" | "fn" | "struct" | "enum" | "trait" | "const" | "static" | "type" | "union" if depth == 0 => {
                let skip = usize::from(tokens.get(at + 1).is_some_and(|next| next == "mut"));
                module.own.extend(tokens.get(at + 1 + skip).cloned());
                variants = (tokens[at] == "enum").then_some(1);
            }
            "macro_rules" => module.own.extend(tokens.get(at + 2).cloned()),
            word if is_word(word) => {
                let before = at.checked_sub(1).map_or("", |before| tokens[before].as_str());
                let begins = !["::", "."].contains(&before);
                let is_field = tokens.get(at + 1).is_some_and(|next| next == ":");
                let is_variant = variants == Some(depth) && ["{", ",", "]"].contains(&before);
                let mut path = vec![word.to_owned()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_word(next))
                {
                    path.push(tokens[at + 2].clone());
                    at += 2;
                }
                if begins && !is_field && !is_variant {
                    words.insert(path[0].clone());
                    module.used.push(path);
                }
            }
            _ => {}
        }
        at += 1;
    }
    let used = reexported.into_iter().filter(|(_, name)| words.contains(name)).map(|(path, _)| path);
    module.used.extend(used);
    module
}

/// Reads the tree of a `use` from a token on, and returns where it ends.
fn tree(tokens: &[String], mut at: usize, before: &Path, into: &mut Vec<(Path, String)>) -> usize {
    let mut path = before.clone();
    loop {
        match tokens.get(at).map(String::as_str) {
            Some("{") => {
                while tokens[at] != "}" {
                    at = tree(tokens, at + 1, &path, into);
                }
                return at + 1;
            }
            Some("*") => {
                into.push((path, "*".into()));
                return at + 1;
            }
            Some("as") => {
                into.push((path, tokens[at + 1].clone()));
                return at + 2;
            }
            Some("::") => {}
            Some(word) if is_word(word) => {
                let whole = word == "self" && !path.is_empty();
                if !whole {
                    path.push(word.to_owned());
                }
            }
            _ => {
                if let Some(name) = path.last().filter(|_| path.len() > before.len() || tokens[at - 1] == "self") {
                    into.push((path.clone(), name.clone()));
                }
                return at;
            }
        }
        at += 1;
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

/// Splits code into words, `::` and single signs; comments, texts and lifetimes are left out.
fn tokens(text: &str) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&letter) = letters.get(at) {
        let next = letters.get(at + 1).copied();
        let rest = &letters[at..];
        if letter == '/' && next == Some('/') {
            at += rest.iter().position(|letter| *letter == '\n').unwrap_or(rest.len());
        } else if letter == '/' && next == Some('*') {
            at += 2 + rest[2..].windows(2).position(|pair| pair == ['*', '/']).map_or(rest.len(), |end| end + 2);
        } else if letter == 'r' && matches!(next, Some('"' | '#')) && raw(rest).is_some() {
            at += raw(rest).unwrap_or(1);
        } else if letter == '"' {
            at += 1;
            while letters.get(at).is_some_and(|letter| *letter != '"') {
                at += 1 + usize::from(letters[at] == '\\');
            }
            at += 1;
        } else if letter == '\'' {
            let escaped = next == Some('\\');
            let end = if escaped { 3 + rest[3..].iter().position(|letter| *letter == '\'').unwrap_or(0) } else { 2 };
            at += if rest.get(end) == Some(&'\'') { end + 1 } else { 1 };
        } else if letter.is_alphanumeric() || letter == '_' {
            let end =
                rest.iter().position(|letter| !(letter.is_alphanumeric() || *letter == '_')).unwrap_or(rest.len());
            found.push(rest[..end].iter().collect());
            at += end;
        } else if letter == ':' && next == Some(':') {
            found.push("::".into());
            at += 2;
        } else {
            if !letter.is_whitespace() {
                found.push(letter.to_string());
            }
            at += 1;
        }
    }
    found
}

/// Returns how long a raw text such as `r#"…"#` is.
fn raw(rest: &[char]) -> Option<usize> {
    let marks = rest[1..].iter().take_while(|letter| **letter == '#').count();
    (rest.get(1 + marks) == Some(&'"')).then_some(())?;
    let end: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', marks)).collect();
    let begin = 2 + marks;
    Some(begin + rest[begin..].windows(end.len()).position(|piece| piece == end)? + end.len())
}

/// Leaves out every item under `#[cfg(test)]`.
fn without_tests(tokens: &[String]) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().map(String::as_str).take(MARK.len()).eq(MARK) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        let mut depth = 0;
        at += MARK.len();
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token.as_str() {
                "{" | "(" | "[" => depth += 1,
                "}" | ")" | "]" => depth -= 1,
                _ => {}
            }
            if depth == 0 && (token == ";" || token == "}") {
                break;
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(files: &[(&str, &str)]) -> Room {
        let path = |name: &str| name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        files.iter().map(|(name, text)| (path(name), read(text))).collect()
    }

    fn found(files: &[(&str, &str)]) -> Vec<Vec<String>> {
        circles(&room(files)).into_iter().map(|circle| circle.members.into_iter().collect()).collect()
    }

    #[test]
    fn names_are_followed_to_where_they_are_defined() {
        let root = "mod a; mod b; pub use a::{One, inner::*}; pub use b::Two as Second;";
        assert_eq!(
            found(&[("", root), ("a", "use super::Second; pub struct One;"), ("b", "pub struct Two;")]).len(),
            0
        );
        let b = "pub struct Two; fn f(one: crate::One) {}";
        assert_eq!(found(&[("", root), ("a", "use super::Second; pub struct One;"), ("b", b)]), [["a", "b"]]);
        let b = "pub struct Two; fn f() { a::go() } use super::a;";
        assert_eq!(found(&[("", root), ("a", "use super::b; fn go() -> b::Two {}"), ("b", b)]), [["a", "b"]]);
    }

    #[test]
    fn a_folder_counts_as_a_whole_and_its_own_file_as_a_member() {
        let files = [
            ("", "mod a; mod b;"),
            ("a", "mod x; mod y; pub struct A;"),
            ("a/x", "use crate::b::B;"),
            ("a/y", "pub struct Y;"),
            ("b", "pub struct B; use crate::a::y::Y;"),
        ];
        assert_eq!(found(&files), [["a", "b"]]);
        assert_eq!(
            found(&[("", "mod a; fn f() { a::g() } pub struct S;"), ("a", "use super::S; pub fn g() {}")]),
            [["a", "mod"]]
        );
    }

    #[test]
    fn tests_texts_comments_and_variants_do_not_count() {
        let root = "mod a; pub use a::Level; pub enum Error { Level(f64), Other { Level: u8 } }";
        let a = "pub struct Level; use crate::Error;";
        assert_eq!(found(&[("", root), ("a", a)]).len(), 0);
        let quiet = "mod a; // a::g()\n/* a::g() */ const T: (&str, char) = (\"a::g()\", '\"'); const R: &str = r#\"a::g()\"#;\n\
            #[cfg(test)]\nmod tests { fn t() { super::a::g() } }\npub enum Error {}";
        assert_eq!(found(&[("", quiet), ("a", "use crate::Error; pub fn g() {}")]).len(), 0);
        assert_eq!(
            found(&[("", "mod a; pub enum Error {} fn f() { a::g() }"), ("a", "use crate::Error; pub fn g() {}")])
                .len(),
            1
        );
    }
}
