//! Durable inserts of events, from 1 and from 64 clients, beside the rate at which the disk flushes the same bytes.
//!
//! `cargo bench -p benches --bench event_insert [-- --rounds N --dir FOLDER]`

use std::error::Error;
use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use benches::measure::{self, Spread};
use domain::clock::SystemClock;
use domain::{Clock as _, EventId, Trust};
use store::record::Event;
use store::sqlite::{Options, Sqlite};
use store::{Store, Transaction};
use tokio::task::JoinSet;

/// How long each turn takes.
const TURN: Duration = Duration::from_secs(2);

/// How large SQLite's log grows before it is written over from its beginning: 1,000 pages.
const LOG_BYTES: u64 = 4 * 1024 * 1024;

fn event() -> Event {
    let id = EventId::fresh(&SystemClock);
    Event {
        id,
        source: "bench".to_owned(),
        delivery: id.to_string(),
        kind: "ticket.run".to_owned(),
        repository: "/srv/git/example".to_owned(),
        actor: "local:bench".to_owned(),
        trust: Trust::Owner,
        at: SystemClock.now(),
        caused_by: None,
        depth: 0,
        payload: "{\"text\":\"an event of the usual size\"}".to_owned(),
    }
}

/// What one turn of some clients came to.
#[derive(Debug, Clone, Copy)]
struct Turn {
    events_per_second: f64,
    bytes_per_event: u64,
}

/// What this process has handed to the kernel for writing so far, in bytes (proc(5)).
fn written() -> u64 {
    let text = std::fs::read_to_string("/proc/self/io").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("wchar: "));
    line.and_then(|number| number.parse().ok()).unwrap_or(0)
}

async fn insert(store: &Arc<dyn Store>, clients: usize) -> Result<Turn, Box<dyn Error>> {
    let done = Arc::new(AtomicU64::new(0));
    let (begun, before) = (Instant::now(), written());
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let (store, done) = (Arc::clone(store), Arc::clone(&done));
        tasks.spawn(async move {
            while begun.elapsed() < TURN {
                let tx = Transaction { events: vec![event()], ..Transaction::default() };
                store.commit(tx).await.map_err(|e| e.to_string())?;
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), String>(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let events = done.load(Ordering::Relaxed).max(1);
    Ok(Turn {
        events_per_second: rate(events, begun),
        bytes_per_event: (written() - before) / events,
    })
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn rate(count: u64, begun: Instant) -> f64 {
    count as f64 / begun.elapsed().as_secs_f64()
}

/// How often in a second the disk takes `bytes` and says that they would survive: written over a file that has
/// its length already, as SQLite's log has.
fn flushes(folder: &Path, bytes: u64) -> std::io::Result<f64> {
    let mut file =
        File::options().create(true).truncate(false).write(true).open(folder.join("flushed"))?;
    let block = vec![7; usize::try_from(bytes).unwrap_or(0)];
    for _ in 0..LOG_BYTES.div_ceil(bytes.max(1)) {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    let (begun, mut count, mut at) = (Instant::now(), 0, 0);
    while begun.elapsed() < TURN {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&block)?;
        file.sync_data()?;
        at = (at + bytes) % LOG_BYTES;
        count += 1;
    }
    Ok(rate(count, begun))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let rounds = measure::number("--rounds", 5);
    let folder = match measure::argument("--dir") {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let store = Sqlite::open(&folder.path().join("store"), &Options::default())?;
    let store: Arc<dyn Store> = Arc::new(store);
    let bytes = insert(&store, 1).await?.bytes_per_event;
    let (mut disk, mut one, mut many) = (Spread::default(), Spread::default(), Spread::default());
    for _ in 0..rounds {
        disk.add(flushes(folder.path(), bytes)?);
        one.add(insert(&store, 1).await?.events_per_second);
        many.add(insert(&store, 64).await?.events_per_second);
    }
    measure::line(&format!(
        "{rounds} rounds of {} s, {bytes} bytes a write, load {}",
        TURN.as_secs(),
        measure::load()
    ))?;
    measure::row(&["what", "a second (median / min / max)", "to fdatasync (median)"])?;
    measure::row(&["---", "---", "---"])?;
    for (name, spread) in
        [("fdatasync of the same bytes", &disk), ("1 client", &one), ("64 clients", &many)]
    {
        let told = format!("{:.0} / {:.0} / {:.0}", spread.median(), spread.min(), spread.max());
        measure::row(&[name, &told, &format!("{:.2}", spread.median() / disk.median())])?;
    }
    Ok(())
}
