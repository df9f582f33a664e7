//! Why an instance runs, as a terminal shows it.

use super::super::clean::{one_line, shorten_middle};
use crate::event::{Why, Wording};

/// How many changes are named unless all are asked for.
const CHANGES_MAX: usize = 2;
/// How many columns a value may take unless everything is asked for.
const VALUE_COLUMNS: usize = 24;

/// Says why: `new`, `fraction: 0.4 → 0.5`, `rationales changed`, `result lost`.
///
/// In full, every change is named with its whole values, and so is the earlier instance it is compared with.
pub(in crate::cli) fn reason(why: &Why, full: bool) -> String {
    let short = |text: &str| shorten_middle(&one_line(text), VALUE_COLUMNS);
    let value: &dyn Fn(&str) -> String = if full { &one_line } else { &short };
    why.describe(Wording { changes_max: (!full).then_some(CHANGES_MAX), name: &one_line, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::KeyChange;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> KeyChange {
        KeyChange { path: path.into(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    fn check(changes: Vec<KeyChange>, brief: &str, full: &str) {
        let why = Why::Changed { from: Some("old[run=0]".into()), changes };
        assert_eq!(reason(&why, false), brief);
        assert_eq!(reason(&why, true), format!("{full}, against `old[run=0]`"));
    }

    #[test]
    fn a_field_is_named_with_both_values() {
        let said = "fraction: 0.4 → 0.5";
        check(vec![change("params.fraction", Some("0.4"), Some("0.5"))], said, said);
        check(vec![change("env.MODE", None, Some("fast"))], "env.MODE: unset → fast", "env.MODE: unset → fast");
        check(vec![change("revision", Some("1"), Some("2"))], "stage revision: 1 → 2", "stage revision: 1 → 2");
    }

    #[test]
    fn parts_of_an_input_are_one_change() {
        let part = |part: &str| change(&format!("inputs.steps[0].attributions.{part}"), Some("aa"), Some("bb"));
        check(vec![part("train"), part("dev")], "steps[0].attributions changed", "steps[0].attributions changed");
        check(vec![change("inputs.x.rows", None, Some("aa"))], "x added", "x added");
    }

    #[test]
    fn many_changes_are_counted() {
        let changes = (0..5).map(|i| change(&format!("params.p{i}"), Some("1"), Some("2"))).collect();
        check(changes, "p0: 1 → 2, p1: 1 → 2, 3 more", "p0: 1 → 2, p1: 1 → 2, p2: 1 → 2, p3: 1 → 2, p4: 1 → 2");
    }

    #[test]
    fn long_values_are_shortened() {
        let long = "x".repeat(60);
        let brief = format!("prompt: {}…{} → y", "x".repeat(12), "x".repeat(11));
        check(vec![change("params.prompt", Some(&long), Some("y"))], &brief, &format!("prompt: {long} → y"));
    }

    #[test]
    fn a_lost_result_is_said() {
        assert_eq!(reason(&Why::Lost { part: "result".into() }, false), "result lost");
        assert_eq!(reason(&Why::Lost { part: "weights".into() }, false), "`weights` lost");
        assert_eq!(reason(&Why::Evicted { part: "weights".into() }, false), "`weights` not kept");
        assert_eq!(reason(&Why::Changed { from: None, changes: vec![] }, false), "changed");
    }
}
