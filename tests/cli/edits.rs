//! Edits and damage at random, one after the other: what is made step by step is what a fresh cache gives.

use std::collections::BTreeSet;

use crate::runner::{FILE, Project, files};

/// A small generator, so that every run of the tests makes the same edits.
struct Chance(u64);

impl Chance {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % count
    }

    fn of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }
}

/// What may be edited of a pipeline.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that an edit turns on or off")]
struct Knobs {
    seed: usize,
    train: usize,
    level_first: bool,
    levels: &'static str,
    fractions: &'static str,
    except: bool,
    keep: usize,
    renamed: bool,
    unit: &'static str,
    further: bool,
}

impl Knobs {
    fn turn(&mut self, chance: &mut Chance) {
        match chance.below(10) {
            0 => self.seed = 17 + chance.below(2),
            1 => self.train = 20 + 4 * chance.below(2),
            2 => self.level_first = !self.level_first,
            3 => self.levels = chance.of(&["word, sentence", "sentence, word", "word"]),
            4 => self.fractions = chance.of(&["0.4, 0.8", "0.8, 0.4", "0.4", "0.4, 0.6, 0.8"]),
            5 => self.except = !self.except,
            6 => self.keep = [3, 500][chance.below(2)],
            7 => self.renamed = !self.renamed,
            8 => self.unit = chance.of(&["word", "sentence"]),
            _ => self.further = !self.further,
        }
    }

    fn text(&self) -> String {
        let (level, fraction) = (format!("level: [{}]", self.levels), format!("fraction: [{}]", self.fractions));
        let axes = if self.level_first { [level, fraction] } else { [fraction, level] };
        let short = if self.renamed { "cut" } else { "shortened" };
        let except = if self.except && self.fractions != "0.4" && self.levels != "word" {
            "    except: { level: word, fraction: 0.4 }\n"
        } else {
            ""
        };
        let further = if self.further {
            "  further:\n    transform: { rationales: rationales, steps: [ { truncate: { keep: 7 } } ] }\n"
        } else {
            ""
        };
        format!(
            "retort: 1
experiment: edited
seed: {}
axes: {{ {} }}
stages:
  questions:
    dataset: {{ format: synthetic, train: {}, dev: 4, test: 4 }}
  rationales:
    elicit: {{ questions: questions, split: train, teacher: gold }}
  masked:
{except}    transform:
      rationales: rationales
      steps: [ {{ mask: {{ fraction: \"${{fraction}}\", level: \"${{level}}\" }} }} ]
  {short}:
    transform: {{ rationales: masked, steps: [ {{ truncate: {{ keep: {} }} }} ] }}
  shuffled:
    transform: {{ rationales: {short}, steps: [ {{ shuffle: {{ level: {} }} }} ] }}
{further}",
            self.seed,
            axes.join(", "),
            self.train,
            self.keep,
            self.unit
        )
    }
}

/// Damages a few blobs at random, in one way or another.
fn damage(project: &Project, chance: &mut Chance) {
    for _ in 0..chance.below(4) {
        let blobs = files(&project.cache().join("objects"));
        let path = &blobs[chance.below(blobs.len())];
        let mut bytes = fs_err::read(path).unwrap();
        fs_err::remove_file(path).unwrap();
        match chance.below(3) {
            0 => continue,
            1 => bytes.truncate(bytes.len() / 2),
            _ => {
                let at = chance.below(bytes.len());
                bytes[at] ^= 1 << chance.below(8);
            }
        }
        fs_err::write(path, bytes).unwrap();
    }
}

#[test]
fn random_edits_and_damage_give_what_a_fresh_cache_gives() {
    for seed in 1..=3 {
        let mut chance = Chance(seed);
        let mut knobs = Knobs {
            seed: 17,
            train: 24,
            level_first: true,
            levels: "word, sentence",
            fractions: "0.4, 0.8",
            except: false,
            keep: 500,
            renamed: false,
            unit: "word",
            further: false,
        };
        let project = Project::new(&knobs.text());
        project.make();
        for step in 0..6 {
            for _ in 0..=chance.below(2) {
                knobs.turn(&mut chance);
            }
            let text = knobs.text();
            project.write(FILE, &text);
            damage(&project, &mut chance);
            let case = format!("seed {seed}, step {step}\n{text}");
            let stale = |verdict: &str| -> BTreeSet<String> {
                project.plan().into_iter().filter(|(_, is, _)| is == verdict).map(|(name, ..)| name).collect()
            };
            let (runs, awaits) = (stale("run"), stale("awaits"));
            let told = project.make();
            let started: Vec<String> = told.instances("started");
            let ran = told.ran();
            assert_eq!(started.len(), ran.len(), "once each: {started:?}\n{case}");
            assert!(runs.is_subset(&ran), "planned {runs:?}, and ran {ran:?}\n{case}");
            assert!(ran.iter().all(|name| runs.contains(name) || awaits.contains(name)), "{ran:?}\n{case}");
            let fresh = Project::new(&text);
            fresh.make();
            assert_eq!(project.digests(), fresh.digests(), "{case}");
        }
    }
}
