//! The text of a file as a tree that knows its lines. All flaws are told, not the first alone.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput};

/// Deeper than any setting lies; a tree is walked by recursion.
const DEEPEST: usize = 16;

/// A value and the line that it begins on, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    /// No value, `null` or `~`.
    Nothing,
    /// As it was written, without its quotes.
    Text(String),
    List(Vec<Node>),
    Section(Vec<(Key, Node)>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) line: usize,
}

/// What is wrong with the text, in a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    pub(crate) line: usize,
    pub(crate) what: String,
}

/// The tree, as far as it can be read.
pub(crate) fn parse(text: &str) -> (Node, Vec<Flaw>) {
    let mut tree = Tree { parser: Parser::new_from_str(text), text, flaws: Vec::new() };
    let root = tree.document().unwrap_or_else(|flaw| {
        tree.flaws.push(flaw);
        Node { line: 1, content: Content::Nothing }
    });
    (root, tree.flaws)
}

struct Tree<'a> {
    parser: Parser<'a, StrInput<'a>>,
    text: &'a str,
    flaws: Vec<Flaw>,
}

type Read<T> = Result<T, Flaw>;

impl<'a> Tree<'a> {
    fn document(&mut self) -> Read<Node> {
        loop {
            let (event, line) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(Node { line: 1, content: Content::Nothing }),
                Event::StreamStart | Event::DocumentStart(_) => {}
                _ => break self.node(event, line, 0),
            }
        }
        .and_then(|root| self.nothing_more().map(|()| root))
    }

    fn nothing_more(&mut self) -> Read<()> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), line) => {
                    return Err(Flaw { line, what: "a second document begins here; expected one".to_owned() });
                }
                _ => {}
            }
        }
    }

    fn next(&mut self) -> Read<(Event<'a>, usize)> {
        match self.parser.next() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, start.line())),
            Some(Err(error)) => Err(self.malformed(&error)),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn malformed(&self, error: &ScanError) -> Flaw {
        let line = error.marker().line();
        let written = self.text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
        let hint = match () {
            () if written.contains(": *") || written.contains("- *") || written.contains("[*") => {
                r#"; write "*" with its quotes"#
            }
            () if written.starts_with('\t') || written.trim_start_matches(' ').starts_with('\t') => {
                "; indent with spaces, not tabs"
            }
            () if written.contains(": @") || written.contains(": %") || written.contains(": `") => {
                "; put quotes around the value"
            }
            () => "",
        };
        Flaw { line, what: format!("not YAML: {}{hint}", error.info()) }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Read<Node> {
        if depth > DEEPEST {
            return Err(Flaw { line, what: format!("nested more than {DEEPEST} deep") });
        }
        let content = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.plain(line, anchor, tag.is_some());
                let nothing = style == ScalarStyle::Plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                if nothing { Content::Nothing } else { Content::Text(text.into_owned()) }
            }
            Event::SequenceStart(anchor, tag) => {
                self.plain(line, anchor, tag.is_some());
                self.list(depth)?
            }
            Event::MappingStart(anchor, tag) => {
                self.plain(line, anchor, tag.is_some());
                self.section(depth)?
            }
            Event::Alias(_) => {
                self.flaws.push(Flaw { line, what: "*name stands for another value; write that value out".to_owned() });
                Content::Nothing
            }
            event => return Err(Flaw { line, what: format!("not YAML: {event:?} in place of a value") }),
        };
        Ok(Node { line, content })
    }

    /// A setting is what stands there: what refers to something else, or says what to make of it, is refused.
    fn plain(&mut self, line: usize, anchor: usize, tagged: bool) {
        if anchor != 0 {
            self.flaws.push(Flaw { line, what: "&name names a value for use elsewhere; write each value out".to_owned() });
        }
        if tagged {
            self.flaws.push(Flaw { line, what: "tags, as !!str, are not read; leave it out".to_owned() });
        }
    }

    fn list(&mut self, depth: usize) -> Read<Content> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Content::List(nodes)),
                (event, line) => nodes.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn section(&mut self, depth: usize) -> Read<Content> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        loop {
            let key = match self.next()? {
                (Event::MappingEnd, _) => return Ok(Content::Section(entries)),
                (Event::Scalar(name, ..), line) => Key { name: name.into_owned(), line },
                (_, line) => return Err(Flaw { line, what: "a key has to be a word".to_owned() }),
            };
            let (event, line) = self.next()?;
            let node = self.node(event, line, depth + 1)?;
            if let Some((first, _)) = entries.iter().find(|(other, _)| other.name == key.name) {
                let what = format!("{} is there twice, first on line {}; which of them is meant?", key.name, first.line);
                self.flaws.push(Flaw { line: key.line, what });
                continue;
            }
            entries.push((key, node));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> String {
        parse(text).1.iter().map(|Flaw { line, what }| format!("{line}: {what}")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn values_keep_their_lines_and_their_writing() {
        let (root, flaws) = parse("# a comment\napi:\n  port: 0x1F\n  host:\n  list: [a, 'b']\n");
        assert_eq!(flaws, []);
        let text = |line, text: &str| Node { line, content: Content::Text(text.into()) };
        let key = |line, name: &str| Key { line, name: name.into() };
        let section = vec![
            (key(3, "port"), text(3, "0x1F")),
            (key(4, "host"), Node { line: 4, content: Content::Nothing }),
            (key(5, "list"), Node { line: 5, content: Content::List(vec![text(5, "a"), text(5, "b")]) }),
        ];
        let api = Node { line: 3, content: Content::Section(section) };
        assert_eq!(root.content, Content::Section(vec![(key(2, "api"), api)]));
    }

    #[test]
    fn an_empty_file_says_nothing() {
        assert_eq!(parse("").0.content, Content::Nothing);
        assert_eq!(parse("# nothing\n---\n").0.content, Content::Nothing);
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_line() {
        insta::assert_snapshot!(told("api:\n  port: 1\n  port: 2\n  host: &here a\n  b: !!str 5\n"), @r"
            3: port is there twice, first on line 2; which of them is meant?
            4: &name names a value for use elsewhere; write each value out
            5: tags, as !!str, are not read; leave it out
        ");
        insta::assert_snapshot!(told("model:\n  allowed: *\n"), @r#"2: not YAML: while scanning an anchor or alias, did not find expected alphabetic or numeric character; write "*" with its quotes"#);
        insta::assert_snapshot!(told("api:\n\tport: 1\n"), @"2: not YAML: tabs disallowed within this context (block indentation); indent with spaces, not tabs");
        insta::assert_snapshot!(told("api: {port: 1\n"), @"2: not YAML: while parsing a flow mapping, did not find expected ',' or '}'");
        insta::assert_snapshot!(told("a: 1\n---\nb: 2\n"), @"2: a second document begins here; expected one");
        insta::assert_snapshot!(told(&"[".repeat(40)), @"1: nested more than 16 deep");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-a:\\[\\]{}&*!|>'\"#%@~ \n\t?,0-9]{0,60}") {
            let lines = text.lines().count();
            for flaw in parse(&text).1 {
                proptest::prop_assert!(flaw.line >= 1 && flaw.line <= lines + 1, "{flaw:?}");
            }
        }
    }
}
