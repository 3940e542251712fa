//! One transfer: from one origin into the partial file, going on where an earlier one ended.
//!
//! What is wrong with the origin is told apart from what is wrong with this machine, since only for the former it
//! helps to try another. Redirections are followed here and not by the HTTP library, so that each is checked.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::IpAddr;
use std::path::Path;

use ureq::http::{Response, StatusCode, Uri, header};
use ureq::{Agent, Body};

use super::Limits;
use super::origin::Origin;
use crate::Error;

/// Why a transfer ended without the whole file.
pub(super) enum Stopped {
    /// The origin has no such file, or not this one.
    Origin(String),
    /// The transfer broke off; what arrived is in the partial file.
    BrokeOff(String),
    /// This machine cannot write it.
    Here(Error),
}

/// What a transfer has to keep to.
pub(super) struct Transfer<'a> {
    /// The partial file.
    pub(super) part: &'a Path,
    /// The published length.
    pub(super) bytes: Option<u64>,
    pub(super) limits: &'a Limits,
}

/// What a transfer tells: how much is here, and, as it begins, the whole length where it is known.
pub(super) trait Watch {
    fn started(&mut self, here: u64, bytes: Option<u64>);
    fn arrived(&mut self, here: u64);
}

impl Transfer<'_> {
    /// Brings the partial file to its whole length. Whether it began with bytes of an earlier transfer is returned.
    pub(super) fn run(&self, origin: &Origin, watch: &mut dyn Watch) -> Result<bool, Stopped> {
        let here = |source| Stopped::Here(Error::write(self.part, source));
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(self.part).map_err(here)?;
        let before = file.seek(SeekFrom::End(0)).map_err(here)?;
        let (mut source, start, total): (Box<dyn Read>, u64, Option<u64>) = match origin {
            Origin::File(path) => {
                let (source, total) = self.open(path)?;
                (Box::new(source), 0, Some(total))
            }
            Origin::Url(url) => {
                let (source, start, total) = self.request(url, before)?;
                (Box::new(source.into_body().into_reader()), start, total)
            }
        };
        self.check_length(total)?;
        file.set_len(start).map_err(here)?;
        file.seek(SeekFrom::Start(start)).map_err(here)?;
        watch.started(start, total.or(self.bytes));
        self.copy(&mut source, &mut file, start, total.or(self.bytes), watch)?;
        file.sync_all().map_err(here)?;
        Ok(start > 0)
    }

    /// A file of this machine with its length.
    fn open(&self, path: &Path) -> Result<(File, u64), Stopped> {
        let failed = |error: std::io::Error| Stopped::Origin(error.to_string());
        let file = File::open(path).map_err(failed)?;
        let found = file.metadata().map_err(failed)?;
        if !found.is_file() {
            return Err(Stopped::Origin("is no file".into()));
        }
        Ok((file, found.len()))
    }

    /// An error where a length that was announced cannot be that of the file.
    fn check_length(&self, total: Option<u64>) -> Result<(), Stopped> {
        match (total, self.bytes) {
            (Some(total), Some(bytes)) if total != bytes => {
                Err(Stopped::Origin(format!("the file there has {total} bytes, expected {bytes}")))
            }
            (Some(total), None) if total > self.limits.file_bytes => Err(Stopped::Origin(format!(
                "the file there has {total} bytes, more than the limit of {}",
                self.limits.file_bytes
            ))),
            _ => Ok(()),
        }
    }

    fn copy(
        &self,
        source: &mut dyn Read,
        file: &mut File,
        start: u64,
        total: Option<u64>,
        watch: &mut dyn Watch,
    ) -> Result<(), Stopped> {
        let most = self.bytes.unwrap_or(self.limits.file_bytes);
        let mut here = start;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let count = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) => return Err(Stopped::BrokeOff(self.broke_off(error.into(), here, total))),
            };
            if here + count as u64 > most {
                // More of it is of no use, and what is here is of another file.
                file.set_len(0).map_err(|source| Stopped::Here(Error::write(self.part, source)))?;
                return Err(Stopped::Origin(format!("sends more than the {most} bytes that it may have")));
            }
            file.write_all(&buffer[..count])
                .map_err(|source| Stopped::Here(Error::write(self.part, source)))?;
            here += count as u64;
            watch.arrived(here);
        }
        match total {
            Some(total) if here < total => {
                Err(Stopped::BrokeOff(format!("the transfer ended after {here} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    fn broke_off(&self, error: ureq::Error, here: u64, total: Option<u64>) -> String {
        let of = total.map_or_else(String::new, |total| format!(" of {total}"));
        format!("the transfer broke off after {here}{of} bytes: {}", self.explain(&error))
    }

    fn explain(&self, error: &ureq::Error) -> String {
        match error {
            ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => {
                format!("no connection within {:?}", self.limits.connect)
            }
            ureq::Error::Timeout(_) => format!("no answer for {:?}", self.limits.stall),
            error => error.to_string(),
        }
    }

    /// Asks for what is not here yet: the answer, where it begins, and the whole length where it is told.
    fn request(&self, url: &str, here: u64) -> Result<(Response<Body>, u64, Option<u64>), Stopped> {
        if here > 0 {
            let answer = self.follow(url, here)?;
            match answer.status() {
                StatusCode::PARTIAL_CONTENT => {
                    if let Some((start, total)) = content_range(&answer)
                        && start == here
                        && self.check_length(total).is_ok()
                    {
                        return Ok((answer, here, total));
                    }
                }
                // A server that knows no ranges sends everything.
                StatusCode::OK => return Ok(whole(answer)),
                StatusCode::RANGE_NOT_SATISFIABLE => {}
                status => return Err(Stopped::Origin(format!("the server answers {status}"))),
            }
            // The file is another one than that of which a part is here, or the range is: begin again.
        }
        let answer = self.follow(url, 0)?;
        match answer.status() {
            StatusCode::OK => Ok(whole(answer)),
            status => Err(Stopped::Origin(format!("the server answers {status}"))),
        }
    }

    /// The answer after all redirections.
    fn follow(&self, url: &str, here: u64) -> Result<Response<Body>, Stopped> {
        let mut url = url.to_owned();
        for _ in 0..=self.limits.redirects {
            let mut request = self.agent(&url).get(&url);
            if here > 0 {
                request = request.header(header::RANGE, format!("bytes={here}-"));
            }
            let answer = request.call().map_err(|error| Stopped::Origin(self.explain(&error)))?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            let location = location.ok_or_else(|| Stopped::Origin("redirects to nowhere".into()))?;
            url = redirected(&url, location).map_err(Stopped::Origin)?;
        }
        Err(Stopped::Origin(format!("redirects more than {} times, last to {url}", self.limits.redirects)))
    }

    fn agent(&self, url: &str) -> Agent {
        let Limits { connect, stall, .. } = *self.limits;
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("cnn/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(connect))
            .timeout_connect(Some(connect))
            .timeout_recv_response(Some(stall))
            .timeout_per_read(Some(stall))
            .timeout_per_write(Some(stall));
        if is_this_machine(url) {
            config = config.proxy(None);
        }
        config.build().new_agent()
    }
}

fn whole(answer: Response<Body>) -> (Response<Body>, u64, Option<u64>) {
    let length = answer.headers().get(header::CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.trim().parse().ok());
    (answer, 0, length)
}

/// Where a partial answer begins and the whole length: `bytes 5-9/10`, or `bytes 5-9/*`.
fn content_range(answer: &Response<Body>) -> Option<(u64, Option<u64>)> {
    parse_range(answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?)
}

fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The URL to which a server leads from another.
fn redirected(from: &str, location: &str) -> Result<String, String> {
    let location = location.split('#').next().unwrap_or(location);
    let parse = |url: &str| {
        let uri: Option<Uri> = url.parse().ok();
        uri.and_then(|uri| {
            Some((uri.scheme_str()?.to_lowercase(), uri.authority()?.to_string(), uri.path().to_owned()))
        })
    };
    let Some((scheme, authority, path)) = parse(from) else { return Err(format!("{from} is no URL")) };
    let to = if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else if location.contains("://") {
        location.to_owned()
    } else {
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{scheme}://{authority}{folder}{location}")
    };
    match parse(&to) {
        Some((new, ..)) if new == "https" || (new == "http" && scheme == "http") => Ok(to),
        Some((new, ..)) if new == "http" => {
            Err(format!("redirects to {to}: from https to http is not followed"))
        }
        _ => Err(format!("redirects to {to}: expected a URL of http or https")),
    }
}

/// Whether a URL leads to this machine, which no proxy can reach in its place.
fn is_this_machine(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.as_ref().and_then(Uri::host).is_some_and(|host| {
        let address: Result<IpAddr, _> = host.trim_matches(['[', ']']).parse();
        host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirections_are_resolved_and_never_lead_from_https_to_http() {
        for (from, location, expected) in [
            ("http://a/b/c", "d", Ok("http://a/b/d")),
            ("http://a/b/c", "/d?e=f#g", Ok("http://a/d?e=f")),
            ("https://a:1/b", "//c/d", Ok("https://c/d")),
            ("http://a/b", "https://c/d", Ok("https://c/d")),
            ("https://a/b", "HTTP://a/b", Err("from https to http is not followed")),
            ("https://a/b", "ftp://a/b", Err("expected a URL of http or https")),
            ("http://a/b", "file:///etc/passwd", Err("expected a URL of http or https")),
        ] {
            match (redirected(from, location), expected) {
                (Ok(met), Ok(expected)) => assert_eq!(met, expected),
                (Err(met), Err(expected)) => assert!(met.contains(expected), "{met}"),
                (met, _) => panic!("{from} {location}: {met:?}"),
            }
        }
    }

    #[test]
    fn ranges_are_read_with_and_without_the_whole_length() {
        for (text, expected) in [
            ("bytes 5-9/10", Some((5, Some(10)))),
            ("bytes 5-9/*", Some((5, None))),
            ("bytes */10", None),
            ("lines 5-9/10", None),
            ("bytes 99999999999999999999-1/2", None),
        ] {
            assert_eq!(parse_range(text), expected, "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for (url, expected) in [
            ("http://127.0.0.1:80/a", true),
            ("http://localhost/a", true),
            ("http://[::1]:80/a", true),
            ("http://example.org/a", false),
        ] {
            assert_eq!(is_this_machine(url), expected, "{url}");
        }
    }
}
