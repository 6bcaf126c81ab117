//! `cargo xtask synth`: models of a real shape with random weights, to measure and to compare with, without a download.
//!
//! They say nothing sensible, but every engine loads them and does the same work as for the model whose shape they have. Weights are as
//! wide as a trained model's, so that nothing overflows; the same seed gives the same file.

mod format;
mod gguf;
mod gpt2;
mod hugging_face;
mod plan;
mod shape;
mod values;
mod vocabulary;

use std::path::PathBuf;

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

use self::format::{Container, FileFormat};
use self::plan::Plan;
use self::shape::Shape;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A shape by name, with changes if wanted: `tinyllama-1.1b` or `tinyllama-1.1b,layers=4,context=512`. With `idle=18` the last 18
    /// layers add nothing, so that what `layers=4` writes is a draft model whose guesses come true.
    #[arg(long)]
    shape: Shape,
    /// `gguf:` and one of f32, f16, bf16, q8_0, q4_0, q4_k, q5_k, q6_k, q4_k_m; or `hf:` and one of f32, f16, bf16.
    #[arg(long)]
    format: FileFormat,
    /// The GGUF file, or the directory in Hugging Face's layout, to write.
    #[arg(long)]
    out: PathBuf,
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

impl Options {
    /// What `cargo xtask synth` takes, as text.
    pub(crate) fn new(shape: &str, format: &str, out: PathBuf) -> Result<Self> {
        Ok(Self { shape: shape.parse()?, format: format.parse()?, out, seed: 0 })
    }
}

/// Writes the model, showing how far it is.
pub(crate) fn run(options: &Options) -> Result<()> {
    let plan = Plan::new(&options.shape, &options.format)?;
    let progress = ProgressBar::new(plan.bytes());
    let style = "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left";
    progress.set_style(ProgressStyle::with_template(style)?);
    match options.format.container {
        Container::Gguf => gguf::write(&options.out, &options.shape, &plan, options.seed, &progress)?,
        Container::HuggingFace => hugging_face::write(&options.out, &options.shape, &plan, options.seed, &progress)?,
    }
    progress.finish_and_clear();
    let billions = plan.parameters() as f64 / 1e9;
    println!("{}: {billions:.2} B parameters, {:.2} GB", options.out.display(), plan.bytes() as f64 / 1e9);
    Ok(())
}

#[cfg(test)]
mod tests {
    use checkpoint::Checkpoint;

    use super::*;

    fn written(shape: &str, format: &str) -> Result<Checkpoint> {
        let directory = tempfile::tempdir()?;
        let out = directory.path().join("model");
        run(&Options::new(shape, format, out.clone())?)?;
        Ok(Checkpoint::open(&out)?)
    }

    #[test]
    fn a_classifier_of_gpt2s_layout_is_read_as_one() {
        let shape = "gpt2-124m,layers=2,hidden=64,intermediate=128,heads=2,kv_heads=2,head_dim=32,vocabulary=512,classes=3";
        let model = written(shape, "hf:bf16").unwrap();
        assert_eq!((model.architecture.layers, model.architecture.hidden), (2, 64));
        assert_eq!(model.classes.unwrap().labels.len(), 3);
    }

    #[test]
    fn a_shape_without_its_idle_layers_has_the_same_weights() {
        let plan = |shape: &str| Plan::new(&shape.parse().unwrap(), &"gguf:q8_0".parse().unwrap()).unwrap().tensors;
        let (whole, working) = (plan("tinyllama-1.1b,idle=18"), plan("tinyllama-1.1b,layers=4"));
        let (same, idle) = whole.split_at(working.len());
        assert_eq!(format!("{same:?}"), format!("{working:?}"));
        let adds_nothing = |name: &str| {
            let mut into_residual = idle.iter().filter(|tensor| tensor.gguf_name.ends_with(name));
            into_residual.clone().count() == 18 && into_residual.all(|tensor| tensor.deviation == 0.0)
        };
        assert!(adds_nothing("attn_output.weight") && adds_nothing("ffn_down.weight"));
    }

    #[test]
    fn what_cannot_be_written_is_refused_before_it_is() {
        let refused = |shape, format| written(shape, format).unwrap_err().to_string();
        assert_eq!(refused("gpt2-124m", "gguf:q8_0"), "gpt2-124m is written as hf: only");
        assert_eq!(refused("tinyllama-1.1b,classes=2", "hf:bf16"), "only GPT-2 is written as a classifier");
        assert!(refused("tinyllama-1.1b,idle=2", "gguf:q4_k_m").ends_with("idle layers want one format"));
        assert_eq!(refused("gpt2-124m,idle=1", "hf:bf16"), "gpt2-124m has biases, with which no layer is idle");
    }
}
