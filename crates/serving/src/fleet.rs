//! The models there are.

use backend::{Error, Result};

use crate::{Group, Model, Offer};

#[derive(Debug)]
pub(crate) struct Fleet {
    models: Vec<Model>,
}

impl Fleet {
    pub(crate) fn new(models: Vec<Model>) -> Self {
        Self { models }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.iter()
    }

    pub(crate) fn offer(&self, model: &Model) -> Offer {
        let card = model.card();
        let answers = |group: &Group| group.members(&self.models, |model| model.group).any(|it| it.card().id == card.id);
        let groups = Group::ALL.into_iter().filter(answers).collect();
        Offer { card, groups }
    }

    /// The model of a group that answers who names none.
    pub(crate) fn first(&self, group: Group) -> Result<&Model> {
        group.members(&self.models, |model| model.group).next().ok_or_else(|| Error::Unavailable {
            reason: "there is no model to answer".into(),
            retry_after: crate::service::RETRY_AFTER,
        })
    }

    /// By id or alias.
    pub(crate) fn find(&self, name: &str) -> Result<&Model> {
        self.iter().find(|model| model.is_named(name)).ok_or_else(|| Error::UnknownModel {
            model: name.to_owned(),
            known: self.iter().map(|model| model.card().id.clone()).collect(),
        })
    }
}
