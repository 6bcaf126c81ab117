//! A model's own steps: a prompt, one sequence after it, several sequences together, and one with a long context.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;
use kernels::Pool;

use super::Plan;
use super::gauge::Gauge;
use super::llama_cpp::{self, Test};
use super::report::{Figure, Report, Share};
use super::sampling;
use super::subject::{Sequence, Subject, Work};

/// Tokens that each of several sequences has: the middle of what the clients of the other stage send.
const SHORT: usize = 128;

/// A figure in the making: one entry a round.
struct Measured {
    name: String,
    rounds: Vec<(f64, Share)>,
    /// What llama.cpp is asked to do for comparison.
    test: Option<Test>,
    theirs: Vec<f64>,
}

pub(super) fn measure(plan: &Plan, path: &Path, report: &mut Report) -> Result<()> {
    let sizes = Sizes::of(plan);
    plan.now("loading the model");
    let start = Instant::now();
    let mut subject = Subject::load(path, plan.threads, sizes.room())?;
    report.push(Figure::new("loading", start.elapsed().as_secs_f64(), "s"));
    sizes.fill(&mut subject);

    let gauge = Gauge::new(plan.threads, subject.weight_bytes());
    let mut figures = sizes.figures();
    for round in 1..=plan.rounds() {
        for (work, figure) in sizes.all().zip(&mut figures) {
            plan.now(format!("round {round}: {}", figure.name));
            let (done, limits) = gauge.around(|| sizes.run(work, &mut subject));
            figure.rounds.push((done.rate(), subject.cost(&done).share(&limits)));
            if let (Some(llama_cpp), Some(test)) = (&plan.llama_cpp, figure.test) {
                plan.now(format!("round {round}: {}, llama.cpp", figure.name));
                figure.theirs.push(llama_cpp.measure(path, test)?);
            }
        }
    }
    let mut rates = Vec::with_capacity(figures.len());
    for Measured { name, rounds, theirs, .. } in &figures {
        let figure = Figure::of_rounds(name, rounds, "tokens/s").beside(llama_cpp::NAME, theirs);
        rates.push(figure.value);
        report.push(figure);
    }
    let pool = Pool::new(plan.threads);
    for (task, rate) in sizes.all().zip(rates) {
        let sequences = match task {
            Task::Alone => 1,
            Task::Together(count) if sizes.together.first() == Some(&count) => count,
            _ => continue,
        };
        let step = sequences as f64 / rate;
        sampling::measure(&pool, subject.last_logits(), sequences, step, report);
    }
    Ok(())
}

/// What is run in a round.
#[derive(Debug, Clone, Copy)]
enum Task {
    Prompt,
    Alone,
    Together(usize),
    Deep,
}

struct Sizes {
    prompt: usize,
    generate: usize,
    depth: usize,
    together: Vec<usize>,
}

impl Sizes {
    fn of(plan: &Plan) -> Self {
        let options = &plan.options;
        let together = options.clients.iter().map(|count| count.get()).filter(|count| *count > 1).collect();
        Self { prompt: options.prompt.get(), generate: options.generate.get(), depth: options.depth.get(), together }
    }

    fn all(&self) -> impl Iterator<Item = Task> {
        let together = self.together.iter().copied().map(Task::Together);
        [Task::Prompt, Task::Alone].into_iter().chain(together).chain([Task::Deep])
    }

    /// Tokens of the cache. All tasks use the same part of it: what stands in it makes no difference to the work.
    fn room(&self) -> usize {
        let most = self.together.iter().copied().max().unwrap_or(1);
        let long = self.prompt.max(self.depth);
        Sequence::room(most, SHORT, self.generate).max(Sequence::room(1, long, self.generate))
    }

    /// Reads tokens into the whole cache, in pieces, for reading memory that was never written costs nothing.
    fn fill(&self, subject: &mut Subject) {
        for index in 0..self.room() / SHORT {
            subject.prefill(&Sequence::new(index, SHORT, 0));
        }
    }

    fn run(&self, task: Task, subject: &mut Subject) -> Work {
        let alone = |length| [Sequence::new(0, length, self.generate)];
        match task {
            Task::Prompt => subject.prefill(&Sequence::new(0, self.prompt, 0)),
            Task::Alone => subject.decode(&alone(SHORT), self.generate),
            Task::Together(count) => {
                let sequences: Vec<_> = (0..count).map(|index| Sequence::new(index, SHORT, self.generate)).collect();
                subject.decode(&sequences, self.generate)
            }
            Task::Deep => subject.decode(&alone(self.depth), self.generate),
        }
    }

    fn figures(&self) -> Vec<Measured> {
        let figure = |task| {
            let (name, test) = match task {
                Task::Prompt => {
                    (format!("prompt of {}", self.prompt), Some(Test { prompt: self.prompt, ..Test::default() }))
                }
                Task::Alone => {
                    let test = Test { depth: SHORT, generate: self.generate, ..Test::default() };
                    ("decoding, 1 sequence".to_owned(), Some(test))
                }
                Task::Together(count) => (format!("decoding, {count} sequences"), None),
                Task::Deep => {
                    let test = Test { depth: self.depth, generate: self.generate, ..Test::default() };
                    (format!("decoding at depth {}", self.depth), Some(test))
                }
            };
            Measured { name, rounds: Vec::new(), test, theirs: Vec::new() }
        };
        self.all().map(figure).collect()
    }
}
