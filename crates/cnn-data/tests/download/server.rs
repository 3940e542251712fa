//! A server on the loopback that answers as a test tells it to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What was asked for.
pub(crate) struct Asked {
    pub(crate) path: String,
    /// Where the range begins, for a request with one.
    pub(crate) from: Option<usize>,
}

/// An answer: the head as it stands on the wire, what follows, and how the connection ends.
pub(crate) struct Answer {
    head: String,
    body: Vec<u8>,
    end: End,
}

enum End {
    Close,
    /// Nothing more is sent until the other side gives up.
    Stall,
}

impl Answer {
    /// Status and headers, each as a line, and a body that need not agree with them.
    pub(crate) fn new(status: &str, headers: &[String], body: &[u8]) -> Self {
        let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
        let head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n{headers}\r\n");
        Self { head, body: body.to_vec(), end: End::Close }
    }

    /// What an honest server answers that knows no ranges.
    pub(crate) fn all(bytes: &[u8]) -> Self {
        Self::of_length(bytes.len(), bytes)
    }

    /// Bytes under a length that need not be theirs.
    pub(crate) fn of_length(length: usize, bytes: &[u8]) -> Self {
        Self::new("200 OK", &[format!("Content-Length: {length}")], bytes)
    }

    /// What an honest server answers.
    pub(crate) fn honest(bytes: &[u8], asked: &Asked) -> Self {
        match asked.from {
            None => Self::all(bytes),
            Some(from) if from >= bytes.len() => {
                Self::new("416 Range Not Satisfiable", &["Content-Length: 0".into()], b"")
            }
            Some(from) => {
                let rest = &bytes[from..];
                let range = format!("Content-Range: bytes {from}-{}/{}", bytes.len() - 1, bytes.len());
                Self::new("206 Partial Content", &[format!("Content-Length: {}", rest.len()), range], rest)
            }
        }
    }

    pub(crate) fn redirect(to: &str) -> Self {
        Self::new("302 Found", &[format!("Location: {to}"), "Content-Length: 0".into()], b"")
    }

    /// Sends only so many bytes of the body, under the same head.
    pub(crate) fn cut(mut self, bytes: usize) -> Self {
        self.body.truncate(bytes);
        self
    }

    /// Keeps the connection open after the body.
    pub(crate) fn stalling(mut self) -> Self {
        self.end = End::Stall;
        self
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    asked: Arc<Mutex<Vec<Asked>>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Vec::new())));
        let (stopped, log, answer) = (Arc::clone(&stop), Arc::clone(&asked), Arc::new(answer));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                // A client that gives up is no failure of the server's.
                std::thread::spawn(move || stream.map(|stream| serve(stream, &log, &*answer)));
            }
        });
        Self { address, stop, asked, thread: Some(thread) }
    }

    /// A server that has the bytes and knows ranges.
    pub(crate) fn honest(bytes: Vec<u8>) -> Self {
        Self::new(move |asked| Answer::honest(&bytes, asked))
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/{}", self.address, super::NAME)
    }

    pub(crate) fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Paths of the requests so far.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|asked| asked.path.clone()).collect()
    }

    /// Where the ranges of the requests so far began.
    pub(crate) fn ranges(&self) -> Vec<Option<usize>> {
        self.asked.lock().unwrap().iter().map(|asked| asked.from).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the thread, which sees then that it is to stop.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(
    mut stream: TcpStream,
    log: &Mutex<Vec<Asked>>,
    answer: &dyn Fn(&Asked) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let path = first.split_whitespace().nth(1).unwrap_or_default().to_owned();
    let mut from = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim().trim_end_matches('-').parse().ok();
        }
    }
    let asked = Asked { path, from };
    let Answer { head, body, end } = answer(&asked);
    log.lock().unwrap().push(asked);
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body)?;
    stream.flush()?;
    if matches!(end, End::Stall) {
        // Ends when the other side hangs up.
        reader.read_to_end(&mut Vec::new())?;
    }
    Ok(())
}

/// A URL at which nobody listens.
pub(crate) fn refused() -> String {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    format!("http://{address}/{}", super::NAME)
}
