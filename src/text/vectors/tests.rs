//! Vectors in the three formats: neighbours as a plain search finds them, and files that are not what they should be.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Some words with their numbers.
type Table = Vec<(String, Vec<f32>)>;

fn written(table: &Table, format: Format) -> Vec<u8> {
    let dimension = table[0].1.len();
    let mut bytes = match format {
        Format::Glove => Vec::new(),
        Format::Word2vec | Format::Word2vecText => format!("{} {dimension}\n", table.len()).into_bytes(),
    };
    for (word, numbers) in table {
        bytes.extend_from_slice(word.as_bytes());
        if format == Format::Word2vec {
            bytes.push(b' ');
            numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        } else {
            numbers.iter().for_each(|number| bytes.extend_from_slice(format!(" {number}").as_bytes()));
            bytes.push(b'\n');
        }
    }
    bytes
}

const FORMATS: [Format; 3] = [Format::Word2vec, Format::Word2vecText, Format::Glove];

fn table(rows: &[(&str, &[f32])]) -> Table {
    rows.iter().map(|(word, numbers)| ((*word).to_owned(), numbers.to_vec())).collect()
}

/// Finds neighbours by looking at every word in turn.
fn plain(table: &Table, word: &str, k: usize) -> Option<Vec<(String, f64)>> {
    let find = |word: &str| table.iter().position(|(other, _)| other == word);
    let own = find(word).or_else(|| find(&word.to_lowercase()))?;
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum::<f64>();
    let length = |a: &[f32]| dot(a, a).sqrt();
    let query = &table[own].1;
    if length(query) == 0.0 {
        return None;
    }
    let mut near: Vec<(usize, f64)> = (0..table.len())
        .filter(|&row| row != own && length(&table[row].1) > 0.0)
        .map(|row| (row, dot(query, &table[row].1) / (length(query) * length(&table[row].1))))
        .collect();
    near.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    near.truncate(k);
    Some(near.into_iter().map(|(row, cosine)| (table[row].0.clone(), cosine)).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn neighbours_are_those_of_a_plain_search_in_every_format(
        (dimension, numbers) in (1usize..20, 1usize..700).prop_flat_map(|(dimension, words)| {
            (Just(dimension), prop::collection::vec(prop_oneof![9 => -1.0f32..1.0, 1 => Just(0.0f32)], dimension * words))
        }),
        k in 1usize..20,
    ) {
        let table: Table = numbers.chunks(dimension).enumerate().map(|(row, chunk)| (format!("w{row}"), chunk.to_vec())).collect();
        let words = ["w0", "W3", "w17", "w300", "none"];
        for format in FORMATS {
            let bytes = written(&table, format);
            // Numbers can be such that a file of few of them reads as another format, so it is told.
            let vectors = Vectors::index(&bytes, Some(format)).unwrap();
            prop_assert_eq!((vectors.format(), vectors.len(), vectors.dimension()), (format, table.len(), dimension));
            let found = vectors.nearest(&words, k).unwrap();
            for (word, found) in words.iter().zip(found) {
                let expected = plain(&table, word, k);
                let names = |near: Vec<(String, f64)>| near.into_iter().map(|(word, _)| word).collect::<Vec<_>>();
                let near = found.map(|near| near.into_iter().map(|near| (near.word, near.cosine)).collect::<Vec<_>>());
                // Two sums in another order may differ in their last bits, so equally near words may change places.
                let cosines = |near: &Option<Vec<(String, f64)>>| near.iter().flatten().map(|(_, cosine)| *cosine).collect::<Vec<_>>();
                prop_assert_eq!(near.is_some(), expected.is_some());
                let (ours, plain) = (cosines(&near), cosines(&expected));
                prop_assert_eq!(ours.len(), plain.len());
                prop_assert!(ours.iter().zip(&plain).all(|(a, b)| (a - b).abs() < 1e-12), "{:?} {:?}", ours, plain);
                if plain.windows(2).all(|pair| pair[0] - pair[1] > 1e-9) {
                    prop_assert_eq!(near.map(names), expected.map(names));
                }
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), head in "([0-9]{1,2} [0-9]\n)?") {
        for format in [None, Some(Format::Word2vec), Some(Format::Word2vecText), Some(Format::Glove)] {
            let bytes = [head.as_bytes(), &bytes].concat();
            if let Ok(vectors) = Vectors::index(&bytes, format) {
                let words: Vec<String> = (0..vectors.len()).map(|row| vectors.word(row)).collect();
                let _ = vectors.nearest(&words.iter().map(String::as_str).collect::<Vec<_>>(), 3);
            }
        }
    }
}

#[test]
fn many_threads_and_blocks_give_the_answer_of_one() {
    let number = |row: usize, column: usize| ((row * 7919 + column * 104_729) % 1009) as f32 / 1009.0 - 0.5;
    let table: Table =
        (0..5000).map(|row| (format!("w{row}"), (0..16).map(|column| number(row, column)).collect())).collect();
    let bytes = written(&table, Format::Word2vec);
    let vectors = Vectors::index(&bytes, None).unwrap();
    let words: Vec<String> = (0..300).map(|word| format!("w{}", word * 16)).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| vectors.nearest(&words, 15).unwrap())
    };
    let one = with(1);
    assert_eq!(one, with(3));
    let plain = plain(&table, words[7], 15).unwrap();
    assert_eq!(
        one[7].as_ref().unwrap().iter().map(|near| near.word.clone()).collect::<Vec<_>>(),
        plain.into_iter().map(|(word, _)| word).collect::<Vec<_>>()
    );
}

#[test]
fn words_are_found_as_they_are_and_in_lower_case() {
    let table = table(&[
        ("Ice", &[1.0, 0.0]),
        ("ice", &[0.9, 0.1]),
        ("snow", &[0.8, 0.3]),
        ("mud", &[0.0, 1.0]),
        ("nil", &[0.0, 0.0]),
    ]);
    let bytes = written(&table, Format::Glove);
    let vectors = Vectors::index(&bytes, None).unwrap();
    let near = |word| {
        let found = vectors.nearest(&[word], 2).unwrap().remove(0);
        found.map(|near| near.into_iter().map(|near| near.word).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(near("Ice").as_deref(), Some("ice snow"));
    assert_eq!(near("ICE").as_deref(), Some("Ice snow"));
    assert_eq!(near("Mud").as_deref(), Some("snow ice"));
    assert_eq!(near("sand"), None);
    assert_eq!(near("nil"), None);
    assert_eq!(vectors.nearest(&["ice"], 99).unwrap()[0].as_ref().unwrap().len(), 3);
    assert_eq!(vectors.nearest(&[], 2).unwrap(), []);
}

#[test]
fn what_real_files_have_is_read() {
    // Line feeds between binary vectors, carriage returns, trailing spaces, words with spaces, words that are numbers.
    let mut binary = b"2 1\nice ".to_vec();
    binary.extend_from_slice(&1.5f32.to_le_bytes());
    binary.extend_from_slice(b"\nsnow ");
    binary.extend_from_slice(&0.5f32.to_le_bytes());
    binary.push(b'\n');
    for bytes in [&binary[..], b"ice 1.5\r\nsnow 0.5", b"2 1\nice 1.5 \nsnow 5e-1 \n"] {
        let vectors = Vectors::index(bytes, None).unwrap();
        let near = vectors.nearest(&["ice"], 1).unwrap().remove(0).unwrap();
        assert_eq!((vectors.len(), near[0].word.as_str(), near[0].cosine), (2, "snow", 1.0));
    }
    let vectors = Vectors::index(b"ice 1 0\n. . . 0.5 1\n7 0.25 1\nat a@b.c 1 1\n", None).unwrap();
    let words: Vec<String> = (0..4).map(|row| vectors.word(row)).collect();
    assert_eq!(words, ["ice", ". . .", "7", "at a@b.c"]);
}

/// What the programs that train vectors write: a header or none, a space behind each line, ends of lines, a mark, and blank
/// lines at the end.
#[test]
fn text_is_read_however_its_lines_end() {
    let table = table(&[("ice", &[1.5, 0.0]), ("snow", &[0.5, 0.1]), ("7", &[0.25, -1.0]), (". .", &[0.0, 1e-3])]);
    for format in [Format::Word2vecText, Format::Glove] {
        let plain = String::from_utf8(written(&table, format)).unwrap();
        for (mark, behind, end, after) in [
            ("", "", "\n", ""),
            ("", " ", "\n", ""),
            ("", " ", "\r\n", "\r\n"),
            ("\u{feff}", "  ", "\n", "\n\n"),
            ("\u{feff}", "\t", "\n", " \n"),
            ("", "", "\r\n", ""),
        ] {
            let (head, body) = match format {
                Format::Word2vecText => {
                    plain.split_once('\n').map(|(head, body)| (head.to_owned() + end, body)).unwrap()
                }
                _ => (String::new(), plain.as_str()),
            };
            let text = format!("{mark}{head}{}{after}", body.replace('\n', &format!("{behind}{end}")));
            for told in [None, Some(format)] {
                let vectors = Vectors::index(text.as_bytes(), told).unwrap_or_else(|why| panic!("{why}: {text:?}"));
                assert_eq!((vectors.format(), vectors.len(), vectors.dimension()), (format, 4, 2), "{text:?}");
                let near = vectors.nearest(&["ice", "7"], 3).unwrap();
                let words = near[0].as_ref().unwrap().iter().map(|near| near.word.as_str()).collect::<Vec<_>>();
                assert_eq!(words, ["snow", "7", ". ."], "{text:?}");
            }
        }
    }
}

#[test]
fn of_a_word_that_comes_again_the_first_place_counts() {
    let vectors = Vectors::index(b"ice 1 0\nmud 0 1\nice 0 1\nsand 0.1 1\nice 1 1\nmud 1 0\n", None).unwrap();
    assert_eq!(vectors.repeated(), Some((3, "ice".to_owned())));
    let near = |word| {
        let found = vectors.nearest(&[word], 9).unwrap().remove(0).unwrap();
        found.into_iter().map(|near| near.word).collect::<Vec<_>>().join(" ")
    };
    assert_eq!([near("ice"), near("mud")], ["sand mud", "sand ice"]);
    assert_eq!(Vectors::index(b"ice 1 0\nmud 0 1\n", None).unwrap().repeated(), None);
}

#[test]
fn files_that_are_not_vectors_are_refused() {
    let refuse = |bytes: &[u8], format: Option<Format>, expected: &Expect| {
        let read = Vectors::index(bytes, format).and_then(|vectors| vectors.nearest(&["ice"], 2).map(drop));
        expected.assert_eq(&read.unwrap_err().to_string());
    };
    refuse(b"", None, &expect!["it has no word vectors"]);
    refuse(b"0 3\n", None, &expect!["it has no word vectors"]);
    refuse(
        b"ice 1 2\n",
        Some(Format::Word2vec),
        &expect![
            "its first line is `ice 1 2`, where word2vec's formats have `count dimension`; is it in the format `glove`?"
        ],
    );
    let sound = written(&table(&[("ice", &[1.0, 2.0]), ("mud", &[2.0, 1.0])]), Format::Word2vec);
    let cut = &sound[..sound.len() - 1];
    refuse(
        cut,
        Some(Format::Word2vec),
        &expect!["it is cut short: its first line promises 2 words, and it ends after 1"],
    );
    refuse(
        &sound[..7],
        Some(Format::Word2vec),
        &expect!["it is cut short: its first line promises 2 words, and it ends after 0"],
    );
    refuse(
        &[&sound[..], b"sand"].concat(),
        None,
        &expect!["its first line promises 2 words, and it goes on after them"],
    );
    refuse(
        b"3 2\nice 1 2\nmud 2 1\n",
        None,
        &expect!["it is cut short: its first line promises 3 words, and it ends after 2"],
    );
    refuse(b"1 2\nice 1 2\nmud 2 1\n", None, &expect!["its first line promises 1 words, and it goes on after them"]);
    refuse(b"ice 1 2\nmud 2 1\nsand 3\n", None, &expect!["line 3 has 1 numbers, and the file has 2 dimensions"]);
    refuse(b"2 2\nice 1 2\nmud 2 1 3\n", None, &expect!["line 3 has 3 numbers, and the file has 2 dimensions"]);
    refuse(b"ice 1 2\n\nmud 2 1\n", None, &expect!["line 2 has 0 numbers, and the file has 2 dimensions"]);
    refuse(b"ice 1 2\nmud 2 NaN\n", None, &expect!["line 2 has `NaN` where a finite number should be"]);
    refuse(b"ice 1 2\nmud 2 1x\n", None, &expect!["line 2 has `1x` where a finite number should be"]);
    refuse(b"ice 1 2\nmud 2 1e99\n", None, &expect!["line 2 has `inf` where a finite number should be"]);
    let infinite = written(&table(&[("ice", &[1.0, 2.0]), ("mud", &[f32::INFINITY, 1.0])]), Format::Word2vec);
    refuse(&infinite, None, &expect!["the vector of `mud` has `inf` where a finite number should be"]);
}
