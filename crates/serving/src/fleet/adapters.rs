//! Adapters that come and go while the server runs.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};

use backend::{Error, Result};

use super::adapter::Shelved;
use super::member::Access;
use super::{AdapterSource, Fleet, Member};
use crate::{Group, Model};

/// An adapter that is to be served from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadAdapter {
    /// What it is asked for by.
    pub id: String,
    /// The model that it is for, by any of its names; without, that of the adapter which it takes the place of, or the default one.
    pub model: Option<String>,
    pub source: AdapterSource,
    /// Whether it may take the place of another one, of which what runs is answered to the end.
    pub in_place: bool,
}

impl Fleet {
    /// Those of the catalogue, which are loaded when somebody asks for them.
    pub(super) fn put_declared(&self) {
        let declared = self.models.iter().flat_map(|model| model.model.adapters.iter().map(move |adapter| (model, adapter)));
        for (model, (id, source)) in declared {
            let adapter = self.replaceable(id, false).and_then(|_| self.adapter(id, model, source.clone()));
            match adapter {
                Ok(adapter) => self.adapters_mut().push(adapter),
                Err(error) => tracing::error!(adapter = %id, %error, "it cannot be served"),
            }
        }
    }

    /// Resolves when it is in memory and can be asked. If it cannot be loaded, what was there before stays.
    /// `may` is asked for the model that it is for.
    pub(crate) async fn load_adapter(&self, load: LoadAdapter, may: impl Fn(&Member) -> Result<()>) -> Result<()> {
        let LoadAdapter { id, model, source, in_place } = load;
        let before = self.replaceable(&id, in_place)?;
        let model = match (model, before) {
            (Some(name), _) => self.find(&name).map_err(|error| error.renamed(|_| "base_model_name".to_owned()))?,
            (None, Some(before)) => before.parent().unwrap_or(before),
            (None, None) => Arc::clone(self.first(Group::Chat, |_| true)?),
        };
        may(&model)?;
        let adapter = self.adapter(&id, &model, source)?;
        if let Access::Adapter(shelved) = &adapter.access {
            shelved.load().await?;
        }
        let mut adapters = self.adapters_mut();
        match adapters.iter_mut().find(|other| other.is_named(&id)) {
            // Somebody was faster.
            Some(_) if !in_place => Err(taken(&id)),
            Some(other) => {
                *other = adapter;
                Ok(())
            }
            None => {
                adapters.push(adapter);
                Ok(())
            }
        }
    }

    /// Every one, and where it comes from.
    pub(crate) fn adapter_sources(&self) -> Vec<(String, AdapterSource)> {
        let source = |member: &Arc<Member>| match &member.access {
            Access::Adapter(shelved) => Some((member.card().id.clone(), shelved.source().clone())),
            Access::Running(_) | Access::OnDemand(_) => None,
        };
        self.adapters().iter().filter_map(source).collect()
    }

    /// From now on nobody can ask for it. What runs is answered to the end.
    pub(crate) fn unload_adapter(&self, id: &str) -> Result<()> {
        let mut adapters = self.adapters_mut();
        let Some(index) = adapters.iter().position(|adapter| adapter.is_named(id)) else {
            let known = adapters.iter().map(|adapter| adapter.card().id.clone()).collect();
            return Err(Error::UnknownAdapter { parameter: "lora_name".into(), adapter: id.to_owned(), known });
        };
        adapters.remove(index);
        Ok(())
    }

    /// Those that do not answer, or not by their newest versions, and why.
    pub(crate) fn troubled_adapters(&self) -> BTreeMap<String, String> {
        self.adapters().iter().filter_map(|adapter| Some((adapter.card().id.clone(), adapter.trouble()?))).collect()
    }

    /// The adapter of this name that is there, if another one may take its place.
    fn replaceable(&self, id: &str, in_place: bool) -> Result<Option<Arc<Member>>> {
        if self.models.iter().any(|model| model.is_named(id)) {
            return Err(Error::invalid("lora_name", format!("{id:?} is the name of a model")));
        }
        let before = self.adapters().iter().find(|adapter| adapter.is_named(id)).map(Arc::clone);
        if before.is_some() && !in_place { Err(taken(id)) } else { Ok(before) }
    }

    fn adapter(&self, id: &str, model: &Arc<Member>, source: AdapterSource) -> Result<Arc<Member>> {
        let shelved = Shelved::new(id.to_owned(), Arc::clone(model), source, Arc::clone(&self.shelf), self.patience);
        let reason = || format!("the model {:?} takes no adapters", model.card().id);
        let shelved = shelved.ok_or_else(|| Error::invalid("base_model_name", reason()))?;
        let offered = Model { aliases: Vec::new(), fallbacks: Vec::new(), adapters: Vec::new(), ..model.model.clone() };
        Ok(Arc::new(Member::new(offered, Access::Adapter(Arc::new(shelved)))))
    }

    pub(super) fn adapters(&self) -> RwLockReadGuard<'_, Vec<Arc<Member>>> {
        self.adapters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn adapters_mut(&self) -> RwLockWriteGuard<'_, Vec<Arc<Member>>> {
        self.adapters.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken(id: &str) -> Error {
    Error::invalid("lora_name", format!("the adapter {id:?} has already been loaded; with load_inplace it is replaced"))
}
