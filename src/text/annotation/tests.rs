//! Annotations in both formats, well formed and not.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::words::words;

const TEXT: &str = "Ice is smoöth, so Mike slides faster on the ice.";

#[track_caller]
fn refuse(bytes: &str, format: Option<Format>, expected: &Expect) {
    expected.assert_eq(&read(bytes.as_bytes(), format).unwrap_err().to_string());
}

fn marked(annotation: &Annotation) -> Vec<&'static str> {
    let ranges = words(TEXT);
    let found = places(annotation, TEXT, &ranges).unwrap();
    found.words.into_iter().map(|index| &TEXT[ranges[index].clone()]).collect()
}

#[test]
fn lines_of_words_and_of_spans_are_read() {
    let file = "\n{\"id\":\"q\",\"annotator\":\"ada\",\"words\":[\"ice\",\"FASTER,\"]}\n\
                {\"id\":\"q\",\"annotator\":\"bob\",\"sample\":2,\"spans\":[[7,13],[18,19]]}\n\
                {\"id\":\"r\",\"spans\":[],\"text\":\"x\"}\n";
    let read = read(file.as_bytes(), None).unwrap();
    assert_eq!(read.iter().map(|one| one.place.as_str()).collect::<Vec<_>>(), ["line 2", "line 3", "line 4"]);
    assert_eq!((read[1].annotator.as_str(), read[1].sample, read[2].annotator.as_str()), ("bob", Some(2), ""));
    assert_eq!(marked(&read[0]), ["Ice", "faster"]);
    // Characters, not bytes: `ö` is one.
    assert_eq!(marked(&read[1]), ["smoöth", "Mike"]);
}

#[test]
fn an_export_of_thresh_is_read() {
    let file = format!(
        r#"[
        {{ "id": 7, "metadata": {{ "annotator": "ada" }}, "source": "Where does Mike slide?", "target": "  {TEXT}\n",
           "edits": [
             {{ "id": 0, "category": "key", "input_idx": [[0, 5]], "output_idx": [[9, 15]], "annotation": {{ "why": "x" }} }},
             {{ "category": "both", "constituent_edits": [{{ "category": "key", "output_idx": [[20, 24], [32, 38]] }}] }}
           ] }},
        {{ "id": 1, "metadata": {{ "id": "q" }}, "annotator": 3, "source": "{TEXT}", "edits": [
             {{ "category": "key", "input_idx": [[0, 3]] }} ] }}
        ]"#
    );
    let read = read(file.as_bytes(), None).unwrap();
    assert_eq!([read[0].name(), read[0].annotator.as_str()], ["7", "ada"]);
    assert_eq!([read[1].name(), read[1].annotator.as_str(), read[1].place.as_str()], ["q", "3", "entry 2"]);
    // The question was marked too; what stands before the rationale is passed over.
    assert_eq!(marked(&read[0]), ["smoöth", "Mike", "faster"]);
    assert_eq!(marked(&read[1]), ["Ice"]);
}

/// The shapes that the public files of thresh.tools have: no `id` at all, one that several texts share, several annotators
/// of one text, nobody named, edits without places, nulls.
#[test]
fn exports_without_identifiers_or_with_shared_ones_are_read() {
    let read = |file: &str| read(file.as_bytes(), None).unwrap();
    let nameless = read(
        r#"[{"source":"","target":"Ice is cold.","edits":[{"category":"a","id":1,"output_idx":[[0,3]],"annotation":null}]},
            {"source":"x","target":"Snow is cold.","metadata":null,"edits":null},
            {"context":"c","source":"x","target":"Mud is warm.","edits":[{"category":"b","id":0,"annotation":null,"constituent_edits":null}]}]"#,
    );
    assert_eq!(nameless.iter().map(Annotation::name).collect::<Vec<_>>(), ["entry 1", "entry 2", "entry 3"]);
    assert_eq!(nameless.iter().map(|one| one.fits(" Ice is cold.\n")).collect::<Vec<_>>(), [true, false, false]);
    let shared = read(
        r#"[{"id":1,"source":"x","target":"Ice is cold."},{"id":1,"source":"x","target":"Snow is cold."},
            {"id":1,"source":"x","target":"Ice is cold."},
            {"metadata":{"annotator":"ada"},"source":"x","target":"Ice is cold."},
            {"metadata":{"annotator":"bob"},"source":"x","target":"Ice is cold."}]"#,
    );
    assert_eq!(shared.iter().filter(|one| one.fits("Ice is cold.")).count(), 4);
}

#[test]
fn annotations_of_an_array_are_read_as_those_of_lines() {
    let lines = "{\"id\":\"q\",\"words\":[\"ice\"]}\n{\"id\":\"r\",\"spans\":[[0,3]]}\n";
    let array = format!("\u{feff}[{}]", lines.trim().replace('\n', ","));
    let (lines, array) = (read(lines.as_bytes(), None).unwrap(), read(array.as_bytes(), None).unwrap());
    let place = |annotation: &Annotation| Annotation { place: String::new(), ..annotation.clone() };
    assert_eq!(lines.iter().map(place).collect::<Vec<_>>(), array.iter().map(place).collect::<Vec<_>>());
    assert_eq!(array[1].place, "entry 2");
}

#[test]
fn spans_behind_an_emoji_are_counted_as_the_tool_counts() {
    let text = "Ice 😀 melts fast.";
    let ranges = words(text);
    let of = |file: &str, unit| {
        let read = read_counted(file.as_bytes(), None, unit).unwrap();
        let found = places(&read[0], text, &ranges).map_err(|why| why.to_string())?;
        Ok(found.words.into_iter().map(|index| text[ranges[index].clone()].to_owned()).collect::<Vec<_>>().join(" "))
    };
    let thresh =
        |from: usize, to: usize| format!(r#"[{{"target":"{text}","edits":[{{"output_idx":[[{from},{to}]]}}]}}]"#);
    let lines = |from: usize, to: usize| format!(r#"{{"id":"q","spans":[[{from},{to}]]}}"#);
    let fast = Ok::<String, String>("fast".to_owned());
    assert_eq!(of(&thresh(13, 17), None), fast);
    assert_eq!(of(&thresh(12, 16), Some(Unit::Characters)), fast);
    assert_eq!(of(&lines(12, 16), None), fast);
    assert_eq!(of(&lines(13, 17), Some(Unit::Utf16)), fast);
    assert_eq!(of(&lines(15, 19), Some(Unit::Bytes)), fast);
    assert_eq!(
        of(&thresh(5, 17), None),
        Err("entry 1 marks the UTF-16 units 5 to 17, which cuts a character in two; what are its spans counted in?"
            .into())
    );
    assert_eq!(of(&thresh(5, 99), None), Err("entry 1 marks the UTF-16 units 5 to 99 of a text that has 18".into()));
}

/// Reads the public files of thresh.tools where `RETORT_THRESH` names the directory that holds them.
#[test]
fn the_public_files_of_thresh_are_read() {
    let Some(folder) = std::env::var_os("RETORT_THRESH") else {
        eprintln!("skipped: RETORT_THRESH does not name a directory of exports");
        return;
    };
    for entry in fs_err::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let annotations = read(&fs_err::read(&path).unwrap(), Some(Format::Thresh))
            .unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        assert!(!annotations.is_empty());
        for annotation in &annotations {
            let Marks::Spans(of) = &annotation.marks else { panic!("{}", path.display()) };
            let text = of.last().and_then(|spans| spans.text.clone()).unwrap();
            places(annotation, &text, &words(&text)).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
        }
    }
}

#[test]
fn files_that_are_not_annotations_are_refused() {
    refuse(
        "{\"id\":\"q\"}\n",
        None,
        &expect!["cannot read line 1 as an annotation: expected either `words` or `spans`"],
    );
    refuse(
        "{\"id\":\"q\",\"words\":[],\"spans\":[]}",
        None,
        &expect!["cannot read line 1 as an annotation: expected either `words` or `spans`"],
    );
    refuse(
        "{\"id\":\"q\",\"words\":[]}\n{\"id\":\"q\",\"wrods\":[]}",
        None,
        &expect![
            "cannot read line 2 as an annotation: unknown field `wrods`, expected one of `id`, `annotator`, `sample`, `text`, `words`, `spans` at line 1 column 17"
        ],
    );
    refuse(
        "{\"id\":\"q\",\"annotator\":\"a\",\"words\":[]}\n{\"id\":\"q\",\"annotator\":\"a\",\"words\":[\"x\"]}",
        None,
        &expect![
            "line 2 has the annotator `a` of `q`, as line 1 has already; every annotator may mark a rationale once, so name them apart in the field `annotator`"
        ],
    );
    refuse(
        "[{\"edits\":[]}]",
        None,
        &expect!["cannot read entry 1 as an annotation: it has neither `source` nor `target`"],
    );
    refuse(
        "[{\"id\":\"q\",\"annotator\":\"a\",\"target\":\"x\"},{\"id\":\"q\",\"annotator\":\"a\",\"target\":\"x\"}]",
        None,
        &expect![
            "entry 2 has the annotator `a` of `q`, as entry 1 has already; every annotator may mark a rationale once, so name them apart in the field `annotator`"
        ],
    );
    refuse(
        "[{\"id\":1,\"source\":\"x\",\"edits\":[{\"output_idx\":[[0,1]]}]}]",
        None,
        &expect!["cannot read entry 1 as an annotation: an edit has `output_idx`, and there is no `target`"],
    );
    refuse(
        "[{\"id\":1}]",
        None,
        &expect!["cannot read entry 1 as an annotation: it has neither `source` nor `target`"],
    );
    refuse("[", None, &expect!["cannot read the file as an annotation: EOF while parsing a list at line 1 column 1"]);
    assert_eq!(read(b"[]", Some(Format::Jsonl)).unwrap(), []);
}

#[test]
fn marks_that_do_not_fit_are_refused_or_returned() {
    let annotation = |marks| Annotation {
        id: Some("q".into()),
        sample: None,
        annotator: String::new(),
        marks,
        place: "line 1".into(),
    };
    let spans = |text: Option<&str>, spans| {
        Marks::Spans(vec![Spans { text: text.map(str::to_owned), spans, unit: Unit::Characters }])
    };
    let refuse = |marks, expected: &Expect| {
        expected.assert_eq(&places(&annotation(marks), TEXT, &words(TEXT)).unwrap_err().to_string());
    };
    refuse(spans(None, vec![(3, 49)]), &expect!["line 1 marks the characters 3 to 49 of a text that has 48"]);
    refuse(spans(None, vec![(3, 2)]), &expect!["line 1 marks the characters 3 to 2 of a text that has 48"]);
    refuse(spans(Some("Ice is rough."), vec![]), &expect!["line 1 marks another text, `Ice is rough.`"]);
    // A word is marked as often as it is named; what is not there, or not so often, is a stranger.
    let marks = ["ice", "ice", "ICE", "slow", "—", "Mike slides"].map(str::to_owned).to_vec();
    let found = places(&annotation(Marks::Words(marks)), TEXT, &words(TEXT)).unwrap();
    assert_eq!(found.words, BTreeSet::from([0, 4, 5, 9]));
    assert_eq!(found.strangers, ["ICE", "slow", "—"]);
}

#[test]
fn annotators_are_combined_by_the_declared_rule() {
    let marked = [BTreeSet::from([0, 1, 2]), BTreeSet::from([1, 2]), BTreeSet::from([2, 3]), BTreeSet::new()];
    let by = |rule| combined(&marked, rule).into_iter().collect::<Vec<_>>();
    assert_eq!(by(Combine::Any), [0, 1, 2, 3]);
    assert_eq!(by(Combine::All), [0; 0]);
    assert_eq!(by(Combine::Majority), [2]);
    assert_eq!(by(Combine::AtLeast(2)), [1, 2]);
    assert_eq!(combined(&marked[..1], Combine::Majority), marked[0]);
}

proptest! {
    #[test]
    fn rules_are_ordered(marked in prop::collection::vec(prop::collection::btree_set(0usize..9, 0..6), 1..5)) {
        let [any, majority, all] = [Combine::Any, Combine::Majority, Combine::All].map(|rule| combined(&marked, rule));
        prop_assert!(all.is_subset(&majority) && majority.is_subset(&any));
        prop_assert_eq!(combined(&marked, Combine::AtLeast(1)), any);
        prop_assert_eq!(combined(&marked, Combine::AtLeast(marked.len())), all);
    }

    #[test]
    fn a_span_over_a_word_marks_it_alone(text in "[a-zé😀 ,.]{0,40}") {
        let ranges = words(&text);
        for (index, range) in ranges.iter().enumerate() {
            for unit in [Unit::Characters, Unit::Utf16, Unit::Bytes] {
                let count = |to: usize| match unit {
                    Unit::Characters => text[..to].chars().count(),
                    Unit::Utf16 => text[..to].encode_utf16().count(),
                    Unit::Bytes => to,
                };
                let spans = vec![(count(range.start), count(range.end))];
                let marks = Marks::Spans(vec![Spans { text: Some(text.clone()), spans, unit }]);
                let annotation = Annotation { id: None, sample: None, annotator: String::new(), marks, place: String::new() };
                prop_assert_eq!(places(&annotation, &text, &ranges).unwrap().words, BTreeSet::from([index]));
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = read(&bytes, None);
        let _ = read(&bytes, Some(Format::Thresh));
    }
}
