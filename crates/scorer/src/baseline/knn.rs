//! `knn`: what happened on the prompts most like this one (by the cosine of embeddings), on top of what holds for all.

use super::elo::strengths;
use crate::data::Example;
use crate::network::{Matrix, dot};

#[derive(Debug, Clone, PartialEq)]
pub struct Knn {
    /// Examples that are looked at.
    pub k: usize,
    pub prompts: Matrix, // (prompts, dimensions)
    /// `prompt` of each is a row of `prompts`.
    pub examples: Vec<Example>,
    /// Of each model, whatever the prompt: what holds where no neighbour says otherwise.
    pub strengths: Vec<f32>,
}

impl Knn {
    pub const DEFAULT_K: usize = 40;

    /// `dimensions`: numbers at the beginning of a row that are the embedding.
    pub fn fit(rows: &[Vec<f32>], dimensions: usize, models: usize, training: &[Example], k: usize) -> Self {
        let mut place = vec![None; rows.len()];
        let mut prompts = Matrix::zeros(0, dimensions);
        let mut examples = training.to_vec();
        for example in &mut examples {
            let known = *place[example.prompt].get_or_insert_with(|| {
                prompts.values.extend_from_slice(&rows[example.prompt][..dimensions]);
                prompts.rows += 1;
                prompts.rows - 1
            });
            example.prompt = known;
        }
        Self { k, prompts, examples, strengths: super::Elo::fit(models, training).strengths }
    }

    /// One score for each of all models.
    pub fn score(&self, row: &[f32]) -> Vec<f32> {
        let embedding = &row[..self.prompts.columns];
        let likeness: Vec<f32> = (0..self.prompts.rows).map(|prompt| dot(self.prompts.row(prompt), embedding)).collect();
        let mut nearest: Vec<usize> = (0..self.examples.len()).collect();
        let like = |at: usize| likeness[self.examples[at].prompt];
        // Of those that are equally near the first ones count, so that a score is always the same.
        let nearer = |one: &usize, other: &usize| like(*other).total_cmp(&like(*one)).then(one.cmp(other));
        if self.k < nearest.len() {
            nearest.select_nth_unstable_by(self.k, nearer);
            nearest.truncate(self.k);
        }
        nearest.sort_unstable_by(nearer);
        let weighted: Vec<_> = nearest.iter().map(|at| (&self.examples[*at], f64::from(like(*at).max(0.0)))).collect();
        strengths(&self.strengths, &weighted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_prompts_decide() {
        let rows = vec![vec![1.0, 0.0], vec![0.0, 1.0]];
        let pair = |prompt, credit| Example { prompt, model: 0, rival: Some(1), credit, cost: None };
        let training: Vec<_> = (0..40).map(|at| pair(at % 2, (at % 2) as f32)).collect();
        let knn = Knn::fit(&rows, 2, 2, &training, 10);
        let lead = |row: &[f32]| knn.score(row)[0] - knn.score(row)[1];
        assert!(lead(&[1.0, 0.1]) < -0.5 && lead(&[0.1, 1.0]) > 0.5);
        assert!(lead(&[0.0, 0.0]).abs() < 0.01, "nothing is like it, so that what holds for all decides");
    }
}
