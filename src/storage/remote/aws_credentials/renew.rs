//! Credentials that are fetched again before they expire, by one task at a time.

use std::fmt::{Debug, Formatter};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;

use super::keys::Keys;
use super::{Found, IdentityError};

/// How long before they expire new credentials are fetched.
const EARLY: Duration = Duration::from_secs(4 * 60);
/// How long to go on with the old ones if that failed.
const LATER: Duration = Duration::from_secs(30);

pub(super) struct Renewed {
    source: Arc<Found>,
    held: Mutex<Held>,
    renewing: futures_util::lock::Mutex<()>,
    clock: fn() -> SystemTime,
}

#[derive(Clone)]
struct Held {
    credential: Arc<AwsCredential>,
    expires: Option<SystemTime>,
    /// When to fetch new ones.
    renew: Option<SystemTime>,
}

impl Debug for Renewed {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "credentials of {:?}", self.source)
    }
}

impl Held {
    fn new(keys: Keys, now: SystemTime) -> Held {
        let renew = keys.expires.map(|expires| {
            // What lives shorter is renewed at half its life, and not all the time.
            let left = expires.duration_since(now).unwrap_or_default();
            expires - EARLY.min(left / 2)
        });
        Held { credential: Arc::new(keys.credential), expires: keys.expires, renew }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.renew.is_none_or(|renew| now < renew)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }
}

impl Renewed {
    pub(super) fn new(source: Arc<Found>, keys: Keys) -> Self {
        Self::with_clock(source, keys, SystemTime::now)
    }

    pub(super) fn with_clock(source: Arc<Found>, keys: Keys, clock: fn() -> SystemTime) -> Self {
        let held = Mutex::new(Held::new(keys, clock()));
        Renewed { source, held, renewing: futures_util::lock::Mutex::new(()), clock }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn get(&self) -> Result<Arc<AwsCredential>, IdentityError> {
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
        let keys = self.source.keys().await;
        let now = (self.clock)();
        let gone = || IdentityError::Refused(format!("{:?} gives no credentials any more", self.source));
        match keys.and_then(|keys| keys.ok_or_else(gone)) {
            Ok(keys) => {
                let new = Held::new(keys, now);
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
impl CredentialProvider for Renewed {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        self.get().await.map_err(|error| object_store::Error::Unauthenticated {
            path: String::new(),
            source: Box::new(error),
        })
    }
}
