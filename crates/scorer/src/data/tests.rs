//! Files of examples as people write them, with their mistakes.

use super::*;

fn lines(text: &str) -> Result<Dataset, Error> {
    Dataset::read(text.to_owned(), Format::JsonLines)
}

fn csv(text: &str) -> Result<Dataset, Error> {
    Dataset::read(text.to_owned(), Format::Csv)
}

#[test]
fn pairs_and_their_ties_are_read() {
    let read = lines(
        r#"{"prompt":"p","model_a":"x","model_b":"a","winner":"model_b","turn":1}
{"prompt":"q","model_a":"a","model_b":"x","winner":"tie (bothbad)"}

{"prompt":"p","model_a":"a","model_b":"x","winner":"a"}"#,
    )
    .unwrap();
    assert_eq!(
        (read.kind, read.models, read.prompts),
        (Kind::Pairs, vec!["a".into(), "x".into()], vec!["p".into(), "q".into()])
    );
    let examples: Vec<_> = read.examples.iter().map(|e| (e.prompt, e.model, e.rival, e.credit)).collect();
    assert_eq!(examples, [(0, 1, Some(0), 0.0), (1, 0, Some(1), 0.5), (0, 0, Some(1), 1.0)]);
}

#[test]
fn scores_with_and_without_costs_are_read() {
    let read = csv("model,prompt,score,cost\nm,\"a, b\nc\",0.5,2\nm,q,1,\n").unwrap();
    assert_eq!((read.kind, read.prompts), (Kind::Scores, vec!["a, b\nc".into(), "q".into()]));
    assert_eq!(read.examples.iter().map(|e| (e.credit, e.cost)).collect::<Vec<_>>(), [(0.5, Some(2.0)), (1.0, None)]);
}

#[test]
fn the_same_examples_are_the_same_in_either_form() {
    let one = lines(r#"{"prompt":"p","model_a":"x","model_b":"y","winner":"tie"}"#);
    assert_eq!(one, csv("prompt,model_a,model_b,winner\np,x,y,tie\n"));
}

#[test]
fn mistakes_are_told_with_their_lines() {
    let wrong = lines(
        r#"{"prompt":"p","model_a":"x","model_b":"y","winner":"x"}
{"prompt":"p","model_a":"x","model_b":"x","winner":"x"}

{"prompt":"p","model_a":"x","model_b":"y","winner":"z"}
{"prompt":"p","model":"x","score":0.5}
{"prompt":" ","model":"x","score":0.5}
{"prompt":7}
nonsense"#,
    );
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
    line 2: model_a and model_b are both x
    line 4: winner is z, not model_a, model_b, tie, both_bad, x or y
    line 5: pairs and scores cannot be in one file
    line 6: prompt is missing
    line 7: invalid type: integer `7`, expected a string (column 11)
    line 8: expected ident (column 2)
    ");
}

#[test]
fn mistakes_in_csv_are_told_with_the_line_where_the_example_begins() {
    let wrong = csv("prompt,model,score\n\"two\nlines\",m,0.5\nq,m,2\nq,m\nq,m,high\nq,,1\n");
    insta::assert_snapshot!(wrong.unwrap_err(), @r"
    line 4: score is 2, not between 0 and 1
    line 5: 2 columns where the head line has 3
    line 6: score: invalid float literal
    line 7: model is missing
    ");
}

#[test]
fn after_ten_mistakes_the_others_are_counted() {
    let told = lines(&"nonsense\n".repeat(12)).unwrap_err().to_string();
    assert!(told.ends_with("and 2 more"), "{told}");
}

#[test]
fn what_is_no_text_is_told_with_its_line() {
    let mut file = br#"{"prompt":"p","model":"m","score":1}"#.to_vec();
    file.extend(b"\n\n\xff");
    for format in [Format::JsonLines, Format::Csv] {
        assert_eq!(Dataset::read(file.clone(), format), Err(Error::NotText { line: 3 }));
    }
}

#[test]
fn a_file_without_examples_is_refused() {
    assert_eq!(lines("\n"), Err(Error::Empty));
    assert_eq!(csv("prompt,model,score\n"), Err(Error::Empty));
}

#[test]
fn a_prompt_is_on_one_side_only() {
    let split = Split::new(1);
    assert_eq!(split.of("same"), split.of(" same\n"));
    let prompts: Vec<String> = (0..1000).map(|number| format!("prompt {number}")).collect();
    let held_out = prompts.iter().filter(|prompt| split.of(prompt) == Part::HeldOut).count();
    assert!((150..250).contains(&held_out), "{held_out}");
    assert!(prompts.iter().any(|prompt| split.of(prompt) != Split::new(2).of(prompt)));
}

#[test]
fn what_is_written_is_read_again() {
    for made in [crate::synthetic::pairs(60, 1), crate::synthetic::scores(10, 1)] {
        assert_eq!(lines(&made.dataset.to_json_lines()), Ok(made.dataset));
    }
}
