//! NVIDIA's GPUs of this machine, by the library that comes with their driver. It is loaded at run time: without it there are none.

use std::fmt;
use std::sync::Arc;

use nvml_wrapper::Nvml;
use telemetry::Gpus;

struct Watched {
    library: Nvml,
    count: u32,
}

impl fmt::Debug for Watched {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watched").field("count", &self.count).finish_non_exhaustive()
    }
}

/// Those that there are.
pub(crate) fn find() -> Option<Arc<dyn Gpus>> {
    let library = Nvml::init().ok()?;
    let count = library.device_count().ok().filter(|count| *count > 0)?;
    tracing::info!(count, "this machine has GPUs of NVIDIA");
    Some(Arc::new(Watched { library, count }))
}

impl Gpus for Watched {
    fn memory_in_use(&self) -> u64 {
        // One that was taken away meanwhile holds nothing.
        let used = |index| self.library.device_by_index(index)?.memory_info().map(|memory| memory.used);
        (0..self.count).filter_map(|index| used(index).ok()).sum()
    }
}
