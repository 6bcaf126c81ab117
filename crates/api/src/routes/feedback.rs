//! `POST /v1/feedback`: what somebody thought of an answer.

use std::borrow::Cow;

use axum::Json as Answer;
use openai::body::{Fields, refuse_leftovers, take};
use openai::{Body, Error as Wrong, schema};
use serde::{Deserialize, Serialize};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::App;
use crate::answer::{Error, Result};
use crate::extract::Json;

/// As it has to be.
#[derive(Debug)]
pub(crate) struct Request {
    response_id: String,
    rating: f32,
}

#[derive(Deserialize, ToSchema)]
struct Sent {
    /// The `id` of a chat or text completion.
    #[schema(value_type = String, min_length = 1)]
    response_id: Option<String>,
    /// From 0, of no use, to 1, as good as can be. Of several the last counts.
    #[schema(value_type = f32, minimum = 0, maximum = 1)]
    rating: Option<f32>,
    #[serde(flatten)]
    #[schema(ignore)]
    rest: Fields,
}

/// What is kept now.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Feedback)]
pub(crate) struct Kept {
    /// Always `feedback`.
    #[schema(examples("feedback"))]
    object: &'static str,
    response_id: String,
    rating: f32,
}

impl PartialSchema for Request {
    fn schema() -> RefOr<Schema> {
        schema::closed([Sent::schema()]).into()
    }
}

impl ToSchema for Request {
    fn name() -> Cow<'static, str> {
        "FeedbackRequest".into()
    }
}

impl Body for Request {
    fn read(fields: Fields) -> Result<Self, Wrong> {
        let Sent { response_id, rating, rest } = take(fields)?;
        refuse_leftovers(&rest)?;
        let response_id = response_id.filter(|id| !id.is_empty()).ok_or_else(|| Wrong::missing("response_id"))?;
        let rating = rating.ok_or_else(|| Wrong::missing("rating"))?;
        if !(0.0..=1.0).contains(&rating) {
            return Err(Wrong::out_of_range("rating", rating.to_string(), "between 0 and 1"));
        }
        Ok(Self { response_id, rating })
    }
}

/// Rates an answer.
///
/// Where the server keeps what was asked and answered (`scorers.record`), a scorer can learn from it which model suits which prompt.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    operation_id = "rate",
    tag = "scores",
    request_body(content = Request, example = json!({"response_id": "chatcmpl-444135b28a81412ca7d4cac851de1529", "rating": 1})),
    responses(
        (status = 200, description = "The rating is kept.", body = Kept),
        (status = 404, description = "nothing_to_rate"),
        (status = 429, description = "feedback_is_limited"),
    )
)]
pub(crate) async fn create(app: App, Json(Request { response_id, rating }): Json<Request>) -> Result<Answer<Kept>> {
    let at = app.now().as_second().max(0).cast_unsigned();
    if app.service.rate(&response_id, rating, at)? {
        return Ok(Answer(Kept { object: "feedback", response_id, rating }));
    }
    Err(Error::NothingToRate { id: response_id, kept: app.service.keeps_outcomes() })
}
