//! `generation_config.json`.

use super::fields::Fields;
use crate::{GenerationDefaults, Result};

/// What the file says of sampling. Values that are out of range are errors.
pub(crate) fn read(fields: &Fields) -> Result<GenerationDefaults> {
    Ok(GenerationDefaults {
        temperature: number(fields, "temperature", "0 or more", |value| value >= 0.0)?,
        top_p: number(fields, "top_p", "above 0, at most 1", |value| value > 0.0 && value <= 1.0)?,
        top_k: count(fields, "top_k")?.filter(|&count| count > 0),
        min_p: number(fields, "min_p", "0 to 1", |value| (0.0..=1.0).contains(&value))?,
        repetition_penalty: number(fields, "repetition_penalty", "above 0", |value| value > 0.0)?,
        max_new_tokens: count(fields, "max_new_tokens")?.filter(|&count| count > 0),
    })
}

fn number(fields: &Fields, name: &str, expected: &str, allowed: impl Fn(f32) -> bool) -> Result<Option<f32>> {
    match fields.number(&[name])?.map(|value| value as f32) {
        Some(value) if !allowed(value) || !value.is_finite() => Err(fields.wrong(name, expected, value.to_string())),
        value => Ok(value),
    }
}

fn count(fields: &Fields, name: &str) -> Result<Option<u32>> {
    match fields.count(&[name])?.map(u32::try_from) {
        Some(Err(_)) => Err(fields.wrong(name, "a number below 2^32", "more")),
        count => Ok(count.and_then(Result::ok)),
    }
}
