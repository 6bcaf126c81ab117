//! Finds out whose a key is.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::file::KeyFile;
use super::key::public_id;
use super::remembered::Remembered;
use super::{Hash, KeyFileError, Listed, Organization};
use crate::caller::Caller;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::limits::{OrganizationLimits, OwnLimits};
use crate::secret::Secret;
use crate::store::{Store, StoreError, StoredKey};

#[derive(Debug)]
pub(crate) struct Directory {
    store: Store,
    clock: Clock,
    /// What was set for all organisations, if anything was.
    limits: Option<OrganizationLimits>,
    listed: Vec<Listed>,
    organizations: HashMap<String, OwnLimits>,
    file: Option<KeyFile>,
    keys: Remembered<StoredKey>,
    own_limits: Remembered<OwnLimits>,
    /// The database has keys. Once it had, it has.
    has_stored: AtomicBool,
    /// The database answered when it was last asked.
    available: AtomicBool,
}

impl Directory {
    pub(crate) fn open(
        store: Store,
        clock: Clock,
        limits: Option<OrganizationLimits>,
        listed: Vec<Listed>,
        organizations: Vec<Organization>,
        file: Option<PathBuf>,
    ) -> Result<Self, KeyFileError> {
        Ok(Self {
            store,
            clock,
            limits,
            listed,
            organizations: organizations.into_iter().map(|organization| (organization.id, organization.limits)).collect(),
            file: file.map(KeyFile::open).transpose()?,
            keys: Remembered::new(),
            own_limits: Remembered::new(),
            has_stored: AtomicBool::new(false),
            available: AtomicBool::new(true),
        })
    }

    /// Whether a key is needed. A keys file without a key in it is a closed door, not an open one.
    pub(crate) fn is_closed(&self) -> bool {
        !self.listed.is_empty() || self.file.is_some() || self.has_stored.load(Ordering::Relaxed)
    }

    /// Whether the database answered when it was last asked.
    pub(crate) fn is_available(&self) -> bool {
        self.available.load(Ordering::Relaxed)
    }

    /// Keeps whether it did; what this said before.
    pub(crate) fn note_available(&self, available: bool) -> bool {
        self.available.swap(available, Ordering::Relaxed)
    }

    /// Looks for files that were changed meanwhile.
    pub(crate) fn read_files(&self) {
        if let Some(file) = &self.file {
            file.read_again();
        }
    }

    /// Looks for keys that were made meanwhile.
    pub(crate) async fn look_for_keys(&self) -> Result<(), StoreError> {
        self.store.look().await?;
        if self.store.has_keys().await? {
            self.has_stored.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) async fn identify(&self, key: Option<&Secret>) -> Result<Caller> {
        if !self.is_closed() {
            return Ok(Caller::anyone(self.limits.unwrap_or_default()));
        }
        let key = key.ok_or(Error::Unauthorized)?;
        let hash = Hash::of(key);
        match self.find_listed(&hash) {
            Some(listed) if listed.is_valid(self.clock.now()) => {
                let limits = self.limits_of(&listed.organization).await?;
                Ok(listed.caller(limits))
            }
            Some(_) => Err(Error::Unauthorized),
            None => self.find_stored(key, &hash).await,
        }
    }

    /// Goes through all of them, so that the time says nothing about which it was.
    fn find_listed(&self, hash: &Hash) -> Option<Listed> {
        let of_file = self.file.as_ref().map(KeyFile::keys);
        let all = self.listed.iter().chain(of_file.iter().flat_map(|keys| keys.iter()));
        let mut found = None;
        for listed in all {
            if listed.hash.is(hash).into() {
                found = Some(listed);
            }
        }
        found.cloned()
    }

    async fn find_stored(&self, key: &Secret, hash: &Hash) -> Result<Caller> {
        let id = public_id(key).ok_or(Error::Unauthorized)?;
        let stored =
            self.keys.get(id, !self.is_available(), || self.store.key(id)).await.map_err(|error| unavailable(&error))?;
        let stored = stored.ok_or(Error::Unauthorized)?;
        if !bool::from(stored.hash.is(hash)) || !stored.is_valid(self.clock.now()) {
            return Err(Error::Unauthorized);
        }
        let organization_limits = self.limits_of(&stored.template.organization).await?;
        let template = stored.template;
        Ok(Caller {
            key: stored.id,
            organization: template.organization,
            role: template.role,
            models: template.models,
            key_limits: template.limits,
            organization_limits,
        })
    }

    /// What the settings say of this organisation, else the database, else what holds for all.
    async fn limits_of(&self, organization: &str) -> Result<OrganizationLimits> {
        let load = || async { Ok(Some(self.store.own_limits(organization).await?.unwrap_or_default())) };
        let stored =
            self.own_limits.get(organization, !self.is_available(), load).await.map_err(|error| unavailable(&error))?;
        let own = self.organizations.get(organization).copied().unwrap_or_default().or(stored.unwrap_or_default());
        Ok(own.over(self.limits.unwrap_or(OrganizationLimits::STANDARD)))
    }
}

fn unavailable(error: &StoreError) -> Error {
    tracing::error!(error = error.whole(), "the database of keys does not answer");
    Error::Unavailable { reason: "keys cannot be looked up just now", retry_after: Duration::from_secs(5) }
}
