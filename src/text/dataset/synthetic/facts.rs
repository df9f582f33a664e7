//! The facts of one question, and the words they are put in.

use super::situations::{Situation, names, situations};
use super::spec::SyntheticSpec;
use retort_artifact::{Choice, Label};
use retort_fingerprint::Draw;

/// Everything that decides one question.
pub(super) struct Facts {
    situation: &'static Situation,
    /// The two things in the order of mention.
    things: [&'static str; 2],
    name: &'static str,
    /// What happens first, where scenes are told.
    scene: Option<&'static str>,
    template: usize,
    /// The number of rules that lead to the effect that is asked after.
    chain: usize,
    /// 0 when the effect of more of the cause is asked after, 1 when that of less.
    asked: usize,
    /// The thing that the comparison is told of: 0 the first, 1 the second.
    subject: usize,
    /// 0 when the choices stand in the order of mention, 1 when the other way round.
    reversed: usize,
    /// The right thing: 0 the first mentioned, 1 the second.
    answer: usize,
}

impl Facts {
    /// The number of ways in which a stem puts its comparison and its question.
    pub(super) const TEMPLATES: usize = 4;

    /// Draws a question whose answer has a label.
    pub(super) fn draw(spec: &SyntheticSpec, label: Label, draw: &mut Draw) -> Self {
        // Each fact is drawn whether it is used or not, so that a higher difficulty changes just what it adds.
        let mut turned = |from: u8| usize::from(draw.unit() < spec.reversals.get() && spec.difficulty >= from);
        let (asked, subject, reversed) = (turned(2), turned(3), turned(4));
        let situation = &situations()[draw.below(usize::from(spec.situations))];
        let first = draw.below(situation.things.len());
        let second = (first + 1 + draw.below(situation.things.len() - 1)) % situation.things.len();
        let scene = situation.scenes[draw.below(situation.scenes.len())];
        Self {
            situation,
            things: [situation.things[first], situation.things[second]],
            name: names()[draw.below(names().len())],
            scene: spec.scenes.then_some(scene),
            template: draw.below(Self::TEMPLATES),
            chain: usize::from(spec.chain),
            asked,
            subject,
            reversed,
            answer: label.index() ^ reversed,
        }
    }

    /// Returns the wording of the cause that is true of a thing: the answer has the cause whose effect is asked after,
    /// the other thing has the opposite.
    fn cause_of(&self, thing: usize) -> &'static str {
        self.situation.cause[self.asked ^ self.answer ^ thing]
    }

    fn says(&self, of: &str) -> String {
        self.situation.effects[self.chain - 1].says[self.asked].replace("{x}", of)
    }

    /// Returns the words of the question, without its choices.
    pub(super) fn stem(&self) -> String {
        let [subject, other] = [self.things[self.subject], self.things[1 - self.subject]];
        let comparison = format!("{subject} is {} than {other}", self.cause_of(self.subject));
        let ask = self.situation.effects[self.chain - 1].ask[self.asked];
        let told = match self.template {
            0 => format!("{}. {ask}", capital(&comparison)),
            1 => format!("{} knows that {comparison}. {ask}", self.name),
            2 => format!("{}. So {}.", capital(&comparison), self.says("_____")),
            _ => format!("Because {comparison}, {}.", self.says("_____")),
        };
        let Some(scene) = self.scene else { return told };
        let scene = scene.replace("{name}", self.name).replace("{a}", self.things[0]).replace("{b}", self.things[1]);
        format!("{scene} {told}")
    }

    /// Returns the two things as choices.
    pub(super) fn choices(&self) -> Vec<Choice> {
        let choice = |index: usize| {
            let label = Label::at(index).expect("A and B are labels");
            Choice { label, text: self.things[index ^ self.reversed].to_owned() }
        };
        [0, 1].map(choice).to_vec()
    }

    /// Returns the words that lead from what is stated to the answer.
    pub(super) fn rationale(&self) -> String {
        let answer = self.things[self.answer];
        let mut words = format!("{} is {}.", capital(answer), self.cause_of(self.answer));
        for effect in &self.situation.effects[..self.chain] {
            words.push(' ');
            words.push_str(effect.rule[self.asked]);
        }
        format!("{words} So {}.", self.says(answer))
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
