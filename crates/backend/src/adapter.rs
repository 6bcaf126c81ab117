//! An adapter in the memory of a backend.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// What a backend has made of an adapter's files, to be handed back to it with each request that is to be answered by it. Nobody else
/// can look into it. Cheap to clone; it stays in memory for as long as somebody holds it.
#[derive(Clone)]
pub struct Adapter(Arc<dyn Any + Send + Sync>);

impl Adapter {
    pub fn new<T: Any + Send + Sync>(of_a_backend: Arc<T>) -> Self {
        Self(of_a_backend)
    }

    /// For the backend that has made it; `None` for another.
    pub fn get<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.0).downcast().ok()
    }

    /// Whether somebody else holds it, too.
    pub fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

impl fmt::Debug for Adapter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Adapter").finish_non_exhaustive()
    }
}
