//! The features of a prompt that a person can read: each has a name and one line that says how it is counted.
//!
//! Counts are ln(1 + n), the rest are shares of characters, letters or words, or 0 and 1.

use super::lexicon;
use super::reading::Reading;

type Feature = (&'static str, fn(&Reading) -> f32);

/// Their order is that of the columns; a scorer's file names them, and one with other names is refused.
pub const FEATURES: usize = TABLE.len();

const TABLE: [Feature; 41] = [
    ("characters", Reading::characters),
    ("words", Reading::word_count),
    ("lines", Reading::lines),
    ("sentences", Reading::sentences),
    ("mean_word_length", Reading::mean_word_length),
    ("longest_word", Reading::longest_word),
    ("distinct_words", Reading::distinct_words),
    ("numbers", Reading::numbers),
    ("largest_number", Reading::largest_number),
    ("digits", Reading::digits),
    ("uppercase", Reading::uppercase),
    ("punctuation", Reading::punctuation),
    ("code_marks", Reading::code_marks),
    ("maths_marks", Reading::maths_marks),
    ("question_marks", Reading::question_marks),
    ("code_fence", Reading::code_fence),
    ("indented_lines", Reading::indented_lines),
    ("begins_with_question", |reading| reading.begins_with(lexicon::QUESTIONS)),
    ("about_code", |reading| reading.mentions(lexicon::CODE)),
    ("about_maths", |reading| reading.mentions(lexicon::MATHS)),
    ("about_writing", |reading| reading.mentions(lexicon::WRITING)),
    ("wants_explanation", |reading| reading.mentions(lexicon::EXPLAINING)),
    ("wants_summary", |reading| reading.mentions(lexicon::SUMMARY)),
    ("wants_translation", |reading| reading.mentions(lexicon::TRANSLATION)),
    ("wants_list", |reading| reading.mentions(lexicon::LISTS)),
    ("wants_table", |reading| reading.mentions(lexicon::TABLES)),
    ("wants_json", |reading| reading.mentions(lexicon::JSON)),
    ("wants_steps", |reading| reading.mentions(lexicon::STEPS)),
    ("wants_brevity", |reading| reading.mentions(lexicon::BREVITY)),
    ("wants_detail", |reading| reading.mentions(lexicon::DETAIL)),
    ("english_words", |reading| reading.share_in(lexicon::ENGLISH)),
    ("german_words", |reading| reading.share_in(lexicon::GERMAN)),
    ("french_words", |reading| reading.share_in(lexicon::FRENCH)),
    ("spanish_words", |reading| reading.share_in(lexicon::SPANISH)),
    ("accented_letters", |reading| reading.letters_of(&['\u{c0}'..='\u{24f}'])),
    ("greek_letters", |reading| reading.letters_of(&['\u{370}'..='\u{3ff}'])),
    ("cyrillic_letters", |reading| reading.letters_of(&['\u{400}'..='\u{52f}'])),
    ("hebrew_and_arabic_letters", |reading| reading.letters_of(&['\u{590}'..='\u{77f}'])),
    ("indic_letters", |reading| reading.letters_of(&['\u{900}'..='\u{dff}'])),
    ("cjk_letters", |reading| reading.letters_of(&['\u{3040}'..='\u{30ff}', '\u{3400}'..='\u{9fff}'])),
    ("korean_letters", |reading| reading.letters_of(&['\u{ac00}'..='\u{d7af}'])),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// Unscaled, in the order of [`names`]. Always finite.
pub fn values(prompt: &str) -> [f32; FEATURES] {
    let reading = Reading::new(prompt);
    TABLE.map(|(_, count)| count(&reading))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(prompt: &str, expected: &[(&str, f32)]) {
        let values = values(prompt);
        for (name, value) in expected {
            let found = values[names().position(|other| other == *name).unwrap()];
            assert!((found - value).abs() < 1e-3, "{name} of {prompt:?} is {found}");
        }
    }

    #[test]
    fn code_is_recognised() {
        check(
            "Write a Rust function:\n```\n  fn f() {}\n```",
            &[("about_code", 1.0), ("code_fence", 1.0), ("about_maths", 0.0)],
        );
    }

    #[test]
    fn languages_are_told_apart() {
        check("der Hund und die Katze", &[("german_words", 0.6), ("english_words", 0.0)]);
        check("¿Dónde está la biblioteca?", &[("begins_with_question", 1.0), ("spanish_words", 0.25)]);
        check("Привет", &[("cyrillic_letters", 1.0)]);
        check("東京", &[("cjk_letters", 1.0), ("words", 1.0_f32.ln_1p())]);
    }

    #[test]
    fn a_requested_length_is_read() {
        check("An essay of 1500 words", &[("largest_number", 1500.0_f32.ln_1p()), ("wants_detail", 1.0)]);
    }

    proptest! {
        #[test]
        fn any_prompt_has_finite_features(prompt in ".*") {
            prop_assert!(values(&prompt).iter().all(|value| value.is_finite()));
        }
    }
}
