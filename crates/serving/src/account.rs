//! Who asks, and what it costs them.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use accounts::{Accounts, Caller, Entry, Reservation, Role};
use backend::{Backend, Classification, Echo, Embedding, Encoded, Error, Generation, Prompt, Result, Task, Tenant};
use telemetry::{GenerationEnded, Metrics};
use tokio::task::yield_now;

pub use accounts::{Gauge, Secret, Standing};

use crate::Service;
use crate::fleet::Member;
use crate::meter::word;

/// Whoever a request is from. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Asker {
    caller: Arc<Caller>,
    /// What was left when something was last set aside for this request, or was refused to it.
    standing: Arc<Mutex<Option<Standing>>>,
    /// The request was counted: it is one, however many answers it asks for.
    counted: Arc<AtomicBool>,
    /// Names of models that may be asked besides: the candidates of a name that is one of the key's.
    besides: Arc<[String]>,
}

impl Asker {
    fn new(caller: Caller) -> Self {
        Self { caller: Arc::new(caller), standing: Arc::default(), counted: Arc::default(), besides: Arc::default() }
    }

    pub fn is_admin(&self) -> bool {
        self.caller.role == Role::Admin
    }

    /// What is left of the limits; `None` where nothing was metered.
    pub fn standing(&self) -> Option<Standing> {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// May also ask these.
    pub(crate) fn with(self, besides: impl IntoIterator<Item = String>) -> Self {
        Self { besides: besides.into_iter().collect(), ..self }
    }

    fn note(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = Some(standing);
    }
}

impl Service {
    /// Whether a request may come from this address, and whose key it brings. `None` where no accounts are kept.
    pub async fn admit(&self, address: Option<IpAddr>, key: Option<Secret>) -> Result<Option<Asker>> {
        let Some(accounts) = &self.inner.accounts else { return Ok(None) };
        // Somebody who guesses keys is slowed down before any is looked at.
        address.map_or(Ok(()), |address| accounts.check_address(address)).map_err(refused)?;
        let caller = accounts.identify(key.as_ref()).await.map_err(refused)?;
        Ok(Some(Asker::new(caller)))
    }

    /// A handle of which everything is asked for them, and paid by them.
    #[must_use]
    pub fn on_behalf_of(&self, asker: Option<Asker>) -> Self {
        Self { asker, ..self.clone() }
    }

    /// Whether keys and quotas can be looked up. A server without any has nothing to look up.
    pub fn accounts_answer(&self) -> bool {
        self.inner.accounts.as_ref().is_none_or(|accounts| !accounts.is_closed() || accounts.is_available())
    }

    /// Whether it is one of the asker's models, under any of its names.
    pub(crate) fn allows(&self, member: &Member) -> bool {
        let Some(asker) = &self.asker else { return true };
        self.allows_name(&member.card().id)
            || member.model.aliases.iter().any(|alias| self.allows_name(alias))
            || asker.besides.iter().any(|name| member.is_named(name))
    }

    pub(crate) fn allows_name(&self, name: &str) -> bool {
        self.asker.as_ref().is_none_or(|asker| asker.caller.models.allow(name))
    }

    pub(crate) fn may_ask(&self, member: &Member) -> Result<()> {
        if self.allows(member) {
            return Ok(());
        }
        Err(Error::Forbidden { reason: format!("this key may not ask the model {:?}", member.card().id) })
    }

    /// Whose request it is; none where no accounts are kept.
    pub(crate) fn organization(&self) -> Option<String> {
        self.asker.as_ref().map(|asker| asker.caller.organization.clone())
    }

    /// Organisations do not share what they have asked.
    pub(crate) fn tenant(&self) -> Tenant {
        self.asker.as_ref().map_or(Tenant::default(), |asker| Tenant::named(&asker.caller.organization))
    }

    /// Sets aside the most that a request may take. That is only found out where tokens are counted.
    pub(crate) async fn set_aside(&self, cost: impl Future<Output = Result<Cost>>) -> Result<Option<Account>> {
        let Some(accounts) = &self.inner.accounts else { return Ok(None) };
        let asker = self.asker.clone().ok_or_else(|| Error::internal("something was asked for by nobody"))?;
        let at = SystemTime::now();
        let cost = if asker.caller.counts_tokens() { cost.await? } else { Cost::default() };
        let is_first = !asker.counted.swap(true, Ordering::Relaxed);
        let reserved = if is_first {
            accounts.reserve(&asker.caller, cost.most).await
        } else {
            accounts.reserve_more(&asker.caller, cost.most).await
        };
        match reserved {
            Ok(reservation) => {
                asker.note(*reservation.standing());
                if let Some(refusal) = reservation.shadowed() {
                    self.count_refusal(&asker, refusal, true);
                }
                let (accounts, prompt_tokens) = (accounts.clone(), cost.prompt);
                Ok(Some(Account { accounts, asker, reservation, prompt_tokens, is_first, at }))
            }
            Err(refusal) => {
                if is_first {
                    // Nothing was counted; a model in the place of this one may still answer.
                    asker.counted.store(false, Ordering::Relaxed);
                }
                if let Some(standing) = refusal.standing() {
                    asker.note(*standing);
                }
                self.count_refusal(&asker, &refusal, false);
                Err(refused(refusal))
            }
        }
    }

    fn count_refusal(&self, asker: &Asker, refusal: &accounts::Error, shadow: bool) {
        let reason = word(refused(refusal.clone()).kind());
        self.inner.metrics.quota_refused(&asker.caller.organization, reason, shadow);
    }
}

/// What a running generation is paid from. Settled when it is dropped.
#[derive(Debug)]
pub(crate) struct Account {
    accounts: Accounts,
    asker: Asker,
    reservation: Reservation,
    prompt_tokens: u32,
    is_first: bool,
    at: SystemTime,
}

impl Account {
    /// Those of the prompt, as they were counted or estimated before it was asked.
    pub(crate) fn prompt_tokens(&self) -> u32 {
        self.prompt_tokens
    }

    /// So much by now. It is paid if this process does not live to say more.
    pub(crate) fn used(&mut self, input_tokens: u32, output_tokens: u32) {
        self.reservation.used(u64::from(input_tokens) + u64::from(output_tokens));
    }

    /// Pays for it, writes it into the ledger, and adds it to the sums. `parent` is the model that an adapter belongs to.
    pub(crate) fn close(mut self, ended: &GenerationEnded<'_>, parent: Option<&str>, metrics: &Metrics) {
        self.used(ended.input_tokens, ended.output_tokens);
        let caller = &self.asker.caller;
        metrics.paid(&caller.organization, self.is_first.into(), ended);
        self.accounts.record(Entry {
            at: self.at,
            key: caller.key.clone(),
            organization: caller.organization.clone(),
            model: parent.unwrap_or(ended.model).to_owned(),
            adapter: parent.map_or_else(String::new, |_| ended.model.to_owned()),
            requests: self.is_first.into(),
            prompt_tokens: ended.input_tokens,
            cached_tokens: ended.cached_tokens,
            completion_tokens: ended.output_tokens,
            status: ended.error.unwrap_or("ok"),
            duration: ended.took,
        });
    }
}

/// What a request may cost, in tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cost {
    /// Of the prompt alone.
    pub(crate) prompt: u32,
    /// Prompt and answers together, at most.
    pub(crate) most: u64,
}

/// A label is no token. A prompt that has to be encoded for it is not encoded again.
pub(crate) async fn cost(generation: &mut Generation, backend: &dyn Backend) -> Result<Cost> {
    generation.encoded = backend.encode(&generation.prompt).await?;
    let prompt = length(&generation.prompt, generation.encoded.as_ref());
    let card = backend.card();
    // A model on another server may not have told.
    let context = if card.context_length == 0 { u32::MAX } else { card.context_length };
    let left = context.saturating_sub(prompt);
    let each = match generation.max_tokens.or(generation.default_max_tokens) {
        _ if card.task != Task::Generate => 0,
        _ if generation.echo == Some(Echo::PromptOnly) => 0,
        Some(asked) => asked.get().min(left),
        None => left,
    };
    Ok(Cost { prompt, most: u64::from(prompt) + u64::from(each) * u64::from(generation.choices.get()) })
}

/// Those of the text that are looked at.
pub(crate) async fn cost_to_classify(classification: &mut Classification, backend: &dyn Backend) -> Result<Cost> {
    classification.encoded = backend.encode(&classification.prompt).await?;
    let tokens = length(&classification.prompt, classification.encoded.as_ref());
    let most = classification.truncation.and_then(|truncation| truncation.most);
    let prompt = most.map_or(tokens, |most| most.get().min(tokens)).min(backend.card().context_length);
    Ok(Cost { prompt, most: prompt.into() })
}

/// Those that are looked at, of all texts.
pub(crate) async fn cost_to_embed(embedding: &mut Embedding, backend: &dyn Backend) -> Result<Cost> {
    let context = backend.card().context_length;
    let (mut encoded, mut prompt) = (Vec::with_capacity(embedding.inputs.len()), 0_u32);
    for input in &embedding.inputs {
        let tokens = backend.encode(input).await?;
        prompt = prompt.saturating_add(length(input, tokens.as_ref()).min(context));
        encoded.extend(tokens);
        // Each may take a millisecond, and there may be thousands.
        yield_now().await;
    }
    embedding.encoded = (encoded.len() == embedding.inputs.len()).then_some(encoded);
    Ok(Cost { prompt, most: prompt.into() })
}

fn length(prompt: &Prompt, encoded: Option<&Encoded>) -> u32 {
    encoded.map_or_else(|| prompt.estimated_tokens(), |tokens| u32::try_from(tokens.len()).unwrap_or(u32::MAX))
}

#[expect(clippy::needless_pass_by_value, reason = "it is used as a function from an error")]
fn refused(refusal: accounts::Error) -> Error {
    let reason = refusal.to_string();
    match refusal {
        accounts::Error::Unauthorized => Error::Unauthorized,
        accounts::Error::Forbidden { .. } => Error::Forbidden { reason },
        accounts::Error::RateLimited { retry_after, .. } | accounts::Error::SetAside { retry_after, .. } => {
            Error::RateLimited { reason, retry_after }
        }
        accounts::Error::QuotaSpent { retry_after, .. } => Error::QuotaSpent { reason, retry_after },
        accounts::Error::TooLarge { .. } => Error::invalid("max_tokens", reason),
        accounts::Error::Unavailable { retry_after, .. } => Error::AccountsDown { reason, retry_after },
    }
}
