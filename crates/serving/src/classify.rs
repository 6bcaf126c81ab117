//! Texts sorted into classes; and a model that does so, asked in a chat: its answer is its best label.

use backend::{
    Alternative, Backend, Classification, Classified, Error, Event, Events, FinishReason, Generation, Prompt, Result, Scale,
    Task, TokenLogprob, TopLogprobs,
};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use telemetry::Operation;

use crate::Service;
use crate::account::cost_to_classify;
use crate::meter::Meter;
use crate::together::Refused;

/// Texts of one request that are in the backend's hands at a time: enough to fill its steps, few enough to leave others places in
/// its queue.
const AT_ONCE: usize = 32;

impl Service {
    /// In the order asked. They run side by side, as far as the backend does; if one is refused, all are.
    pub async fn classify_all(&self, classifications: Vec<Classification>) -> Result<Vec<Classified>, Refused> {
        let each = classifications.into_iter().enumerate().map(|(index, classification)| async move {
            self.classify(classification).await.map_err(|error| Refused { index, error })
        });
        stream::iter(each).buffered(AT_ONCE).try_collect().await
    }

    /// Dropping the future ends it.
    pub async fn classify(&self, classification: Classification) -> Result<Classified> {
        let member = self.inner.fleet.find(&classification.model)?;
        self.may_ask(&member)?;
        let ticket = self.inner.drain.enter()?;
        let mut meter = Meter::of(self.inner.metrics.clone(), &member.card(), Operation::Classify);
        let classify = async {
            let lease = member.open().await?;
            match lease.backend.card().task {
                Task::Classify => {}
                Task::Generate => return Err(Error::unsupported("model", "it writes texts and classifies none")),
                Task::Embed => return Err(Error::unsupported("model", "it embeds texts and classifies none")),
            }
            let adapter = lease.adapter.clone();
            let mut classification = Classification { tenant: self.tenant(), adapter, ..classification };
            meter.pays(self.set_aside(cost_to_classify(&mut classification, &*lease.backend)).await?);
            // It may be at work, or waiting for its turn: that does not show here.
            meter.runs();
            lease.backend.classify(classification).await
        };
        let classified = ticket.run(classify).await.inspect_err(|error| meter.error(error))?;
        meter.event(&Event::Done(classified.usage));
        Ok(classified)
    }
}

/// What a model writes, or, in a chat with one that classifies, the name of a class.
pub(crate) async fn answer(backend: &dyn Backend, generation: Generation) -> Result<Events> {
    match backend.card().task {
        Task::Generate => backend.generate(generation).await,
        Task::Embed => Err(Error::unsupported("model", "it embeds texts and writes none")),
        Task::Classify => {
            let logprobs = generation.logprobs;
            let classified = backend.classify(in_a_chat(generation)?).await?;
            let events = events(&classified, logprobs)?;
            Ok(Box::pin(stream::iter(events.map(Ok))))
        }
    }
}

/// How tokens are drawn, and at most how many, does not change which class is the best: a client may say so. What would have to change
/// the answer is refused.
fn in_a_chat(generation: Generation) -> Result<Classification> {
    let Generation {
        model,
        adapter,
        prompt,
        encoded,
        sampling,
        stop,
        choices,
        echo,
        priority,
        tenant,
        hops: _, // A model that classifies runs here.
        max_tokens: _,
        default_max_tokens: _,
        logprobs: _,
        most_prompt_tokens: _, // Of prompts that are no conversations.
    } = generation;
    let refuse = |parameter: &str, why: &str| Err(Error::unsupported(parameter, why));
    match prompt {
        Prompt::Text(_) | Prompt::Tokens(_) => refuse("model", "it classifies texts and does not go on with them"),
        Prompt::Chat(_) if choices.get() > 1 => refuse("n", "this model has one best label"),
        Prompt::Chat(_) if !sampling.logit_bias.as_slice().is_empty() => refuse("logit_bias", "a label is no token"),
        Prompt::Chat(_) if !stop.strings().is_empty() => refuse("stop", "a label is not cut"),
        Prompt::Chat(_) if stop.ignore_eos => refuse("ignore_eos", "nothing follows a label"),
        Prompt::Chat(_) if echo.is_some() => refuse("echo", "the answer is a label"),
        Prompt::Chat(_) => {
            Ok(Classification { model, adapter, prompt, encoded, truncation: None, scale: Scale::Meant, priority, tenant })
        }
    }
}

/// Those of an answer: it costs no completion tokens, for none are generated.
fn events(classified: &Classified, logprobs: Option<TopLogprobs>) -> Result<impl Iterator<Item = Event> + use<>> {
    if classified.labels.len() < 2 {
        return Err(Error::unsupported("model", "it gives a number and no label, and so has nothing to say in a chat"));
    }
    let best = classified.best();
    let logprobs = logprobs.map(|top| logprob(classified, best, top)).transpose()?;
    let (tokens, cached) = (classified.usage.prompt_tokens, classified.usage.cached_tokens);
    let events = [
        Event::Prompt { tokens, cached, echo: None, logprobs: Vec::new() },
        Event::Text {
            choice: 0,
            text: classified.labels[best].clone(),
            tokens: 0,
            logprobs: logprobs.into_iter().collect(),
        },
        Event::Finished { choice: 0, reason: FinishReason::Stop, stop: None },
        Event::Done(classified.usage),
    ];
    Ok(events.into_iter())
}

/// The label as if it were a token, beside the others: its number is that of its class.
fn logprob(classified: &Classified, best: usize, top: TopLogprobs) -> Result<TokenLogprob> {
    if !classified.scores.iter().all(|score| (0.0..=1.0).contains(score)) {
        return Err(Error::unsupported("logprobs", "this model's scores are no probabilities"));
    }
    let mut order: Vec<usize> = (0..classified.labels.len()).collect();
    order.sort_by(|one, other| classified.scores[*other].total_cmp(&classified.scores[*one]));
    let alternative = |class: usize| {
        let text = classified.labels[class].clone();
        let bytes = text.as_bytes().to_vec();
        Alternative { token: class as u32, text, bytes, logprob: classified.scores[class].ln() }
    };
    let Alternative { token, text, bytes, logprob } = alternative(best);
    let top = order.into_iter().take(usize::from(top.get())).map(alternative).collect();
    Ok(TokenLogprob { token, text, bytes, logprob: Some(logprob), top })
}
