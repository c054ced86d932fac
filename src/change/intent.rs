//! What a step tried beyond the file system, and was refused.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::Text;

/// One thing that left the file system and was therefore refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// What it was.
    #[serde(flatten)]
    pub sort: Sort,
    /// The kernel's name of the process that did it; empty where it was gone by then.
    pub process: String,
    /// How often the same process did the same.
    pub times: u64,
}

/// What was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "intent")]
pub enum Sort {
    /// A connection over TCP.
    Connect {
        /// The name that was looked up, else the address.
        host: String,
        /// The port.
        port: u16,
        /// Of HTTP: the method.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        method: Option<String>,
        /// Of HTTP: the path and what follows it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<String>,
        /// Of TLS: the name that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tls: Option<String>,
    },
    /// A datagram over UDP.
    Datagram {
        /// The name that was looked up, else the address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A name was looked up, and nothing followed.
    Lookup {
        /// The name.
        host: String,
    },
    /// A connection to a socket of this machine.
    Socket {
        /// Its path, or its name after `@`.
        path: Text,
    },
    /// A socket of a family that reaches beyond the view.
    Family {
        /// The number of the family.
        family: i32,
    },
    /// A signal to a process outside the view.
    Signal {
        /// The process number, as it was given; negative for a group.
        pid: i64,
        /// The name of that process on the host, where there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The number of the signal.
        signal: i32,
    },
    /// A program that works with rights that the preview does not have.
    Privileges {
        /// Its path.
        path: Text,
    },
    /// Another system call that changes the machine beyond its files.
    Call {
        /// Its name: `mount`, `reboot`, `clock_settime`, …
        name: String,
        /// What it was about, where that can be told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        about: Option<Text>,
    },
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Text| match text {
            Text::Plain(text) => text.clone(),
            Text::Bytes { .. } => String::from_utf8_lossy(&text.to_bytes()).into_owned(),
        };
        match self {
            Self::Connect {
                host,
                port,
                method,
                path,
                tls,
            } => {
                write!(f, "connect {host}:{port}")?;
                if let (Some(method), Some(path)) = (method, path) {
                    write!(f, " {method} {path}")?;
                }
                match tls {
                    Some(name) => write!(f, " (TLS to {name})"),
                    None => Ok(()),
                }
            }
            Self::Datagram { host, port } => write!(f, "send to {host}:{port} (UDP)"),
            Self::Lookup { host } => write!(f, "look up {host}"),
            Self::Socket { path } => write!(f, "connect to socket {}", shown(path)),
            Self::Family { family } => write!(f, "open a socket of family {family}"),
            Self::Signal { pid, name, signal } => {
                write!(f, "send signal {signal} to process {pid}")?;
                match name {
                    Some(name) => write!(f, " ({name})"),
                    None => Ok(()),
                }
            }
            Self::Privileges { path } => write!(f, "run {} with its rights", shown(path)),
            Self::Call { name, about: None } => f.write_str(name),
            Self::Call {
                name,
                about: Some(about),
            } => write!(f, "{name} {}", shown(about)),
        }
    }
}
