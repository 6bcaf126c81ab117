//! `{% generation %} … {% endgeneration %}`: marks for training what the assistant said, and does nothing to the text.

use std::borrow::Cow;

/// The template with such a block as a plain one, `with`, which the engine knows; what the tags say about the spaces around
/// them, and the names set inside staying inside, remains as it was.
pub(super) fn replace(template: &str) -> Cow<'_, str> {
    if !template.contains("generation") {
        return Cow::Borrowed(template);
    }
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find("{%") {
        let (before, tag) = rest.split_at(start);
        text.push_str(before);
        let Some(end) = tag.find("%}") else {
            rest = tag;
            break;
        };
        let (tag, after) = tag.split_at(end + 2);
        text.push_str(&plain(tag));
        rest = after;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

fn plain(tag: &str) -> Cow<'_, str> {
    let inside = tag.trim_start_matches("{%").trim_end_matches("%}");
    match inside.trim_matches(['-', '+']).trim() {
        "generation" => Cow::Owned(tag.replace("generation", "with")),
        "endgeneration" => Cow::Owned(tag.replace("endgeneration", "endwith")),
        _ => Cow::Borrowed(tag),
    }
}
