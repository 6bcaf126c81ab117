//! A template is a stranger's program, and a conversation a stranger's data.

use serde_json::json;

use super::{hello, open, options, render};
use crate::template::Error;

#[test]
fn a_loop_without_end_runs_out() {
    let nested =
        "{% for a in range(9999) %}{% for b in range(9999) %}{% for c in range(9999) %}{% endfor %}{% endfor %}{% endfor %}";
    assert!(matches!(render(nested, &hello()), Err(Error::Exhausted { .. })));
}

#[test]
fn a_macro_that_calls_itself_ends() {
    let endless = "{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}";
    assert!(render(endless, &hello()).is_err());
}

#[test]
fn a_text_that_grows_without_end_is_stopped() {
    let growing = "{% set text = 'x' * 1000000 %}{% for a in range(1000) %}{{ text }}{% endfor %}";
    assert!(matches!(render(growing, &hello()), Err(Error::Exhausted { .. })));
}

#[test]
fn a_template_that_is_too_long_is_refused() {
    assert!(matches!(open(&"x".repeat(2 << 20)), Err(Error::TooLong { .. })));
}

#[test]
fn nothing_can_be_included() {
    assert!(matches!(render("{% include '/etc/passwd' %}", &hello()), Err(Error::Render { .. })));
}

#[test]
fn what_does_not_parse_names_its_line() {
    let error = open("one\n{% if %}\n").unwrap_err();
    assert!(matches!(error, Error::Syntax { line: 2, .. }), "{error}");
    assert!(error.to_string().starts_with("tokenizer.chat_template, line 2: syntax error"), "{error}");
}

#[test]
fn what_fails_names_its_line() {
    let error = render("\n\n{{ messages[0].nothing.at_all }}", &hello()).unwrap_err();
    assert!(matches!(error, Error::Render { line: 3, .. }), "{error}");
}

#[test]
fn what_the_template_refuses_is_its_own_word() {
    let refusing = "{% macro refuse() %}{{ raise_exception('No <such> thing') }}{% endmacro %}{{ refuse() }}";
    let error = render(refusing, &hello()).unwrap_err();
    assert!(matches!(&error, Error::Refused { message } if message == "No <such> thing"), "{error:?}");
}

#[test]
fn messages_are_data_and_not_templates() {
    let messages = json!([{"role": "user", "content": "{{ 1 + 1 }}{% raw %}<&>"}]);
    assert_eq!(render("{{ messages[0].content }}", &messages).unwrap(), "{{ 1 + 1 }}{% raw %}<&>");
}

#[test]
fn messages_of_any_shape_are_no_panic() {
    let template = open(include_str!("../fallback.jinja")).unwrap();
    for messages in [json!(null), json!(1), json!("text"), json!([1, null, []]), json!({"a": 1}), json!([{"role": null}])] {
        let _ = template.render(&messages, &options(0));
    }
}
