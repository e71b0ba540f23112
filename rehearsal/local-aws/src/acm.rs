//! AWS Certificate Manager: certificates of the names in them, from an authority that the world's clients and functions trust as
//! everyone trusts Amazon's. Nobody is asked whether a name is his: a certificate is issued at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::identity::{arn, uuid_of};

/// A certificate with its key.
#[derive(Debug)]
pub struct Certificate {
    pub arn: String,
    /// The names that it is for, each with at most a first label `*`; the first is its domain name.
    pub names: Vec<String>,
    pub(crate) certificate: CertificateDer<'static>,
    key: PrivatePkcs8KeyDer<'static>,
}

impl Certificate {
    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        self.key.clone_key().into()
    }
}

/// The certificates of the account in this Region, and who signs them.
pub struct Certificates {
    authority: CertifiedIssuer<'static, KeyPair>,
    issued: Mutex<Vec<Arc<Certificate>>>,
}

impl Certificates {
    /// An authority of this world alone.
    pub fn new() -> anyhow::Result<Certificates> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let key = KeyPair::generate()?;
        let authority = CertifiedIssuer::self_signed(params, key);
        Ok(Certificates {
            authority: authority.context("make an authority")?,
            issued: Mutex::default(),
        })
    }

    /// The authority's certificate, in PEM.
    pub fn authority(&self) -> String {
        self.authority.pem()
    }

    /// What a client uses that trusts this authority, and no other.
    pub fn client_config(&self) -> anyhow::Result<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(self.authority.der().clone())?;
        let ring = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(ring);
        let config = config.with_safe_default_protocol_versions()?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }

    /// Issues a certificate of these names, and returns its ARN.
    pub fn request(&self, names: &[String]) -> anyhow::Result<String> {
        let number = self.lock().len();
        let id = uuid_of(&format!("{number}/{}", names.join("/")));
        let arn = arn("acm", &format!("certificate/{id}"));
        self.lay(&arn, names)?;
        Ok(arn)
    }

    /// Adds one that is there before anything else is.
    pub fn lay(&self, arn: &str, names: &[String]) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let params = CertificateParams::new(names);
        let signed = params.and_then(|params| params.signed_by(&key, &self.authority));
        let signed =
            signed.with_context(|| format!("sign a certificate of `{}`", names.join("`, `")))?;
        self.lock().push(Arc::new(Certificate {
            arn: arn.to_owned(),
            names: names.to_vec(),
            certificate: signed.der().clone(),
            key: PrivatePkcs8KeyDer::from(key.serialize_der()),
        }));
        Ok(())
    }

    pub(crate) fn find(&self, arn: &str) -> Option<Arc<Certificate>> {
        let issued = self.lock();
        let found = issued.iter().find(|known| known.arn == arn);
        found.cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Certificate>>> {
        self.issued.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a certificate can be for this name (ACM API Reference, RequestCertificate: the pattern of `DomainName`).
pub fn is_domain(name: &str) -> bool {
    let labels = name.strip_prefix("*.").unwrap_or(name).split('.');
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    labels.clone().count() > 1 && labels.into_iter().all(is_label) && name.len() <= 253
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_labels_at_least_and_a_star_only_in_front() {
        for name in [
            "shop.example.com",
            "*.example.com",
            "a.b",
            "xn--bcher-kva.example",
        ] {
            assert!(is_domain(name), "{name}");
        }
        for name in [
            "",
            "localhost",
            "*",
            "a.*.b",
            "-a.b",
            "a..b",
            "a.b:443",
            "https://a.b",
        ] {
            assert!(!is_domain(name), "{name}");
        }
    }

    #[test]
    fn certificates_are_found_by_their_arns_and_of_equal_names_there_are_two() {
        let certificates = Certificates::new().unwrap();
        let names = ["shop.example.com".to_owned(), "*.example.com".to_owned()];
        let first = certificates.request(&names).unwrap();
        let second = certificates.request(&names).unwrap();
        assert_ne!(first, second);
        assert_eq!(certificates.find(&first).unwrap().names, names);
        assert!(
            certificates
                .find("arn:aws:acm:eu-central-1:1:certificate/a")
                .is_none()
        );
        // Each world has its own.
        assert_ne!(
            certificates.authority(),
            Certificates::new().unwrap().authority()
        );
    }
}
