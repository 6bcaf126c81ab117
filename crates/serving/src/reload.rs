//! Newer versions of models, without a break.

use std::sync::Arc;

use backend::{Error, ModelCard, Result};

use crate::service::RETRY_AFTER;
use crate::{OpenError, Service};

/// What became of a wish for the newest version.
#[derive(Debug, Clone)]
pub struct Reloaded {
    /// Of what answers now.
    pub card: Arc<ModelCard>,
    /// Another version answered before.
    pub changed: bool,
}

impl Service {
    /// Sees to it that the newest version of a model answers. Resolves when it does, or cannot; requests that run keep theirs. What
    /// could not be loaded before is tried again. For admins.
    pub async fn reload(&self, name: &str) -> Result<Reloaded> {
        // Asked here, where it is done: a path can be written in several ways.
        if self.asker.as_ref().is_some_and(|asker| !asker.is_admin()) {
            return Err(Error::Forbidden { reason: "this needs a key of the role admin".into() });
        }
        let member = self.inner.fleet.find(name)?;
        self.may_ask(&member)?;
        let id = member.card().id.clone();
        if member.parent().is_some() {
            let reason = format!("{id:?} is an adapter; load_lora_adapter with load_inplace reads it again");
            return Err(Error::unsupported("model", reason));
        }
        if !member.is_on_demand() {
            return Err(Error::unsupported("model", format!("the model {id:?} runs on other servers; they load it")));
        }
        let changed = member.reload().await.map_err(|_| Error::Unavailable {
            // It is in the log; it may name files.
            reason: format!("no newer version of the model {id:?} can be had"),
            retry_after: RETRY_AFTER,
        })?;
        Ok(Reloaded { card: member.card(), changed })
    }

    /// As [`reload`](Self::reload), for an interval: only a model that is in memory is looked after, and what could not be loaded
    /// before is left alone.
    pub async fn refresh(&self, name: &str) -> Result<bool, OpenError> {
        match self.inner.fleet.find(name) {
            Ok(member) => member.refresh().await,
            Err(unknown) => Err(OpenError::new(unknown.to_string())),
        }
    }
}
