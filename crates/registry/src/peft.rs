//! What was trained on top of a model, as PEFT saves it.

use std::path::Path;

/// Says which modules it changes, and mostly of which model.
pub(crate) const SETTINGS: &str = "adapter_config.json";

/// All that is needed of it.
pub(crate) const FILES: [&str; 2] = [SETTINGS, "adapter_model.safetensors"];

/// Whether all of it is in a directory.
pub(crate) fn is_in(directory: &Path) -> bool {
    FILES.iter().all(|name| directory.join(name).is_file())
}
