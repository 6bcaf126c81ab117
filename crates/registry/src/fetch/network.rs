//! The client: one request after the other, each with limits of time. Redirects are followed here and not by the library, so that
//! no secret goes to another host than the one it is for.

use std::fmt::Write as _;
use std::io::Read as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::crypto::ring;
use ureq::Agent;
use ureq::http::{HeaderMap, Method, Request, Response, Uri};
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::FetchError;

const MOST_REDIRECTS: usize = 10;
/// A listing of thousands of files is smaller.
const LARGEST_TEXT: u64 = 32 << 20;

/// For how long something is waited for, and how often it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub connect: Duration,
    /// Between the request and the head of its answer.
    pub answer: Duration,
    /// Between two parts of an answer.
    pub silence: Duration,
    /// A short question and its answer, all attempts together.
    pub question: Duration,
    /// One after the other that bring nothing.
    pub attempts: u32,
    /// Before the second attempt; it doubles with each.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_mins(1),
            silence: Duration::from_mins(1),
            question: Duration::from_secs(30),
            attempts: 4,
            pause: Duration::from_millis(500),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Network {
    /// Through the proxies that the system names (`HTTPS_PROXY` and its kin, which the library reads), as all clients go.
    agent: Agent,
    /// For this machine itself, which no proxy can reach.
    direct: Agent,
    /// Why there can be no connections over TLS, if there can be none.
    without_tls: Option<String>,
    patience: Patience,
}

/// An answer, whatever its status.
pub(crate) struct Reply {
    /// Who gave it, for messages.
    pub(crate) host: String,
    pub(crate) response: Response<ureq::Body>,
}

/// How an answer is waited for.
#[derive(Debug, Clone, Copy)]
struct Way {
    elsewhere: Elsewhere,
    /// Its head and its body have to be there by then.
    until: Option<Instant>,
}

impl Way {
    const FOLLOWED: Self = Self { elsewhere: Elsewhere::Follow, until: None };
}

/// How redirects to other hosts are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elsewhere {
    Follow,
    /// The redirect is the answer.
    Stop,
}

impl Network {
    pub(crate) fn new(patience: Patience) -> Self {
        Self::trusting(patience, authorities())
    }

    /// Where there are no authorities, for a reason, a server without TLS can still be asked, unless it leads to one with it.
    fn trusting(patience: Patience, authorities: Result<Vec<Certificate<'static>>, String>) -> Self {
        let (authorities, without_tls) = authorities.map_or_else(|why| (Vec::new(), Some(why)), |found| (found, None));
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&authorities))
            .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
            .build();
        let config = || {
            Agent::config_builder()
                .tls_config(tls.clone())
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .user_agent(concat!("llm-inference-api/", env!("CARGO_PKG_VERSION")))
                // A compressed answer has another length, and its parts cannot be asked for.
                .accept_encoding("identity")
                .timeout_connect(Some(patience.connect))
                .timeout_recv_response(Some(patience.answer))
                .timeout_per_read(Some(patience.silence))
        };
        let agent = Agent::new_with_config(config().build());
        let direct = Agent::new_with_config(config().proxy(None).build());
        Self { agent, direct, without_tls, patience }
    }

    pub(crate) fn patience(&self) -> Patience {
        self.patience
    }

    /// What is there, from byte `from` on if the server can do that.
    pub(crate) fn get(&self, url: &str, authorization: Option<&str>, from: u64) -> Result<Reply, FetchError> {
        self.send(&Method::GET, url, authorization, from, Way::FOLLOWED)
    }

    /// What is said of it, by the host itself.
    pub(crate) fn head(&self, url: &str, authorization: Option<&str>) -> Result<Reply, FetchError> {
        self.patiently(|until| {
            let way = Way { elsewhere: Elsewhere::Stop, until: Some(until) };
            self.send(&Method::HEAD, url, authorization, 0, way)?.unless_overloaded()
        })
    }

    /// A short answer, tried several times.
    pub(crate) fn ask(&self, url: &str, authorization: Option<&str>) -> Result<(Reply, String), FetchError> {
        self.patiently(|until| {
            let way = Way { until: Some(until), ..Way::FOLLOWED };
            let mut reply = self.send(&Method::GET, url, authorization, 0, way)?.unless_overloaded()?;
            let text = reply.text()?;
            Ok((reply, text))
        })
    }

    /// `call` is told when it has to be over.
    fn patiently<T>(&self, call: impl Fn(Instant) -> Result<T, FetchError>) -> Result<T, FetchError> {
        let until = Instant::now() + self.patience.question;
        let mut attempt = 1;
        loop {
            match call(until) {
                Err(error) if error.may_pass() && attempt < self.patience.attempts && Instant::now() < until => {
                    self.pause(attempt);
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// After so many attempts.
    pub(crate) fn pause(&self, attempt: u32) {
        std::thread::sleep(self.patience.pause.saturating_mul(1 << (attempt - 1).min(10)));
    }

    fn send(
        &self,
        method: &Method,
        url: &str,
        authorization: Option<&str>,
        from: u64,
        way: Way,
    ) -> Result<Reply, FetchError> {
        let first = address(url)?;
        let mut target = first.clone();
        for _ in 0..=MOST_REDIRECTS {
            let authorization = authorization.filter(|_| origin(&target) == origin(&first));
            let reply = self.send_once(method, &target, authorization, from, way.until)?;
            let location = reply.header("location").filter(|_| reply.response.status().is_redirection());
            let Some(location) = location else { return Ok(reply) };
            let next = follow(&target, location)?;
            if way.elsewhere == Elsewhere::Stop && origin(&next) != origin(&target) {
                return Ok(reply);
            }
            if target.scheme_str() == Some("https") && next.scheme_str() != Some("https") {
                return Err(FetchError::Redirected { host: reply.host, what: "from https to http" });
            }
            target = next;
        }
        Err(FetchError::Redirected { host: host(&first), what: "in circles" })
    }

    fn send_once(
        &self,
        method: &Method,
        target: &Uri,
        authorization: Option<&str>,
        from: u64,
        until: Option<Instant>,
    ) -> Result<Reply, FetchError> {
        if let Some(why) = self.without_tls.as_ref().filter(|_| target.scheme_str() == Some("https")) {
            return Err(FetchError::NoAuthorities(why.clone()));
        }
        let mut request = Request::builder().method(method).uri(target);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        if from > 0 {
            request = request.header("range", format!("bytes={from}-"));
        }
        let request = request.body(()).map_err(|_| FetchError::Address { url: target.to_string() })?;
        let agent = if is_this_machine(target) { &self.direct } else { &self.agent };
        let unreachable = |source| FetchError::Unreachable { host: host(target), source: Box::new(source) };
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let request = agent.configure_request(request).timeout_global(left).build();
        let response = agent.run(request).map_err(unreachable)?;
        Ok(Reply { host: host(target), response })
    }
}

impl Reply {
    pub(crate) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let headers: &HeaderMap = self.response.headers();
        headers.get(name)?.to_str().ok()
    }

    pub(crate) fn text(&mut self) -> Result<String, FetchError> {
        let mut text = Vec::new();
        let body = self.response.body_mut().as_reader();
        let read = body.take(LARGEST_TEXT).read_to_end(&mut text);
        let cut_off =
            |source| FetchError::CutOff { file: format!("the answer of {}", self.host), received: 0, source: Some(source) };
        read.map_err(cut_off)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// An answer that a second attempt may change is an error at once.
    fn unless_overloaded(mut self) -> Result<Self, FetchError> {
        let status = self.status();
        let error = FetchError::Answered { host: self.host.clone(), status, message: String::new() };
        if !error.may_pass() {
            return Ok(self);
        }
        let message = self.text().unwrap_or_default();
        Err(FetchError::Answered { host: self.host, status, message })
    }

    pub(crate) fn senseless(&self, what: impl Into<String>) -> FetchError {
        FetchError::Senseless { host: self.host.clone(), what: what.into() }
    }
}

/// Those of this machine, or why there are none.
fn authorities() -> Result<Vec<Certificate<'static>>, String> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        return Err(found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default());
    }
    Ok(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

/// An address of a server, which alone makes sense here.
fn address(url: &str) -> Result<Uri, FetchError> {
    let address: Option<Uri> = url.parse().ok();
    let is_server = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    address.filter(is_server).ok_or_else(|| FetchError::Address { url: url.to_owned() })
}

/// Where `location` leads from `target`: another server, or a path on the same one.
fn follow(target: &Uri, location: &str) -> Result<Uri, FetchError> {
    let mut url = String::new();
    if let Some(rest) = location.strip_prefix("//") {
        let _ = write!(url, "{}://{rest}", target.scheme_str().unwrap_or("https"));
    } else if location.starts_with('/') {
        let authority = target.authority().map(ToString::to_string).unwrap_or_default();
        let _ = write!(url, "{}://{authority}{location}", target.scheme_str().unwrap_or("https"));
    } else {
        url.push_str(location);
    }
    address(&url)
}

fn origin(uri: &Uri) -> (Option<&str>, Option<&str>, Option<u16>) {
    (uri.scheme_str(), uri.host(), uri.port_u16())
}

fn host(uri: &Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_this_machine(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
