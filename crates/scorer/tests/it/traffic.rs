//! What was answered and rated becomes examples.

use std::collections::BTreeMap;

use scorer::data::{Dataset, Format};
use scorer::prompt::{Prompt, values};
use scorer::traffic::{Answer, Line, Log, Rating, examples};

fn answer(id: &str) -> Line {
    Line::Answer(asked(id))
}

fn asked(id: &str) -> Answer {
    let (model, prompt) = ("coder".to_owned(), Some(format!("What is {id}?")));
    Answer { id: id.to_owned(), at: 1, organization: None, model, prompt, features: None, whole: true }
}

fn rating(id: &str, rating: f32) -> Line {
    Line::Rating(Rating { id: id.to_owned(), at: 2, rating })
}

#[test]
fn rated_answers_can_be_trained_on_and_the_last_rating_counts() {
    let place = tempfile::tempdir().expect("a directory");
    assert_eq!(examples(&place.path().join("absent"), &BTreeMap::new()).expect("nothing is no mistake"), "");
    let mut log = Log::open(place.path(), 1 << 20).expect("it can be written");
    for line in [answer("a"), answer("b"), rating("a", 0.0), rating("a", 0.9), rating("unknown", 0.5)] {
        log.push(&line).expect("it can be written");
    }
    let text = examples(place.path(), &BTreeMap::from([("other".to_owned(), 1.0)])).expect("it can be read");
    assert_eq!(text, "{\"prompt\":\"What is a?\",\"model\":\"coder\",\"score\":0.9}\n");
    assert_eq!(Dataset::read(text, Format::JsonLines).expect("it is right").examples.len(), 1);
    let priced = examples(place.path(), &BTreeMap::from([("coder".to_owned(), 4.5)])).expect("it can be read");
    assert_eq!(Dataset::read(priced, Format::JsonLines).expect("it is right").examples[0].cost, Some(4.5));
}

#[test]
fn what_is_kept_without_its_text_can_be_trained_on_as_well() {
    let place = tempfile::tempdir().expect("a directory");
    let mut log = Log::open(place.path(), 1 << 20).expect("it can be written");
    for line in [Line::Answer(asked("a").anonymous()), rating("a", 0.9)] {
        log.push(&line).expect("it can be written");
    }
    let text = examples(place.path(), &BTreeMap::new()).expect("it can be read");
    assert!(text.starts_with("{\"features\":{") && !text.contains("What is"), "{text}");
    let dataset = Dataset::read(text, Format::JsonLines).expect("it is right");
    assert_eq!(dataset.prompts[0], Prompt::Features(Box::new(values("What is a?"))));
    assert_eq!(Dataset::read(dataset.to_json_lines(), Format::JsonLines).expect("it is right"), dataset);
}

#[test]
fn the_oldest_go_when_there_is_too_much() {
    let place = tempfile::tempdir().expect("a directory");
    let mut log = Log::open(place.path(), 8_000).expect("it can be written");
    for number in 0..500 {
        log.push(&answer(&number.to_string())).expect("it can be written");
    }
    let bytes: u64 = std::fs::read_dir(place.path())
        .expect("it is there")
        .map(|file| file.expect("it is there").metadata().expect("it is there").len())
        .sum();
    assert!((4_000..=8_000).contains(&bytes), "{bytes}");
    let kept = log.lines().expect("it can be read");
    assert_eq!(kept.last(), Some(&answer("499")));
    assert!(!kept.contains(&answer("0")));
}

#[test]
fn it_goes_on_behind_a_line_that_was_cut_off() {
    let place = tempfile::tempdir().expect("a directory");
    Log::open(place.path(), 8_000).and_then(|mut log| log.push(&answer("a"))).expect("it can be written");
    let file = place.path().join("00000001.jsonl");
    let text = std::fs::read_to_string(&file).expect("it was written");
    std::fs::write(&file, format!("{text}{}", &text[..20])).expect("it can be written");
    let mut log = Log::open(place.path(), 8_000).expect("it can be opened again");
    log.push(&answer("b")).expect("it can be written");
    assert_eq!(log.lines().expect("it can be read"), [answer("a"), answer("b")]);
}
