//! A model in memory, whichever engine runs it.

use std::sync::Arc;

use backend::Backend;
use engine::{Engine, Memory};
use registry::Sources;
use serving::Adapts;

use crate::adapting::Adapting;

#[derive(Debug, Clone)]
pub(crate) enum Runner {
    /// On the processor.
    Native(Arc<Engine>),
    #[cfg(feature = "mistralrs")]
    Mistral(Arc<mistralrs_engine::MistralEngine>),
}

impl Runner {
    pub(crate) fn backend(&self) -> Arc<dyn Backend> {
        match self {
            Self::Native(engine) => Arc::clone(engine) as Arc<dyn Backend>,
            #[cfg(feature = "mistralrs")]
            Self::Mistral(engine) => Arc::clone(engine) as Arc<dyn Backend>,
        }
    }

    /// Of this machine, not of its GPUs.
    pub(crate) fn memory(&self) -> Memory {
        match self {
            Self::Native(engine) => engine.memory(),
            #[cfg(feature = "mistralrs")]
            Self::Mistral(engine) => {
                let mistralrs_engine::Memory { weights, kv_cache } = engine.memory();
                Memory { weights, kv_cache }
            }
        }
    }

    /// What loads adapters for it, if it takes any.
    #[cfg_attr(not(feature = "mistralrs"), expect(clippy::unnecessary_wraps, reason = "not every engine takes adapters"))]
    pub(crate) fn adapts(&self, sources: &Sources) -> Option<Arc<dyn Adapts>> {
        match self {
            Self::Native(engine) => Some(Arc::new(Adapting { engine: Arc::downgrade(engine), sources: sources.clone() })),
            #[cfg(feature = "mistralrs")]
            Self::Mistral(_) => None,
        }
    }
}
