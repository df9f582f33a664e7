//! The generator: disjoint splits, balanced labels, rationales that lead to them.

use std::fmt::Write;

use proptest::prelude::*;

use super::situations::Effect;
use super::*;
use crate::Fraction;
use retort_artifact::Answer;

fn fraction(value: f64) -> Fraction {
    Fraction::try_from(value).unwrap()
}

fn told(question: &Question) -> String {
    let choices = question.choices.iter().map(|choice| format!("({}) {}", choice.label, choice.text));
    let choices: Vec<String> = choices.collect();
    let (answer, rationale) = (question.answer.as_ref().unwrap(), question.rationale.as_ref().unwrap());
    format!("{} {}\n{answer}: {rationale}\n", question.stem, choices.join(" "))
}

#[test]
fn questions_of_each_kind() {
    let mut all = String::new();
    for (chain, difficulty, scenes) in [(1, 1, false), (2, 2, false), (3, 2, false), (2, 2, true), (3, 4, true)] {
        let spec = SyntheticSpec {
            train: 3,
            dev: 0,
            test: 0,
            chain,
            difficulty,
            scenes,
            situations: 12,
            reversals: fraction(0.5),
            ..SyntheticSpec::default()
        };
        writeln!(all, "chain {chain}, difficulty {difficulty}, scenes {scenes}").unwrap();
        generate(&spec).unwrap().split(Split::Train).iter().for_each(|question| all += &told(question));
    }
    expect_test::expect![[r"
        chain 1, difficulty 1, scenes false
        Because the river bank is steeper than the castle hill, the ball gets a stronger pull on _____. (A) the river bank (B) the castle hill
        A: The river bank is steeper. A steeper slope gives the ball a stronger pull. So the ball gets a stronger pull on the river bank.
        Because the choir is closer than the alarm clock, the sound that loses more energy on its way comes from _____. (A) the choir (B) the alarm clock
        B: The alarm clock is farther away. A sound from farther away loses more energy on its way. So the sound that loses more energy on its way comes from the alarm clock.
        Nadia knows that the striped poncho is denser than the travel rug. Which one lets in less warm air? (A) the striped poncho (B) the travel rug
        A: The striped poncho is denser. A denser cloth lets in less warm air. So less warm air is let in by the striped poncho.
        chain 2, difficulty 2, scenes false
        Because the river bank is steeper than the castle hill, the ball rolls faster on _____. (A) the river bank (B) the castle hill
        A: The river bank is steeper. A steeper slope gives the ball a stronger pull. A stronger pull makes the ball faster. So the ball rolls faster on the river bank.
        Because the choir is closer than the alarm clock, the quieter sound comes from _____. (A) the choir (B) the alarm clock
        B: The alarm clock is farther away. A sound from farther away loses more energy on its way. A sound that loses more energy gets quieter. So the quieter sound comes from the alarm clock.
        Nadia knows that the striped poncho is looser than the travel rug. Where is the melting faster? (A) the striped poncho (B) the travel rug
        A: The striped poncho is looser. A looser cloth lets in more warm air. More warm air makes the melting faster. So the melting is faster under the striped poncho.
        chain 3, difficulty 2, scenes false
        Because the river bank is steeper than the castle hill, the ball reaches the bottom sooner on _____. (A) the river bank (B) the castle hill
        A: The river bank is steeper. A steeper slope gives the ball a stronger pull. A stronger pull makes the ball faster. A faster ball reaches the bottom sooner. So the ball reaches the bottom sooner on the river bank.
        Because the choir is closer than the alarm clock, _____ is harder to hear. (A) the choir (B) the alarm clock
        B: The alarm clock is farther away. A sound from farther away loses more energy on its way. A sound that loses more energy gets quieter. A quieter sound is harder to hear. So the alarm clock is harder to hear.
        Nadia knows that the striped poncho is looser than the travel rug. Where is there more water after an hour? (A) the striped poncho (B) the travel rug
        A: The striped poncho is looser. A looser cloth lets in more warm air. More warm air makes the melting faster. Faster melting leaves more water. So after an hour there is more water under the striped poncho.
        chain 2, difficulty 2, scenes true
        Nils lets a ball go at the top of the river bank and at the top of the castle hill, which are equally long. Because the river bank is steeper than the castle hill, the ball rolls faster on _____. (A) the river bank (B) the castle hill
        A: The river bank is steeper. A steeper slope gives the ball a stronger pull. A stronger pull makes the ball faster. So the ball rolls faster on the river bank.
        From the window Ada hears the choir and the alarm clock, which are equally loud. Because the choir is closer than the alarm clock, the quieter sound comes from _____. (A) the choir (B) the alarm clock
        B: The alarm clock is farther away. A sound from farther away loses more energy on its way. A sound that loses more energy gets quieter. So the quieter sound comes from the alarm clock.
        Nadia covers one block of ice with the striped poncho and another with the travel rug. Nadia knows that the striped poncho is looser than the travel rug. Where is the melting faster? (A) the striped poncho (B) the travel rug
        A: The striped poncho is looser. A looser cloth lets in more warm air. More warm air makes the melting faster. So the melting is faster under the striped poncho.
        chain 3, difficulty 4, scenes true
        Nils lets a ball go at the top of the river bank and at the top of the castle hill, which are equally long. Because the castle hill is steeper than the river bank, the ball reaches the bottom sooner on _____. (A) the castle hill (B) the river bank
        A: The castle hill is steeper. A steeper slope gives the ball a stronger pull. A stronger pull makes the ball faster. A faster ball reaches the bottom sooner. So the ball reaches the bottom sooner on the castle hill.
        From the window Ada hears the choir and the alarm clock, which are equally loud. Because the choir is closer than the alarm clock, _____ is harder to hear. (A) the choir (B) the alarm clock
        B: The alarm clock is farther away. A sound from farther away loses more energy on its way. A sound that loses more energy gets quieter. A quieter sound is harder to hear. So the alarm clock is harder to hear.
        Nadia covers one block of ice with the striped poncho and another with the travel rug. Nadia knows that the striped poncho is looser than the travel rug. Where is there more water after an hour? (A) the striped poncho (B) the travel rug
        A: The striped poncho is looser. A looser cloth lets in more warm air. More warm air makes the melting faster. Faster melting leaves more water. So after an hour there is more water under the striped poncho.
    "]].assert_eq(&all);
}

#[test]
fn splits_have_their_sizes_and_share_no_text() {
    let spec = SyntheticSpec { train: 10_000, dev: 500, test: 1_000, situations: 12, ..SyntheticSpec::default() };
    let questions = generate(&spec).unwrap();
    assert_eq!(Split::ALL.map(|split| questions.split(split).len()), [10_000, 500, 1_000]);
    let all = || Split::ALL.into_iter().flat_map(|split| questions.split(split));
    let texts: BTreeSet<&str> = all().map(|question| question.stem.as_str()).collect();
    let ids: BTreeSet<&str> = all().map(|question| question.id.as_str()).collect();
    assert_eq!((texts.len(), ids.len()), (11_500, 11_500));
    for split in Split::ALL {
        let a = questions.split(split).iter().filter(|question| question.answer == Answer::at(0)).count();
        assert_eq!(a * 2, questions.split(split).len(), "{split} is not balanced");
    }
}

#[test]
fn as_many_as_are_promised_can_be_made() {
    for scenes in [false, true] {
        let spec = SyntheticSpec { dev: 0, test: 0, situations: 1, scenes, ..SyntheticSpec::default() };
        let most = spec.most();
        assert_eq!(most, if scenes { 121_600 } else { 1_520 });
        assert_eq!(
            generate(&SyntheticSpec { train: most + 1, ..spec.clone() }).unwrap_err(),
            SyntheticError::TooMany { asked: most + 1, most }
        );
        let train = most.min(20_000);
        assert_eq!(generate(&SyntheticSpec { train, ..spec }).unwrap().split(Split::Train).len(), train);
    }
    let spec = SyntheticSpec { train: usize::MAX, ..SyntheticSpec::default() };
    assert!(matches!(generate(&spec), Err(SyntheticError::TooMany { asked: usize::MAX, .. })));
}

#[test]
fn settings_out_of_range_are_refused() {
    for (spec, expected) in [
        (SyntheticSpec { chain: 0, ..SyntheticSpec::default() }, "`chain: 0`: expected 1 to 3"),
        (SyntheticSpec { chain: 4, ..SyntheticSpec::default() }, "`chain: 4`: expected 1 to 3"),
        (SyntheticSpec { difficulty: 5, ..SyntheticSpec::default() }, "`difficulty: 5`: expected 1 to 4"),
        (SyntheticSpec { situations: 13, ..SyntheticSpec::default() }, "`situations: 13`: expected 1 to 12"),
    ] {
        let error = generate(&spec).unwrap_err().to_string();
        assert_eq!(error, format!("cannot make synthetic questions with {expected}"));
    }
}

#[test]
fn the_first_fact_alone_is_right_but_for_the_reversals() {
    let spec = SyntheticSpec { train: 4_000, situations: 12, reversals: fraction(0.2), ..SyntheticSpec::default() };
    let questions = generate(&spec).unwrap();
    let more: Vec<&str> = situations().iter().map(|situation| situation.cause[0]).collect();
    let right = questions.split(Split::Train).iter().filter(|question| {
        let first_has_more = more.iter().any(|cause| question.stem.contains(&format!(" is {cause} than ")));
        (question.answer == Answer::at(0)) == first_has_more
    });
    // Six standard deviations of a binomial with n = 4,000 and p = 0.8.
    assert!(right.count().abs_diff(3_200) < 152);
}

#[test]
fn situations_are_told_apart_by_their_words() {
    for situation in situations() {
        let things: BTreeSet<_> = situation.things.iter().collect();
        assert_eq!(things.len(), situation.things.len());
        assert!(situation.things.iter().all(|thing| !names().contains(thing)));
        for scene in situation.scenes {
            let at = ["{name}", "{a}", "{b}"].map(|part| scene.find(part).unwrap());
            assert!(at[1] < at[2], "{scene}");
        }
        for effect in &situation.effects {
            assert!(effect.says.iter().all(|says| says.matches("{x}").count() == 1));
            assert!(effect.ask.iter().all(|ask| ask.ends_with('?')));
            assert!(effect.rule.iter().all(|rule| rule.ends_with('.')));
            assert!(effect.ask[0] != effect.ask[1] && effect.says[0] != effect.says[1]);
        }
    }
}

#[test]
fn the_questions_are_pinned() {
    use retort_artifact::Artifact;
    let parts = generate(&SyntheticSpec::default()).unwrap().encode();
    let digest = retort_fingerprint::Digest::of(parts["train"].bytes().unwrap()).short();
    expect_test::expect!["c408d871a4"].assert_eq(&digest);
}

fn specs() -> impl Strategy<Value = SyntheticSpec> {
    let sizes = (0usize..60, 0usize..20, 0usize..20);
    (sizes, 1u8..=3, 1u8..=4, 0.0f64..=1.0, 1u8..=12, any::<bool>(), any::<u64>()).prop_map(
        |((train, dev, test), chain, difficulty, reversals, situations, scenes, seed)| SyntheticSpec {
            train,
            dev,
            test,
            chain,
            difficulty,
            reversals: fraction(reversals),
            situations,
            scenes,
            seed,
        },
    )
}

proptest! {
    /// Reads the stem as a person would, and reasons along the chain.
    #[test]
    fn the_answer_follows_from_the_stem(spec in specs()) {
        let questions = generate(&spec).unwrap();
        for question in Split::ALL.into_iter().flat_map(|split| questions.split(split)) {
            let stem = question.stem.to_lowercase();
            let effect = usize::from(spec.chain) - 1;
            let mut found = 0;
            for situation in &situations()[..usize::from(spec.situations)] {
                for (direction, cause) in situation.cause.iter().enumerate() {
                    let Some((before, after)) = stem.split_once(&format!(" is {cause} than ")) else { continue };
                    let texts: Vec<String> = question.choices.iter().map(|choice| choice.text.to_lowercase()).collect();
                    if !situation.things.iter().any(|thing| thing.to_lowercase() == texts[0]) {
                        continue;
                    }
                    let subject = texts.iter().position(|text| before.ends_with(text.as_str())).unwrap();
                    prop_assert!(after.starts_with(texts[1 - subject].as_str()));
                    for asked in 0..2 {
                        let Effect { ask, says, .. } = &situation.effects[effect];
                        let blank = says[asked].replace("{x}", "_____").to_lowercase();
                        if !after.contains(&ask[asked].to_lowercase()) && !after.contains(&blank) {
                            continue;
                        }
                        let answer = if asked == direction { subject } else { 1 - subject };
                        prop_assert_eq!(&question.answer, &Answer::at(answer), "{}", question.stem);
                        found += 1;
                    }
                }
            }
            prop_assert_eq!(found, 1, "{}", question.stem);
        }
    }

    #[test]
    fn more_training_questions_leave_the_others_alone(spec in specs(), more in 1usize..30) {
        let few = generate(&spec).unwrap();
        let many = generate(&SyntheticSpec { train: spec.train + more, ..spec.clone() }).unwrap();
        prop_assert_eq!(&many.split(Split::Train)[..spec.train], few.split(Split::Train));
        prop_assert_eq!(many.split(Split::Dev), few.split(Split::Dev));
        prop_assert_eq!(many.split(Split::Test), few.split(Split::Test));
    }

    #[test]
    fn labels_are_balanced_over_any_number_of_questions(seed: u64, size in 0usize..200) {
        let a = (0..size).filter(|&index| balanced_label(seed, Split::Train, index) == Label::at(0).unwrap()).count();
        prop_assert!((a * 2).abs_diff(size) <= 1);
    }
}
