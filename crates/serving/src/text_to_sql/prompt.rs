//! How a model is told about the database.

use backend::{Conversation, Error, Message, Result, Role};

use super::Database;

/// The form in which a model has learned to read a schema.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SqlFormat {
    /// Under headings in the question, as Arctic-Text2SQL-R1 and OmniSQL (arXiv:2503.02240) were trained, and as any model
    /// that follows instructions understands.
    #[default]
    Headed,
    /// The statements alone, as the system message or before the question: the demo model's. It knows one dialect, so
    /// there is nothing to tell it of another.
    Bare,
}

impl SqlFormat {
    /// The conversation, with what is known of the database; unchanged if that is nothing.
    pub(super) fn tell(self, database: &Database, conversation: Conversation) -> Result<Conversation> {
        let mut messages = conversation.messages().to_vec();
        match (self, database) {
            (_, Database { schema: None, dialect: None }) | (Self::Bare, Database { schema: None, .. }) => {
                return Ok(conversation);
            }
            (Self::Bare, Database { schema: Some(schema), .. }) => bare(schema, &mut messages)?,
            (Self::Headed, database) => {
                let question = last_question(&mut messages)?;
                question.content = headed(database, &question.content);
            }
        }
        Conversation::new(messages).ok_or_else(|| Error::invalid("messages", "must not be empty"))
    }
}

fn bare(schema: &str, messages: &mut Vec<Message>) -> Result<()> {
    let schema = schema.trim();
    if messages.iter().any(|message| message.role == Role::System) {
        let question = last_question(messages)?;
        question.content = format!("{schema}\n\n{}", question.content);
    } else {
        messages.insert(0, Message { role: Role::System, content: schema.into(), name: None });
    }
    Ok(())
}

fn headed(database: &Database, question: &str) -> String {
    let engine = database.dialect.unwrap_or_default().title();
    let schema =
        database.schema.as_deref().map(|schema| format!("Database Schema:\n{}\n\n", schema.trim())).unwrap_or_default();
    format!(
        "Database Engine:\n{engine}\n\n{schema}Question:\n{question}\n\nOutput Format:\nOne {engine} statement that answers \
         the question and selects nothing that it does not ask for, in a code block:\n```sql\n-- the statement\n```"
    )
}

fn last_question(messages: &mut [Message]) -> Result<&mut Message> {
    let last = messages.iter_mut().rev().find(|message| message.role == Role::User);
    last.ok_or_else(|| Error::invalid("messages", "needs a question of the user's for the database to go with"))
}

#[cfg(test)]
mod tests {
    use super::super::Dialect;
    use super::*;

    fn told(format: SqlFormat, schema: Option<&str>, dialect: Option<Dialect>, roles: &[Role]) -> String {
        let message = |role: &Role| Message { role: *role, content: role.as_str().into(), name: None };
        let conversation = Conversation::new(roles.iter().map(message).collect()).expect("there is a message");
        let database = Database { schema: schema.map(Into::into), dialect };
        match format.tell(&database, conversation) {
            Ok(told) => told
                .messages()
                .iter()
                .map(|it| format!("[{}] {}", it.role.as_str(), it.content))
                .collect::<Vec<_>>()
                .join("\n"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn nothing_known_changes_nothing() {
        for format in [SqlFormat::Headed, SqlFormat::Bare] {
            assert_eq!(told(format, None, None, &[Role::User]), "[user] user");
        }
    }

    #[test]
    fn the_demo_models_schema_stands_alone() {
        let schema = Some("CREATE TABLE t (id INTEGER);\n");
        assert_eq!(told(SqlFormat::Bare, schema, None, &[Role::User]), "[system] CREATE TABLE t (id INTEGER);\n[user] user");
        let beside_a_system_message = told(SqlFormat::Bare, schema, None, &[Role::System, Role::User]);
        assert_eq!(beside_a_system_message, "[system] system\n[user] CREATE TABLE t (id INTEGER);\n\nuser");
    }

    #[test]
    fn other_models_get_headings_round_the_last_question() {
        let roles = [Role::User, Role::Assistant, Role::User];
        insta::assert_snapshot!(told(SqlFormat::Headed, Some("CREATE TABLE t (id INT);"), Some(Dialect::PostgreSql), &roles), @"
        [user] user
        [assistant] assistant
        [user] Database Engine:
        PostgreSQL

        Database Schema:
        CREATE TABLE t (id INT);

        Question:
        user

        Output Format:
        One PostgreSQL statement that answers the question and selects nothing that it does not ask for, in a code block:
        ```sql
        -- the statement
        ```
        ");
        insta::assert_snapshot!(told(SqlFormat::Headed, Some("CREATE TABLE t (id INT);"), None, &[Role::Assistant]), @"messages: needs a question of the user's for the database to go with");
    }
}
