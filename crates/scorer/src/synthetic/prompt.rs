//! Prompts put together from phrases: a subject, a language, a length.

use super::phrases::{self, Phrases};
use crate::chance::Chance;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    Code,
    Maths,
    Writing,
    Facts,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    English,
    German,
    French,
    Spanish,
}

/// Of the answer that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Short,
    Long,
}

/// All that a model's quality depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topic {
    pub subject: Subject,
    pub language: Language,
    pub length: Length,
}

impl Topic {
    /// Half of all prompts are in English; the rest is evenly spread.
    pub(super) fn random(chance: &mut Chance) -> Self {
        let subjects = [Subject::Code, Subject::Maths, Subject::Writing, Subject::Facts];
        let foreign = [Language::German, Language::French, Language::Spanish];
        Self {
            subject: *chance.pick(&subjects),
            language: if chance.unit() < 0.5 { Language::English } else { *chance.pick(&foreign) },
            length: *chance.pick(&[Length::Short, Length::Long]),
        }
    }

    /// A task, most often with a preface, and how long the answer shall be.
    pub(super) fn prompt(self, chance: &mut Chance) -> String {
        let phrases = phrases::of(self.language);
        let Phrases { prefaces, short, long, .. } = phrases;
        let ending = chance.pick(if self.length == Length::Long { long } else { short });
        let number = (chance.below(90) + 10).to_string();
        let task = self.task(phrases, chance);
        [*chance.pick(prefaces), &task, &ending.replace("{n}", &number)].join(" ").trim().to_owned()
    }

    fn task(self, phrases: &Phrases, chance: &mut Chance) -> String {
        let (tasks, things) = match self.subject {
            Subject::Code => (phrases.code, phrases.code_things),
            Subject::Maths => (phrases.maths, phrases.maths_things),
            Subject::Writing => (phrases.writing, phrases.places),
            Subject::Facts => (phrases.facts, phrases.places),
        };
        let numbers = [chance.below(89) + 11, chance.below(89) + 11].map(|number| number.to_string());
        let thing = *chance.pick(things);
        let task = chance.pick(tasks).replace("{thing}", thing);
        task.replace("{a}", &numbers[0]).replace("{b}", &numbers[1])
    }
}
