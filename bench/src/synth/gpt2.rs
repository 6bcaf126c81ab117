//! GPT-2's own names and layouts: learned positions, biases everywhere, and matrices that lie (in, out).

use super::format::Part;
use super::plan::{Names, Plan, Tensor};
use super::shape::Shape;

/// As GPT-2 was initialised.
const POSITION_DEVIATION: f32 = 0.02;
const BIAS_DEVIATION: f32 = 0.02;

impl Plan {
    pub(super) fn add_gpt2(&mut self, names: &Names<'_>) {
        let Shape { vocabulary, hidden, context, layers, classes, .. } = *names.shape;
        self.add(names, "transformer.wte.weight", vocabulary, hidden, 0.5);
        self.add(names, "transformer.wpe.weight", context, hidden, POSITION_DEVIATION);
        for layer in 0..layers {
            self.add_gpt2_layer(names, &format!("transformer.h.{layer}."));
        }
        self.add_norm(names, "transformer.ln_f", hidden);
        if classes > 0 {
            self.add(names, "score.weight", classes, hidden, 1.0 / (hidden as f32).sqrt());
        }
    }

    fn add_gpt2_layer(&mut self, names: &Names<'_>, at: &str) {
        let Shape { hidden, intermediate, layers, .. } = *names.shape;
        // What goes into the residual stream is narrower, as in the other families.
        let residual = 1.0 / (2.0 * layers as f32).sqrt();
        self.add_norm(names, &format!("{at}ln_1"), hidden);
        self.add_linear(names, &format!("{at}attn.c_attn"), hidden, 3 * hidden, 1.0);
        self.add_linear(names, &format!("{at}attn.c_proj"), hidden, hidden, residual);
        self.add_norm(names, &format!("{at}ln_2"), hidden);
        self.add_linear(names, &format!("{at}mlp.c_fc"), hidden, intermediate, 1.0);
        self.add_linear(names, &format!("{at}mlp.c_proj"), intermediate, hidden, residual);
    }

    fn add_linear(&mut self, names: &Names<'_>, at: &str, inputs: usize, outputs: usize, width: f32) {
        self.add(names, &format!("{at}.weight"), inputs, outputs, width / (inputs as f32).sqrt());
        let bias = format!("{at}.bias");
        self.tensors.push(names.vector((bias.as_str(), bias.as_str()), outputs, 0.0, BIAS_DEVIATION));
    }

    fn add_norm(&mut self, names: &Names<'_>, at: &str, length: usize) {
        for (part, mean) in [("weight", 1.0), ("bias", 0.0)] {
            let name = format!("{at}.{part}");
            self.tensors.push(names.vector((name.as_str(), name.as_str()), length, mean, 0.1));
        }
    }

    fn add(&mut self, names: &Names<'_>, name: &str, rows: usize, columns: usize, deviation: f32) {
        let tensor = names.matrix((name, name), Part::Other, rows, columns);
        self.tensors.push(Tensor { deviation, ..tensor });
    }
}
