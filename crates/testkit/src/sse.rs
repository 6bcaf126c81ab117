//! Reads server-sent events, as WHATWG HTML says that a client does.

/// One event, as an `EventSource` would dispatch it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Empty: a message.
    pub event: String,
    pub data: String,
}

/// All events in a text; comments and an unfinished event at the end are left out.
pub fn parse(text: &str) -> Vec<SseEvent> {
    let mut events = Vec::new();
    let mut event = SseEvent::default();
    let mut data: Vec<&str> = Vec::new();
    for line in lines(text) {
        if line.is_empty() {
            if !data.is_empty() {
                event.data = data.join("\n");
                events.push(event);
            }
            event = SseEvent::default();
            data.clear();
            continue;
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "event" => value.clone_into(&mut event.event),
            _ => {}
        }
    }
    events
}

/// Lines end with LF, CR or both.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}
