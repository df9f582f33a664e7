//! Tokenizers: round trips, places, and training that gives the same bytes again.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::dataset::synthetic::{SyntheticSpec, generate};
use crate::{operation, prompt, target, words};

const SPECIAL: [&str; 3] = ["[FIN_LABEL]", "[MASK]", "<|endoftext|>"];

/// What a student reads and writes, as the stage that trains a tokenizer would hand it over.
fn corpus(size: usize) -> Vec<String> {
    let questions = generate(&SyntheticSpec { train: size, dev: 0, test: 0, ..SyntheticSpec::default() }).unwrap();
    let template = prompt::Template::student();
    let format = retort_artifact::Format::marked(retort_artifact::Placement::After, target::MARKER);
    let text = |question: &retort_artifact::Question| {
        let target =
            target::render(&format, question.answer.as_ref().unwrap(), question.rationale.as_ref().unwrap()).unwrap();
        format!("{}{}{}", template.render(question, prompt::Answer::Hidden).unwrap(), prompt::SEPARATOR, target.text)
    };
    questions.split(retort_artifact::Split::Train).iter().map(text).collect()
}

fn trained(texts: &[String], size: usize) -> Tokenizer {
    train_bpe(texts.iter().map(String::as_str), size, &SPECIAL).unwrap()
}

fn pieces(tokenizer: &Tokenizer, text: &str) -> Vec<String> {
    tokenizer.encode(text).unwrap().into_iter().map(|token| tokenizer.token(token.id).unwrap()).collect()
}

#[test]
fn training_is_the_same_byte_for_byte_with_any_number_of_threads() {
    let texts = corpus(300);
    let json = trained(&texts, 700).to_json().unwrap();
    for threads in [1, 2, 5] {
        let pool = on_threads(threads, || trained(&texts, 700).to_json().unwrap());
        assert!(pool.iter().all(|other| *other == json));
    }
    for parallel in [false, true] {
        tokenizers::utils::parallelism::set_parallelism(parallel);
        assert_eq!(trained(&texts, 700).to_json().unwrap(), json);
    }
    let digest = retort_fingerprint::Digest::of(&json).short();
    expect_test::expect!["dc9c8d9e3d"].assert_eq(&digest);
}

/// Runs the same work on several threads at once.
fn on_threads<T: Send>(threads: usize, work: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

#[test]
fn a_small_vocabulary_keeps_the_labels_whole() {
    let tokenizer = trained(&corpus(300), 600);
    assert_eq!(tokenizer.size(), 600);
    assert_eq!(pieces(&tokenizer, "[FIN_LABEL] B [FIN_LABEL] The"), ["[FIN_LABEL]", "ĠB", "[FIN_LABEL]", "ĠThe"]);
    assert_eq!(pieces(&tokenizer, "Choices: A: the"), ["C", "hoices", ":", "ĠA", ":", "Ġthe"]);
    assert_eq!(tokenizer.id("!"), Some(0));
    assert_eq!(SPECIAL.map(|token| tokenizer.id(token)), [Some(597), Some(598), Some(599)]);
}

#[test]
fn the_file_survives_a_round_trip() {
    let tokenizer = trained(&corpus(100), 400);
    let json = tokenizer.to_json().unwrap();
    let again = Tokenizer::from_json(&json).unwrap();
    assert_eq!(again.to_json().unwrap(), json);
    assert_eq!(again.size(), tokenizer.size());
    let text = "Ice — [MASK] 😀 is smooth.";
    assert_eq!(again.encode(text).unwrap(), tokenizer.encode(text).unwrap());
}

#[test]
fn merges_follow_the_counts_and_then_the_ids() {
    // The pieces are `ab` twice, `Ġab`, `Ġxyz` three times and `Ġxy`. (x, y) and (Ġ, x) both occur four times, and x has
    // a smaller id than Ġ; after `xy` it is (Ġ, xy) that occurs four times, then (a, b) and (Ġxy, z), three times each.
    let tokenizer = train_bpe(["ab ab xyz", "ab xyz xyz", " xy"], 256 + 5, &[]).unwrap();
    let made: Vec<String> = (256..260).map(|id| tokenizer.token(id).unwrap()).collect();
    assert_eq!(made, ["xy", "Ġxy", "ab", "Ġxyz"]);
    // (Ġ, ab) occurs once, so the vocabulary stays smaller than asked.
    assert_eq!(tokenizer.size(), 260);
    assert_eq!(train_bpe(["ab cd"], 1000, &[]).unwrap().size(), 256);
}

#[test]
fn a_vocabulary_without_room_for_the_bytes_is_refused() {
    let error = train_bpe(["a"], 258, &SPECIAL).unwrap_err();
    assert_eq!(error, TokenizerError::Vocabulary { asked: 258, least: 259 });
    assert_eq!(train_bpe(["a"], 257, &["[X]", "[X]"]).unwrap().size(), 257);
}

#[test]
fn special_tokens_are_added_behind_the_others_and_once() {
    let mut tokenizer = train_bpe(["a"], 256, &[]).unwrap();
    assert_eq!(tokenizer.add_special(&SPECIAL).unwrap(), [256, 257, 258]);
    assert_eq!(tokenizer.add_special(&SPECIAL).unwrap(), [0; 0]);
    assert_eq!(tokenizer.id("[MASK]"), Some(257));
    assert_eq!(
        tokenizer.add_special(&[" "]).unwrap_err().to_string(),
        "cannot add the token ` ` to the tokenizer: it is blank"
    );
    assert_eq!(tokenizer.decode(&[256, 9999, 257]).unwrap(), "[FIN_LABEL][MASK]");
}

#[test]
fn bytes_that_are_no_tokenizer_are_refused() {
    for bytes in [&b""[..], b"{}", b"\xff", b"[1]"] {
        assert!(matches!(Tokenizer::from_json(bytes), Err(TokenizerError::Read { .. })));
    }
}

#[test]
fn a_tokenizer_that_draws_lots_is_refused() {
    let json = String::from_utf8(trained(&corpus(20), 300).to_json().unwrap()).unwrap();
    let with = |dropout: &str| {
        let changed = json.replacen("\"dropout\": null", &format!("\"dropout\": {dropout}"), 1);
        let changed = changed.replacen("\"dropout\":null", &format!("\"dropout\":{dropout}"), 1);
        assert!(changed != json || dropout == "null", "the file has no `dropout`");
        Tokenizer::from_json(changed.as_bytes())
    };
    assert!(with("null").is_ok() && with("0.0").is_ok());
    let said = with("0.1").unwrap_err().to_string();
    assert!(said.contains("`dropout` 0.1") && said.contains("Set it to `null`"), "{said}");
}

#[test]
fn a_normalizer_or_decoder_that_grows_text_without_bound_is_stopped() {
    let mut json: serde_json::Value = serde_json::from_slice(&trained(&corpus(20), 300).to_json().unwrap()).unwrap();
    let grow = serde_json::json!({ "type": "Replace", "pattern": { "String": "e" }, "content": "eeeeeeeeee" });
    json["normalizer"] = serde_json::json!({ "type": "Sequence", "normalizers": vec![grow.clone(); 40] });
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    assert!(tokenizer.ids("the ice").unwrap_err().to_string().contains("its normalizer can make more than"));
    json["normalizer"] = grow.clone();
    json["decoder"] = serde_json::json!({ "type": "Sequence", "decoders": vec![grow; 40] });
    let tokenizer = Tokenizer::from_json(json.to_string().as_bytes()).unwrap();
    let ids = tokenizer.ids("the ice").unwrap();
    assert!(tokenizer.decode(&ids).unwrap_err().to_string().contains("its decoder can make more than"));
}

#[test]
fn spans_name_the_characters_without_the_space_before_them() {
    let tokenizer = trained(&corpus(300), 600);
    let text = " The slower  🧊\nis";
    let tokens = tokenizer.encode(text).unwrap();
    let mut pieces: Vec<&str> = tokens.iter().map(|token| &text[token.span.clone()]).collect();
    assert!(pieces.iter().filter(|piece| **piece == "🧊").count() > 1, "the bytes of an emoji are no single token");
    pieces.dedup();
    assert_eq!(pieces, ["The", "slower", " ", "🧊", "\n", "is"]);
}

/// The algorithm as it is told: count everything anew for each merge.
fn naive(texts: &[&str], merges: usize) -> Vec<String> {
    let mut words: Vec<Vec<String>> =
        texts.iter().flat_map(|text| text.split(' ')).map(|word| word.chars().map(String::from).collect()).collect();
    let mut ids: Vec<String> = words.concat();
    ids.sort();
    ids.dedup();
    let mut made = Vec::new();
    for _ in 0..merges {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let id = |token: &String| ids.iter().position(|known| known == token).unwrap();
        for word in &words {
            word.windows(2).for_each(|pair| *counts.entry((id(&pair[0]), id(&pair[1]))).or_default() += 1);
        }
        let Some((&(left, right), &count)) =
            counts.iter().max_by_key(|(pair, count)| (**count, std::cmp::Reverse(**pair)))
        else {
            break;
        };
        if count < 2 {
            break;
        }
        let (left, right) = (ids[left].clone(), ids[right].clone());
        let merged = format!("{left}{right}");
        for word in &mut words {
            let mut at = 0;
            while at + 1 < word.len() {
                if word[at] == left && word[at + 1] == right {
                    word[at].clone_from(&merged);
                    word.remove(at + 1);
                }
                at += 1;
            }
        }
        made.push(merged.clone());
        if !ids.contains(&merged) {
            ids.push(merged);
        }
    }
    made
}

proptest! {
    #[test]
    fn merges_are_those_of_the_naive_algorithm(texts in prop::collection::vec("[abc]{1,9}", 1..8)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let tokenizer = train_bpe(texts.iter().copied(), 256 + 12, &[]).unwrap();
        let mut expected = naive(&texts, 12);
        let mut seen = Vec::new();
        expected.retain(|token| { let new = !seen.contains(token); seen.push(token.clone()); new });
        let made: Vec<String> = (256..tokenizer.size() as u32).map(|id| tokenizer.token(id).unwrap()).collect();
        prop_assert_eq!(&made[..expected.len().min(made.len())], &expected[..expected.len().min(made.len())]);
    }

    #[test]
    fn any_text_survives_encoding(text in "(?s).*") {
        let tokenizer = train_bpe(["the ice is smooth", "the ice"], 280, &SPECIAL).unwrap();
        let tokens = tokenizer.encode(&text).unwrap();
        let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        prop_assert_eq!(tokenizer.decode(&ids).unwrap(), text.clone());
        prop_assert!(tokens.iter().all(|token| text.get(token.span.clone()).is_some_and(|piece| !piece.is_empty())));
    }
}

/// A tiny tokenizer in the layout of each family that students have.
const FAMILIES: [&str; 13] = [
    "gpt2", "phi", "llama-3", "gemma", "llama", "mistral", "qwen", "gpt-neox", "smollm3", "olmo-2", "opt", "granite",
    "phi-3",
];

fn family(name: &str) -> Tokenizer {
    let path = format!("{}/../../tests/tokenizers/{name}.json", env!("CARGO_MANIFEST_DIR"));
    Tokenizer::from_json(&fs_err::read(path).unwrap()).unwrap()
}

/// Checks that fillers, masks and markers are one position each.
fn positions(mut tokenizer: Tokenizer, name: &str) {
    let count = |tokenizer: &Tokenizer, text: &str| tokenizer.ids(text).unwrap().len();
    let sentence = "The answer is B because bodybuilders typically have more strength than nerds which is that";
    let units = words::words(sentence);
    let unmasked = count(&tokenizer, sentence);
    tokenizer.add_special(&["[FIN_LABEL]", "[MASK]", "<unk>"]).unwrap();
    let ids = ["[FIN_LABEL]", "[MASK]", "<unk>"].map(|token| tokenizer.id(token).unwrap());
    let label = count(&tokenizer, "[FIN_LABEL] B [FIN_LABEL]");
    for fillers in [1, 2, 3, 11, 20] {
        let text = vec!["<unk>"; fillers].join(" ");
        assert_eq!(tokenizer.ids(&text).unwrap(), vec![ids[2]; fillers], "{name}: {text}");
        let target = format!("{text} [FIN_LABEL] B [FIN_LABEL]");
        assert_eq!(count(&tokenizer, &target), fillers + label, "{name}: {target}");
    }
    let mut before = unmasked;
    for masked in 1..=units.len() {
        let text = operation::masked(sentence, units[..masked].iter().cloned(), Some("[MASK]"));
        let found = tokenizer.ids(&text).unwrap();
        assert_eq!(found.iter().filter(|id| **id == ids[1]).count(), masked, "{name}: {text}");
        assert!(found.len() <= before, "{name}: a mask makes it longer: {text}");
        before = found.len();
    }
    assert_eq!(before, units.len(), "{name}: nothing stands between masks");
    let rest = count(&tokenizer, "The answer is");
    assert_eq!(count(&tokenizer, "The answer is [MASK]"), rest + 1, "{name}");
    assert_eq!(count(&tokenizer, "The [MASK] is"), count(&tokenizer, "The is") + 1, "{name}");
}

#[test]
fn fillers_masks_and_markers_are_one_position_each() {
    for name in FAMILIES {
        positions(family(name), name);
    }
}

#[test]
fn what_follows_a_text_has_the_tokens_it_has_in_the_whole() {
    let (first, second) = ("Choices: A: rougher; B: smoother\n", "Ice is B.");
    for name in FAMILIES {
        let tokenizer = family(name);
        let whole: Vec<u32> = tokenizer.ids(&format!("{first}{second}")).unwrap();
        let (before, behind) = tokenizer.encode_pair(first, second).unwrap();
        let ids: Vec<u32> = behind.iter().map(|token| token.id).collect();
        assert_eq!([before, ids].concat(), whole, "{name}");
        let pieces: Vec<&str> = behind.iter().map(|token| &second[token.span.clone()]).collect();
        assert_eq!(pieces.concat(), "IceisB.", "{name}");
    }
    // Alone it has a `▁` of its own.
    assert_eq!(pieces(&family("llama"), second)[..2], ["▁", "Ice"]);
    let (_, behind) = family("llama").encode_pair(first, second).unwrap();
    assert_eq!(family("llama").token(behind[0].id).as_deref(), Some("Ice"));
}

#[test]
fn texts_have_the_ids_that_the_python_library_gives_them() {
    let path = format!("{}/../../tests/tokenizers/encoded.json", env!("CARGO_MANIFEST_DIR"));
    let encoded: serde_json::Value = serde_json::from_slice(&fs_err::read(path).unwrap()).unwrap();
    let texts = encoded["texts"].as_array().unwrap();
    for name in FAMILIES {
        let tokenizer = family(name);
        let begin = tokenizer.begin().unwrap();
        let wanted = encoded["ids"][name].as_array().unwrap();
        assert_eq!(wanted.len(), texts.len(), "{name}");
        for (text, wanted) in texts.iter().zip(wanted) {
            let text = text.as_str().unwrap();
            let begin = begin.iter().map(|token| tokenizer.id(token).unwrap());
            let ids: Vec<u32> = begin.chain(tokenizer.ids(text).unwrap()).collect();
            assert_eq!(serde_json::json!(ids), *wanted, "{name}: {text:?}");
        }
    }
}

#[test]
fn a_token_across_the_border_leaves_both_as_they_are_alone() {
    let tokenizer = train_bpe(["ab ab ab"], 260, &[]).unwrap();
    let (before, behind) = tokenizer.encode_pair("a", "b b").unwrap();
    assert_eq!(before, tokenizer.ids("a").unwrap());
    assert_eq!(behind, tokenizer.encode("b b").unwrap());
}

#[test]
fn what_a_tokenizer_puts_before_a_text_is_read_and_set() {
    let begins = ["", "", "<|begin_of_text|>", "<bos>", "<s>", "<s>", "", "", "", "", "</s>", "", ""];
    for (name, begin) in FAMILIES.into_iter().zip(begins) {
        let mut tokenizer = family(name);
        let own: Vec<String> = (!begin.is_empty()).then(|| begin.to_owned()).into_iter().collect();
        assert_eq!(tokenizer.begin().unwrap(), own, "{name}");
        let ids = tokenizer.encode("Ice is B").unwrap();
        for tokens in [vec![], vec!["A".to_owned()], vec!["A".to_owned(), "B".to_owned()], own] {
            tokenizer.set_begin(&tokens).unwrap();
            let again = Tokenizer::from_json(&tokenizer.to_json().unwrap()).unwrap();
            assert_eq!(again.begin().unwrap(), tokens, "{name}");
            assert_eq!(again.encode("Ice is B").unwrap(), ids, "{name}: nothing else changes");
        }
        assert!(tokenizer.set_begin(&["<not there>".to_owned()]).unwrap_err().to_string().contains("<not there>"));
    }
}

/// Reads the tokenizer of GPT-2 where `RETORT_DATA` names a directory beside `models`.
#[test]
fn the_tokenizer_of_gpt2_can_be_read() {
    let path = std::env::var_os("RETORT_DATA")
        .map(|data| std::path::Path::new(&data).join("../models/gpt2-tokenizer/tokenizer.json"));
    let Some(json) = path.and_then(|path| fs_err::read(path).ok()) else {
        eprintln!("skipped: RETORT_DATA does not name a directory beside `models/gpt2-tokenizer`");
        return;
    };
    let mut tokenizer = Tokenizer::from_json(&json).unwrap();
    assert_eq!(tokenizer.size(), 50_257);
    assert_eq!(tokenizer.ids("Hello world").unwrap(), [15496, 995]);
    assert_eq!(pieces(&tokenizer, " bodybuilders"), ["Ġbody", "builders"]);
    // As the paper's own tokenizers would have read its fillers and masks: none of them is a token of GPT-2's.
    assert_eq!(pieces(&tokenizer, "<unk> <unk>"), ["<", "unk", ">", "Ġ<", "unk", ">"]);
    assert_eq!(pieces(&tokenizer, "a [MASK]"), ["a", "Ġ[", "MAS", "K", "]"]);
    assert_eq!(tokenizer.add_special(&SPECIAL).unwrap(), [50_257, 50_258]);
    assert_eq!(pieces(&tokenizer, "[FIN_LABEL] B [FIN_LABEL]"), ["[FIN_LABEL]", "ĠB", "[FIN_LABEL]"]);
    positions(tokenizer, "the real GPT-2");
}
