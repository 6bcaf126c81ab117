//! Whether what was written is SQL.

use sqlparser::parser::Parser;

use super::Dialect;

/// What a parser says of an answer. The answer itself stays as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub dialect: Dialect,
    /// Why it is not exactly one statement.
    pub error: Option<String>,
}

impl Verdict {
    pub const fn is_valid(&self) -> bool {
        self.error.is_none()
    }

    pub(super) fn of(text: &str, dialect: Dialect) -> Self {
        let parsed = Parser::parse_sql(&*dialect.parser(), statement(text));
        let error = match parsed.as_deref() {
            Ok([_]) => None,
            Ok([]) => Some("there is no statement".into()),
            Ok(several) => Some(format!("there are {} statements", several.len())),
            Err(error) => Some(error.to_string()),
        };
        Self { dialect, error }
    }
}

/// The statement within an answer: in the last fence, as models that think first write it; else everything behind the
/// thoughts.
fn statement(text: &str) -> &str {
    let answer = text.rsplit_once("</think>").map_or(text, |(_, answer)| answer);
    fenced(answer).unwrap_or(answer)
}

/// What stands between the last pair of fences; one that was not closed ends with the text.
fn fenced(text: &str) -> Option<&str> {
    let parts: Vec<&str> = text.split("```").collect();
    let inside = parts.iter().skip(1).step_by(2).next_back()?;
    // The first line names the language.
    Some(match inside.split_once('\n') {
        Some((language, rest)) if language.trim().chars().all(char::is_alphanumeric) => rest,
        _ => inside,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> Option<String> {
        Verdict::of(text, Dialect::Sqlite).error
    }

    #[test]
    fn one_statement_is_valid_with_or_without_its_semicolon() {
        assert_eq!(error("SELECT name FROM users WHERE registered_at >= date('now', '-30 days');"), None);
        assert_eq!(error(" SELECT 1 "), None);
    }

    #[test]
    fn anything_else_is_not() {
        assert_eq!(error("").as_deref(), Some("there is no statement"));
        assert_eq!(error("SELECT 1; DROP TABLE users").as_deref(), Some("there are 2 statements"));
        assert!(error("I cannot do that.").is_some());
        assert!(error("SELECT FROM WHERE").is_some());
    }

    #[test]
    fn fences_and_thoughts_around_a_statement_are_not_judged() {
        assert_eq!(error("Here it is:\n```sql\nSELECT 1;\n```\nEnjoy!"), None);
        assert_eq!(error("```\nSELECT 1\n```"), None);
        assert_eq!(error("```sql\nSELECT 1"), None);
        assert_eq!(error("``` SELECT 1 ```"), None);
        assert_eq!(error("<think>SELECT ( is wrong</think>\nSELECT 1"), None);
        assert_eq!(error("```sql\nSELECT (\n```\nor rather\n```sql\nSELECT 2\n```"), None);
    }

    #[test]
    fn each_dialect_is_its_own() {
        let quoted = "SELECT `name` FROM `users` LIMIT 5, 10";
        assert!(Verdict::of(quoted, Dialect::MySql).is_valid());
        assert!(!Verdict::of(quoted, Dialect::PostgreSql).is_valid());
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
        assert!(error(&deep).is_some());
    }
}
