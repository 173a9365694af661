//! Puts the house together from its parts.

pub(crate) mod definitions;
pub(crate) mod microvm;
pub(crate) mod workshop;

use std::sync::{Arc, Mutex, PoisonError};

use domain::Clock;
use domain::clock::SystemClock;
use engine::failpoint::Failpoint;
use engine::progress::Listener;
use engine::{House, Parts};
use store::port::Store;

use crate::exit::Failure;
use crate::mouth;
use crate::settings::Settings;
use crate::terminal::{Lines, Live};
use crate::usage::SandboxChoice;

/// The house that the command has opened last: what it wrote is sealed when the command is done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Opened(Arc<Mutex<Option<Arc<House>>>>);

impl Opened {
    fn put(&self, house: &Arc<House>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(house));
    }

    /// Seals what this process has written, however the command ended. What cannot be sealed now is sealed by the
    /// next command; nothing of it is lost.
    pub(crate) async fn seal(&self) {
        let house = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(house) = house else { return };
        seal(&house).await;
    }
}

/// Seals what this process has written so far.
pub(crate) async fn seal(house: &House) {
    if let Err(error) = house.seal_own().await {
        let problem = engine::chain(&error);
        mouth::say(&format!("warning: {problem}; hint: {}", error.hint()));
    }
}

/// The house without a workshop: for questions and answers.
pub(crate) async fn house(settings: &Settings) -> Result<Arc<House>, Failure> {
    open(settings, None).await
}

/// The house with all that is needed to work on runs. What dead processes have left is cleared away first.
pub(crate) async fn house_with_workshop(
    settings: &Settings,
    choice: SandboxChoice,
) -> Result<Arc<House>, Failure> {
    settings.make_data()?;
    let workshop = workshop::open(settings, choice).await?;
    let house = open(settings, Some(workshop)).await?;
    reconcile(&house).await;
    Ok(house)
}

/// Clears away, follows and seals what there is; what could not be done is told, and holds nothing up.
pub(crate) async fn reconcile(house: &House) {
    if let Err(error) = house.reconcile().await {
        let problem = engine::chain(&error);
        mouth::say(&format!("warning: not everything is cleared away yet: {problem}"));
    }
}

async fn open(
    settings: &Settings,
    workshop: Option<engine::Workshop>,
) -> Result<Arc<House>, Failure> {
    settings.make_data()?;
    let store: Arc<dyn Store> = Arc::new(open_store(settings)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let git = forge::Git::new(forge::git::Settings {
        path: settings.path.clone(),
        network_env: network_env(settings),
        ..forge::git::Settings::default()
    })
    .await
    .map_err(|error| Failure::fixable(engine::chain(&error), "`hob doctor` says how to get it"))?;
    let mut engine_settings = engine::Settings::new(settings.data.clone());
    engine_settings.alone = settings.alone();
    let failpoint = match &settings.failpoint {
        Some(name) => Failpoint::at(name)
            .map_err(|problem| Failure::fixable(problem, "HOB_FAILPOINT is for tests alone"))?,
        None => Failpoint::default(),
    };
    let house = House::open(Parts {
        settings: engine_settings,
        clock,
        store,
        git,
        workshop,
        listener: listener(settings),
        failpoint,
    })
    .await?;
    let house = Arc::new(house);
    settings.opened.put(&house);
    Ok(house)
}

fn open_store(settings: &Settings) -> Result<store::sqlite::Sqlite, Failure> {
    let folder = settings.data.join("store");
    store::sqlite::Sqlite::open(&folder, &store::sqlite::Options::default()).map_err(|error| {
        let kind = match &error {
            store::error::Error::StorageFull { .. } => std::io::ErrorKind::StorageFull,
            _ => std::io::ErrorKind::Other,
        };
        Failure::fixable(engine::chain(&error), engine::data_hint(kind, &settings.data))
    })
}

fn listener(settings: &Settings) -> Arc<dyn Listener> {
    if mouth::is_watched() {
        Arc::new(Live::new(settings.no_color))
    } else {
        Arc::new(Lines::new())
    }
}

/// What git needs to reach a network from here: proxies and certificates, and the agent that was named for hob.
fn network_env(settings: &Settings) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    const NAMES: [&str; 9] = [
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "NO_PROXY",
        "https_proxy",
        "http_proxy",
        "no_proxy",
        "GIT_SSL_CAINFO",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let network = NAMES
        .iter()
        .filter_map(|name| Some(((*name).into(), settings.environment.get(*name)?.into())));
    let agent = settings.ssh_auth_sock.iter().map(|socket| ("SSH_AUTH_SOCK".into(), socket.into()));
    network.chain(agent).collect()
}
