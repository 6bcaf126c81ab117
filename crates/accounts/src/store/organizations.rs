//! Organisations and what they may use.

use sqlx::{query, query_as};

use super::{PATIENCE, Store, StoreError, within};
use crate::limits::{Limit, OwnLimits};

type Row = (String, Option<i64>, Option<i64>, Option<i64>, Option<i64>);

/// As `orgs list` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOrganization {
    pub id: String,
    pub limits: OwnLimits,
}

impl Store {
    pub async fn organizations(&self) -> Result<Vec<StoredOrganization>, StoreError> {
        let all = "SELECT id, tokens_per_day, requests_per_day, tokens_per_month, requests_per_month
                   FROM organizations ORDER BY id";
        let rows: Vec<Row> = within(PATIENCE, query_as(all).fetch_all(self.pool())).await?;
        Ok(rows.into_iter().map(organization).collect())
    }

    /// `None` if there is none, which has no limits of its own either.
    pub(crate) async fn own_limits(&self, id: &str) -> Result<Option<OwnLimits>, StoreError> {
        let one = "SELECT id, tokens_per_day, requests_per_day, tokens_per_month, requests_per_month
                   FROM organizations WHERE id = $1";
        let row: Option<Row> = within(PATIENCE, query_as(one).bind(id).fetch_optional(self.pool())).await?;
        Ok(row.map(|row| organization(row).limits))
    }

    /// Makes the organisation if there is none of this name.
    pub async fn set_limits(&self, id: &str, limits: OwnLimits, created: i64) -> Result<(), StoreError> {
        let upsert = "INSERT INTO organizations
                      (id, created, tokens_per_day, requests_per_day, tokens_per_month, requests_per_month)
                      VALUES ($1, $2, $3, $4, $5, $6)
                      ON CONFLICT (id) DO UPDATE SET
                      tokens_per_day = excluded.tokens_per_day, requests_per_day = excluded.requests_per_day,
                      tokens_per_month = excluded.tokens_per_month, requests_per_month = excluded.requests_per_month";
        let statement = query(upsert)
            .bind(id)
            .bind(created)
            .bind(to_column(limits.tokens_per_day))
            .bind(to_column(limits.requests_per_day))
            .bind(to_column(limits.tokens_per_month))
            .bind(to_column(limits.requests_per_month));
        within(PATIENCE, statement.execute(self.pool())).await.map(|_| ())
    }
}

fn organization((id, tokens_per_day, requests_per_day, tokens_per_month, requests_per_month): Row) -> StoredOrganization {
    let limits = OwnLimits {
        tokens_per_day: from_column(tokens_per_day),
        requests_per_day: from_column(requests_per_day),
        tokens_per_month: from_column(tokens_per_month),
        requests_per_month: from_column(requests_per_month),
    };
    StoredOrganization { id, limits }
}

fn from_column(column: Option<i64>) -> Option<Limit> {
    column.map(|limit| u64::try_from(limit).map_or(Limit::None, Limit::At))
}

fn to_column(limit: Option<Limit>) -> Option<i64> {
    limit.map(|limit| match limit {
        Limit::None => -1,
        Limit::At(limit) => i64::try_from(limit).unwrap_or(i64::MAX),
    })
}
