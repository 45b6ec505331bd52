//! A connection to a bucket: made when first needed, shared by all that ask for the same one in the same way.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use object_store::{ObjectStore, RetryConfig};
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

use super::config::{Config, Kind};
use super::fault::fault;
use super::runtime::{self, Task};
use super::tls;
use super::wire::{self, Connector, Refusal, Seen};
use crate::cancel::Cancel;
use crate::storage::Fault;
use crate::storage::per_process::PerProcess;

/// More connections than this are not kept for whoever comes next.
const MOST_KEPT: usize = 64;

/// A bucket, and who asks for it.
pub(super) struct Connection {
    pub config: Config,
    store: PerProcess<OnceCell<Arc<dyn ObjectStore>>>,
    /// The same in the region where the bucket is, if it is not where the caller said.
    elsewhere: OnceLock<Arc<Connection>>,
    nobody: Nobody,
}

/// Whether nobody asks because no credentials were found, and whether the store wants some.
#[derive(Default)]
pub(super) struct Nobody {
    is_it: AtomicBool,
    is_refused: AtomicBool,
}

impl Nobody {
    /// Notes that no credentials were found.
    #[cfg_attr(not(any(feature = "s3", feature = "gs", feature = "abfs")), allow(dead_code))]
    pub(super) fn asks(&self) {
        self.is_it.store(true, Relaxed);
    }
}

impl Connection {
    /// The connection for `config`: one that is there, or a new one.
    pub(super) fn to(config: Config) -> Arc<Connection> {
        type Kept = Mutex<HashMap<Config, Arc<Connection>>>;
        static KEPT: PerProcess<Kept> = PerProcess::new();
        let mut kept = KEPT.get_or_init(Kept::default).lock().unwrap_or_else(PoisonError::into_inner);
        // There may be credentials by now: of who has logged in, or of a machine that had just started.
        if let Some(connection) = kept.get(&config).filter(|connection| !connection.wants_credentials()) {
            return connection.clone();
        }
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        let connection = Arc::new(Connection {
            config: config.clone(),
            store: PerProcess::new(),
            elsewhere: OnceLock::new(),
            nobody: Nobody::default(),
        });
        kept.insert(config, connection.clone());
        connection
    }

    fn wants_credentials(&self) -> bool {
        let Nobody { is_it, is_refused } = &self.nobody;
        let elsewhere = self.elsewhere.get().is_some_and(|elsewhere| elsewhere.wants_credentials());
        elsewhere || is_it.load(Relaxed) && is_refused.load(Relaxed)
    }

    /// Why an operation of the store failed.
    pub(super) fn fault(&self, error: &object_store::Error, refusal: Option<Refusal>) -> Fault {
        let fault = fault(error, refusal, &self.config);
        if matches!(fault, Fault::Refused(_) | Fault::Permission) {
            self.nobody.is_refused.store(true, Relaxed);
        }
        fault
    }

    /// The connection to use: this one, or the one to the right region.
    pub(super) fn current(self: &Arc<Self>) -> Arc<Connection> {
        self.elsewhere.get().cloned().unwrap_or_else(|| self.clone())
    }

    /// Does something at the bucket; if that turns out to be in another region, there.
    pub(super) fn again_elsewhere<T>(
        self: &Arc<Self>,
        mut operation: impl FnMut(Arc<Connection>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        match operation(self.current()) {
            Err(Fault::Region(region)) => operation(self.move_to(&region)?),
            outcome => outcome,
        }
    }

    /// Goes on in another region, unless the caller chose this one.
    fn move_to(self: &Arc<Self>, region: &str) -> Result<Arc<Connection>, Fault> {
        let is_chosen = self.config.get("region").is_some() || self.elsewhere.get().is_some();
        if is_chosen {
            let here = self.config.get("region").unwrap_or("the one tried");
            return Err(Fault::Region(format!("{region}, not in {here}: set region={region}")));
        }
        let mut config = self.config.clone();
        config.given.insert("region", region.to_owned());
        Ok(self.elsewhere.get_or_init(|| Connection::to(config)).clone())
    }

    /// Starts an operation of the store on the threads for it.
    pub(super) fn start<T: Send + 'static, O: Future<Output = object_store::Result<T>> + Send + 'static>(
        self: &Arc<Self>,
        operation: impl FnOnce(Arc<dyn ObjectStore>) -> O + Send + 'static,
    ) -> Result<Coming<T>, Fault> {
        let connection = self.clone();
        let (sender, receiver) = channel();
        let task = runtime::spawn(async move {
            // Nobody waits any more for what was given up.
            let _ = sender.send(connection.operate(operation).await);
        })?;
        Ok(Coming { task, receiver })
    }

    /// Runs an operation of the store, and waits for its outcome. Tells what was seen on the wire.
    pub(super) fn run<T: Send + 'static, O: Future<Output = object_store::Result<T>> + Send + 'static>(
        self: &Arc<Self>,
        cancel: Option<&Cancel>,
        operation: impl FnOnce(Arc<dyn ObjectStore>) -> O + Send + 'static,
    ) -> Result<(T, Seen), Fault> {
        self.start(operation)?.wait(cancel)
    }

    async fn operate<T, O: Future<Output = object_store::Result<T>>>(
        &self,
        operation: impl FnOnce(Arc<dyn ObjectStore>) -> O,
    ) -> Result<(T, Seen), Fault> {
        let store = self.store().await?;
        let (outcome, mut seen) = wire::watch(operation(store)).await;
        match outcome {
            Ok(value) => Ok((value, seen)),
            Err(error) => Err(self.fault(&error, seen.refusal.take())),
        }
    }

    /// The store. Runs on the threads for requests, which credentials may need.
    pub(super) async fn store(&self) -> Result<Arc<dyn ObjectStore>, Fault> {
        let cell = self.store.get_or_init(OnceCell::new);
        cell.get_or_try_init(|| connect(&self.config, &self.nobody)).await.cloned()
    }
}

/// What an operation will give.
pub(super) struct Coming<T> {
    task: Task,
    receiver: Receiver<Result<(T, Seen), Fault>>,
}

impl<T> Coming<T> {
    pub(super) fn wait(self, cancel: Option<&Cancel>) -> Result<(T, Seen), Fault> {
        runtime::receive(&self.receiver, &self.task, cancel)?
    }
}

#[cfg_attr(not(any(feature = "s3", feature = "gs", feature = "abfs")), allow(unused_variables))]
async fn connect(config: &Config, nobody: &Nobody) -> Result<Arc<dyn ObjectStore>, Fault> {
    match config.kind {
        #[cfg(feature = "s3")]
        Kind::S3 => super::s3::connect(config, nobody).await,
        #[cfg(feature = "gs")]
        Kind::Gcs => super::gcs::connect(config, nobody).await,
        #[cfg(feature = "abfs")]
        Kind::Azure => super::azure::connect(config, nobody).await,
        #[cfg(feature = "http")]
        Kind::Web => super::web::connect(config),
        Kind::Memory => Ok(super::memory(&config.bucket)),
    }
}

impl Config {
    /// How requests of this store are sent.
    pub(super) fn connector(&self) -> Result<Connector, Fault> {
        Ok(Connector {
            timeouts: self.timeouts(),
            authorities: self.authorities()?,
            is_web: self.kind.is_web(),
            uses_proxies: true,
        })
    }

    /// The certificates that the caller trusts. What AWS calls its tools' own is for S3 alone.
    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, Fault> {
        let of_variable = || self.variable("AWS_CA_BUNDLE").filter(|_| self.kind.filesystem() == "s3");
        let of_setting = self.get("tls_ca_file_path").map(|path| ("setting tls_ca_file_path", path));
        let named = of_setting.or_else(|| Some(("variable AWS_CA_BUNDLE", of_variable()?)));
        let Some((name, path)) = named else { return Ok(Vec::new()) };
        let setup = |why: &dyn Display| Fault::Setup(format!("{name}: {path}: {why}"));
        let pem = std::fs::read(path).map_err(|error| setup(&error))?;
        tls::certificates(&pem).map_err(|why| setup(&why))
    }

    /// How often, and for how long, a request that failed is sent again.
    pub(super) fn retries(&self) -> RetryConfig {
        let limit = self.retry_limit();
        RetryConfig {
            backoff: object_store::BackoffConfig::default(),
            max_retries: if limit.is_some() { usize::MAX } else { 5 },
            retry_timeout: limit.unwrap_or(Duration::from_secs(60)),
        }
    }
}

/// The fault of a store that could not be set up.
pub(super) fn setup(error: &object_store::Error) -> Fault {
    Fault::Setup(super::wire::causes(error))
}

/// Whether plain HTTP is allowed: only to whom the caller named.
pub(super) fn is_plain(endpoint: &Option<String>) -> bool {
    endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"))
}
