//! Looks at the world for checks: an address, a port, a file, a certificate, a disk, the time.
//! Changes nothing, and never waits longer than it is told: what does not answer in time is a
//! finding.

use std::io::Read as _;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::clock::{Clock, since_boot};
use super::{certificate, files, machine};
use crate::model::{Fact, Probe};
use crate::redact::Redactor;

/// The most of a body that is kept.
const BODY: u64 = 256 << 10;
/// The longest file whose text is read.
const TEXT: u64 = 64 << 10;

/// Looks at what `probe` names, within `timeout`; paths are relative to `folder`. Never fails: that a
/// look was not possible is a fact too.
pub fn probe(probe: &Probe, folder: &Path, timeout: Duration) -> Fact {
    let (sender, receiver) = mpsc::channel();
    let (look, folder) = (probe.clone(), folder.to_owned());
    // Names are resolved, and files of a dead server are read, without any timeout of their own:
    // the thread that does may outlive its answer.
    let started = std::thread::Builder::new()
        .name("probe".to_owned())
        .spawn(move || {
            let fact = looked(&look, &folder, timeout);
            // Nobody waits any more where the time is over.
            let _ = sender.send(fact);
        });
    if let Err(cause) = started {
        return Fact::Failed(format!("no thread for the look: {cause}"));
    }
    receiver
        .recv_timeout(timeout)
        .unwrap_or_else(|_| Fact::Failed(format!("no answer within {timeout:?}")))
}

fn looked(probe: &Probe, folder: &Path, timeout: Duration) -> Fact {
    match probe {
        Probe::Now => Fact::Found(Clock::from_environment().wall_ms().into()),
        Probe::Http { url } => http(url, timeout),
        Probe::Tcp { host, port } => {
            let start = since_boot();
            let error = match connect(host, *port, timeout) {
                Ok(_) => String::new(),
                Err(cause) => cause,
            };
            Fact::Found(json!({
                "open": error.is_empty(),
                "ms": since(start),
                "error": error,
            }))
        }
        Probe::File { path } => Fact::Found(file(&files::place(folder, path))),
        Probe::Text { path } => Fact::Found(match text(&files::place(folder, path)) {
            Ok(text) => json!({ "text": text, "error": "" }),
            Err(cause) => json!({ "error": cause }),
        }),
        Probe::Cert { of } => {
            let path = files::place(folder, of);
            let found = match of.rsplit_once(':') {
                Some((host, port)) if !path.exists() && !of.contains('/') => port
                    .parse()
                    .map_err(|_| format!("`{port}` is no port"))
                    .and_then(|port| certificate::of_host(host, port, timeout)),
                _ => certificate::of_file(&path),
            };
            let now = Clock::from_environment().wall_ms();
            match found.and_then(|bytes| certificate::read(&bytes, now)) {
                Ok(found) => Fact::Found(found),
                Err(cause) => Fact::Found(json!({ "error": cause })),
            }
        }
        Probe::Disk { path } => disk(&files::place(folder, path)),
        Probe::Printed | Probe::Patience { .. } => {
            Fact::Failed("only who judges a check knows of it".to_owned())
        }
    }
}

fn since(start: Duration) -> u64 {
    since_boot().saturating_sub(start).as_millis() as u64
}

/// Connects to the first address of `host` that answers.
pub(super) fn connect(host: &str, port: u16, timeout: Duration) -> Result<TcpStream, String> {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (host, port)
        .to_socket_addrs()
        .map_err(|cause| format!("`{host}` has no address: {cause}"))?;
    let mut why = format!("`{host}` has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(cause) => why = format!("{address}: {cause}"),
        }
    }
    Err(why)
}

/// A GET, and what came back, whatever its status. Redirects are told, not followed: a check is to
/// see what the address itself answers.
fn http(url: &str, timeout: Duration) -> Fact {
    let start = since_boot();
    let failed = |cause: String| Fact::Found(json!({ "error": cause, "ms": since(start) }));
    let is_secure = url
        .get(..8)
        .is_some_and(|it| it.eq_ignore_ascii_case("https://"));
    let mut config = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .user_agent("runbook");
    if is_of_this_machine(url) {
        // A proxy of the environment leads away from here.
        config = config.proxy(None);
    }
    if is_secure {
        config = config.tls_config(certificate::trust());
    }
    let agent: ureq::Agent = config.build().into();
    let mut response = match agent.get(url).call() {
        Ok(response) => response,
        Err(cause) => return failed(cause.to_string()),
    };
    let mut headers = Map::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let known = headers.entry(name.as_str()).or_insert_with(|| "".into());
        let joined = match known.as_str() {
            Some("") | None => value.into_owned(),
            Some(before) => format!("{before}, {value}"),
        };
        *known = joined.into();
    }
    let status = response.status().as_u16();
    let mut body = Vec::new();
    let read = response
        .body_mut()
        .as_reader()
        .take(BODY + 1)
        .read_to_end(&mut body);
    let is_cut = body.len() as u64 > BODY;
    body.truncate(BODY as usize);
    Fact::Found(json!({
        "status": status,
        "headers": headers,
        "body": String::from_utf8_lossy(&body),
        "truncated": is_cut,
        "ms": since(start),
        "error": read.err().map_or_else(String::new, |cause| cause.to_string()),
    }))
}

fn is_of_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |it| it.1);
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    host.starts_with("localhost") || host.starts_with("127.") || host.starts_with("[::1]")
}

fn file(path: &Path) -> Value {
    let facts = match std::fs::metadata(path) {
        Ok(facts) => facts,
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return json!({ "exists": false, "error": "" });
        }
        Err(cause) => return json!({ "exists": false, "error": cause.to_string() }),
    };
    let kind = if facts.is_file() {
        "file"
    } else if facts.is_dir() {
        "folder"
    } else {
        "other"
    };
    json!({
        "exists": true,
        "kind": kind,
        "size": facts.len(),
        "mode": format!("{:04o}", facts.mode() & 0o7777),
        "owner": machine::user_name(facts.uid()),
        "mtime": facts.mtime() * 1000 + facts.mtime_nsec() / 1_000_000,
        "error": "",
    })
}

/// Returns the text of a file as it may be recorded: what looks like a secret is masked, declared or not.
fn text(path: &Path) -> Result<String, String> {
    let facts = std::fs::metadata(path).map_err(|cause| cause.to_string())?;
    // To open a pipe would wait for somebody to write into it.
    if !facts.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = std::fs::File::open(path).map_err(|cause| cause.to_string())?;
    let mut bytes = Vec::new();
    file.take(TEXT + 1)
        .read_to_end(&mut bytes)
        .map_err(|cause| cause.to_string())?;
    if bytes.len() as u64 > TEXT {
        return Err(format!("it is longer than {} KiB", TEXT >> 10));
    }
    let mut redactor = Redactor::new(&[], None);
    let mut masked = Vec::with_capacity(bytes.len());
    redactor.feed(&bytes, &mut masked);
    redactor.finish(&mut masked);
    String::from_utf8(masked).map_err(|_| "it is no UTF-8 text".to_owned())
}

fn disk(path: &Path) -> Fact {
    let found = match rustix::fs::statvfs(path) {
        Ok(found) => found,
        Err(cause) => return Fact::Failed(cause.to_string()),
    };
    let size = found.f_blocks.saturating_mul(found.f_frsize);
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let used = size.saturating_sub(found.f_bfree.saturating_mul(found.f_frsize));
    // As `df` counts: what is kept for root is neither free nor used, and the share is rounded up.
    let counted = used.saturating_add(free).max(1);
    let used_percent = (u128::from(used) * 100).div_ceil(u128::from(counted));
    Fact::Found(json!({
        "size": size,
        "free": free,
        "used": used,
        "used_percent": used_percent as u64,
    }))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::path::Path;
    use std::sync::Arc;
    use std::time::Duration;

    use serde_json::Value;

    use super::probe;
    use crate::model::{Fact, Probe};
    use crate::redact::Redactor;

    const ENOUGH: Duration = Duration::from_secs(20);

    fn look(it: Probe) -> Value {
        match probe(&it, Path::new("/"), ENOUGH) {
            Fact::Found(value) => value,
            Fact::Failed(cause) => panic!("{it:?}: {cause}"),
        }
    }

    /// Answers one request with `answer`; returns the address.
    fn server(answer: Vec<u8>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            while !request.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            // The client may have read enough.
            let _ = stream.write_all(&answer);
        });
        format!("http://{address}/health")
    }

    #[test]
    fn an_answer_is_told_whatever_its_status() {
        let url = server(
            b"HTTP/1.1 503 No\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 4\r\n\r\nbusy".to_vec(),
        );
        let found = look(Probe::Http { url });
        assert_eq!(found["status"], 503);
        assert_eq!(found["body"], "busy");
        assert_eq!(found["headers"]["x-a"], "1, 2");
        assert_eq!(found["error"], "");
    }

    #[test]
    fn a_redirect_is_told_and_not_followed() {
        let url = server(
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
                .to_vec(),
        );
        let found = look(Probe::Http { url });
        assert_eq!(
            (&found["status"], &found["error"]),
            (&302.into(), &"".into())
        );
        assert_eq!(found["headers"]["location"], "http://127.0.0.1:1/");
    }

    #[test]
    fn a_long_body_is_cut() {
        let mut answer = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
        answer.extend(std::iter::repeat_n(b'x', 3 << 20));
        let found = look(Probe::Http {
            url: server(answer),
        });
        assert_eq!(found["body"].as_str().unwrap().len(), 256 << 10);
        assert_eq!(found["truncated"], true);
    }

    #[test]
    fn an_address_that_does_not_answer_is_an_error_in_time() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // It accepts, and says nothing.
        let silent = Probe::Http {
            url: format!("http://127.0.0.1:{port}/"),
        };
        let short = Duration::from_millis(100);
        let found = probe(&silent, Path::new("/"), short);
        let text = serde_json::to_string(&found).unwrap();
        assert!(
            text.contains("timeout") || text.contains("no answer"),
            "{text}"
        );
        drop(listener);
        for url in [
            format!("http://127.0.0.1:{port}/"),
            "nonsense".to_owned(),
            "ftp://x/".to_owned(),
        ] {
            let found = look(Probe::Http { url: url.clone() });
            assert_ne!(found["error"], "", "{url}");
        }
    }

    #[test]
    fn a_port_is_open_or_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let at = |port| Probe::Tcp {
            host: "127.0.0.1".into(),
            port,
        };
        assert_eq!(look(at(port))["open"], true);
        drop(listener);
        let found = look(at(port));
        assert_eq!(found["open"], false);
        assert_ne!(found["error"], "");
    }

    #[test]
    fn a_file_is_told_with_its_mode_and_never_with_its_text() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.conf");
        std::fs::write(&path, "a\n").unwrap();
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o640);
        std::fs::set_permissions(&path, permissions).unwrap();
        let at = |path: &str| {
            let it = Probe::File { path: path.into() };
            match probe(&it, folder.path(), ENOUGH) {
                Fact::Found(found) => found,
                Fact::Failed(cause) => panic!("{cause}"),
            }
        };
        let found = at("a.conf");
        assert_eq!(found["exists"], true);
        assert_eq!((&found["mode"], found.get("text")), (&"0640".into(), None));
        assert_eq!(
            (&found["size"], &found["kind"]),
            (&2.into(), &"file".into())
        );
        assert!(found["mtime"].as_i64().unwrap() > 0);
        assert_eq!(at(".")["kind"], "folder");
        assert_eq!(at("gone")["exists"], false);
    }

    #[test]
    fn a_text_is_read_where_it_is_short_and_without_what_looks_like_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let write =
            |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
        write("a.env", b"PORT=80\nDB_PASSWORD=kd83nfl20sk\n");
        write("long", &[b'x'; 70_000]);
        write("bytes", &[0xff, 0xfe]);
        let read = |path: &str| {
            let it = Probe::Text { path: path.into() };
            match probe(&it, folder.path(), ENOUGH) {
                Fact::Found(found) => found.to_string(),
                Fact::Failed(cause) => panic!("{cause}"),
            }
        };
        assert_eq!(
            read("a.env"),
            r#"{"error":"","text":"PORT=80\nDB_PASSWORD=***\n"}"#
        );
        assert_eq!(read("long"), r#"{"error":"it is longer than 64 KiB"}"#);
        assert_eq!(read("bytes"), r#"{"error":"it is no UTF-8 text"}"#);
        assert_eq!(read("."), r#"{"error":"it is no file"}"#);
        assert!(read("gone").contains("No such file"));
    }

    #[test]
    fn a_disk_has_sizes_and_a_share() {
        let found = look(Probe::Disk { path: "/".into() });
        let number = |name: &str| found[name].as_u64().unwrap();
        assert!(
            number("size") >= number("free") && number("used_percent") <= 100,
            "{found}"
        );
        let gone = probe(
            &Probe::Disk {
                path: "/gone/away".into(),
            },
            Path::new("/"),
            ENOUGH,
        );
        assert!(matches!(gone, Fact::Failed(_)));
    }

    #[test]
    fn a_certificate_is_read_from_a_file_and_from_a_server_that_nobody_trusts() {
        let mut wanted =
            rcgen::CertificateParams::new(vec!["example.org".to_owned(), "127.0.0.1".to_owned()])
                .unwrap();
        wanted
            .distinguished_name
            .push(rcgen::DnType::CommonName, "example.org");
        wanted.not_after = rcgen::date_time_ymd(2100, 1, 2);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = wanted.self_signed(&key).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.pem");
        std::fs::write(&path, format!("a remark\n{}", certificate.pem())).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(
            rustls::crypto::ring::default_provider(),
        ))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
            while connection.is_handshaking() && connection.complete_io(&mut stream).is_ok() {}
        });
        for of in [path.display().to_string(), format!("127.0.0.1:{port}")] {
            let found = look(Probe::Cert { of: of.clone() });
            assert_eq!(found["subject"], "example.org", "{of}: {found}");
            assert_eq!(
                found["names"],
                serde_json::json!(["example.org", "127.0.0.1"])
            );
            assert_eq!(found["not_after"], 4_102_531_200_000_i64);
            assert!(found["days_left"].as_i64().unwrap() > 20_000);
            assert_eq!(found["error"], "");
        }
        for of in ["/gone.pem", "/etc/hostname", "127.0.0.1:x", "127.0.0.1:1"] {
            assert_ne!(look(Probe::Cert { of: of.into() })["error"], "", "{of}");
        }
    }

    #[test]
    fn the_time_is_in_milliseconds() {
        assert!(look(Probe::Now).as_i64().unwrap() > 0);
    }
}
