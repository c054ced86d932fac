//! The black hole: in the view's network every address is this host's, and what connects to one is
//! let say its first words, noted, and cut off. Names are answered with addresses of a range that
//! nobody has, so that what follows can be told by its name.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::change::Sort;
use crate::host::clock::since_boot;

// The first address that a name is given: RFC 2544, for measurements between networks.
const FIRST: u32 = 0xc612_0001;
const LAST: u32 = 0xc613_fffe;

// How long one may take to say its first words, and to connect at all.
const WORDS: Duration = Duration::from_millis(100);
const ARRIVAL: Duration = Duration::from_millis(500);

const MOST: usize = 16 << 10;

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Something in the view listens there: it is no intent.
    Inside,
    /// It is let in, to hear what it is about.
    Heard,
    /// It is refused at once.
    Refused,
}

/// The network of the view, seen from the supervisor, which is in it.
#[derive(Default)]
pub(super) struct Network {
    servers: Vec<(SocketAddr, UdpSocket)>,
    // Names are asked for over TCP too.
    resolvers: Vec<(SocketAddr, OwnedFd)>,
    asking: Vec<(OwnedFd, Vec<u8>)>,
    names: BTreeMap<Ipv4Addr, String>,
    addresses: BTreeMap<String, Ipv4Addr>,
    /// Names that were looked up since the last time, and by whom; whether something followed.
    lookups: Vec<Lookup>,
    waiting: Vec<Waiting>,
    open: Vec<Open>,
}

struct Lookup {
    name: String,
    process: String,
    is_used: bool,
}

struct Waiting {
    listener: OwnedFd,
    address: SocketAddr,
    until: Duration,
    ticket: usize,
}

struct Open {
    connection: OwnedFd,
    words: Vec<u8>,
    until: Duration,
    ticket: usize,
}

/// What a connection was about: the ticket under which it was announced, and how to tell it better.
pub(super) type Heard = (usize, Words);

/// The first words of a connection, understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) method: Option<String>,
    pub(super) path: Option<String>,
    pub(super) tls: Option<String>,
}

impl Network {
    /// Returns how to name an address.
    pub(super) fn name(&mut self, address: IpAddr) -> String {
        let IpAddr::V4(v4) = address else {
            return address.to_string();
        };
        let Some(name) = self.names.get(&v4) else {
            return address.to_string();
        };
        for lookup in self.lookups.iter_mut().filter(|it| it.name == *name) {
            lookup.is_used = true;
        }
        name.clone()
    }

    /// Returns the names that were looked up since the last time, and led to nothing.
    pub(super) fn lookups(&mut self) -> Vec<(String, String)> {
        let all = std::mem::take(&mut self.lookups);
        let unused = all.into_iter().filter(|it| !it.is_used);
        unused.map(|it| (it.process, it.name)).collect()
    }

    /// Prepares for a connection to `address` that is about to be made.
    pub(super) fn expect(&mut self, address: SocketAddr, ticket: usize) -> Arrival {
        // Who does not wait for a connection asks again.
        if self.waiting.iter().any(|it| it.address == address) {
            return Arrival::Heard;
        }
        match listen(address) {
            Ok(listener) => {
                self.waiting.push(Waiting {
                    listener,
                    address,
                    until: since_boot() + ARRIVAL,
                    ticket,
                });
                Arrival::Heard
            }
            Err(rustix::io::Errno::ADDRINUSE) if address.ip().is_loopback() => Arrival::Inside,
            Err(_) => Arrival::Refused,
        }
    }

    /// Whether somebody is expected at `address` already.
    pub(super) fn is_expected(&self, address: SocketAddr) -> bool {
        self.waiting.iter().any(|it| it.address == address)
    }

    /// Prepares to answer questions for names that are about to be sent to `address`, in datagrams
    /// or over a connection.
    pub(super) fn serve_names(&mut self, address: SocketAddr, process: &str, is_stream: bool) {
        self.lookups.push(Lookup {
            name: String::new(),
            process: process.to_owned(),
            is_used: true,
        });
        if is_stream {
            if !self.resolvers.iter().any(|it| it.0 == address)
                && let Ok(listener) = listen(address)
            {
                self.resolvers.push((address, listener));
            }
            return;
        }
        if self.servers.iter().any(|it| it.0 == address) {
            return;
        }
        // Where a step serves names itself, it does.
        if let Ok(socket) = UdpSocket::bind(address)
            && socket.set_nonblocking(true).is_ok()
        {
            self.servers.push((address, socket));
        }
    }

    /// Forgets who announced what: that is told of by now.
    pub(super) fn forget(&mut self) {
        for ticket in self.waiting.iter_mut().map(|it| &mut it.ticket) {
            *ticket = usize::MAX;
        }
        for ticket in self.open.iter_mut().map(|it| &mut it.ticket) {
            *ticket = usize::MAX;
        }
    }

    /// Returns what to wait for.
    pub(super) fn watched(&self) -> Vec<BorrowedFd<'_>> {
        let servers = self.servers.iter().map(|it| it.1.as_fd());
        let resolvers = self.resolvers.iter().map(|it| it.1.as_fd());
        let asking = self.asking.iter().map(|it| it.0.as_fd());
        let servers = servers.chain(resolvers).chain(asking);
        let waiting = self.waiting.iter().map(|it| it.listener.as_fd());
        let open = self.open.iter().map(|it| it.connection.as_fd());
        servers.chain(waiting).chain(open).collect()
    }

    /// Returns until when at most to wait; `None` where nothing is open.
    pub(super) fn deadline(&self) -> Option<Duration> {
        let waiting = self.waiting.iter().map(|it| it.until);
        waiting.chain(self.open.iter().map(|it| it.until)).min()
    }

    /// Whether connections are open of which more could be heard.
    pub(super) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Does what can be done without waiting; returns what was heard.
    pub(super) fn work(&mut self) -> Vec<Heard> {
        self.answer_names();
        let now = since_boot();
        let mut heard = Vec::new();
        for it in std::mem::take(&mut self.waiting) {
            match rustix::net::accept_with(
                &it.listener,
                SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            ) {
                Ok(connection) => self.open.push(Open {
                    connection,
                    words: Vec::new(),
                    until: now + WORDS,
                    ticket: it.ticket,
                }),
                Err(_) if now < it.until => self.waiting.push(it),
                Err(_) => {}
            }
        }
        for mut it in std::mem::take(&mut self.open) {
            let is_over = loop {
                let mut space = [0; 4096];
                match rustix::io::read(&it.connection, &mut space) {
                    Ok(0) => break true,
                    Ok(count) => it.words.extend_from_slice(&space[..count]),
                    Err(rustix::io::Errno::AGAIN) => break false,
                    Err(_) => break true,
                }
                if it.words.len() > MOST {
                    break true;
                }
            };
            let words = understand(&it.words);
            if is_over || words.is_some() || now >= it.until {
                // Cut off, not closed: whoever speaks is told at once that nobody listens.
                let _ = sockopt::set_socket_linger(&it.connection, Some(Duration::ZERO));
                heard.push((it.ticket, words.unwrap_or_default()));
            } else {
                self.open.push(it);
            }
        }
        heard
    }

    fn answer_names(&mut self) {
        let mut questions = Vec::new();
        for (at, (_, socket)) in self.servers.iter().enumerate() {
            let mut space = [0; 1500];
            while let Ok((count, from)) = socket.recv_from(&mut space) {
                questions.push((at, from, space[..count].to_vec()));
            }
        }
        for (at, from, question) in questions {
            if let Some(answer) = self.answer(&question) {
                let _ = self.servers[at].1.send_to(&answer, from);
            }
        }
        for (_, listener) in &self.resolvers {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            while let Ok(connection) = rustix::net::accept_with(listener, flags) {
                self.asking.push((connection, Vec::new()));
            }
        }
        for (connection, mut words) in std::mem::take(&mut self.asking) {
            let mut space = [0; 4096];
            let is_over = loop {
                match rustix::io::read(&connection, &mut space) {
                    Ok(count) if count > 0 && words.len() < MOST => {
                        words.extend_from_slice(&space[..count]);
                    }
                    Err(rustix::io::Errno::AGAIN) => break false,
                    _ => break true,
                }
            };
            // Each message behind its length.
            while let Some((length, rest)) = words.split_first_chunk::<2>()
                && let Some(question) = rest.get(..usize::from(u16::from_be_bytes(*length)))
            {
                let (question, end) = (question.to_vec(), 2 + question.len());
                words.drain(..end);
                if let Some(answer) = self.answer(&question) {
                    let length = (answer.len() as u16).to_be_bytes();
                    let _ = rustix::io::write(&connection, &[&length[..], &answer].concat());
                }
            }
            if !is_over {
                self.asking.push((connection, words));
            }
        }
    }

    fn answer(&mut self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, kind) = question_of(question)?;
        let address = self.address_of(&name);
        let process = self.lookups.last().map(|it| it.process.clone());
        if !self.lookups.iter().any(|it| it.name == name) {
            self.lookups.push(Lookup {
                name,
                process: process.unwrap_or_default(),
                is_used: false,
            });
        }
        Some(answer_to(question, kind, address))
    }

    fn address_of(&mut self, name: &str) -> Ipv4Addr {
        if let Some(known) = self.addresses.get(name) {
            return *known;
        }
        let next = (FIRST + self.addresses.len() as u32).min(LAST);
        let address = Ipv4Addr::from(next);
        self.addresses.insert(name.to_owned(), address);
        self.names.insert(address, name.to_owned());
        address
    }
}

fn listen(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if family == AddressFamily::INET6 {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, 16)?;
    Ok(socket)
}

/// Moves this process into the network of the view. There is no way back, and none is needed.
pub(super) fn join(namespace: &OwnedFd) -> io::Result<()> {
    super::sys::enter(namespace.as_fd(), libc::CLONE_NEWNET)
}

// Understands what was said so far; `None` where more is to come.
fn understand(words: &[u8]) -> Option<Words> {
    http(words).or_else(|| tls(words))
}

fn http(words: &[u8]) -> Option<Words> {
    let line = &words[..memchr::memchr(b'\n', words)?];
    let line = std::str::from_utf8(line).ok()?.trim_end();
    let mut parts = line.split(' ');
    let (method, path, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_method = !method.is_empty() && method.bytes().all(|it| it.is_ascii_uppercase());
    (is_method && version.starts_with("HTTP/")).then(|| Words {
        method: Some(method.to_owned()),
        path: Some(path.to_owned()),
        tls: None,
    })
}

// The name in a ClientHello (RFC 8446, RFC 6066).
fn tls(words: &[u8]) -> Option<Words> {
    struct Rest<'a>(&'a [u8]);
    impl<'a> Rest<'a> {
        fn take(&mut self, count: usize) -> Option<&'a [u8]> {
            let (taken, rest) = self.0.split_at_checked(count)?;
            self.0 = rest;
            Some(taken)
        }
        fn number(&mut self, bytes: usize) -> Option<usize> {
            let taken = self.take(bytes)?;
            Some(
                taken
                    .iter()
                    .fold(0, |all, byte| all << 8 | usize::from(*byte)),
            )
        }
        // What follows its own length.
        fn part(&mut self, bytes: usize) -> Option<Rest<'a>> {
            let length = self.number(bytes)?;
            self.take(length).map(Rest)
        }
    }
    const HANDSHAKE: usize = 22;
    const CLIENT_HELLO: usize = 1;
    const SERVER_NAME: usize = 0;
    let mut record = Rest(words);
    if record.number(1)? != HANDSHAKE {
        return None;
    }
    record.take(2)?;
    let mut handshake = record.part(2)?;
    if handshake.number(1)? != CLIENT_HELLO {
        return None;
    }
    let mut hello = handshake.part(3)?;
    hello.take(2 + 32)?;
    hello.part(1)?;
    hello.part(2)?;
    hello.part(1)?;
    let mut name = None;
    if let Some(mut extensions) = hello.part(2) {
        while let Some(kind) = extensions.number(2) {
            let mut body = extensions.part(2)?;
            if kind == SERVER_NAME {
                let mut list = body.part(2)?;
                list.number(1)?;
                let host = list.part(2)?;
                name = Some(String::from_utf8_lossy(host.0).into_owned());
            }
        }
    }
    Some(Words {
        tls: Some(name.unwrap_or_default()),
        ..Words::default()
    })
}

const HEADER: usize = 12;

// The name and the type of the first question of a message (RFC 1035).
fn question_of(message: &[u8]) -> Option<(String, u16)> {
    let is_answer = message.get(2)? & 0x80 != 0;
    if is_answer {
        return None;
    }
    let mut at = HEADER;
    let mut labels: Vec<String> = Vec::new();
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        if length > 63 {
            return None;
        }
        let label = message.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_ascii_lowercase());
        at += length;
    }
    let kind = message.get(at..at + 2)?;
    Some((labels.join("."), u16::from_be_bytes([kind[0], kind[1]])))
}

// The same question, answered: with an address where one of IPv4 was asked for, else with nothing.
fn answer_to(question: &[u8], kind: u16, address: Ipv4Addr) -> Vec<u8> {
    const ADDRESS: u16 = 1;
    let mut end = HEADER;
    while let Some(length) = question.get(end)
        && *length != 0
    {
        end += 1 + usize::from(*length);
    }
    let end = (end + 5).min(question.len());
    let mut answer = question[..end].to_vec();
    let has_answer = kind == ADDRESS;
    // An answer, recursion available, no error; one question.
    answer[2] = 0x80 | (question[2] & 0x01);
    answer[3] = 0x80;
    answer[4..HEADER].copy_from_slice(&[0, 1, 0, u8::from(has_answer), 0, 0, 0, 0]);
    if has_answer {
        answer.extend_from_slice(&[0xc0, HEADER as u8, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
        answer.extend_from_slice(&address.octets());
    }
    answer
}

/// Returns the intent of a connection to `host`.
pub(super) fn connection(host: String, port: u16) -> Sort {
    Sort::Connect {
        host,
        port,
        method: None,
        path: None,
        tls: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_of_http_tells_method_and_path() {
        let told = understand(b"POST /v1?x=1 HTTP/1.1\r\nHost: a\r\n").unwrap();
        assert_eq!(told.method.as_deref(), Some("POST"));
        assert_eq!(told.path.as_deref(), Some("/v1?x=1"));
        assert_eq!(understand(b"POST /v1 HT"), None);
        assert_eq!(understand(b"SSH-2.0-x\r\n"), None);
    }

    #[test]
    fn the_name_of_a_client_hello_is_found_and_no_cut_of_it_panics() {
        let name = b"api.example.org";
        let list = [&[0, 0, name.len() as u8][..], name].concat();
        let extension = [
            &[0, 0, 0, list.len() as u8 + 2, 0, list.len() as u8][..],
            &list,
        ]
        .concat();
        let mut hello = vec![3, 3];
        hello.extend([0; 32]);
        hello.extend([0, 0, 2, 0x13, 1, 1, 0, 0, extension.len() as u8]);
        hello.extend(extension);
        let handshake = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
        let record = [&[22, 3, 1, 0, handshake.len() as u8][..], &handshake].concat();
        let told = understand(&record).unwrap();
        assert_eq!(told.tls.as_deref(), Some("api.example.org"));
        for end in 0..record.len() {
            assert_eq!(understand(&record[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_question_for_an_address_is_answered_and_another_has_no_answer() {
        let mut question = vec![7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(b"\x03api\x07example\x03org\x00\x00\x01\x00\x01");
        assert_eq!(
            question_of(&question),
            Some(("api.example.org".to_owned(), 1))
        );
        let answer = answer_to(&question, 1, Ipv4Addr::new(198, 18, 0, 1));
        assert_eq!(answer[..4], [7, 7, 0x81, 0x80]);
        assert_eq!(answer[answer.len() - 4..], [198, 18, 0, 1]);
        let none = answer_to(&question, 28, Ipv4Addr::new(198, 18, 0, 1));
        assert_eq!(none.len(), question.len());
        assert_eq!(none[6..8], [0, 0]);
        for end in 0..question.len() {
            let _ = question_of(&question[..end]);
        }
    }
}
