//! Looks at each server every few seconds, whether anybody asks it or not.

use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::Group;
use crate::chance::Chance;
use crate::health::{EVERY, EVERY_WHILE_DOWN, PATIENCE};

/// Bytes of a list of models.
const MOST_OF_LIST: usize = 1024 * 1024;

#[derive(Debug, Deserialize)]
struct Listed {
    data: Vec<Model>,
}

#[derive(Debug, Deserialize)]
struct Model {
    id: String,
    /// vLLM's, and ours.
    max_model_len: Option<u32>,
    /// llama.cpp's.
    meta: Option<Value>,
}

impl Model {
    fn context(&self) -> Option<u32> {
        let of_meta = || u32::try_from(self.meta.as_ref()?.get("n_ctx")?.as_u64()?).ok();
        self.max_model_len.or_else(of_meta).filter(|length| *length > 0)
    }
}

impl Listed {
    /// llama.cpp has one model, and answers for it by any name.
    fn context(&self, model: &str) -> Option<u32> {
        let only = |models: &[Model]| models.len() == 1 && models[0].meta.is_some();
        let found = self.data.iter().find(|one| one.id == model);
        found.or_else(|| self.data.first().filter(|_| only(&self.data)))?.context()
    }
}

impl Group {
    /// Several gateways, and several servers, are not to be in step: each look comes a little earlier or later.
    pub(crate) async fn watch_one(&self, index: usize) {
        let mut chance = Chance::new();
        let mut knows_context = false;
        loop {
            let well = self.is_well(index).await;
            let up = self.roster.seen(index, well);
            if well && !knows_context {
                knows_context = self.learn_context(index).await;
            }
            sleep(chance.around(if up { EVERY } else { EVERY_WHILE_DOWN })).await;
        }
    }

    /// A server that has no `/health` is well as long as it answers at all.
    async fn is_well(&self, index: usize) -> bool {
        let look = self.client.get(&self.roster.upstreams[index], "/health");
        let answer = timeout(PATIENCE, look).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| !answer.status().is_server_error()))
    }

    /// Whether the server has told all that it will.
    async fn learn_context(&self, index: usize) -> bool {
        let upstream = &self.roster.upstreams[index];
        let list = async {
            let answer = self.client.get(upstream, "/v1/models").await.ok()?;
            match answer.status() {
                StatusCode::OK => {}
                // It has no list. Anything else may pass.
                StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => return Some(Listed { data: Vec::new() }),
                _ => return None,
            }
            let body = Limited::new(answer.into_body(), MOST_OF_LIST).collect().await.ok()?;
            Some(serde_json::from_slice(&body.to_bytes()).unwrap_or(Listed { data: Vec::new() }))
        };
        let Ok(Some(listed)) = timeout(PATIENCE, list).await else { return false };
        if let Some(length) = listed.context(&upstream.model) {
            self.has_context(length);
        }
        true
    }
}
