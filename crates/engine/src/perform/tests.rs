//! What a step leaves for the ledger besides what its machines tell.

use std::sync::Arc;
use std::time::Duration;

use domain::machine::Backend;
use sandbox::port::{EgressAudit, Machine, MachineSpec, Reclaimed, Sandbox, SandboxError};
use toolbox::registry::Endpoint;

use super::*;
use crate::claims::tests::Place;

/// A host that can make no machines.
#[derive(Debug)]
struct NoMachines;

#[async_trait::async_trait]
impl Sandbox for NoMachines {
    fn backend(&self) -> Backend {
        Backend::Namespaces
    }

    fn state(&self, image: &str) -> Digest {
        Digest::of(image.as_bytes())
    }

    async fn launch(
        &self,
        _: &MachineSpec,
        _: Arc<dyn EgressAudit>,
    ) -> Result<Box<dyn Machine>, SandboxError> {
        Err(SandboxError::Launch("there is no room".to_owned()))
    }

    async fn reclaim(&self) -> Result<Reclaimed, SandboxError> {
        Ok(Reclaimed::default())
    }

    async fn settle(&self, _: Duration) -> usize {
        0
    }
}

#[tokio::test]
async fn what_this_host_asks_of_registries_is_one_entry_of_the_step_that_asked() {
    let place = Place::new();
    let mut house = place.house(&Arc::default()).await;
    let cache = tempfile::tempdir().unwrap();
    let settings = toolbox::registry::Settings {
        cache_dir: cache.path().to_owned(),
        fresh_ms: 0,
        concurrency_max: 1,
        timeout_ms: 1_000,
        response_max_bytes: 1_000,
    };
    house.workshop = Some(Workshop {
        sandbox: Arc::new(NoMachines),
        presets: vec![],
        without_registry: vec![],
        registries: Client::new(settings).unwrap(),
    });
    let run = place.begun(&house).await;
    let row = house.load(run).await.unwrap();
    let open = || Stage::open(&house, &row, (1, Fence(1)), (1, 1)).unwrap();
    let (one, other) = (open(), open());
    let client = one.asking(house.workshop().unwrap());
    let endpoint = Endpoint {
        ecosystem: domain::dependency::Ecosystem::Cargo,
        base: "https://registry.invalid/index".to_owned(),
        authorization: None,
    };
    for path in ["../a", "../b"] {
        client.get(&endpoint, path, path, "*/*").await.unwrap_err();
    }
    other.tell_asked();
    assert!(one.notes.take().notes.is_empty(), "nothing was asked in the other one's name");
    one.tell_asked();
    let told = one.notes.take().notes;
    assert_eq!(told.iter().map(Note::action).collect::<Vec<_>>(), ["registry.asked"]);
    let hosts = serde_json::json!({
        "registry.invalid": { "sent": 0, "kept": 0, "refused": 2, "failed": 0 }
    });
    assert_eq!(told[0].value("hosts"), Some(&hosts));
    one.tell_asked();
    assert!(one.notes.take().notes.is_empty(), "it is told once");
}
