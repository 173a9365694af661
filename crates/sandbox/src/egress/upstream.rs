//! The host's own client: asks registries for all machines, with the host's trust anchors and proxies.

use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

use super::Limits;
use crate::port::SandboxError;

/// The client for all upstreams. It follows no redirect, keeps no cookie and decodes no body: what a
/// machine gets is what the upstream sent.
pub(crate) fn client(
    extra_roots_pem: &[String],
    limits: &Limits,
) -> Result<reqwest::Client, SandboxError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?
        .with_root_certificates(roots(extra_roots_pem)?)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .no_gzip()
        .connect_timeout(Duration::from_millis(limits.connect_ms))
        .read_timeout(Duration::from_millis(limits.idle_ms))
        .build()
        .map_err(|error| unusable(&error))
}

/// The host's trust anchors (`SSL_CERT_FILE` and `SSL_CERT_DIR` count) and further ones.
fn roots(extra_roots_pem: &[String]) -> Result<RootCertStore, SandboxError> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::debug!(%error, "a trust anchor of the host was left out");
    }
    roots.add_parsable_certificates(found.certs);
    for pem in extra_roots_pem {
        for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
            let certificate = certificate.map_err(|error| unusable(&error))?;
            roots.add(certificate).map_err(|error| unusable(&error))?;
        }
    }
    if roots.is_empty() {
        return Err(SandboxError::Unusable {
            reason: "the host has no trust anchors, so no upstream can be told from an impostor"
                .into(),
            hint: "install the package `ca-certificates`, or name a PEM file in SSL_CERT_FILE"
                .into(),
        });
    }
    Ok(roots)
}

fn unusable(error: &dyn std::error::Error) -> SandboxError {
    SandboxError::Unusable {
        reason: format!("the client for upstreams could not be made: {}", chain(error)),
        hint: "look at the proxy variables and the trust anchors of this host".into(),
    }
}

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let own = error.to_string();
        if !text.contains(&own) {
            text = format!("{text}: {own}");
        }
        cause = error.source();
    }
    text
}
