//! Sentences that hold of several arms: each is said once, with a list of whom it holds of.

use super::label;

/// How many sentences are kept; each may name a dozen arms.
const SHOWN: usize = 6;

/// Sentences with the arms that they hold of, in the order in which they first came.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<(String, Vec<String>)>);

impl Said {
    /// Adds that a sentence, without its full stop, holds of one more.
    pub(super) fn add(&mut self, what: String, of: String) {
        match self.0.iter_mut().find(|(known, _)| *known == what) {
            Some((_, names)) if names.contains(&of) => {}
            Some((_, names)) => names.push(of),
            None => self.0.push((what, vec![of])),
        }
    }

    /// Writes each as one note; where there are many, the first of them and how many more there are.
    pub(super) fn notes(self) -> Vec<String> {
        let more = self.0.len().saturating_sub(SHOWN);
        let note = |(what, names): (String, Vec<String>)| {
            // The only arm of a report may have no name.
            if names == [""] { format!("{what}.") } else { format!("{what}: {}.", label::list(&names)) }
        };
        let mut notes: Vec<String> = self.0.into_iter().take(SHOWN).map(note).collect();
        if more > 0 {
            notes.push(format!("The like holds of {} more.", label::count(more)));
        }
        notes
    }
}

/// Counts that differ from arm to arm, of one kind.
#[derive(Debug, Default)]
pub(super) struct Counted(Vec<(usize, Vec<String>)>);

impl Counted {
    /// Adds the count of one arm; none is not said.
    pub(super) fn add(&mut self, count: usize, of: String) {
        match self.0.iter_mut().find(|(known, _)| *known == count) {
            _ if count == 0 => {}
            Some((_, names)) if names.contains(&of) => {}
            Some((_, names)) => names.push(of),
            None => self.0.push((count, vec![of])),
        }
    }

    /// Writes all of them as one note: `Questions left out: 12 (`a`, `b`), 3 (`c`).` Where all of so many arms have one count,
    /// they are not named.
    pub(super) fn note(self, what: &str, arms: usize) -> Option<String> {
        let told = |(count, names): &(usize, Vec<String>)| {
            let count = label::count(*count);
            if *names == [""] || arms > 1 && names.len() == arms {
                count
            } else {
                format!("{count} ({})", label::list(names))
            }
        };
        let each = if arms > 1 && self.0.len() == 1 && self.0[0].1.len() == arms { " in each training" } else { "" };
        let counts: Vec<String> = self.0.iter().map(told).collect();
        (!counts.is_empty()).then(|| format!("{what}: {}{each}.", counts.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_of_several_is_said_once() {
        let mut said = Said::default();
        for (what, of) in [("Cut", "a"), ("Left", "b"), ("Cut", "c"), ("Cut", "a")] {
            said.add(what.into(), of.into());
        }
        assert_eq!(said.notes(), ["Cut: `a`, `c`.", "Left: `b`."]);
        let mut many = Said::default();
        (0..9).for_each(|n| many.add(format!("{n}"), "a".into()));
        assert_eq!(many.notes()[5..], ["5: `a`.", "The like holds of 3 more."]);
    }

    #[test]
    fn counts_of_one_kind_are_one_note() {
        let note = |counts: &[(usize, &str)], arms: usize| {
            let mut counted = Counted::default();
            counts.iter().for_each(|(count, of)| counted.add(*count, (*of).to_owned()));
            counted.note("Left out", arms)
        };
        assert_eq!(note(&[(12, "a"), (3, "b"), (12, "c"), (0, "d")], 4).unwrap(), "Left out: 12 (`a`, `c`), 3 (`b`).");
        assert_eq!(note(&[(12, "a"), (12, "b")], 2).unwrap(), "Left out: 12 in each training.");
        assert_eq!(note(&[(12, "a")], 1).unwrap(), "Left out: 12 (`a`).");
        assert_eq!(note(&[(0, "a")], 1), None);
        assert_eq!(note(&[(1_200, "")], 1).unwrap(), "Left out: 1,200.");
    }
}
