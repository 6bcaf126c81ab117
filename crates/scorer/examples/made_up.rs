//! Makes the example scorer of the repository, `models/scorers/dense_network/example`, from made-up preferences.
//!
//! ```sh
//! cargo run --release -p scorer --example made_up -- models/scorers
//! ```
//!
//! The same command gives the same files. Its models do not exist, see `scorer::synthetic`. With a second argument it also
//! draws its curve into that file. It says how much of what there is to learn it has learned.

use std::error::Error;
use std::io::Write;
use std::path::PathBuf;

use scorer::data::{Dataset, Format};
use scorer::files::{Directory, Provenance};
use scorer::measure::{draw, measure};
use scorer::prompt::{Encoder, HashedNgrams};
use scorer::{Training, Type, fit, synthetic};

const PROMPTS: usize = 12_000;
const SEED: u64 = 1;
const DIMENSIONS: usize = 256;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let place = arguments.next().ok_or("the directory of the scorers is missing")?;
    let made = synthetic::pairs(PROMPTS, SEED);
    let file = made.dataset.to_json_lines();
    let dataset = Dataset::read(file.clone(), Format::JsonLines)?;
    let ngrams = HashedNgrams::new(DIMENSIONS).ok_or("no dimensions")?;
    let training = Training::new(Type::DenseNetwork, Encoder::HashedNgrams(ngrams), SEED);
    let scorer = fit(&dataset, &training, |_| ())?;
    let measured = measure(&scorer, &dataset, &training)?;
    if let (Some(place), Some(svg)) = (arguments.next(), draw(&measured)) {
        std::fs::write(place, svg)?;
    }
    let (ceiling, own) = (made.ceiling(training.split), measured.report.scorer.pairwise_accuracy);
    writeln!(std::io::stdout(), "who knows the truth gets {ceiling:.4} right, this scorer {own:.4?}")?;
    let provenance = Provenance::new(file.as_bytes(), &dataset, &training);
    Directory::new(place).save("example", &scorer, provenance, measured.report)?;
    Ok(())
}
