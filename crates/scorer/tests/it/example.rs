//! The example scorer of the repository is what it says it is.

use std::path::Path;

use scorer::files::{Directory, Name, Saved};

fn example() -> Saved {
    let directory = Directory::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/scorers"));
    directory.load(&Name::parse("dense_network/example").expect("it is a name")).expect("the repository has it")
}

/// The best model for a prompt.
fn check(prompt: &str, expected: &str) {
    let scorer = example().scorer;
    let scores = scorer.candidates(&scorer.models).expect("it knows its own models").score(&[prompt]).remove(0);
    let best = (0..scores.len()).max_by(|one, other| scores[*one].total_cmp(&scores[*other]));
    assert_eq!(best.map(|best| scorer.models[best].as_str()), Some(expected), "{prompt}: {:?} {scores:?}", scorer.models);
}

#[test]
fn it_sends_prompts_where_they_are_answered_best() {
    check("Implement a hash table in Rust. Keep it short.", "coder");
    check("Calculate the integral for 3 and 8. Only the result.", "solver");
    check("Write a story that takes place in Rome. Use at least 900 words.", "author");
    check("Qui habite à Rome et depuis quand ? Sois bref.", "polyglot");
}

#[test]
fn its_description_has_its_figures() {
    let held_out = example().sidecar.held_out;
    let accuracy = |name: &str| held_out.beside.get(name).and_then(|figures| figures.pairwise_accuracy);
    assert!(held_out.scorer.pairwise_accuracy > Some(0.8));
    assert!(accuracy("elo") < Some(0.7) && accuracy("linear") < Some(0.8));
}
