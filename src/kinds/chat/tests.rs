//! Students that are talked to, against what transformers writes, tokenises and masks.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value as Json;

use super::super::sequence::{Part, Sequences};
use super::*;
use retort_artifact::{Answer, Choice, Label, Question, Usage};
use retort_text::chat_template::{ChatTemplate, Day};
use retort_text::target::{PLACE, parse, render};

#[derive(Deserialize)]
struct Golden {
    question: String,
    rationale: String,
    families: BTreeMap<String, Family>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Family {
    special: BTreeMap<String, Json>,
    published: String,
    marked: String,
}

#[derive(Deserialize)]
struct Case {
    family: String,
    system: Option<String>,
    placement: Placement,
    answer_form: Option<String>,
    think: Option<Think>,
    prompt_ids: Vec<u32>,
    ids: Vec<u32>,
    mask: Vec<u8>,
}

fn golden(name: &str) -> Vec<u8> {
    fs_err::read(format!("{}/../../tests/golden/chat/{name}.json", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn cases() -> Golden {
    serde_json::from_slice(&golden("cases")).unwrap()
}

fn question(stem: &str) -> Question {
    let choice = |(index, text): (usize, &str)| Choice { label: Label::at(index).unwrap(), text: text.into() };
    Question {
        id: "q".into(),
        stem: stem.into(),
        choices: ["snow", "ice"].into_iter().enumerate().map(choice).collect(),
        answer: Answer::at(1),
        ..Question::default()
    }
}

/// How a student of a family is used, by either form of its template.
fn usage(family: &Family, source: &str, case: &Case, tokenizer: &Tokenizer) -> Usage {
    let template = ChatTemplate::new(source, family.special.clone(), Day::DEFAULT).unwrap();
    let chat = Chat {
        template: template.source().to_owned(),
        special: family.special.clone(),
        system: case.system.clone(),
        stops: Vec::new(),
    };
    let talk = Talk { turns: turns(&chat).unwrap(), chat };
    let brackets = case.think.as_ref().map(|think| Brackets { open: think.open.clone(), close: think.close.clone() });
    let writing = Writing {
        prompt: &Prompt::Chat(None),
        system: case.system.as_deref(),
        think: brackets.as_ref(),
        answer_form: case.answer_form.as_deref(),
        marker: MARKER,
        placement: case.placement,
        end: &End::Own,
    };
    let end = talk.ending(tokenizer).unwrap();
    let format = writing.format(Some(&talk.turns));
    Usage {
        format,
        prompt: "{{ question }}".into(),
        begin: Vec::new(),
        end,
        chat: Some(talk.chat),
        targets: Vec::new(),
    }
}

#[test]
fn ids_and_masks_are_those_of_transformers() {
    let Golden { question: stem, rationale, families, cases } = cases();
    let (question, label) = (question(&stem), Answer::at(1).unwrap());
    for case in &cases {
        let family = &families[&case.family];
        let tokenizer = Tokenizer::from_json(&golden(&case.family)).unwrap();
        for source in [&family.published, &family.marked] {
            let name = format!("{} {} {:?} {:?}", case.family, case.placement, case.system, case.answer_form);
            let usage = usage(family, source, case, &tokenizer);
            let sequences = Sequences::new(&usage, &tokenizer).unwrap();
            assert_eq!(sequences.prompt(&question).unwrap(), case.prompt_ids, "{name}");
            let sequence = sequences.with_target(&question, &label, &rationale).unwrap();
            sequences.require_readable(&question, &label, &sequence).unwrap();
            // What follows the end of the turn carries no loss, and is left out.
            let (length, from) = (sequence.ids.len(), sequence.target_from);
            assert_eq!(sequence.ids, case.ids[..length], "{name}");
            let trained: Vec<u8> = (0..case.ids.len()).map(|at| u8::from((from..length).contains(&at))).collect();
            assert_eq!(trained, case.mask, "{name}");
            assert_eq!(tokenizer.token(sequence.ids[length - 1]), usage.end, "{name}");
            // The pieces are where they stand.
            let text = |ids: &[u32]| tokenizer.decode(ids).unwrap();
            let at = text(&sequence.ids[sequence.label_at..=sequence.label_at]);
            assert_eq!(at.trim(), "B", "{name}");
            let copy: Vec<u32> = sequence.rationale.iter().map(|(at, _)| sequence.ids[*at]).collect();
            let expected = if case.placement == Placement::None { "" } else { rationale.as_str() };
            assert_eq!(text(&copy).trim(), expected, "{name}");
            let of = |part| -> Vec<u32> {
                (from..length).filter(|at| sequence.parts[*at] == part).map(|at| sequence.ids[at]).collect()
            };
            assert!(sequence.parts[..from].iter().all(|part| *part == Part::Prompt));
            assert_eq!(text(&of(Part::Rationale)).contains("smooth"), case.placement != Placement::None, "{name}");
            assert!(!text(&of(Part::Label)).contains("smooth"), "{name}");
            // What it writes is read as it was taught, and likelihoods are asked for behind the same tokens.
            let written = text(sequences.said(&sequence.ids[from..]));
            assert_eq!(parse(&written, &usage.format, &question.choices), Ok(label.clone()), "{name}: {written}");
            let answer = sequences.answer(&question, &label).unwrap();
            let (scored, scored_from) = sequences.continued(&question, &answer).unwrap();
            assert_eq!((&scored[..scored_from], scored_from), (&case.prompt_ids[..], from), "{name}");
            assert!(text(&scored[scored_from..]).trim().ends_with(answer.trim()), "{name}");
            let (scored, scored_from) = sequences.continued(&question, "smooth ice").unwrap();
            assert!(text(&scored[scored_from..]).ends_with("smooth ice"), "{name}");
            // What an answer is made to begin with stands where its own beginning was taught.
            let lead = turns(usage.chat.as_ref().unwrap()).unwrap().lead().to_owned();
            let begun = sequences.prefilled("Smooth").prompt(&question).unwrap();
            let dense = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(dense(&text(&begun)), dense(&format!("{}{lead}Smooth", text(&case.prompt_ids))), "{name}");
        }
    }
    assert!(cases.len() >= 50, "every family with every kind of answer");
}

#[test]
fn what_a_template_ends_an_answer_with() {
    let Golden { families, cases, .. } = cases();
    for (name, expected, lead) in [
        ("chatml", "<|im_end|>", ""),
        ("llama-3", "<|eot_id|>", ""),
        ("qwen-2.5", "<|im_end|>", ""),
        ("qwen-3", "<|im_end|>", "<think>\n\n</think>"),
        ("gemma", "<end_of_turn>", ""),
        ("mistral", "</s>", ""),
    ] {
        let tokenizer = Tokenizer::from_json(&golden(name)).unwrap();
        let case = cases.iter().find(|case| case.family == name).unwrap();
        let usage = usage(&families[name], &families[name].published, case, &tokenizer);
        assert_eq!((usage.end.as_deref(), usage.format.lead.as_str()), (Some(expected), lead), "{name}");
    }
}

#[test]
fn gemma_has_no_system_role() {
    let Golden { families, .. } = cases();
    let Family { special, published, .. } = &families["gemma"];
    let chat = Chat {
        template: published.clone(),
        special: special.clone(),
        system: Some("Answer briefly.".into()),
        stops: Vec::new(),
    };
    let said = turns(&chat).unwrap_err().to_string();
    assert!(said.contains("refuses the system message (System role not supported)"), "{said}");
}

#[test]
fn an_answer_that_the_tokenizer_cannot_give_back_is_refused() {
    let lossy = |normalizer: Json, unknown: Json| {
        let mut json: Json = serde_json::from_slice(&golden("mistral")).unwrap();
        json["normalizer"] = normalizer;
        json["model"]["byte_fallback"] = unknown;
        Tokenizer::from_json(&serde_json::to_vec(&json).unwrap()).unwrap()
    };
    let format = Format { answer_form: Some(format!("So {PLACE}.")), ..Format::marked(Placement::None, MARKER) };
    let usage = Usage {
        format,
        prompt: "{{ question }}".into(),
        begin: Vec::new(),
        end: None,
        chat: None,
        targets: Vec::new(),
    };
    let question = question("Which is smoother?");
    let refused = |tokenizer: &Tokenizer, answer: Answer, question: &Question| {
        let sequences = Sequences::new(&usage, tokenizer).unwrap();
        let sequence = sequences.with_target(question, &answer, "").unwrap();
        sequences.require_readable(question, &answer, &sequence).map_err(|error| error.to_string())
    };
    let b = Answer::at(1).unwrap();
    let sound = lossy(Json::Null, true.into());
    assert_eq!(refused(&sound, b.clone(), &question), Ok(()));
    let lower = lossy(serde_json::json!({ "type": "Lowercase" }), true.into());
    let said = refused(&lower, b, &question).unwrap_err();
    assert!(said.contains("question `q`: the student's tokenizer cannot give back the answer `B`"), "{said}");
    let open = Question { answers: retort_artifact::Answers::Text, choices: Vec::new(), ..question };
    let word = Answer::Text("Łódź".into());
    assert_eq!(refused(&sound, word.clone(), &open), Ok(()));
    let said = refused(&lossy(Json::Null, false.into()), word.clone(), &open).unwrap_err();
    assert!(said.contains("cannot give back the answer `Łódź`"), "{said}");
    assert!(render(&usage.format, &word, "").is_ok());
}
