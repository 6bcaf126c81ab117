//! Keys as they are stored: without the secret.

use std::time::SystemTime;

use sqlx::AnyConnection;
use sqlx::any::AnyRow;
use sqlx::{Row, query, query_scalar};

use super::{PATIENCE, Store, StoreError, within};
use crate::caller::{Models, Role};
use crate::clock::{from_millis, millis};
use crate::keys::{Hash, NewKey, Template};
use crate::limits::KeyLimits;

/// As `keys list` shows it; the hash stays inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredKey {
    pub id: String,
    pub(crate) hash: Hash,
    pub template: Template,
    pub created: SystemTime,
    pub revoked: Option<SystemTime>,
}

impl StoredKey {
    pub fn is_valid(&self, now: SystemTime) -> bool {
        self.revoked.is_none() && self.template.expires.is_none_or(|expires| now < expires)
    }
}

impl Store {
    /// Of all organisations or of one, the oldest first.
    pub async fn keys(&self, organization: Option<&str>) -> Result<Vec<StoredKey>, StoreError> {
        let all = query("SELECT * FROM keys ORDER BY created, id");
        let rows = within(PATIENCE, all.fetch_all(self.pool())).await?;
        let mut keys = rows.iter().map(stored).collect::<Result<Vec<_>, _>>()?;
        keys.retain(|key| organization.is_none_or(|organization| key.template.organization == organization));
        Ok(keys)
    }

    pub(crate) async fn key(&self, id: &str) -> Result<Option<StoredKey>, StoreError> {
        let one = query("SELECT * FROM keys WHERE id = $1").bind(id);
        let row = within(PATIENCE, one.fetch_optional(self.pool())).await?;
        Ok(row.as_ref().map(stored).transpose()?)
    }

    /// Whether any key was ever made here. A revoked one counts: revoking the last opens no door.
    pub(crate) async fn has_keys(&self) -> Result<bool, StoreError> {
        let count: i64 = within(PATIENCE, query_scalar("SELECT COUNT(*) FROM keys").fetch_one(self.pool())).await?;
        Ok(count > 0)
    }

    /// Makes a key, and its organisation if there is none of this name.
    pub async fn create_key(&self, template: Template, now: SystemTime) -> Result<NewKey, StoreError> {
        let new = NewKey::random(template)?;
        within(PATIENCE, async {
            let mut connection = self.lend().await?;
            let mut transaction = connection.begin().await?;
            insert(&mut transaction, &new, now).await?;
            transaction.commit().await?;
            connection.give_back();
            Ok(())
        })
        .await?;
        Ok(new)
    }

    /// It is refused from now on, by a running server within seconds.
    pub async fn revoke_key(&self, id: &str, now: SystemTime) -> Result<(), StoreError> {
        let revoke = query("UPDATE keys SET revoked = COALESCE(revoked, $2) WHERE id = $1").bind(id).bind(millis(now));
        let revoked = within(PATIENCE, revoke.execute(self.pool())).await?.rows_affected();
        if revoked == 0 { Err(StoreError::Missing(format!("key {id}"))) } else { Ok(()) }
    }

    /// A new key with everything that the old one has; the old one ends at `ends`.
    pub async fn rotate_key(&self, id: &str, now: SystemTime, ends: SystemTime) -> Result<NewKey, StoreError> {
        let missing = || StoreError::Missing(format!("valid key {id}"));
        let old = self.key(id).await?.filter(|old| old.is_valid(now)).ok_or_else(missing)?;
        let new = NewKey::random(old.template)?;
        within(PATIENCE, async {
            let mut connection = self.lend().await?;
            let mut transaction = connection.begin().await?;
            query("UPDATE keys SET expires = CASE WHEN expires < $2 THEN expires ELSE $2 END WHERE id = $1")
                .bind(id)
                .bind(millis(ends))
                .execute(&mut *transaction)
                .await?;
            insert(&mut transaction, &new, now).await?;
            transaction.commit().await?;
            connection.give_back();
            Ok(())
        })
        .await?;
        Ok(new)
    }
}

async fn insert(database: &mut AnyConnection, new: &NewKey, now: SystemTime) -> Result<(), sqlx::Error> {
    let template = &new.template;
    query("INSERT INTO organizations (id, created) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING")
        .bind(&template.organization)
        .bind(millis(now))
        .execute(&mut *database)
        .await?;
    let insert = "INSERT INTO keys (id, hash, organization, name, role, models, requests_per_minute, tokens_per_minute,
                  created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    query(insert)
        .bind(&new.id)
        .bind(Hash::of(&new.secret).to_hex())
        .bind(&template.organization)
        .bind(&template.name)
        .bind(template.role.as_str())
        .bind(template.models.to_text())
        .bind(template.limits.requests_per_minute.map(to_column))
        .bind(template.limits.tokens_per_minute.map(to_column))
        .bind(millis(now))
        .bind(template.expires.map(millis))
        .execute(&mut *database)
        .await
        .map(|_| ())
}

/// What somebody else wrote and this version does not understand is an error: it opens nothing.
fn stored(row: &AnyRow) -> Result<StoredKey, sqlx::Error> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let limit =
        |column: &str| row.try_get::<Option<i64>, _>(column).map(|limit| limit.map(|limit| limit.max(0).cast_unsigned()));
    let time = |column: &str| row.try_get::<Option<i64>, _>(column).map(|time| time.map(from_millis));
    let unreadable = || sqlx::Error::Decode("a key that this version cannot read".into());
    let template = Template {
        organization: text("organization")?,
        name: text("name")?,
        role: Role::parse(&text("role")?).ok_or_else(unreadable)?,
        models: Models::parse(&text("models")?),
        limits: KeyLimits {
            requests_per_minute: limit("requests_per_minute")?,
            tokens_per_minute: limit("tokens_per_minute")?,
        },
        expires: time("expires")?,
    };
    Ok(StoredKey {
        id: text("id")?,
        hash: Hash::parse(&text("hash")?).ok_or_else(unreadable)?,
        template,
        created: from_millis(row.try_get("created")?),
        revoked: time("revoked")?,
    })
}

fn to_column(limit: u64) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}
