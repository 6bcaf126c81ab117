//! A server that follows a script: what it answers on each path, in which order, and where it breaks off.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// What it answers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Breaks off after so many bytes of the body.
    pub(crate) cut_after: Option<usize>,
    /// Sends the part that is asked for.
    pub(crate) in_parts: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn in_parts(self) -> Self {
        Self { in_parts: true, ..self }
    }

    pub(crate) fn cut_after(self, bytes: usize) -> Self {
        Self { cut_after: Some(bytes), ..self }
    }
}

/// What it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    /// `GET /path?query`
    pub(crate) line: String,
    pub(crate) range: Option<String>,
    pub(crate) authorization: Option<String>,
}

#[derive(Debug, Default)]
struct Script {
    /// The last answer of each is given for ever.
    answers: Mutex<HashMap<String, VecDeque<Answer>>>,
    asked: Mutex<Vec<Asked>>,
    over: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    script: Arc<Script>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = Arc::new(Script::default());
        let of_thread = Arc::clone(&script);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.over.load(Ordering::SeqCst) {
                    return;
                }
                let script = Arc::clone(&of_thread);
                // Whoever hangs up ends its own thread.
                std::thread::spawn(move || script.answer(&stream.unwrap()));
            }
        });
        Self { address, script, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers `line` (`GET /path`) with these, one after the other.
    pub(crate) fn on(&self, line: impl Into<String>, answers: impl IntoIterator<Item = Answer>) {
        lock(&self.script.answers).insert(line.into(), answers.into_iter().collect());
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        lock(&self.script.asked).clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.script.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        self.thread.take().map(JoinHandle::join);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Script {
    fn answer(&self, stream: &TcpStream) {
        let Some(asked) = read(stream) else { return };
        let answer = {
            let mut answers = lock(&self.answers);
            let answers = answers.get_mut(&asked.line);
            answers.and_then(|answers| if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() })
        };
        let answer = answer.unwrap_or_else(|| Answer::new(404, "nothing here"));
        lock(&self.asked).push(asked.clone());
        // A client that has heard enough may be gone.
        let _ = write(stream, &asked, answer);
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let line = lines.next()?.strip_suffix(" HTTP/1.1")?.to_owned();
    let mut asked = Asked { line, range: None, authorization: None };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "range" => asked.range = Some(value.to_owned()),
            "authorization" => asked.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Some(asked)
}

fn write(mut stream: &TcpStream, asked: &Asked, mut answer: Answer) -> std::io::Result<()> {
    let whole = answer.body.len();
    let from = asked.range.as_deref().filter(|_| answer.in_parts);
    if let Some(from) = from.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok()) {
        answer.status = 206;
        answer.body.drain(..from);
        answer = answer.with("content-range", format!("bytes {from}-{}/{whole}", whole - 1));
    }
    let Answer { status, headers, body, cut_after, .. } = answer;
    write!(stream, "HTTP/1.1 {status} -\r\nconnection: close\r\n")?;
    for (name, value) in &headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if headers.iter().all(|(name, _)| *name != "content-length") {
        write!(stream, "content-length: {}\r\n", body.len())?;
    }
    write!(stream, "\r\n")?;
    if !asked.line.starts_with("HEAD ") {
        stream.write_all(&body[..cut_after.unwrap_or(body.len())])?;
    }
    stream.flush()
}
