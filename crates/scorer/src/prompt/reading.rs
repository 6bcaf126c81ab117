//! What one pass over a prompt counts; the features are made of it.

use std::collections::HashSet;
use std::ops::RangeInclusive;

/// Signs that code is full of and prose is not.
const CODE_MARKS: &str = "{}()[];=<>_#\\|&$`";
const MATHS_MARKS: &str = "+-*/^=%∑∫√≤≥≠π∞±×÷";

pub(super) struct Reading {
    text: String,
    /// In lower case.
    words: Vec<String>,
    characters: usize,
    letters: usize,
}

impl Reading {
    pub(super) fn new(text: &str) -> Self {
        let lower = text.to_lowercase();
        let words = lower.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty());
        Self {
            text: text.to_owned(),
            words: words.map(str::to_owned).collect(),
            characters: text.chars().count(),
            letters: text.chars().filter(|character| character.is_alphabetic()).count(),
        }
    }

    /// ln(1 + n): twice as long is the same step everywhere.
    pub(super) fn characters(&self) -> f32 {
        damped(self.characters)
    }

    pub(super) fn word_count(&self) -> f32 {
        damped(self.words.len())
    }

    pub(super) fn lines(&self) -> f32 {
        damped(self.text.lines().filter(|line| !line.trim().is_empty()).count())
    }

    pub(super) fn sentences(&self) -> f32 {
        damped(self.text.split(['.', '!', '?', '。', '？', '！']).filter(|part| !part.trim().is_empty()).count())
    }

    pub(super) fn mean_word_length(&self) -> f32 {
        let words = self.words.len();
        let letters: usize = self.words.iter().map(|word| word.chars().count()).sum();
        share(letters, words)
    }

    pub(super) fn longest_word(&self) -> f32 {
        damped(self.words.iter().map(|word| word.chars().count()).max().unwrap_or(0))
    }

    pub(super) fn distinct_words(&self) -> f32 {
        let distinct: HashSet<&String> = self.words.iter().collect();
        share(distinct.len(), self.words.len())
    }

    pub(super) fn numbers(&self) -> f32 {
        damped(self.words.iter().filter(|word| word.starts_with(|first: char| first.is_ascii_digit())).count())
    }

    /// ln(1 + n) of the largest number in digits: how many words or items are asked for, often.
    pub(super) fn largest_number(&self) -> f32 {
        self.words.iter().filter_map(|word| word.parse::<u32>().ok()).max().map_or(0.0, |number| (number as f32).ln_1p())
    }

    pub(super) fn digits(&self) -> f32 {
        self.share_of(|character| character.is_ascii_digit())
    }

    pub(super) fn punctuation(&self) -> f32 {
        self.share_of(|character| !character.is_alphanumeric() && !character.is_whitespace())
    }

    pub(super) fn code_marks(&self) -> f32 {
        self.share_of(|character| CODE_MARKS.contains(character))
    }

    pub(super) fn maths_marks(&self) -> f32 {
        self.share_of(|character| MATHS_MARKS.contains(character))
    }

    pub(super) fn question_marks(&self) -> f32 {
        damped(self.text.chars().filter(|character| matches!(character, '?' | '？' | '؟')).count())
    }

    pub(super) fn code_fence(&self) -> f32 {
        flag(self.text.contains("```"))
    }

    pub(super) fn indented_lines(&self) -> f32 {
        damped(self.text.lines().filter(|line| line.starts_with("  ") || line.starts_with('\t')).count())
    }

    pub(super) fn uppercase(&self) -> f32 {
        share(self.text.chars().filter(|character| character.is_uppercase()).count(), self.letters)
    }

    /// The share of letters in any of these ranges of Unicode.
    pub(super) fn letters_of(&self, ranges: &[RangeInclusive<char>]) -> f32 {
        let inside = |character: &char| character.is_alphabetic() && ranges.iter().any(|range| range.contains(character));
        share(self.text.chars().filter(inside).count(), self.letters)
    }

    /// The share of words that are in a list.
    pub(super) fn share_in(&self, lexicon: &[&str]) -> f32 {
        share(self.words.iter().filter(|word| lexicon.contains(&word.as_str())).count(), self.words.len())
    }

    pub(super) fn mentions(&self, lexicon: &[&str]) -> f32 {
        flag(self.words.iter().any(|word| lexicon.contains(&word.as_str())))
    }

    pub(super) fn begins_with(&self, lexicon: &[&str]) -> f32 {
        flag(self.words.first().is_some_and(|word| lexicon.contains(&word.as_str())))
    }

    fn share_of(&self, is: impl Fn(char) -> bool) -> f32 {
        share(self.text.chars().filter(|character| is(*character)).count(), self.characters)
    }
}

fn damped(count: usize) -> f32 {
    (count as f32).ln_1p()
}

fn share(part: usize, whole: usize) -> f32 {
    if whole == 0 { 0.0 } else { part as f32 / whole as f32 }
}

fn flag(is: bool) -> f32 {
    if is { 1.0 } else { 0.0 }
}
