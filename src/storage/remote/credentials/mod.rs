//! Who asks: credentials that object_store does not find itself, or not without running programs.

mod ask;
#[cfg(feature = "s3")]
pub(super) mod aws;
mod files;
#[cfg(feature = "gs")]
pub(super) mod google;
mod renew;
#[cfg(test)]
mod service;
mod time;

use object_store::client::HttpClient;

use super::config::Timeouts;
use super::wire::Connector;
use crate::storage::Fault;

/// What requests are sent with. Neither may follow redirects, which would carry secrets elsewhere.
#[derive(Clone)]
pub(super) struct Clients {
    /// For services of this machine: without a proxy.
    metadata: HttpClient,
    /// For all others: with the proxy of the environment.
    public: HttpClient,
}

impl Clients {
    pub(super) fn of(connector: &Connector) -> Result<Self, Fault> {
        let connect = |connector: &Connector| Ok::<_, Fault>(HttpClient::new(connector.client()?));
        // Where there is no metadata service, nobody should wait for it.
        let connect_ms = connector.timeouts.connect_ms.min(1_000);
        let timeouts = Timeouts { connect_ms, ..connector.timeouts };
        let metadata = Connector { timeouts, uses_proxies: false, ..connector.clone() };
        Ok(Clients { metadata: connect(&metadata)?, public: connect(connector)? })
    }
}

/// Why it cannot be told who asks. The text has no secrets, whatever the files and the answers of servers had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum IdentityError {
    /// Settings, variables or files that cannot be right.
    #[error("{0}")]
    Setup(String),
    /// Who gives credentials refused, or asks for a new log-in.
    #[error("{0}")]
    Refused(String),
    /// Who gives credentials did not answer, or not with credentials.
    #[error("{0}")]
    Unanswered(String),
}

impl IdentityError {
    /// The error of credentials that could not be renewed, if that is why an operation of a store failed.
    pub(super) fn within(error: &object_store::Error) -> Option<&IdentityError> {
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }
}

impl From<IdentityError> for Fault {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Setup(why) => Fault::Setup(why),
            IdentityError::Refused(why) => Fault::Refused(why),
            IdentityError::Unanswered(why) => Fault::Io(std::io::Error::other(why)),
        }
    }
}
