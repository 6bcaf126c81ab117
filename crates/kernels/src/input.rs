//! The tokens of a step as the products read them: floats, floats rounded to bf16, or for integer weights bytes with a scale for
//! each group of 32.
//!
//! What is done to a token before a product (a sum, a norm, an activation) is done here row by row, so that it is still near when
//! it is quantised.

use crate::{
    activation::{Activation, activate},
    float_buffer::FloatBuffer,
    format::Format,
    isa::{Isa, Kernel},
    lanes::{DOT_START, LANES, Lanes},
    matrix::{GROUP, Matrix},
    norm::{Norm, add_row, norm_row},
    pool::Pool,
    share::Shared,
};

/// The form in which matrices read their input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Form {
    /// For matrices of F32 and F16, and for adapters.
    pub floats: bool,
    /// For matrices of bf16. Where the machine has no products of bf16, they read floats.
    pub bf16: bool,
    /// For matrices of integers.
    pub integers: bool,
}

impl Form {
    /// The form that all of these matrices can read.
    pub fn of<'a>(matrices: impl IntoIterator<Item = &'a Matrix>) -> Self {
        matrices.into_iter().fold(Self::default(), |form, matrix| match matrix.format() {
            Format::F32 | Format::F16 => Self { floats: true, ..form },
            Format::Bf16 => Self { bf16: true, ..form },
            _ => Self { integers: true, ..form },
        })
    }

    /// What is to be made for a machine with these instructions.
    fn on(self, isa: Isa) -> Self {
        let is_widened = self.bf16 && !isa.multiplies_bf16();
        Self { floats: self.floats || is_widened, bf16: self.bf16 && !is_widened, ..self }
    }

    /// Whether an input that was made in this form for these instructions is one for the matrix.
    pub(crate) fn suits(self, matrix: &Matrix, isa: Isa) -> bool {
        match matrix.format() {
            Format::Bf16 if isa.multiplies_bf16() => self.bf16,
            Format::F32 | Format::F16 | Format::Bf16 => self.floats,
            _ => self.integers,
        }
    }
}

/// Tokens × columns, loaded once and multiplied with several matrices. Its memory is kept from step to step.
#[derive(Debug, Default)]
pub struct Input {
    pub(crate) tokens: usize,
    pub(crate) columns: usize,
    /// Elements from one token to the next: the columns, padded with zeros to whole groups.
    pub(crate) stride: usize,
    values: FloatBuffer,
    /// The same, rounded to bf16.
    pub(crate) bf16: Vec<u16>,
    /// What the last load made of `values`, `bf16`, and the fields below.
    pub(crate) form: Form,
    /// For whose lanes: see `Starts`.
    pub(crate) isa: Option<Isa>,
    pub(crate) codes: Vec<i8>,
    /// For each token and group, what a code is multiplied by.
    pub(crate) scales: Vec<f32>,
    /// For each token and group, the sum of its quantised values.
    pub(crate) sums: Vec<f32>,
    /// What the dot products start from, so that unsigned codes give the product of what they stand for.
    pub(crate) starts: Starts,
}

/// For each token and group (or half group), −offset · Σ codes, and `DOT_START`.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    /// No offset.
    pub(crate) none: Vec<i32>,
    /// The offset of the lanes' `LIFT`, groups of 32.
    pub(crate) bytes: Vec<i32>,
    /// Offset 8, groups of 32.
    pub(crate) nibbles: Vec<i32>,
    /// Offset 32, groups of 16.
    pub(crate) halves: Vec<i32>,
}

impl Input {
    pub fn new() -> Self {
        Self::default()
    }

    /// How many tokens the last load brought.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Where they were loaded as floats: tokens × stride, and what is left of a longer input.
    pub(crate) fn values(&self) -> &[f32] {
        self.values.held()
    }

    /// Takes `values`, tokens × `columns`.
    ///
    /// # Panics
    /// If `values` is not whole tokens.
    pub fn load(&mut self, pool: &Pool, values: &[f32], columns: usize, form: Form) {
        assert!(columns > 0 && values.len().is_multiple_of(columns), "{} values are not rows of {columns}", values.len());
        self.fill(pool, values.len() / columns, columns, form, |token, row| {
            row.copy_from_slice(&values[token * columns..][..columns]);
        });
    }

    /// Adds `addend` (as long, or empty) to `states`, and takes what the norm makes of the sum.
    ///
    /// # Panics
    /// If `states` is not whole rows of the norm, or `addend` not as long.
    pub fn load_normed(&mut self, pool: &Pool, states: &mut [f32], addend: &[f32], norm: Norm<'_>, form: Form) {
        let columns = norm.columns();
        assert!(columns > 0 && states.len().is_multiple_of(columns), "{} values are not rows of {columns}", states.len());
        assert!(addend.is_empty() || addend.len() == states.len(), "{} values to add to {}", addend.len(), states.len());
        let tokens = states.len() / columns;
        let states = Shared::new(states);
        self.fill(pool, tokens, columns, form, |token, row| {
            // SAFETY: each token is worked on by the one worker that got its number.
            let state = unsafe { states.slice(token * columns, columns) };
            if !addend.is_empty() {
                add_row(pool.isa(), state, &addend[token * columns..][..columns]);
            }
            norm_row(pool.isa(), state, norm, row);
        });
    }

    /// Takes the activation of `gate`, multiplied by `up` if that is not empty; both are tokens × `columns`.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn load_activated(
        &mut self,
        pool: &Pool,
        activation: Activation,
        gate: &[f32],
        up: &[f32],
        columns: usize,
        form: Form,
    ) {
        assert!(columns > 0 && gate.len().is_multiple_of(columns), "{} values are not rows of {columns}", gate.len());
        assert!(up.is_empty() || up.len() == gate.len(), "{} values for {}", up.len(), gate.len());
        self.fill(pool, gate.len() / columns, columns, form, |token, row| {
            let of = token * columns..(token + 1) * columns;
            row.copy_from_slice(&gate[of.clone()]);
            activate(pool, activation, row, if up.is_empty() { up } else { &up[of] });
        });
    }

    /// Has `make` write each token, and brings it into the form.
    fn fill(&mut self, pool: &Pool, tokens: usize, columns: usize, form: Form, make: impl Fn(usize, &mut [f32]) + Sync) {
        let form = form.on(pool.isa());
        (self.tokens, self.columns, self.form, self.isa) = (tokens, columns, form, Some(pool.isa()));
        self.stride = columns.next_multiple_of(GROUP);
        self.resize();
        let rows = if form.floats { tokens } else { pool.threads() };
        let values = self.values.take(rows * self.stride);
        let targets = Targets {
            values: Shared::new(values),
            bf16: Shared::new(&mut self.bf16),
            codes: Shared::new(&mut self.codes),
            scales: Shared::new(&mut self.scales),
            sums: Shared::new(&mut self.sums),
            none: Shared::new(&mut self.starts.none),
            bytes: Shared::new(&mut self.starts.bytes),
            nibbles: Shared::new(&mut self.starts.nibbles),
            halves: Shared::new(&mut self.starts.halves),
        };
        let stride = self.stride;
        // About 8,000 values are worth another thread.
        pool.share(tokens, (8_192 / columns).max(1), |worker, range| {
            for token in range {
                // Where no floats are wanted, the floats of a token are in the way of nothing but the next one's.
                let place = if form.floats { token } else { worker };
                // SAFETY: each token is loaded by the one worker that got its number, and each worker has its own place.
                let values = unsafe { targets.values.slice(place * stride, stride) };
                make(token, &mut values[..columns]);
                values[columns..].fill(0.0);
                if form.bf16 {
                    // SAFETY: as above.
                    let to = unsafe { targets.bf16.slice(token * stride, stride) };
                    pool.isa().dispatch(Round { values, to });
                }
                if form.integers {
                    pool.isa().dispatch(Quantise { values, targets: &targets, token });
                }
            }
        });
    }

    fn resize(&mut self) {
        let groups = if self.form.integers { self.tokens * self.stride / GROUP } else { 0 };
        grow(&mut self.bf16, if self.form.bf16 { self.tokens * self.stride } else { 0 });
        grow(&mut self.codes, groups * GROUP);
        grow(&mut self.scales, groups);
        grow(&mut self.sums, groups);
        grow(&mut self.starts.none, groups);
        grow(&mut self.starts.bytes, groups);
        grow(&mut self.starts.nibbles, groups);
        grow(&mut self.starts.halves, 2 * groups);
    }
}

/// Makes it long enough. What is in it already is overwritten, so shortening would only mean clearing it again.
fn grow<T: Default + Clone>(values: &mut Vec<T>, length: usize) {
    if values.len() < length {
        values.resize(length, T::default());
    }
}

#[derive(Clone, Copy)]
struct Targets<'a> {
    values: Shared<'a, f32>,
    bf16: Shared<'a, u16>,
    codes: Shared<'a, i8>,
    scales: Shared<'a, f32>,
    sums: Shared<'a, f32>,
    none: Shared<'a, i32>,
    bytes: Shared<'a, i32>,
    nibbles: Shared<'a, i32>,
    halves: Shared<'a, i32>,
}

/// Rounds the values of one token to bf16, ties to even.
struct Round<'a> {
    values: &'a [f32],
    to: &'a mut [u16],
}

impl Kernel for Round<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        for (to, value) in self.to.iter_mut().zip(self.values) {
            let bits = value.to_bits();
            // Below half of what is cut off nothing is carried, above it a one, and at half a one to what is odd; the greatest numbers
            // become infinite. What is no number stays so, whatever its lower bits.
            let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
            let bits = if value.is_nan() { bits | 0x40_0000 } else { rounded };
            *to = (bits >> 16) as u16;
        }
    }
}

/// Quantises the values of one token.
struct Quantise<'a> {
    values: &'a [f32],
    targets: &'a Targets<'a>,
    token: usize,
}

impl Kernel for Quantise<'_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { values, targets, token } = self;
        let groups = values.len() / GROUP;
        // SAFETY: these are the token's own places, which only this worker writes.
        let (codes, scales, sums, none, bytes, nibbles, halves) = unsafe {
            (
                targets.codes.slice(token * values.len(), values.len()),
                targets.scales.slice(token * groups, groups),
                targets.sums.slice(token * groups, groups),
                targets.none.slice(token * groups, groups),
                targets.bytes.slice(token * groups, groups),
                targets.nibbles.slice(token * groups, groups),
                targets.halves.slice(token * groups * 2, groups * 2),
            )
        };
        for group in 0..groups {
            let codes = &mut codes[group * GROUP..][..GROUP];
            // SAFETY: the slices have the 32 elements of a group; `dispatch` vouches for the instructions.
            let (scale, [first, second]) = unsafe { quantise_group::<L>(&values[group * GROUP..][..GROUP], codes) };
            let sum = first + second;
            // Of what is no number the greatest may be one, and never the sum. It is not to disappear among the codes.
            let scale = scale + 0.0 * sum;
            scales[group] = scale;
            sums[group] = scale * sum;
            none[group] = DOT_START;
            bytes[group] = DOT_START - L::LIFT * sum as i32;
            nibbles[group] = DOT_START - 8 * sum as i32;
            halves[2 * group] = DOT_START - 32 * first as i32;
            halves[2 * group + 1] = DOT_START - 32 * second as i32;
        }
    }
}

/// Quantises 32 values so that the greatest becomes ±127, and gives the scale and the sum of each half's codes.
#[inline(always)]
unsafe fn quantise_group<L: Lanes>(values: &[f32], codes: &mut [i8]) -> (f32, [f32; 2]) {
    // SAFETY: both slices have 32 elements; the caller vouches for the instructions.
    unsafe {
        let (first, second) = (L::load(values.as_ptr()), L::load(values.as_ptr().add(LANES)));
        let negated = L::max(L::sub(L::splat(0.0), first), L::sub(L::splat(0.0), second));
        let greatest = L::greatest(L::max(negated, L::max(first, second)));
        // A group of zeros, or of values too small to have an inverse, is all zeros.
        let inverse = if greatest > f32::MIN_POSITIVE * 256.0 { 127.0 / greatest } else { 0.0 };
        let first = L::round(L::mul(first, L::splat(inverse)));
        let second = L::round(L::mul(second, L::splat(inverse)));
        L::store_i8(codes.as_mut_ptr(), first);
        L::store_i8(codes.as_mut_ptr().add(LANES), second);
        (greatest / 127.0, [L::whole_sum(first), L::whole_sum(second)])
    }
}

#[cfg(test)]
mod tests {
    use half::bf16;

    use super::*;

    #[test]
    fn every_bf16_is_reached_from_both_sides_as_it_should_be() {
        let values: Vec<f32> = (0..=u16::MAX)
            .flat_map(|high| [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff].map(|low| f32::from_bits(u32::from(high) << 16 | low)))
            .collect();
        for isa in Isa::ALL.into_iter().filter(|isa| isa.is_available()) {
            let mut found = vec![0; values.len()];
            isa.dispatch(Round { values: &values, to: &mut found });
            for (value, found) in values.iter().zip(found) {
                let (found, expected) = (bf16::from_bits(found), bf16::from_f32(*value));
                assert!(
                    found.to_bits() == expected.to_bits() || (found.is_nan() && value.is_nan()),
                    "{isa} {value}: {found}"
                );
            }
        }
    }
}
