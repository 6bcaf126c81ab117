//! Reads server-sent events (WHATWG HTML, section 9.2) out of bytes that may be split anywhere, inside a character too.

use bytes::{Buf, BytesMut};
use thiserror::Error;

/// A longer event is no event. Pictures and long lists of alternatives come in one.
const LONGEST: usize = 32 * 1024 * 1024;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Empty: a message.
    pub(crate) name: String,
    pub(crate) data: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum NotEvents {
    #[error("an event is longer than {LONGEST} bytes")]
    TooLong,
    #[error("an event is not UTF-8")]
    NotText,
}

#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// What came and is not read yet: a part of a line.
    rest: BytesMut,
    /// How much of it was searched for a line's end.
    searched: usize,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    name: String,
    data: Vec<u8>,
    has_data: bool,
}

impl Reader {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// The next whole event; comments and events without data are left out.
    pub(crate) fn next(&mut self) -> Result<Option<Event>, NotEvents> {
        while let Some(line) = self.line() {
            if line.is_empty() {
                if let Some(event) = self.dispatch()? {
                    return Ok(Some(event));
                }
            } else {
                self.field(&line)?;
            }
        }
        if self.rest.len() + self.data.len() > LONGEST { Err(NotEvents::TooLong) } else { Ok(None) }
    }

    /// Without its end, which is LF, CR or both.
    fn line(&mut self) -> Option<BytesMut> {
        if self.after_cr && !self.rest.is_empty() {
            self.after_cr = false;
            if self.rest[0] == b'\n' {
                self.rest.advance(1);
            }
        }
        let end = self.rest[self.searched..].iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let Some(end) = end.map(|end| self.searched + end) else {
            self.searched = self.rest.len();
            return None;
        };
        self.after_cr = self.rest[end] == b'\r';
        let mut line = self.rest.split_to(end + 1);
        line.truncate(end);
        self.searched = 0;
        Some(line)
    }

    fn field(&mut self, line: &[u8]) -> Result<(), NotEvents> {
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let (field, value) = (&line[..colon], line.get(colon + 1..).unwrap_or_default());
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => {
                if self.has_data {
                    self.data.push(b'\n');
                }
                self.has_data = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.name = text(value.to_vec())?,
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self) -> Result<Option<Event>, NotEvents> {
        let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
        let has_data = std::mem::take(&mut self.has_data);
        if has_data { Ok(Some(Event { name, data: text(data)? })) } else { Ok(None) }
    }
}

fn text(bytes: Vec<u8>) -> Result<String, NotEvents> {
    String::from_utf8(bytes).map_err(|_| NotEvents::NotText)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<Event> {
        let mut reader = Reader::default();
        let mut events = Vec::new();
        for piece in pieces {
            reader.push(piece);
            while let Some(event) = reader.next().unwrap() {
                events.push(event);
            }
        }
        events
    }

    fn message(data: &str) -> Event {
        Event { name: String::new(), data: data.into() }
    }

    #[test]
    fn comments_and_unfinished_events_are_left_out() {
        let events = read(&[b": ping\n\ndata: a\n\nevent: error\ndata:b\ndata: c\n\nid: 1\n\ndata: unfinished"]);
        assert_eq!(events, [message("a"), Event { name: "error".into(), data: "b\nc".into() }]);
    }

    #[test]
    fn what_is_not_text_is_no_event() {
        let mut reader = Reader::default();
        reader.push(b"data: \xff\n\n");
        assert_eq!(reader.next(), Err(NotEvents::NotText));
    }

    proptest! {
        #[test]
        fn a_stream_may_be_split_anywhere(
            cuts in prop::collection::vec(0..200_usize, 0..20),
            end in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")],
        ) {
            let stream = format!(": a comment{end}{end}data: {{\"text\": \"Grüße, 世界 🦀\"}}{end}{end}event: x{end}data:1{end}data: 2{end}{end}data{end}{end}");
            let bytes = stream.as_bytes();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut % bytes.len()).collect();
            cuts.push(0);
            cuts.push(bytes.len());
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            let expected = [
                message("{\"text\": \"Grüße, 世界 🦀\"}"),
                Event { name: "x".into(), data: "1\n2".into() },
                message(""),
            ];
            prop_assert_eq!(read(&pieces), expected);
        }
    }
}
