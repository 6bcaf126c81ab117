//! Where templates come from, and what they are told.

use serde_json::{Value, json};

use super::{hello, open, options, render, vocabulary};
use crate::template::{ChatTemplate, RenderOptions};
use crate::tokenizer::{GgufVocabulary, TextFiles, Tokenizer};

fn of_files(config: Value, file: Option<&str>) -> crate::template::Result<ChatTemplate> {
    let tokenizer = Tokenizer::from_gguf(&vocabulary(None)).unwrap();
    let files = TextFiles { tokenizer_config: config, chat_template: file.map(str::to_owned), ..TextFiles::default() };
    ChatTemplate::from_files(&files, &tokenizer)
}

fn text(template: &ChatTemplate) -> String {
    template.render(&hello(), &options(0)).unwrap()
}

#[test]
fn the_file_comes_before_the_configuration() {
    assert_eq!(text(&of_files(json!({"chat_template": "config"}), Some("file")).unwrap()), "file");
    assert_eq!(text(&of_files(json!({"chat_template": "config"}), None).unwrap()), "config");
}

#[test]
fn of_several_templates_the_one_for_tools_is_used_with_tools() {
    let list = json!([{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]);
    let template = of_files(json!({"chat_template": list}), None).unwrap();
    assert_eq!(text(&template), "plain");
    let with_tools = RenderOptions { tools: Some(json!([])), ..options(0) };
    assert_eq!(template.render(&hello(), &with_tools).unwrap(), "tools");
}

#[test]
fn several_templates_without_a_default_are_refused() {
    assert!(of_files(json!({"chat_template": [{"name": "rag", "template": "x"}]}), None).is_err());
    assert!(of_files(json!({"chat_template": 7}), None).is_err());
}

#[test]
fn a_model_without_a_template_gets_a_plain_one() {
    let template = of_files(json!({}), None).unwrap();
    assert!(template.is_fallback());
    assert!(!open("mine").unwrap().is_fallback());
    let messages = json!([
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": " three\n"},
        {"role": "user", "content": "Four?"},
    ]);
    assert_eq!(
        template.render(&messages, &options(0)).unwrap(),
        "System: Be brief.\n\nUser: one two\n\nAssistant: three\n\nUser: Four?\n\nAssistant:"
    );
}

#[test]
fn the_plain_template_begins_as_a_bare_prompt_does() {
    for (add_bos, expected) in [(true, "<s>User: Hello\n\nAssistant:"), (false, "User: Hello\n\nAssistant:")] {
        let vocabulary = GgufVocabulary { add_bos: Some(add_bos), ..vocabulary(None) };
        let template = ChatTemplate::from_gguf(&vocabulary, &Tokenizer::from_gguf(&vocabulary).unwrap()).unwrap();
        assert_eq!(text(&template), expected);
    }
}

#[test]
fn the_time_is_the_one_given() {
    let template = open("{{ strftime_now('%Y-%m-%d %H:%M:%S %A %B %j %y %d %b') }}").unwrap();
    assert_eq!(
        template.render(&hello(), &options(951_827_696)).unwrap(),
        "2000-02-29 12:34:56 Tuesday February 060 00 29 Feb"
    );
}

#[test]
fn variables_of_the_request_reach_the_template() {
    let template =
        open("{{ enable_thinking }} {{ bos_token }} {{ eos_token }} {{ pad_token is defined }} {{ tools }}").unwrap();
    let variables = [("enable_thinking".to_owned(), json!(false))].into_iter().collect();
    let text = template.render(&hello(), &RenderOptions { variables, ..options(0) }).unwrap();
    assert_eq!(text, "False <s> </s> False None");
}

#[test]
fn arguments_sent_as_text_reach_the_template_as_the_object_they_are() {
    let messages = json!([{"role": "assistant", "tool_calls": [
        {"function": {"name": "f", "arguments": "{\"b\": 1, \"a\": \"ü\"}"}},
        {"function": {"name": "g", "arguments": "not an object"}},
    ]}]);
    let template = "{% for call in messages[0].tool_calls %}{{ call.function.arguments | tojson }}{% endfor %}";
    assert_eq!(render(template, &messages).unwrap(), "{\"b\": 1, \"a\": \"ü\"}\"not an object\"");
}
