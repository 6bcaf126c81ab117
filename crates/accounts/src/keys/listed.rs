//! Keys and organisations that the settings name.

use std::time::SystemTime;

use super::Hash;
use crate::caller::{Caller, Models, Role};
use crate::limits::{KeyLimits, OrganizationLimits, OwnLimits};

/// A key that is known by its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub hash: Hash,
    /// For logs and counts.
    pub name: String,
    pub organization: String,
    pub role: Role,
    pub models: Models,
    pub limits: KeyLimits,
    pub expires: Option<SystemTime>,
}

/// An organisation of the settings, whose limits come before those of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    pub id: String,
    pub limits: OwnLimits,
}

impl Listed {
    pub(super) fn is_valid(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    pub(super) fn caller(&self, organization_limits: OrganizationLimits) -> Caller {
        Caller {
            key: self.name.clone(),
            organization: self.organization.clone(),
            role: self.role,
            models: self.models.clone(),
            key_limits: self.limits,
            organization_limits,
        }
    }
}
