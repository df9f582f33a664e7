//! The name of a model on the hub: a repository, and one state of it; and what lets one read it.

use std::fmt;

use super::HubData;

/// The longest name of a repository that the hub allows.
const ID_CHARS_MAX: usize = 96;

/// The name of a repository: `owner/name`, or `name` alone for the few that have no owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RepoId(String);

impl RepoId {
    /// Reads a name; `None` for what the hub would not take, so that it is safe in a path and in a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |part: &str| {
            let ends = |letter: char| letter == '-' || letter == '.';
            let plain = part.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
            plain && !part.is_empty() && !part.starts_with(ends) && !part.ends_with(ends)
        };
        let length = text.len() <= ID_CHARS_MAX && text.split('/').count() <= 2;
        let unambiguous = !text.contains("--") && !text.contains("..");
        (length && unambiguous && text.split('/').all(sound)).then(|| Self(text.to_owned()))
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A branch, a tag or a commit of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision(String);

impl Revision {
    /// Reads a revision; `None` for what is not safe as a path below `refs` and in a URL.
    pub fn parse(text: &str) -> Option<Self> {
        let sound = |part: &str| {
            let plain = part.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.+=@".contains(letter));
            plain && !part.is_empty() && part != "." && part != ".."
        };
        (text.len() <= 255 && text.split('/').all(sound)).then(|| Self(text.to_owned()))
    }

    /// Returns the branch that a repository has unless it says otherwise.
    pub fn main() -> Self {
        Self("main".into())
    }

    /// Returns the revision.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Says whether it is a whole commit hash, which always means the same files.
    pub fn is_commit(&self) -> bool {
        self.0.len() == 40 && self.0.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }

    /// Returns the revision as one segment of a URL.
    pub(super) fn segment(&self) -> String {
        self.0.replace('/', "%2F").replace('+', "%2B")
    }
}

/// A model on the hub, or one split of a dataset there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HubModel {
    /// The repository.
    pub id: RepoId,
    /// Which state of it.
    pub revision: Revision,
    /// Which split it is, where it is a dataset.
    pub data: Option<HubData>,
    /// Whether it is talked to, so that the chat template beside it is a part of it.
    pub chat: bool,
}

impl HubModel {
    /// Returns the kind of repository as addresses of the interface have it.
    pub(super) fn kind(&self) -> &'static str {
        if self.data.is_some() { "datasets" } else { "models" }
    }

    /// Returns what stands before the name of the repository in its addresses.
    pub(super) fn prefix(&self) -> &'static str {
        if self.data.is_some() { "datasets/" } else { "" }
    }
}

impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.id.0, self.revision.0)?;
        match &self.data {
            Some(HubData { config: Some(config), split }) => write!(f, ", `{split}` of `{config}`"),
            Some(HubData { config: None, split }) => write!(f, ", `{split}`"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_repositories() {
        for sound in ["gpt2", "openai-community/gpt2", "a/b.c_d-1"] {
            assert!(RepoId::parse(sound).is_some(), "{sound}");
        }
        let long = "x".repeat(97);
        for unsound in ["", "/", "a/", "/a", "a/b/c", "../b", "a/..", "a--b/c", "a b", "a/b?c", ".a/b", "a/b-", &long] {
            assert!(RepoId::parse(unsound).is_none(), "{unsound}");
        }
    }

    #[test]
    fn revisions() {
        let commit = "607a30d783dfa663caf39e06633721c8d4cfcd7e";
        for (text, is_commit) in [("main", false), ("refs/pr/7", false), ("v1.0+a", false), (commit, true)] {
            assert_eq!(Revision::parse(text).map(|revision| revision.is_commit()), Some(is_commit), "{text}");
        }
        for unsound in ["", "/", "a//b", "../main", "a/..", "a b", "a?b", "a%2fb"] {
            assert!(Revision::parse(unsound).is_none(), "{unsound}");
        }
    }
}
