//! What is wanted of those who keep models.

/// A place may hold both, as MLflow does of what PEFT has trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A directory in Hugging Face's layout, or a GGUF file; also what was trained on top of a model, where there is nothing else.
    Model,
    /// What was trained on top of a model, alone: a directory as PEFT saves it, or a GGUF file.
    Adapter,
}
