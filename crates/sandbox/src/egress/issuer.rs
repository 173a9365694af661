//! The certificate authority of one machine: made for it, trusted by it alone, good only for the hosts of its rules.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use domain::{Clock, Digest};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType, SerialNumber,
};
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls_pki_types::PrivateKeyDer;

/// How far before and after now certificates are valid: a machine's clock may be a day off, and no
/// machine lives for a week.
const VALID_BEFORE: Duration = Duration::from_secs(2 * 24 * 3600);
const VALID_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// A name that no host has (RFC 6761 section 6.4): what the authority may sign where no rule names a host.
const NO_HOST: &str = "invalid";

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssuerError {
    #[error("a certificate could not be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the TLS side could not be set up")]
    Tls(#[from] rustls::Error),
}

/// Signs a certificate for each host that its machine connects to.
pub(crate) struct Issuer {
    authority: CertifiedIssuer<'static, KeyPair>,
    leaf_key: KeyPair,
    clock: Arc<dyn Clock>,
    provider: Arc<CryptoProvider>,
    leaves: Mutex<HashMap<String, Arc<ServerConfig>>>,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").finish_non_exhaustive()
    }
}

impl Issuer {
    /// A fresh authority for these hosts.
    pub(crate) fn new<'a>(
        hosts: impl Iterator<Item = &'a str>,
        clock: Arc<dyn Clock>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, IssuerError> {
        let mut params = CertificateParams::default();
        validity(&mut params, clock.as_ref());
        params.distinguished_name = name("hob machine authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let mut permitted: Vec<GeneralSubtree> = hosts.map(subtree).collect();
        if !permitted.iter().any(|tree| matches!(tree, GeneralSubtree::DnsName(_))) {
            permitted.push(GeneralSubtree::DnsName(NO_HOST.into()));
        }
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: permitted, excluded_subtrees: Vec::new() });
        Ok(Self {
            authority: CertifiedIssuer::self_signed(params, KeyPair::generate()?)?,
            leaf_key: KeyPair::generate()?,
            clock,
            provider,
            leaves: Mutex::default(),
        })
    }

    /// The authority's certificate.
    pub(crate) fn pem(&self) -> String {
        self.authority.pem()
    }

    /// The TLS side for one host; made once.
    pub(crate) fn server_config(&self, host: &str) -> Result<Arc<ServerConfig>, IssuerError> {
        let mut leaves = self.leaves.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = leaves.get(host) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make_leaf(host)?);
        leaves.insert(host.to_owned(), Arc::clone(&config));
        Ok(config)
    }

    fn make_leaf(&self, host: &str) -> Result<ServerConfig, IssuerError> {
        let mut params = CertificateParams::default();
        validity(&mut params, self.clock.as_ref());
        params.distinguished_name = name("hob machine leaf");
        params.subject_alt_names = vec![match host.parse::<IpAddr>() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(host.try_into()?),
        }];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let digest = Digest::of(host.as_bytes());
        let serial = digest.as_bytes().get(..16).unwrap_or_default();
        params.serial_number = Some(SerialNumber::from_slice(serial));
        let leaf = params.signed_by(&self.leaf_key, &self.authority)?;
        let key = PrivateKeyDer::try_from(self.leaf_key.serialize_der())
            .map_err(|reason| rustls::Error::General(reason.to_owned()))?;
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone(), self.authority.der().clone()], key)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

fn validity(params: &mut CertificateParams, clock: &dyn Clock) {
    let now = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis(clock.now().as_millis());
    params.not_before = now - VALID_BEFORE;
    params.not_after = now + VALID_AFTER;
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

fn subtree(host: &str) -> GeneralSubtree {
    match host.parse::<IpAddr>() {
        Ok(address) => {
            let bits = if address.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        Err(_) => GeneralSubtree::DnsName(host.to_owned()),
    }
}
