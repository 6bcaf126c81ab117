//! Requests for a name behind which a scorer chooses: each becomes one for the model that it chooses.

use std::fmt::Write as _;

use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use openai::verbatim::{Edit, Verbatim, quoted};
use serving::Choice;

use super::recorded::{self, recorded};
use crate::App;
use crate::answer::{Error, Result};
use crate::extract::look_into;
use crate::middleware::Answered;
use crate::sse::Sse;

/// What each candidate scored, as `large=0.8125, small=0.25`.
pub(crate) const ROUTER_SCORES: HeaderName = HeaderName::from_static("x-router-scores");

/// What `ask` answers to the body; if that is for a name behind which a scorer chooses, to the same body for the model that is
/// chosen, or for the next best one if it cannot answer now.
pub(super) async fn answer<Ask, Asked>(app: App, sse: Sse, body: Bytes, ask: Ask) -> Result<Answered>
where
    Ask: Fn(App, Bytes) -> Asked + Send + Sync + 'static,
    Asked: Future<Output = Result<Answered>> + Send + 'static,
{
    let Some((app, Choice { order, scores }, question)) = choice(&app, &body).await? else {
        return sse.or_pings(as_named(app, body, ask)).await;
    };
    let answered = sse.or_pings(by_one_of(order, app, body, question, ask)).await?;
    Ok(answered.with(shown(&scores).map(|scores| (ROUTER_SCORES, scores))))
}

async fn as_named<Asked>(app: App, body: Bytes, ask: impl Fn(App, Bytes) -> Asked) -> Result<Answered>
where
    Asked: Future<Output = Result<Answered>>,
{
    let question = recorded::question(&app, &body).await;
    let answered = ask(app.clone(), body).await?;
    Ok(recorded(&app, question, answered))
}

async fn by_one_of<Asked>(
    order: Vec<String>,
    app: App,
    body: Bytes,
    question: Option<String>,
    ask: impl Fn(App, Bytes) -> Asked,
) -> Result<Answered>
where
    Asked: Future<Output = Result<Answered>>,
{
    let mut order = order.into_iter().peekable();
    loop {
        let model = order.next().ok_or_else(|| Error::Backend(backend::Error::internal("a choice of nobody")))?;
        let answered = ask(app.clone(), renamed(&app, &body, model).await?).await;
        let another_may = match &answered {
            Ok(answered) => answered.is_its_models(),
            Err(error) => is_its_models(error),
        };
        if !another_may || order.peek().is_none() {
            if answered.as_ref().is_ok_and(|answered| !answered.is_refused()) {
                telemetry::answered_instead();
            }
            return Ok(recorded(&app, question, answered?));
        }
    }
}

fn is_its_models(error: &Error) -> bool {
    matches!(error, Error::Backend(error) if error.is_its_models())
}

/// The app as whoever may ask for the name sees it, who is to answer, and what is asked.
async fn choice(app: &App, body: &Bytes) -> Result<Option<(App, Choice, Option<String>)>> {
    if !app.service.has_routes() {
        return Ok(None);
    }
    let Some(name) = look_into(app, body.clone(), openai::model).await? else { return Ok(None) };
    if !app.service.is_route(&name) {
        return Ok(None);
    }
    let question = look_into(app, body.clone(), openai::question).await?;
    let app = app.through(&name);
    let choice = app.service.choose(&name, question.as_deref()).await?;
    Ok(choice.map(|choice| (app, choice, question)))
}

/// The same request, for this model.
async fn renamed(app: &App, body: &Bytes, model: String) -> Result<Bytes> {
    let rename = move |body: &[u8]| {
        let text = std::str::from_utf8(body).map_err(|error| openai::Error::Syntax { message: error.to_string() })?;
        Ok::<_, openai::Error>(Verbatim::parse(text)?.edited(&[("model", Edit::Set(&quoted(&model)))]))
    };
    Ok(look_into(app, body.clone(), rename).await??.into())
}

/// `None` where there are none, or a model's name cannot stand in a header.
fn shown(scores: &[(String, f32)]) -> Option<HeaderValue> {
    let mut text = String::new();
    for (model, score) in scores {
        let comma = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{comma}{model}={score}");
    }
    HeaderValue::try_from(text).ok().filter(|value| !value.is_empty())
}
