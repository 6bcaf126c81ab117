//! `health`: whether the server on this machine answers, for an image that has no shell to ask with.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, anyhow};
use clap::Args;
use rustls::crypto::ring;
use ureq::Agent;
use ureq::tls::TlsConfig;

use super::{Failure, prepare};
use crate::settings::{Arguments, FileArguments, HttpArguments, HttpSettings, Purpose, hostname, port};
use crate::terminal;

/// Shorter than the three seconds after which Docker gives a check up.
const PATIENCE: Duration = Duration::from_millis(2500);

#[derive(Debug, Args)]
pub(crate) struct HealthArguments {
    /// Whether the process answers, even if none of its models does yet.
    #[arg(long)]
    live: bool,
    /// Where it listens [LLM_INFERENCE_HOSTNAME, API_HOST; default: 0.0.0.0, which is asked on this machine].
    #[arg(long, value_name = "ADDRESS", value_parser = hostname)]
    host: Option<String>,
    /// Where it listens [LLM_INFERENCE_PORT, API_PORT; default: 8091].
    #[arg(long, value_name = "PORT", value_parser = port)]
    port: Option<u16>,
    /// It speaks HTTPS; its certificate is not examined [SERVER_SSL_ENABLED].
    #[arg(long)]
    tls: bool,
    #[command(flatten)]
    file: FileArguments,
}

pub(crate) fn run(arguments: HealthArguments) -> Result<(), Failure> {
    let HealthArguments { live, host, port, tls, file } = arguments;
    let http = HttpArguments { host, port, tls, ..HttpArguments::default() };
    let settings = prepare(Arguments { file, http, ..Arguments::default() }, Purpose::Answer)?;
    let server = address(&settings.http);
    let (status, body) = ask(&format!("{server}/health/{}", if live { "live" } else { "ready" }))
        .with_context(|| format!("no server answers at {server}; --port, or LLM_INFERENCE_PORT, says where it listens"))?;
    terminal::answer(&body).and_then(|()| terminal::answer("\n")).map_err(Error::from)?;
    if status.is_success() { Ok(()) } else { Err(anyhow!("the server at {server} is not ready ({status})").into()) }
}

/// Where a server with these settings is asked from its own machine.
fn address(http: &HttpSettings) -> String {
    let host = match http.host.value.as_str() {
        "0.0.0.0" => "127.0.0.1".to_owned(),
        "::" => "[::1]".to_owned(),
        host if host.contains(':') => format!("[{host}]"),
        host => host.to_owned(),
    };
    let scheme = if http.tls.value { "https" } else { "http" };
    format!("{scheme}://{host}:{}", http.port.value)
}

fn ask(url: &str) -> Result<(ureq::http::StatusCode, String), ureq::Error> {
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        // It is for the names that clients know, hardly for this one; and nothing is told to whoever answers.
        .disable_verification(true)
        .build();
    let agent = Agent::config_builder().tls_config(tls).http_status_as_error(false).max_redirects(0).proxy(None);
    let agent = Agent::new_with_config(agent.timeout_global(Some(PATIENCE)).build());
    let mut answer = agent.get(url).call()?;
    Ok((answer.status(), answer.body_mut().read_to_string()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{Environment, File, Machine, resolve};

    #[test]
    fn a_server_is_asked_where_it_listens() {
        let asked = |variables: &[(&str, &str)]| {
            let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let environment = Environment::from_map(&variables.collect());
            let settings = resolve(Arguments::default(), environment, File::none(), &Machine::look(), Purpose::Answer);
            address(&settings.unwrap().http)
        };
        assert_eq!(asked(&[]), "http://127.0.0.1:8091");
        assert_eq!(asked(&[("LLM_INFERENCE_PORT", "80"), ("LLM_INFERENCE_HOSTNAME", "::")]), "http://[::1]:80");
        assert_eq!(
            asked(&[("LLM_INFERENCE_HOSTNAME", "fd00::1"), ("SERVER_SSL_ENABLED", "true")]),
            "https://[fd00::1]:8091"
        );
        assert_eq!(asked(&[("LLM_INFERENCE_HOSTNAME", "gpu.example.org")]), "http://gpu.example.org:8091");
    }
}
