//! Credentials that are fetched again before they expire, by one task at a time.

use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use object_store::CredentialProvider;

use super::IdentityError;

/// How long before they expire new credentials are fetched.
const EARLY: Duration = Duration::from_secs(4 * 60);
/// How long to go on with the old ones if that failed.
const LATER: Duration = Duration::from_secs(30);

/// Credentials, and until when they are valid if not for ever.
// No `Debug`: they are secrets.
pub(super) struct Lease<C> {
    pub credential: C,
    pub expires: Option<SystemTime>,
}

/// Who gives credentials, and can be asked again.
#[async_trait]
pub(super) trait Source: Debug + Send + Sync {
    type Credential: Debug + Send + Sync;

    /// None if there are none.
    async fn fetch(&self) -> Result<Option<Lease<Self::Credential>>, IdentityError>;
}

pub(super) struct Renewed<S: Source> {
    source: S,
    held: Mutex<Held<S::Credential>>,
    renewing: futures_util::lock::Mutex<()>,
    clock: fn() -> SystemTime,
}

struct Held<C> {
    credential: Arc<C>,
    expires: Option<SystemTime>,
    /// When to fetch new ones.
    renew: Option<SystemTime>,
}

impl<C> Clone for Held<C> {
    fn clone(&self) -> Self {
        Held { credential: self.credential.clone(), expires: self.expires, renew: self.renew }
    }
}

impl<S: Source> Debug for Renewed<S> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "credentials of {:?}", self.source)
    }
}

impl<C> Held<C> {
    fn new(lease: Lease<C>, now: SystemTime) -> Self {
        let renew = lease.expires.map(|expires| {
            // What lives shorter is renewed at half its life, and not all the time.
            let left = expires.duration_since(now).unwrap_or_default();
            expires - EARLY.min(left / 2)
        });
        Held { credential: Arc::new(lease.credential), expires: lease.expires, renew }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl<S: Source> Renewed<S> {
    pub(super) fn new(source: S, first: Lease<S::Credential>) -> Self {
        Self::with_clock(source, first, SystemTime::now)
    }

    pub(super) fn with_clock(source: S, first: Lease<S::Credential>, clock: fn() -> SystemTime) -> Self {
        let held = Mutex::new(Held::new(first, clock()));
        Renewed { source, held, renewing: futures_util::lock::Mutex::new(()), clock }
    }

    fn held(&self) -> MutexGuard<'_, Held<S::Credential>> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn get(&self) -> Result<Arc<S::Credential>, IdentityError> {
        let held = self.held().clone();
        let now = (self.clock)();
        if held.is_fresh(now) {
            return Ok(held.credential);
        }
        let _renewing = match self.renewing.try_lock() {
            Some(renewing) => renewing,
            // Someone is at it, and the old ones still do.
            None if held.is_valid(now) => return Ok(held.credential),
            None => self.renewing.lock().await,
        };
        let held = self.held().clone();
        if held.is_fresh((self.clock)()) {
            return Ok(held.credential);
        }
        let lease = self.source.fetch().await;
        let now = (self.clock)();
        let gone = || IdentityError::Refused(format!("{:?} gives no credentials any more", self.source));
        match lease.and_then(|lease| lease.ok_or_else(gone)) {
            Ok(lease) => {
                let new = Held::new(lease, now);
                *self.held() = new.clone();
                Ok(new.credential)
            }
            Err(_) if held.is_valid(now) => {
                self.held().renew = Some(now + LATER);
                Ok(held.credential)
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl<S: Source> CredentialProvider for Renewed<S> {
    type Credential = S::Credential;

    async fn get_credential(&self) -> object_store::Result<Arc<S::Credential>> {
        self.get().await.map_err(|error| object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(error),
        })
    }
}
