//! The arithmetic of the engine on a CPU: packed matrices, matrix × tokens, attention over a cache in blocks, norms,
//! rotary positions, activations, and the threads that share the work.
//!
//! This crate knows nothing of models, files or requests, and it is the only one with `unsafe` code. Everything runs for the
//! instruction set that is found at run time; the layout of packed weights is the same for all of them.
//!
//! One law holds for every function here: a row (token) of a result has the same bits whatever else is in the call, however a
//! prompt is cut into chunks, and however many threads work on it. Each element is therefore computed by one fixed sequence of
//! operations, and tiles only decide which elements are computed side by side.
#![allow(
    unsafe_code,
    reason = "this is the one crate of the workspace that may: intrinsics, and threads sharing one output"
)]
#![allow(clippy::inline_always, reason = "kernels must be inlined into the function that has the instructions switched on")]
#![allow(clippy::needless_range_loop, reason = "one number indexes pointers, tables and sums alike")]
#![allow(clippy::cast_ptr_alignment, reason = "the loads and stores of all lanes take any alignment")]

mod activation;
mod arena;
mod attention;
mod buffer;
mod cache;
mod element;
mod float_buffer;
mod format;
mod input;
mod isa;
mod lanes;
pub mod limits;
mod low_rank;
mod matrix;
mod multiply;
mod norm;
mod pack;
mod pool;
mod quantise;
mod reduce;
mod rope;
mod share;
mod tile;
mod unpack;

pub use activation::{Activation, activate};
pub use arena::Arena;
pub use attention::{AttentionShape, Span, attend};
pub use cache::{CacheError, KvCache, KvElement, KvShape, Slot, Slots};
pub use float_buffer::FloatBuffer;
pub use format::Format;
pub use input::{Form, Input};
pub use isa::Isa;
pub use low_rank::{Group, LowRank, LowRankElement, Up, add_low_rank};
pub use matrix::{Matrix, Rows};
pub use multiply::{Product, multiply};
pub use norm::{Norm, normalise};
pub use pack::PackError;
pub use pool::Pool;
pub use reduce::{CHUNK, Exponential, are_finite, exponentials, maxima, sums};
pub use rope::{RopeTable, rotate};
