//! Clients that ask over HTTP: this workspace's server and others in turn, and the engine in this process, without a server
//! around it, with the very same requests.

use std::fs::{self, File};
use std::io;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use checkpoint::WeightFiles;

use super::Plan;
use super::clients::{self, Load};
use super::engine_target::EngineTarget;
use super::http_target::HttpTarget;
use super::report::Report;
use super::resident::Resident;
use super::workload::{LONGEST, Workload};
use super::{http_figures, llama_cpp, release};
use xtask::repository;
use xtask::server::{self, Server};

/// Tokens are kept in blocks of so many at most, in any of the engines here.
const BLOCK: usize = 256;

const OURS: &str = "server";
const VLLM: &str = "vLLM";

/// One who answers, and what was measured of it.
pub(super) struct Contender {
    pub(super) name: &'static str,
    target: HttpTarget,
    /// `None` for a server that somebody else has started.
    pub(super) process: Option<Server>,
    pub(super) loaded: Option<Resident>,
    pub(super) loads: Vec<Load>,
}

pub(super) fn measure(plan: &Plan, path: &Path, report: &mut Report) -> Result<()> {
    plan.now("building the server");
    let binary = plan.options.server.clone().map_or_else(release::server, Ok)?;
    // From now on the file is in the page cache, for whoever comes first as for the others.
    let files = files(path).with_context(|| format!("cannot read {}", path.display()))?;
    for file in &files {
        io::copy(&mut File::open(file)?, &mut io::sink()).with_context(|| format!("cannot read {}", file.display()))?;
    }
    let most = plan.options.clients.iter().max().copied().unwrap_or(NonZeroUsize::MIN);
    plan.now("loading the model into this process");
    let stage = Stage {
        plan,
        path,
        binary: &binary,
        engine: EngineTarget::start(path, plan.threads, most, plan.longest(), None)?,
        file_bytes: files.iter().map(|file| Ok(fs::metadata(file)?.len())).sum::<Result<_>>()?,
    };
    for clients in &plan.options.clients {
        stage.measure(clients.get(), report)?;
    }
    Ok(())
}

/// A model's weights.
fn files(path: &Path) -> Result<Vec<PathBuf>> {
    Ok(match WeightFiles::of(path)? {
        WeightFiles::Gguf(file) => vec![file],
        WeightFiles::Safetensors { files, .. } => files,
    })
}

impl Plan {
    /// Tokens that a sequence of the clients comes to at most, in whole blocks.
    fn longest(&self) -> usize {
        (LONGEST + self.options.generate.get()).next_multiple_of(engine::BLOCK_TOKENS)
    }
}

struct Stage<'a> {
    plan: &'a Plan,
    path: &'a Path,
    binary: &'a Path,
    engine: EngineTarget,
    file_bytes: u64,
}

impl Stage<'_> {
    fn measure(&self, clients: usize, report: &mut Report) -> Result<()> {
        self.plan.now(format!("{clients} clients: starting the servers"));
        let mut contenders = self.contenders(clients)?;
        let mut alone = Vec::new();
        for round in 1..=self.plan.rounds() {
            let workload = Workload { vocabulary: self.engine.vocabulary, seed: (clients * 1000 + round) as u64 };
            let prompts = workload.prompts(clients * self.plan.options.requests.get());
            let generate = self.plan.options.generate.get();
            let engine = || {
                self.plan.now(format!("{clients} clients, round {round}: the engine alone"));
                self.engine.begin_run();
                clients::run(&self.engine, &prompts, clients, generate)
            };
            // Before the others and after them: the machine's speed moves meanwhile.
            let before = engine()?;
            for contender in &mut contenders {
                self.plan.now(format!("{clients} clients, round {round}: {}", contender.name));
                let load = clients::run(&contender.target, &prompts, clients, generate);
                contender.loads.push(load.with_context(|| format!("{} failed", contender.name))?);
            }
            alone.push(f64::midpoint(before.rate(), engine()?.rate()));
        }
        let allowed = self.file_bytes + self.cache_bytes(clients) as u64;
        http_figures::push(report, clients, &alone, &contenders, allowed)?;
        contenders.iter_mut().filter_map(|contender| contender.process.as_mut()).try_for_each(Server::stop)
    }

    /// Ours first.
    fn contenders(&self, clients: usize) -> Result<Vec<Contender>> {
        let logs = repository::root().join("target/bench");
        fs::create_dir_all(&logs)?;
        let address = server::free_address()?;
        let mut command = server::own(self.binary, address);
        let numbers = [
            ("--threads", self.plan.threads.get()),
            ("--max-concurrent-requests", clients),
            ("--max-queued-requests", clients),
            ("--kv-cache-bytes", self.cache_bytes(clients)),
        ];
        for (name, number) in numbers {
            command.arg(name).arg(number.to_string());
        }
        command.arg("--model").arg(self.path);
        let server = Server::start(&mut command, address, server::READY, &logs.join("server.log"))?;
        let mut contenders = vec![Contender::started(OURS, server)?];
        if let Some(llama_cpp) = &self.plan.llama_cpp {
            let address = server::free_address()?;
            let tokens = self.plan.longest().next_multiple_of(BLOCK);
            let mut command = llama_cpp.server(self.path, address, clients, tokens);
            let server = Server::start(&mut command, address, llama_cpp::READY, &logs.join("llama-server.log"))?;
            contenders.push(Contender::started(llama_cpp::NAME, server)?);
        }
        if let Some(url) = &self.plan.options.peer_vllm {
            let target = HttpTarget::new(url, self.plan.options.peer_vllm_model.as_deref())?;
            contenders.push(Contender { name: VLLM, target, process: None, loaded: None, loads: Vec::new() });
        }
        Ok(contenders)
    }

    fn cache_bytes(&self, clients: usize) -> usize {
        clients * self.plan.longest() * self.engine.cache_bytes
    }
}

impl Contender {
    fn started(name: &'static str, server: Server) -> Result<Self> {
        let target = HttpTarget::new(&server.base_url(), None)?;
        let loaded = Some(Resident::of(server.process())?);
        Ok(Self { name, target, process: Some(server), loaded, loads: Vec::new() })
    }

    pub(super) fn resident(&self) -> Result<Option<Resident>> {
        self.process.as_ref().map(|process| Resident::of(process.process())).transpose()
    }
}
