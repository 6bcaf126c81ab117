//! Models that run on other servers.

use std::sync::Arc;

use anyhow::{Context, Result};
use backend::Hop;
use gateway::{Group, GroupSettings};
use registry::Entry;
use serving::Model;

use crate::opening::Parked;
use crate::settings::Settings;
use crate::settings::types::RemoteModel;

/// The groups of servers behind the selected models, in their order.
pub(crate) fn groups(selection: &[Entry], settings: &Settings) -> Result<Vec<Arc<Group>>> {
    let remote = selection.iter().filter_map(|entry| Some((&entry.id, settings.declared(&entry.id)?.remote.as_ref()?)));
    let hop = gateway::this_run();
    remote.map(|(id, remote)| group(id, remote, settings, hop)).collect()
}

fn group(id: &str, remote: &RemoteModel, settings: &Settings, hop: Hop) -> Result<Arc<Group>> {
    let RemoteModel { upstreams, timeouts, balance, refused_fields } = remote.clone();
    let settings = GroupSettings {
        id: id.to_owned(),
        upstreams,
        timeouts,
        balance,
        refused_fields,
        max_queued: settings.engine.max_queued.value,
        queue_timeout: settings.engine.queue_timeout.value,
        hop,
    };
    Group::new(settings).with_context(|| format!("the servers of the model {id:?} cannot be asked"))
}

/// What is served, in the order of the selection, wherever it runs.
pub(crate) fn in_order(selection: &[Entry], parked: &[Arc<Parked>], groups: &[Arc<Group>]) -> Vec<Model> {
    let here = |id: &str| parked.iter().find(|parked| parked.entry.id == id).map(Parked::model);
    let there = |id: &str| groups.iter().find(|group| group.id() == id).map(|group| Model::new(Arc::clone(group) as _));
    selection.iter().filter_map(|entry| there(&entry.id).or_else(|| here(&entry.id))).collect()
}

#[cfg(test)]
#[path = "remote_tests.rs"]
mod tests;
