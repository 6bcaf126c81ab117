//! `rope_parameters` as transformers 5 writes it, and `rope_theta` with `rope_scaling` as those before did.

use serde_json::Value;

use super::fields::{Fields, shown};
use crate::rope::{Rope, Scaling, Yarn, yarn_magnitude};
use crate::{Error, Result};

/// transformers' `default_theta`.
const DEFAULT_THETA: f64 = 10_000.0;

/// Rotary positions and the context that they reach over.
#[derive(Debug, PartialEq)]
pub(crate) struct Reach {
    pub(crate) rope: Rope,
    pub(crate) context: usize,
    /// Why the context is shorter than the model could have it.
    pub(crate) warning: Option<String>,
}

/// `context` is `max_position_embeddings`.
pub(crate) fn read(config: &Fields, head_dim: usize, context: usize) -> Result<Reach> {
    let nothing = Fields::parse(config.file(), b"{}")?;
    // Where both are, transformers takes the older.
    let scaling = match config.object(&["rope_scaling"])?.filter(|scaling| scaling.entries().next().is_some()) {
        Some(scaling) => Some(scaling),
        None => config.object(&["rope_parameters"])?,
    };
    let parameters = scaling.as_ref().unwrap_or(&nothing);
    if parameters.entries().any(|(_, value)| value.is_object()) {
        return Err(Error::unsupported(config.file(), "rope that differs between layers"));
    }
    let theta = match parameters.positive(&["rope_theta"])? {
        Some(theta) => theta,
        None => config.positive(&["rope_theta"])?.unwrap_or(DEFAULT_THETA),
    };
    if theta <= 1.0 {
        return Err(config.wrong("rope_theta", "a number above 1", theta.to_string()));
    }
    refuse_partial(config, parameters)?;
    let reader = Reader { config, parameters, dimensions: head_dim, context };
    let (scaling, context, warning) = reader.scaling()?;
    Ok(Reach { rope: Rope { theta, dimensions: head_dim, scaling }, context, warning })
}

/// No family here turns a part of each head only.
fn refuse_partial(config: &Fields, parameters: &Fields) -> Result<()> {
    let name = ["partial_rotary_factor"];
    let part = match parameters.number(&name)? {
        Some(part) => Some(part),
        None => config.number(&name)?,
    };
    match part {
        Some(part) if (part - 1.0).abs() > f64::EPSILON => {
            Err(Error::unsupported(config.file(), format!("a {} of {part}", name[0])))
        }
        _ => Ok(()),
    }
}

struct Reader<'a> {
    config: &'a Fields,
    parameters: &'a Fields,
    dimensions: usize,
    context: usize,
}

type Scaled = (Scaling, usize, Option<String>);

impl Reader<'_> {
    fn scaling(&self) -> Result<Scaled> {
        match self.parameters.text(&["rope_type", "type"])?.unwrap_or("default") {
            "default" | "none" => Ok((Scaling::None, self.context, None)),
            "linear" => self.linear(),
            "dynamic" => self.dynamic(),
            "yarn" => self.yarn(),
            "longrope" | "su" => self.longrope(),
            "llama3" => self.llama3(),
            other => Err(Error::unsupported(self.config.file(), format!("the rope type {other:?}"))),
        }
    }

    fn required(&self, name: &str) -> Result<f64> {
        self.parameters.positive(&[name])?.ok_or_else(|| self.parameters.missing(&[name], "a positive number"))
    }

    fn original_context(&self) -> Result<f64> {
        let name = &["original_max_position_embeddings"];
        let original = match self.config.positive(name)? {
            Some(original) => Some(original),
            None => self.parameters.positive(name)?,
        };
        Ok(original.unwrap_or(self.context as f64))
    }

    fn linear(&self) -> Result<Scaled> {
        let factor = self.required("factor")?;
        // `max_position_embeddings` is the context before it is stretched.
        Ok((Scaling::Linear { factor }, stretched(self.context as f64, factor), None))
    }

    /// Within the original context nothing is scaled, and beyond it every length has frequencies of its own, with which
    /// keys in the cache would have to be rotated again.
    fn dynamic(&self) -> Result<Scaled> {
        self.required("factor")?;
        let warning = format!("dynamic rope scaling: the context is limited to the original {} tokens", self.context);
        Ok((Scaling::None, self.context, Some(warning)))
    }

    fn yarn(&self) -> Result<Scaled> {
        let original_context = self.original_context()?;
        let factor = self.parameters.positive(&["factor"])?.unwrap_or(self.context as f64 / original_context);
        let given = self.parameters.positive(&["attention_factor"])?;
        let multipliers = (self.parameters.number(&["mscale"])?, self.parameters.number(&["mscale_all_dim"])?);
        let attention_factor = match (given, multipliers) {
            (Some(given), _) => given,
            (None, (Some(one), Some(all))) if one != 0.0 && all != 0.0 => {
                yarn_magnitude(factor, one) / yarn_magnitude(factor, all)
            }
            _ => yarn_magnitude(factor, 1.0),
        };
        let yarn = Yarn {
            factor,
            original_context,
            attention_factor,
            beta_fast: self.parameters.positive(&["beta_fast"])?.unwrap_or(32.0),
            beta_slow: self.parameters.positive(&["beta_slow"])?.unwrap_or(1.0),
            truncate: self.parameters.flag(&["truncate"])?.unwrap_or(true),
        };
        let context = self.context.max(stretched(original_context, factor));
        Ok((Scaling::Yarn(yarn), context, None))
    }

    /// Beyond the original context other factors apply to all positions, so that, as with dynamic scaling, it is the limit.
    fn longrope(&self) -> Result<Scaled> {
        let original_context = self.original_context()?;
        let factor = self.parameters.positive(&["factor"])?.unwrap_or(self.context as f64 / original_context);
        let attention_factor = match self.parameters.positive(&["attention_factor"])? {
            Some(given) => given,
            None if factor <= 1.0 || original_context <= 1.0 => 1.0,
            None => (1.0 + factor.ln() / original_context.ln()).sqrt(),
        };
        let scaling = Scaling::Divided { by: self.short_factors()?, attention_factor };
        let limit = self.context.min(original_context as usize);
        let warning = (limit < self.context)
            .then(|| format!("longrope scaling: the context is limited to the original {limit} tokens"));
        Ok((scaling, limit, warning))
    }

    fn short_factors(&self) -> Result<Vec<f64>> {
        let name = "short_factor";
        let expected = format!("a list of {} positive numbers", self.dimensions / 2);
        let list = self.parameters.list(&[name])?.ok_or_else(|| self.parameters.missing(&[name], &expected))?;
        let positive = |value: &Value| value.as_f64().filter(|number| (1e-30..1e30).contains(number));
        let factors: Option<Vec<f64>> = list.iter().map(positive).collect();
        factors
            .filter(|factors| factors.len() == self.dimensions / 2)
            .ok_or_else(|| self.parameters.wrong(name, expected, shown(&Value::Array(list.to_vec()))))
    }

    fn llama3(&self) -> Result<Scaled> {
        let low_frequency_factor = self.required("low_freq_factor")?;
        let high_frequency_factor = self.required("high_freq_factor")?;
        if high_frequency_factor <= low_frequency_factor {
            let expected = format!("a number above low_freq_factor, {low_frequency_factor}");
            return Err(self.parameters.wrong("high_freq_factor", expected, high_frequency_factor.to_string()));
        }
        let scaling = Scaling::Llama3 {
            factor: self.required("factor")?,
            low_frequency_factor,
            high_frequency_factor,
            original_context: self.original_context()?,
        };
        Ok((scaling, self.context, None))
    }
}

/// Absurd products end at the largest number, which the check of the sizes refuses.
fn stretched(context: f64, factor: f64) -> usize {
    (context * factor) as usize
}
