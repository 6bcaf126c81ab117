//! Messages as templates expect them, where that differs from what OpenAI's interface sends.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// What the reasoning of an earlier answer is called, the name that templates read first.
const REASONING: [&str; 3] = ["reasoning_content", "thinking", "reasoning"];

/// Reasoning under the names that templates read; and the arguments of a call as the object they are, for a template writes
/// them with `tojson`, while the interface has them as text.
pub(super) fn for_templates(messages: &Value) -> Cow<'_, Value> {
    let Some(list) = messages.as_array().filter(|list| list.iter().any(is_affected)) else {
        return Cow::Borrowed(messages);
    };
    Cow::Owned(list.iter().map(changed).collect())
}

fn is_affected(message: &Value) -> bool {
    message["tool_calls"].is_array() || reasoning(message).is_some()
}

fn reasoning(message: &Value) -> Option<&Value> {
    REASONING.iter().map(|name| &message[name]).find(|value| !value.is_null())
}

fn changed(message: &Value) -> Value {
    let mut message = with_reasoning(message);
    let calls = message.get_mut("tool_calls").and_then(Value::as_array_mut);
    for call in calls.into_iter().flatten() {
        for holder in ["/function/arguments", "/arguments"] {
            if let Some(arguments) = call.pointer_mut(holder) {
                parse(arguments);
            }
        }
    }
    message
}

fn with_reasoning(message: &Value) -> Value {
    let (Some(reasoning), Some(fields)) = (reasoning(message), message.as_object()) else { return message.clone() };
    let mut all = Map::new();
    all.insert("thinking".into(), reasoning.clone());
    all.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
    all.insert("reasoning_content".into(), reasoning.clone());
    Value::Object(all)
}

/// Text that is no object stays text.
fn parse(arguments: &mut Value) {
    let object = arguments.as_str().and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    if let Some(object) = object {
        *arguments = Value::Object(object);
    }
}
