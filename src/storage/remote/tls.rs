//! Whom a client trusts: who has a certificate of an authority that the system or the caller names, and who shows one of the
//! named certificates as its own.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use crate::storage::Fault;

/// The word for the certificate of an authority that a server shows as its own.
const AUTHORITY: &str = "CaUsedAsEndEntity";

/// How TLS is spoken. `authorities` are certificates in PEM, which are trusted besides those of the system.
pub(super) fn config(authorities: Option<&[u8]>) -> Result<ClientConfig, Fault> {
    let named = authorities.map(parse).transpose()?.unwrap_or_default();
    // What of the system's certificates cannot be read, is not trusted.
    let system = rustls_native_certs::load_native_certs().certs;
    let trusted: Vec<CertificateDer> = named.into_iter().chain(system).collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(trusted.iter().cloned());

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Setup(error.to_string()))?;
    let builder = match WebPkiServerVerifier::builder_with_provider(roots.into(), provider).build() {
        Ok(usual) => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier { usual, trusted }))
        }
        // A system without certificates, such as a small container, still reads what needs none.
        Err(_) => builder.with_root_certificates(RootCertStore::empty()),
    };
    Ok(builder.with_no_client_auth())
}

fn parse(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let setup = |why: &str| Fault::Setup(format!("setting tls_ca_file_path: {why}"));
    let certificates: Vec<CertificateDer> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| setup(&format!("the file is no PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(setup("the file has no certificate in PEM"));
    }
    Ok(certificates)
}

/// Whether an error, as its text has it, is that a server shows the certificate of an authority as its own.
pub(super) fn is_authority(error: &str) -> bool {
    error.contains(AUTHORITY)
}

/// As WebPKI, but for servers that show the certificate of an authority as their own, as `openssl req -x509` makes it: WebPKI
/// takes it from none, OpenSSL and so pyarrow from those whose very certificate is trusted.
#[derive(Debug)]
struct Verifier {
    usual: Arc<WebPkiServerVerifier>,
    trusted: Vec<CertificateDer<'static>>,
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
        let outcome = self.usual.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match outcome {
            // WebPKI has looked at its time before, and would have looked at its name after.
            Err(Error::InvalidCertificate(CertificateError::Other(why)))
                if is_authority(&why.to_string()) && self.trusted.contains(certificate) =>
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
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}
