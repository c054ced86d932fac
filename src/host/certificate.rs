//! Certificates: read from a PEM file or taken from a server's handshake; and whom HTTPS trusts.
//!
//! The handshake accepts any certificate, *only to look at it*: nothing is sent over that connection
//! but the handshake itself, and it is closed at once. A certificate that is expired, or of an unknown
//! issuer, is just what a check asks about.

use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use serde_json::{Value, json};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use x509_parser::extensions::GeneralName;
use x509_parser::pem::Pem;

use super::probe::connect;

/// The longest PEM file that is read.
const LONGEST: u64 = 1 << 20;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// Returns how HTTPS verifies: against the roots of this machine, which are read once.
pub(super) fn trust() -> TlsConfig {
    static ROOTS: OnceLock<Arc<Vec<Certificate<'static>>>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs().certs;
        let roots = found.iter().map(|it| Certificate::from_der(it).to_owned());
        Arc::new(roots.collect())
    });
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .unversioned_rustls_crypto_provider(Arc::new(ring::default_provider()))
        .root_certs(RootCerts::Specific(roots.clone()))
        .build()
}

/// Returns the first certificate of a PEM file.
pub(super) fn of_file(path: &Path) -> Result<Vec<u8>, String> {
    let facts = std::fs::metadata(path).map_err(|cause| cause.to_string())?;
    if !facts.is_file() || facts.len() > LONGEST {
        return Err("this is no PEM file".to_owned());
    }
    let bytes = std::fs::read(path).map_err(|cause| cause.to_string())?;
    Pem::iter_from_buffer(&bytes)
        .flatten()
        .find(|part| part.label == "CERTIFICATE")
        .map(|part| part.contents)
        .ok_or_else(|| "there is no certificate in this file".to_owned())
}

/// Returns the certificate that a server shows.
pub(super) fn of_host(host: &str, port: u16, timeout: Duration) -> Result<Vec<u8>, String> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = ServerName::try_from(bare.to_owned())
        .map_err(|_| format!("`{host}` is no name of a server"))?;
    let mut stream = connect(host, port, timeout)?;
    let set = |stream: &TcpStream| {
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))
    };
    set(&stream).map_err(|cause| cause.to_string())?;
    let provider = Arc::new(ring::default_provider());
    let seen = Arc::new(Seen {
        provider: provider.clone(),
        certificate: Mutex::default(),
    });
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| cause.to_string())?
        .dangerous()
        .with_custom_certificate_verifier(seen.clone())
        .with_no_client_auth();
    let mut connection =
        ClientConnection::new(Arc::new(config), name).map_err(|cause| cause.to_string())?;
    let mut why = "the server showed no certificate".to_owned();
    while connection.is_handshaking() {
        match connection.complete_io(&mut stream) {
            Ok((0, 0)) => break,
            Ok(_) => {}
            // A server that wants a certificate of ours has shown its own before.
            Err(cause) => {
                why = cause.to_string();
                break;
            }
        }
    }
    let found = seen
        .certificate
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    found.ok_or(why)
}

/// Returns what a certificate says, beside the time `now` in milliseconds since 1970.
pub(super) fn read(der: &[u8], now: i64) -> Result<Value, String> {
    let (_, found) = x509_parser::parse_x509_certificate(der)
        .map_err(|_| "this is no certificate".to_owned())?;
    let name = |of: &x509_parser::x509::X509Name<'_>| {
        let common = of.iter_common_name().next();
        let common = common.and_then(|it| it.as_str().ok()).map(str::to_owned);
        common.unwrap_or_else(|| of.to_string())
    };
    let not_after = found.validity().not_after.timestamp().saturating_mul(1000);
    let names = found.subject_alternative_name().ok().flatten();
    let names: Vec<String> = names
        .map(|it| it.value.general_names.iter().filter_map(shown).collect())
        .unwrap_or_default();
    Ok(json!({
        "subject": name(found.subject()),
        "issuer": name(found.issuer()),
        "names": names,
        "not_before": found.validity().not_before.timestamp().saturating_mul(1000),
        "not_after": not_after,
        "days_left": not_after.saturating_sub(now).div_euclid(DAY),
        "error": "",
    }))
}

fn shown(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(std::net::IpAddr::from);
            let address = four.or_else(|_| <[u8; 16]>::try_from(*bytes).map(Into::into));
            address.ok().map(|it| it.to_string())
        }
        _ => None,
    }
}

/// Keeps the certificate that a server shows, and accepts it.
#[derive(Debug)]
struct Seen {
    provider: Arc<CryptoProvider>,
    certificate: Mutex<Option<Vec<u8>>>,
}

impl ServerCertVerifier for Seen {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut seen = self
            .certificate
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *seen = Some(certificate.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = &self.provider.signature_verification_algorithms;
        known.supported_schemes()
    }
}
