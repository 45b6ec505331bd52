//! Whom a client trusts: who has a certificate of an authority that the system or the caller names, and who shows one of the
//! named certificates as its own.

use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::storage::Fault;

/// The word for the certificate of an authority that a server shows as its own.
const AUTHORITY: &str = "CaUsedAsEndEntity";
/// As in a small container.
const NONE_TRUSTED: &str = "the system has no certificates of authorities (Debian's package ca-certificates), and \
    tls_ca_file_path names none";

/// How TLS is spoken. `authorities` are trusted besides those of the system.
pub(super) fn config(authorities: &[CertificateDer<'static>]) -> Result<ClientConfig, Fault> {
    let (named, provider) = (authorities.to_vec(), Arc::new(ring::default_provider()));
    let verifier = Verifier { named, provider: provider.clone(), trust: OnceLock::new() };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Setup(error.to_string()))?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

/// The certificates of a file; or why there are none.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match certificates {
        Ok(none) if none.is_empty() => Err("the file has no certificate in PEM".to_owned()),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(format!("the file is no PEM: {error}")),
    }
}

/// Whether an error, as its text has it, is that a server shows the certificate of an authority as its own.
pub(super) fn is_authority(error: &str) -> bool {
    error.contains(AUTHORITY)
}

/// Whether an error, as its text has it, is that what a server says is no TLS.
pub(super) fn is_plain(error: &str) -> bool {
    error.contains("InvalidContentType")
}

/// As WebPKI, but for servers that show the certificate of an authority as their own, as `openssl req -x509` makes it: WebPKI
/// takes it from none, OpenSSL and so pyarrow from those whose very certificate is trusted.
#[derive(Debug)]
struct Verifier {
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
    /// The system's certificates are read when the first server shows its own: many have none to show.
    trust: OnceLock<Trust>,
}

#[derive(Debug)]
struct Trust {
    certificates: Vec<CertificateDer<'static>>,
    /// None if no certificate is trusted.
    usual: Option<Arc<WebPkiServerVerifier>>,
}

impl Verifier {
    fn trust(&self) -> &Trust {
        self.trust.get_or_init(|| {
            // What of the system's certificates cannot be read, is not trusted.
            let system = rustls_native_certs::load_native_certs().certs;
            let certificates: Vec<CertificateDer> = self.named.iter().cloned().chain(system).collect();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned());
            let builder = WebPkiServerVerifier::builder_with_provider(roots.into(), self.provider.clone());
            Trust { certificates, usual: builder.build().ok() }
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Trust { certificates, usual } = self.trust();
        let Some(usual) = usual else { return Err(Error::General(NONE_TRUSTED.to_owned())) };
        match usual.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // WebPKI has looked at its time before, and would have looked at its name after.
            Err(Error::InvalidCertificate(CertificateError::Other(why)))
                if is_authority(&why.to_string()) && certificates.contains(certificate) =>
            {
                verify_server_name(&ParsedCertificate::try_from(certificate)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            outcome => outcome,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
