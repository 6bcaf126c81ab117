//! What rounding costs: the demo model on its held-out text, in each format of weights and of keys and values, beside F32.

use std::fs;
use std::num::NonZeroUsize;
use std::time::SystemTime;

use anyhow::{Context, Result};
use checkpoint::{Checkpoint, RenderOptions, Tensor, Weights};
use engine::{BLOCK_TOKENS, Model, Run, Wanted};
use kernels::{Format, KvElement, Rows};
use serde_json::{Value, json};

use super::Plan;
use super::listing::{Cell, Listing};
use super::report::Report;
use xtask::repository;

/// Weights, with keys and values as they are without a setting; and exact weights with each kind of keys and values. All are
/// measured by the first.
const WAYS: [(Format, Option<KvElement>); 11] = [
    (Format::F32, None),
    (Format::F16, None),
    (Format::Bf16, None),
    (Format::Q8_0, None),
    (Format::Q6K, None),
    (Format::Q5K, None),
    (Format::Q4K, None),
    (Format::Q4_0, None),
    (Format::F32, Some(KvElement::F16)),
    (Format::F32, Some(KvElement::Bf16)),
    (Format::F32, Some(KvElement::I8)),
];

const COLUMNS: [&str; 7] = [
    "weights",
    "keys and values",
    "bytes a weight",
    "perplexity",
    "more than F32, %",
    "divergence from F32",
    "same choice as F32, %",
];

/// What a matrix gets whose rows are not whole blocks of a format, as in llama.cpp's files.
const FALLBACK: Format = Format::Q8_0;

/// A conversation as tokens, of which those from `learned` on are the answer: the part that the model was trained to give.
struct Text {
    tokens: Vec<u32>,
    learned: usize,
}

/// What a model makes of all answers.
struct Score {
    bytes_per_weight: f64,
    /// The model's logarithms of all tokens' probabilities, a row for each token of the answers.
    logarithms: Vec<f32>,
    /// The sum over what came next, less than 0.
    sum: f64,
    count: usize,
    vocabulary: usize,
}

pub(super) fn measure(plan: &Plan, report: &mut Report) -> Result<()> {
    let path = repository::root().join("models/demo/demo.gguf");
    let texts = held_out(&Checkpoint::open(&path)?)?;
    let mut listing = Listing::new(&COLUMNS);
    let mut exact: Option<Score> = None;
    for (format, element) in WAYS {
        let kept = element.map_or("auto".to_owned(), |element| format!("{element:?}"));
        plan.now(format!("perplexity of {format}, keys and values {kept}"));
        let mut checkpoint = Checkpoint::open(&path)?;
        let others = encode(&mut checkpoint.weights, format);
        if others > 0 {
            report.note(format!("{format}: {others} matrices whose rows are not whole blocks of it are in {FALLBACK}"));
        }
        let score = score(checkpoint, plan.threads, element, &texts)?;
        let first = exact.as_ref().unwrap_or(&score);
        listing.push(vec![
            Cell::text(format.name()),
            Cell::text(&kept),
            Cell::Number(score.bytes_per_weight, 3),
            Cell::Number(score.perplexity(), 5),
            Cell::Number((score.perplexity() / first.perplexity() - 1.0) * 100.0, 3),
            Cell::Number(score.divergence(first), 6),
            Cell::Number(score.same_choice(first) * 100.0, 2),
        ]);
        exact.get_or_insert(score);
    }
    report.list("demo model, perplexity of held-out answers", listing);
    report.note(
        "The weights are those of models/demo/demo.gguf, which are in Q8_0, made floats and encoded anew; so F32 has what Q8_0 has. \
         Integer formats multiply with activations of 8 bits, and all but F32 keep keys and values in 16 (auto).",
    );
    Ok(())
}

/// The questions with the answers that they should get.
fn held_out(checkpoint: &Checkpoint) -> Result<Vec<Text>> {
    let path = repository::root().join("models/demo/held_out.jsonl");
    let lines = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    lines.lines().map(|line| text(checkpoint, &serde_json::from_str(line)?)).collect()
}

fn text(checkpoint: &Checkpoint, record: &Value) -> Result<Text> {
    let Checkpoint { tokenizer, template, .. } = checkpoint;
    let question = record["messages"].as_array().context("a record without messages")?;
    let answer = record["sql"].as_str().context("a record without sql")?;
    let mut options = RenderOptions::new(SystemTime::UNIX_EPOCH);
    let prompt = template.render(&json!(question), &options)?;
    options.add_generation_prompt = false;
    let turn = json!({"role": "assistant", "content": answer});
    let whole = template.render(&question.iter().chain([&turn]).cloned().collect(), &options)?;
    // Prompt and answer are tokenised apart, as in training. The line break behind the answer's end is not learned.
    let answer = whole.strip_prefix(&prompt).context("the answer does not follow the prompt")?.trim_end();
    let mut tokens = tokenizer.encode_chat(&prompt)?;
    let learned = tokens.len();
    tokens.extend(tokenizer.encode_chat(answer)?);
    Ok(Text { tokens, learned })
}

/// Puts all matrices into this format; how many did not fit and got another.
fn encode(weights: &mut Weights, format: Format) -> usize {
    let mut others = 0;
    for tensor in matrices(weights) {
        let encoded = tensor.in_format(format).or_else(|| {
            others += 1;
            tensor.in_format(FALLBACK)
        });
        // Rows of no whole blocks of either stay as they are.
        if let Some(encoded) = encoded {
            *tensor = encoded;
        }
    }
    others
}

fn matrices(weights: &mut Weights) -> impl Iterator<Item = &mut Tensor> {
    let layers = weights.layers.iter_mut().flat_map(|layer| {
        let all = [&mut layer.query, &mut layer.key, &mut layer.value, &mut layer.output, &mut layer.up, &mut layer.down];
        all.into_iter().chain(&mut layer.gate).map(|linear| &mut linear.weight)
    });
    layers.chain([&mut weights.embeddings]).chain(&mut weights.head)
}

fn score(mut checkpoint: Checkpoint, threads: NonZeroUsize, element: Option<KvElement>, texts: &[Text]) -> Result<Score> {
    let (mut bytes, mut elements) = (0, 0);
    for tensor in matrices(&mut checkpoint.weights) {
        bytes += tensor.bytes();
        elements += tensor.rows() * tensor.columns();
    }
    let vocabulary = checkpoint.architecture.vocabulary;
    let longest = texts.iter().map(|text| text.tokens.len()).max().unwrap_or(0);
    let mut model = Model::load(checkpoint.architecture, checkpoint.weights, threads, 1 << 26, element, 1, &mut |_| {})?;
    let blocks: Vec<u32> = (0..longest.div_ceil(BLOCK_TOKENS) as u32).collect();
    let bytes_per_weight = bytes as f64 / elements as f64;
    let mut score = Score { bytes_per_weight, logarithms: Vec::new(), sum: 0.0, count: 0, vocabulary };
    for Text { tokens, learned } in texts {
        let rows = model.forward(&[Run { tokens, start: 0, blocks: &blocks, wanted: Wanted::All, adapter: None }]);
        // The row of a token says what comes behind it, and nothing comes behind the last.
        let logits = model.logits(learned - 1..rows - 1);
        for (row, next) in logits.chunks_exact(vocabulary).zip(&tokens[*learned..]) {
            score.add(row, *next as usize);
        }
    }
    Ok(score)
}

impl Score {
    fn add(&mut self, logits: &[f32], next: usize) {
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
        let normaliser = f64::from(most) + sum.ln();
        self.sum += f64::from(logits[next]) - normaliser;
        self.count += 1;
        self.logarithms.extend(logits.iter().map(|logit| (f64::from(*logit) - normaliser) as f32));
    }

    fn perplexity(&self) -> f64 {
        (-self.sum / self.count as f64).exp()
    }

    fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.logarithms.chunks_exact(self.vocabulary)
    }

    /// Kullback and Leibler's, of this from `exact`, in nats a token.
    fn divergence(&self, exact: &Self) -> f64 {
        let of_row = |(exact, own): (&[f32], &[f32])| -> f64 {
            let terms = exact.iter().zip(own).map(|(exact, own)| f64::from(exact.exp()) * f64::from(exact - own));
            terms.sum()
        };
        exact.rows().zip(self.rows()).map(of_row).sum::<f64>() / self.count as f64
    }

    /// Where the most likely token is the same, as a part of all places.
    fn same_choice(&self, exact: &Self) -> f64 {
        let best = |row: &[f32]| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).map(|(token, _)| token);
        let same = exact.rows().zip(self.rows()).filter(|(exact, own)| best(exact) == best(own)).count();
        same as f64 / self.count as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(rows: &[([f32; 3], usize)]) -> Score {
        let mut score = Score { bytes_per_weight: 4.0, logarithms: Vec::new(), sum: 0.0, count: 0, vocabulary: 3 };
        for (logits, next) in rows {
            score.add(logits, *next);
        }
        score
    }

    #[test]
    fn an_even_distribution_is_as_perplexing_as_it_has_words() {
        assert!((score(&[([5.0; 3], 0), ([-2.0; 3], 2)]).perplexity() - 3.0).abs() < 1e-9);
    }

    #[test]
    fn a_model_does_not_differ_from_itself() {
        let (one, other) = (score(&[([0.0, 1.0, 2.0], 0)]), score(&[([3.0, 1.0, 2.0], 0)]));
        assert!(one.divergence(&one).abs() < 1e-9 && (one.same_choice(&one) - 1.0).abs() < 1e-9);
        assert!(other.divergence(&one) > 0.1 && other.same_choice(&one) < 0.5);
    }

    #[test]
    fn answers_are_what_the_model_was_trained_to_give() {
        let checkpoint = Checkpoint::open(&repository::root().join("models/demo/demo.gguf")).unwrap();
        let texts = held_out(&checkpoint).unwrap();
        assert_eq!(texts.len(), 300);
        let Text { tokens, learned } = &texts[1];
        let pieces = |ids: &[u32]| ids.iter().flat_map(|id| checkpoint.tokenizer.bytes_of(*id)).copied().collect();
        assert_eq!(
            String::from_utf8(pieces(&tokens[*learned..])).unwrap(),
            "SELECT * FROM users ORDER BY registered_at LIMIT 1;"
        );
        assert_eq!(checkpoint.tokenizer.token(tokens[tokens.len() - 1]), Some("<|im_end|>"));
    }
}
