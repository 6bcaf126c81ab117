//! Adam with decoupled weight decay (Loshchilov and Hutter, 2019), with PyTorch's constants.

use super::Matrix;

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
const EPSILON: f32 = 1e-8;

#[derive(Debug)]
pub struct Adam {
    rate: f32,
    decay: f32,
    steps: i32,
    /// Running means of each parameter's gradient and of its square.
    means: Vec<(Vec<f32>, Vec<f32>)>,
}

impl Adam {
    pub fn new(rate: f32, decay: f32) -> Self {
        Self { rate, decay, steps: 0, means: Vec::new() }
    }

    /// One step. `parameters` and `gradients` are the same matrices in the same order each time.
    pub fn step(&mut self, parameters: Vec<&mut Matrix>, gradients: &[&Matrix]) {
        if self.means.is_empty() {
            let zeros = |gradient: &&Matrix| vec![0.0; gradient.values.len()];
            self.means = gradients.iter().map(|gradient| (zeros(gradient), zeros(gradient))).collect();
        }
        self.steps += 1;
        let size = self.rate / (1.0 - BETA_1.powi(self.steps));
        let spread = (1.0 - BETA_2.powi(self.steps)).sqrt();
        let kept = 1.0 - self.rate * self.decay;
        for ((parameter, gradient), (mean, square)) in parameters.into_iter().zip(gradients).zip(&mut self.means) {
            let means = mean.iter_mut().zip(square);
            for ((value, slope), (mean, square)) in parameter.values.iter_mut().zip(&gradient.values).zip(means) {
                *mean = BETA_1 * *mean + (1.0 - BETA_1) * slope;
                *square = BETA_2 * *square + (1.0 - BETA_2) * slope * slope;
                *value = *value * kept - size * *mean / (square.sqrt() / spread + EPSILON);
            }
        }
    }
}
