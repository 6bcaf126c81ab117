//! A decoder as slow and plain as can be, to tell whether every weight and setting was read as it was meant.

use kernels::Rows;

use crate::{Activation, Architecture, Checkpoint, LayerWeights, Linear, Norm, NormWeights, Position, Tensor};

type Rows32 = Vec<Vec<f32>>;

/// The logits after the last token.
pub(super) fn last_logits(model: &Checkpoint, tokens: &[u32]) -> Vec<f32> {
    let Checkpoint { architecture, weights, .. } = model;
    let mut states: Rows32 = tokens.iter().map(|&token| row(&weights.embeddings, token as usize)).collect();
    if let Some(positions) = &weights.positions {
        for (position, state) in states.iter_mut().enumerate() {
            add(state, &row(positions, position));
        }
    }
    for (layer, weights) in weights.layers.iter().enumerate() {
        let attended = attention(architecture, layer, weights, &states);
        states.iter_mut().zip(attended).for_each(|(state, change)| add(state, &change));
        for state in &mut states {
            let change = mlp(architecture, weights, state);
            add(state, &change);
        }
    }
    let last = states.last().map(|state| norm(architecture, &weights.final_norm, state)).unwrap_or_default();
    product(weights.head(), &last)
}

fn attention(architecture: &Architecture, layer: usize, weights: &LayerWeights, states: &Rows32) -> Rows32 {
    let Architecture { heads, kv_heads, head_dim, .. } = *architecture;
    let (mut queries, mut keys, mut values) = (Rows32::new(), Rows32::new(), Rows32::new());
    for (position, state) in states.iter().enumerate() {
        let state = norm(architecture, &weights.attention_norm, state);
        queries.push(turned(architecture, linear(&weights.query, &state), weights.query_norm.as_deref(), position));
        keys.push(turned(architecture, linear(&weights.key, &state), weights.key_norm.as_deref(), position));
        values.push(linear(&weights.value, &state));
    }
    let mut outputs = Rows32::new();
    for (position, query) in queries.iter().enumerate() {
        let first = architecture.window[layer].map_or(0, |window| (position + 1).saturating_sub(window));
        let mut mixed = vec![0.0; heads * head_dim];
        for head in 0..heads {
            let own = head * head_dim..(head + 1) * head_dim;
            let shared = head / (heads / kv_heads) * head_dim;
            let shared = shared..shared + head_dim;
            let score = |at: usize| dot(&query[own.clone()], &keys[at][shared.clone()]) * architecture.attention_scale;
            let scores: Vec<f32> = (first..=position).map(score).collect();
            for (weight, at) in softmax(&scores).iter().zip(first..) {
                let value = &values[at][shared.clone()];
                mixed[own.clone()].iter_mut().zip(value).for_each(|(sum, value)| *sum += weight * value);
            }
        }
        outputs.push(linear(&weights.output, &mixed));
    }
    outputs
}

/// Each head normalised, where the model does, and rotated.
fn turned(architecture: &Architecture, mut heads: Vec<f32>, weight: Option<&[f32]>, position: usize) -> Vec<f32> {
    for head in heads.chunks_exact_mut(architecture.head_dim) {
        if let Some(weight) = weight {
            let norm_weights = NormWeights { weight: weight.to_vec(), bias: None };
            head.copy_from_slice(&norm(architecture, &norm_weights, head));
        }
        let Position::Rope { inverse_frequencies, attention_factor } = &architecture.position else { continue };
        let pairs = inverse_frequencies.len();
        for (pair, frequency) in inverse_frequencies.iter().enumerate() {
            let (sine, cosine) = (position as f32 * frequency).sin_cos();
            let (sine, cosine) = (sine * attention_factor, cosine * attention_factor);
            let (first, second) = (head[pair], head[pair + pairs]);
            head[pair] = first * cosine - second * sine;
            head[pair + pairs] = second * cosine + first * sine;
        }
    }
    heads
}

fn mlp(architecture: &Architecture, weights: &LayerWeights, state: &[f32]) -> Vec<f32> {
    let state = norm(architecture, &weights.mlp_norm, state);
    let mut inner = linear(&weights.up, &state);
    match &weights.gate {
        Some(gate) => {
            let gate = linear(gate, &state);
            inner.iter_mut().zip(gate).for_each(|(up, gate)| *up *= activation(architecture.activation, gate));
        }
        None => inner.iter_mut().for_each(|value| *value = activation(architecture.activation, *value)),
    }
    linear(&weights.down, &inner)
}

fn activation(kind: Activation, x: f32) -> f32 {
    match kind {
        Activation::Silu => x / (1.0 + (-x).exp()),
        Activation::GeluTanh => {
            let inner = (2.0 / std::f32::consts::PI).sqrt() * (x + 0.044_715 * x.powi(3));
            0.5 * x * (1.0 + inner.tanh())
        }
        Activation::GeluErf => panic!("no fixture has it"),
    }
}

fn norm(architecture: &Architecture, weights: &NormWeights, state: &[f32]) -> Vec<f32> {
    let count = state.len() as f32;
    let (mean, eps) = match architecture.norm {
        Norm::Rms { eps } => (0.0, eps),
        Norm::Layer { eps } => (state.iter().sum::<f32>() / count, eps),
    };
    let variance = state.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / count;
    let scale = 1.0 / (variance + eps).sqrt();
    let mut normed: Vec<f32> =
        state.iter().zip(&weights.weight).map(|(value, weight)| (value - mean) * scale * weight).collect();
    weights.bias.iter().for_each(|bias| add(&mut normed, bias));
    normed
}

fn linear(linear: &Linear, input: &[f32]) -> Vec<f32> {
    let mut output = product(&linear.weight, input);
    linear.bias.iter().for_each(|bias| add(&mut output, bias));
    output
}

fn product(matrix: &Tensor, input: &[f32]) -> Vec<f32> {
    (0..matrix.rows()).map(|index| dot(&row(matrix, index), input)).collect()
}

pub(super) fn row(matrix: &Tensor, index: usize) -> Vec<f32> {
    let mut values = vec![0.0; matrix.columns()];
    matrix.dequantise_row(index, &mut values);
    values
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| f64::from(*left) * f64::from(*right)).sum::<f64>() as f32
}

fn add(sum: &mut [f32], change: &[f32]) {
    assert_eq!(sum.len(), change.len());
    sum.iter_mut().zip(change).for_each(|(sum, change)| *sum += change);
}

fn softmax(scores: &[f32]) -> Vec<f32> {
    let largest = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = scores.iter().map(|score| (score - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.iter().map(|power| power / sum).collect()
}
