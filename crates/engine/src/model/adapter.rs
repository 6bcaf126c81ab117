//! An adapter in memory: for each layer the narrow matrices that are added to its products.

use std::sync::atomic::{AtomicU64, Ordering};

use checkpoint::{Architecture, LayerUpdates, Tensor, Updates};
use kernels::{Arena, Format, LowRank, LowRankElement, Rows};

use super::{Model, ModelError};

/// Never changed: another version of the same adapter is another one.
pub struct Adapter {
    number: AdapterNumber,
    fits: Fit,
    pub(super) layers: Vec<LayerAdapter>,
    bytes: u64,
}

/// The most that the elements of an update may be of: a weight is of the order of one, and what is out of all proportion to that makes
/// every answer nonsense or no number.
const MOST: f32 = 65504.0;

/// Tells adapters apart that were loaded in this process, also two of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AdapterNumber(pub(crate) u64);

/// What a layer's products have added to them, by the input that they share.
pub(super) struct LayerAdapter {
    pub(super) attention: Option<LowRank>,
    pub(super) output: Option<LowRank>,
    pub(super) mlp: Option<LowRank>,
    pub(super) down: Option<LowRank>,
}

/// The sizes of the models that an adapter can be used with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fit {
    layers: usize,
    hidden: usize,
    queries: usize,
    keys: usize,
    intermediate: usize,
    element: LowRankElement,
}

impl Fit {
    fn of(architecture: &Architecture, element: LowRankElement) -> Self {
        let Architecture { layers, hidden, heads, kv_heads, head_dim, intermediate, .. } = *architecture;
        Self { layers, hidden, queries: heads * head_dim, keys: kv_heads * head_dim, intermediate, element }
    }
}

impl Model {
    /// What an adapter has to be made for to run on this model. Half the width costs no accuracy beside rounded weights.
    pub(crate) fn fit(&self) -> Fit {
        let exact = self.layers.first().is_some_and(|layer| layer.query.weight.format() == Format::F32);
        Fit::of(&self.architecture, if exact { LowRankElement::F32 } else { LowRankElement::F16 })
    }

    /// Packs an adapter that was opened for this model.
    pub fn adapter(&self, adapter: &checkpoint::Adapter) -> Result<Adapter, ModelError> {
        Adapter::pack(adapter, self.fit())
    }
}

impl Adapter {
    /// Packs an adapter that was opened for a model of this fit.
    pub(crate) fn pack(adapter: &checkpoint::Adapter, fit: Fit) -> Result<Self, ModelError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let bytes = Self::bytes_of(adapter, fit);
        let memory = || ModelError::Weights { bytes: bytes as usize };
        let mut arena = Arena::new(bytes as usize).ok_or_else(memory)?;
        let mut updates = |updates: &Updates| pack(&mut arena, fit.element, updates);
        let mut layers = Vec::with_capacity(adapter.layers.len());
        for LayerUpdates { attention, output, mlp, down } in &adapter.layers {
            layers.push(LayerAdapter {
                attention: updates(attention)?,
                output: updates(output)?,
                mlp: updates(mlp)?,
                down: updates(down)?,
            });
        }
        let number = AdapterNumber(NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(Self { number, fits: fit, layers, bytes })
    }

    /// What it takes in memory, before it is there.
    pub(crate) fn bytes_of(adapter: &checkpoint::Adapter, fit: Fit) -> u64 {
        let of_layer = |layer: &LayerUpdates| {
            let LayerUpdates { attention, output, mlp, down } = layer;
            [attention, output, mlp, down].map(|updates| bytes(fit.element, updates)).into_iter().sum::<usize>()
        };
        adapter.layers.iter().map(of_layer).sum::<usize>() as u64
    }

    pub(crate) fn number(&self) -> AdapterNumber {
        self.number
    }

    pub(crate) fn fits(&self, fit: Fit) -> bool {
        self.fits == fit
    }

    /// Of memory.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

fn pack(arena: &mut Arena, element: LowRankElement, updates: &Updates) -> Result<Option<LowRank>, ModelError> {
    if updates.downs.is_empty() {
        return Ok(None);
    }
    let greatest_downs: Vec<f32> = updates.downs.iter().map(greatest).collect();
    let mut greatest_updates = updates.ups.iter().flatten().map(|up| {
        // The sign of a scale says nothing about its size.
        up.scale.abs() * greatest(&up.weight) * greatest_downs[up.down]
    });
    if greatest_downs.iter().any(|down| down.is_infinite()) || !greatest_updates.all(|update| update <= MOST) {
        return Err(ModelError::NotFinite);
    }
    let downs: Vec<_> = updates.downs.iter().map(as_rows).collect();
    let ups = updates.ups.iter().map(|up| {
        let checkpoint::Up { weight, down, scale } = up.as_ref()?;
        Some(kernels::Up { rows: weight, down: *down, scale: *scale })
    });
    let ups: Vec<_> = ups.collect();
    Ok(Some(LowRank::pack(arena, element, &downs, &ups)?))
}

/// Of a matrix, regardless of signs; infinite if one of its elements is no number.
fn greatest(tensor: &Tensor) -> f32 {
    let mut row = vec![0.0_f32; tensor.columns()];
    let mut greatest = 0.0_f32;
    for index in 0..tensor.rows() {
        tensor.dequantise_row(index, &mut row);
        let of_row = row.iter().map(|value| if value.is_nan() { f32::INFINITY } else { value.abs() });
        greatest = of_row.fold(greatest, f32::max);
    }
    greatest
}

fn as_rows(tensor: &Tensor) -> &dyn Rows {
    tensor
}

fn bytes(element: LowRankElement, updates: &Updates) -> usize {
    let Some(first) = updates.downs.first() else { return 0 };
    let ranks = updates.downs.iter().map(Rows::rows).sum();
    let ups: Vec<_> = updates.ups.iter().flatten().map(|up| (up.weight.rows(), up.weight.columns())).collect();
    LowRank::bytes_in_arena(element, ranks, first.columns(), &ups)
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { number, bytes, .. } = self;
        formatter.debug_struct("Adapter").field("number", number).field("bytes", bytes).finish_non_exhaustive()
    }
}
