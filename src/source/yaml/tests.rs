//! Trees, places and limits.

#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes expectations so")]

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::super::{Diagnostics, Node, Sources, Style, Value};
use super::build::{MAX_DEPTH, MAX_NODES};
use super::{MAX_BYTES, read_yaml};

fn read(bytes: &[u8]) -> (Sources, Result<Node, Diagnostics>) {
    let mut sources = Sources::default();
    let result = read_yaml(&mut sources, "x.yaml", bytes);
    (sources, result)
}

fn good(text: &str) -> Node {
    let (sources, result) = read(text.as_bytes());
    result.unwrap_or_else(|errors| panic!("{}", errors.render(&sources, Style::Plain)))
}

fn check_error(bytes: &[u8], expected: &Expect) {
    let (sources, result) = read(bytes);
    expected.assert_eq(&result.expect_err("it is wrong").render(&sources, Style::Plain));
}

/// Writes a tree as one line.
fn write(node: &Node) -> String {
    match &node.value {
        Value::Null => "null".into(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => format!("{value}i"),
        Value::Float(value) => format!("{value}f"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(items) => format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(", ")),
        Value::Map(entries) => {
            let entries = entries.iter().map(|(key, node)| format!("{}: {}", key.text, write(node)));
            format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}

#[test]
fn scalars_follow_the_core_schema() {
    let text = "[~, null, true, False, yes, no, on, 0, -7, +7, 007, 0x1f, 0o17, 1.0, 3.0e-5, .5, 5., 1e3, .inf, -.INF, \
                .nan, 1_000, 0b1, 1.2.3, '1', \"true\", - 1, 1e, e1, +, 2024-01-01, !!str 5, !!float 5, *a]";
    let text = text.replace("- 1, ", "").replace(", *a", "");
    expect![[r#"[null, null, true, false, "yes", "no", "on", 0i, -7i, 7i, 7i, 31i, 15i, 1f, 0.00003f, 0.5f, 5f, 1000f, inff, -inff, NaNf, "1_000", "0b1", "1.2.3", "1", "true", "1e", "e1", "+", "2024-01-01", "5", 5f]"#]]
        .assert_eq(&write(&good(&text)));
}

#[test]
fn anchors_and_aliases_expand() {
    let text = "base: &b {lr: 1, k: &k batch}\none: *b\ntwo: [*b, *k]\n*k : three\n";
    expect![[r#"{base: {lr: 1i, k: "batch"}, one: {lr: 1i, k: "batch"}, two: [{lr: 1i, k: "batch"}, "batch"], batch: "three"}"#]]
        .assert_eq(&write(&good(text)));
}

/// Every scalar that reads as it is written must lie where its span says.
fn check_spans(text: &str, node: &Node) {
    let slice = &text[node.span.start..node.span.end];
    match &node.value {
        Value::Text(value) => {
            assert!(slice == value || slice.contains(['"', '\'', '|', '>', '\n']), "{slice:?} {value:?}");
        }
        Value::Int(value) => assert_eq!(slice, value.to_string()),
        Value::List(items) => {
            assert!(slice.starts_with(['[', '-']), "{slice:?}");
            assert_eq!(slice.starts_with('['), slice.ends_with(']'), "{slice:?}");
            for item in items {
                check_spans(text, item);
            }
        }
        Value::Map(entries) => {
            assert_eq!(slice.starts_with('{'), slice.ends_with('}'), "{slice:?}");
            for (key, value) in entries {
                assert_eq!(&text[key.span.start..key.span.end], key.text);
                check_spans(text, value);
            }
        }
        _ => {}
    }
}

#[test]
fn spans_are_bytes_also_after_other_alphabets_and_line_ends() {
    for newline in ["\n", "\r\n"] {
        let text = "\u{feff}# naïve – 日本語 🦀\nfirst: größe # ü\nlist: [à, {ß: 7, inner: [é]}]\nblock:\n  - 日本\n  - ключ: значение\n\
                    text: |\n  zwölf\n  Boxkämpfer\nlast: 🦀x\n# Ende\n"
            .replace('\n', newline);
        check_spans(&text, &good(&text));
    }
}

#[test]
fn errors_show_their_place() {
    check_error(
        b"a: 1\nb: 2\na: 3\n",
        &expect![[r#"
        error: the key `a` is given twice, on lines 1 and 3
         --> x.yaml:3:1
          |
        3 | a: 3
          | ^"#]],
    );
    check_error(
        b"1: x\n[2]: y\n<<: {}\nbig: 99999999999999999999\ntag: !hm x\n",
        &expect![[r#"
        error: a key cannot be `1`
         --> x.yaml:1:1
          |
        1 | 1: x
          | ^ expected text
          |
          = help: put it in quotes

        error: a key cannot be a list
         --> x.yaml:2:1
          |
        2 | [2]: y
          | ^^^ expected text

        error: merge keys (`<<`) are not supported
         --> x.yaml:3:1
          |
        3 | <<: {}
          | ^^
          |
          = help: declare the shared mapping under `fragments`, and take it in with `use: its-name`

        error: the number `99999999999999999999` does not fit into 64 bits
         --> x.yaml:4:6
          |
        4 | big: 99999999999999999999
          |      ^^^^^^^^^^^^^^^^^^^^
          |
          = help: put it in quotes if it is text

        error: the tag `!hm` means nothing here
         --> x.yaml:5:6
          |
        5 | tag: !hm x
          |      ^^^^^
          |
          = help: put it in quotes if it is text"#]],
    );
    check_error(
        b"stages:\n\tmasked: 1\n",
        &expect![[r#"
        error: this is not YAML: tabs disallowed within this context (block indentation)
         --> x.yaml:2:2
          |
        2 |     masked: 1
          |     ^
          |
          = help: indent with spaces"#]],
    );
    check_error(
        b"a: [1, 2\nb: 3\n",
        &expect![[r#"
        error: this is not YAML: illegal placement of ':' indicator
         --> x.yaml:2:2
          |
        2 | b: 3
          |  ^"#]],
    );
    check_error(
        b"a: 1\n---\nb: 2\n",
        &expect![[r#"
        error: a second document begins here
         --> x.yaml:2:1
          |
        2 | ---
          | ^^^ expected one document
          |
          = help: put it in a file of its own"#]],
    );
    check_error(
        b"a: &x [*x]\n",
        &expect![[r#"
        error: an alias stands inside what it refers to
         --> x.yaml:1:8
          |
        1 | a: &x [*x]
          |        ^^"#]],
    );
    check_error(
        b"a: *nowhere\n",
        &expect![[r#"
        error: this is not YAML: while parsing node, found unknown anchor
         --> x.yaml:1:4
          |
        1 | a: *nowhere
          |    ^"#]],
    );
    check_error(
        b"a: \x07\n",
        &expect![[r#"
        error: YAML does not allow the character U+0007
         --> x.yaml:1:4
          |
        1 | a: ␇
          |    ^"#]],
    );
    check_error(
        b"# only a comment\n",
        &expect![[r#"
        error: the file is empty
         --> x.yaml:1:1
          |
        1 | # only a comment
          | ^"#]],
    );
    check_error(
        b"",
        &expect![[r#"
        error: the file is empty
         --> x.yaml:1:1
          |
        1 |
          | ^"#]],
    );
    check_error(
        "größe: 1\nb: ".as_bytes().iter().chain(b"\xffx\n").copied().collect::<Vec<_>>().as_slice(),
        &expect![[r#"
        error: `x.yaml` is not UTF-8: byte 0xff at offset 14
         --> x.yaml:2:4
          |
        2 | b: �x
          |    ^
          |
          = help: save it as UTF-8"#]],
    );
    check_error(
        b"\xff\xfea\0:\0",
        &expect![[r#"
        error: `x.yaml` is not UTF-8: byte 0xff at offset 0
         --> x.yaml:1:1
          |
        1 | ��a␀:␀
          | ^
          |
          = help: it looks like UTF-16; save it as UTF-8"#]],
    );
}

#[test]
fn what_blows_up_is_refused() {
    let tenfold = |level: usize| format!("a{0}: &a{0} [{1}]\n", level + 1, vec![format!("*a{level}"); 10].join(", "));
    let text: Vec<_> = (0..11).map(tenfold).collect();
    check_error(
        format!("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n{}", text.concat()).as_bytes(),
        &expect![[r#"
        error: the file holds more than 200 thousand values once its aliases are expanded
         --> x.yaml:5:5
          |
        5 | a4: &a4 [*a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3, *a3]
          |     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ the limit is passed here
          |
          = help: declare what is shared under `fragments`"#]],
    );

    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), vec!["*a"; 30].join(", "));
    let (_, result) = read(long.as_bytes());
    assert!(format!("{result:?}").contains("MiB of text once its aliases are expanded"));

    for open in ["[", "{a: ", "- ", "? "] {
        let (_, result) = read(open.repeat(100_000).as_bytes());
        let shown = format!("{:?}", result.expect_err("too deep"));
        assert!(shown.contains(&format!("more than {MAX_DEPTH} levels")) || shown.contains("not YAML"), "{shown}");
    }
    let (_, result) = read(format!("[{}1]", "1,".repeat(MAX_NODES)).as_bytes());
    assert!(format!("{result:?}").contains("holds more than 200 thousand values"));
    check_error(
        &vec![b'a'; MAX_BYTES + 1],
        &expect![[r#"
        error: cannot read `x.yaml`: it holds more than 2 MiB
         |
         = help: keep data in files of its own, and name them in the experiment file"#]],
    );
}

#[test]
fn a_hundred_errors_are_enough() {
    let lines: Vec<_> = (0..1000).map(|key| format!("{key}: x\n")).collect();
    let (_, result) = read(lines.concat().as_bytes());
    assert_eq!(result.expect_err("keys are numbers").len(), 100);
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let (sources, result) = read(&bytes);
        if let Err(errors) = result {
            prop_assert!(!errors.render(&sources, Style::Plain).is_empty());
        }
    }

    #[test]
    fn anything_like_yaml_is_read_or_refused(
        text in r#"([\[\]{},:?&*!|>'"%@#\-~<=.] ?|\n {0,4}|\r\n|\t|[a-c0-2]|é|🦀|---\n|\.\.\.\n|\u{feff}|: |- |\? |&a |\*a ){0,40}"#
    ) {
        let (sources, result) = read(text.as_bytes());
        if let Err(errors) = result {
            prop_assert!(!errors.render(&sources, Style::Plain).is_empty());
        }
    }
}
