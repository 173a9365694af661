-- The first tables. A column is what is searched for, or what changes by itself; the rest of a row is a
-- versioned JSON record in `doc`. Times are milliseconds since the Unix epoch.

CREATE TABLE events (
  id         TEXT PRIMARY KEY,
  source     TEXT NOT NULL,
  delivery   TEXT NOT NULL,
  doc        TEXT NOT NULL,
  outcome    TEXT,
  decided_at INTEGER,
  UNIQUE (source, delivery),
  CHECK ((outcome IS NULL) = (decided_at IS NULL))
) STRICT;
CREATE INDEX events_undecided ON events (id) WHERE outcome IS NULL;

CREATE TABLE runs (
  id           TEXT PRIMARY KEY,
  revision     INTEGER NOT NULL,
  agent        TEXT NOT NULL,
  agent_digest TEXT NOT NULL,
  repository   TEXT NOT NULL,
  identity     TEXT NOT NULL,
  ended        INTEGER NOT NULL CHECK (ended IN (0, 1)),
  updated      INTEGER NOT NULL,
  doc          TEXT NOT NULL,
  facts        TEXT NOT NULL
) STRICT;
CREATE INDEX runs_by_identity ON runs (identity, id);
CREATE INDEX runs_by_repository ON runs (repository, id);
CREATE INDEX runs_by_agent ON runs (agent, id);
CREATE INDEX runs_unfinished ON runs (id) WHERE ended = 0;

CREATE TABLE journal (
  run     TEXT NOT NULL REFERENCES runs (id),
  seq     INTEGER NOT NULL,
  at      INTEGER NOT NULL,
  command TEXT NOT NULL,
  before  TEXT NOT NULL,
  after   TEXT NOT NULL,
  actions TEXT NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

-- The queue. `ready_at` is when the row can next be claimed: when it is due, or when its lease runs out.
-- A row that was done is deleted; AUTOINCREMENT keeps its number from being used again.
CREATE TABLE outbox (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  run      TEXT NOT NULL REFERENCES runs (id),
  action   TEXT NOT NULL,
  body     TEXT NOT NULL,
  due      INTEGER NOT NULL,
  ready_at INTEGER NOT NULL,
  worker   TEXT,
  token    INTEGER NOT NULL DEFAULT 0,
  claims   INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX outbox_ready ON outbox (ready_at, id);
CREATE INDEX outbox_by_run ON outbox (run, id);
CREATE INDEX outbox_by_worker ON outbox (worker) WHERE worker IS NOT NULL;

CREATE TABLE proposals (
  id         TEXT PRIMARY KEY,
  revision   INTEGER NOT NULL,
  run        TEXT NOT NULL REFERENCES runs (id),
  agent      TEXT NOT NULL,
  repository TEXT NOT NULL,
  state      TEXT NOT NULL,
  doc        TEXT NOT NULL
) STRICT;
CREATE INDEX proposals_by_run ON proposals (run);
CREATE INDEX proposals_by_repository ON proposals (repository, id);
CREATE INDEX proposals_by_state ON proposals (state, id);

CREATE TABLE machines (
  id       TEXT PRIMARY KEY,
  released INTEGER NOT NULL CHECK (released IN (0, 1)),
  doc      TEXT NOT NULL
) STRICT;
CREATE INDEX machines_held ON machines (id) WHERE released = 0;

CREATE TABLE baselines (
  key TEXT PRIMARY KEY,
  doc TEXT NOT NULL
) STRICT;

-- Content that ledger entries name by digest. Erasing empties salt and bytes.
CREATE TABLE payloads (
  digest    BLOB PRIMARY KEY CHECK (length(digest) = 32),
  run       TEXT,
  salt      BLOB,
  bytes     BLOB,
  erased_at INTEGER,
  CHECK ((erased_at IS NULL) = (bytes IS NOT NULL) AND (salt IS NULL) = (bytes IS NULL))
) STRICT;
CREATE INDEX payloads_by_run ON payloads (run) WHERE run IS NOT NULL;

-- The audit log: entries, the hashes over them in the order of Crosby and Wallach, signed checkpoints.
CREATE TABLE ledger (
  idx       INTEGER PRIMARY KEY,
  run       TEXT,
  bytes     BLOB NOT NULL,
  leaf_hash BLOB NOT NULL CHECK (length(leaf_hash) = 32)
) STRICT;
CREATE INDEX ledger_by_run ON ledger (run, idx) WHERE run IS NOT NULL;

CREATE TABLE ledger_hashes (
  idx  INTEGER PRIMARY KEY,
  hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;

CREATE TABLE checkpoints (
  size INTEGER PRIMARY KEY,
  root BLOB NOT NULL CHECK (length(root) = 32),
  note TEXT NOT NULL,
  at   INTEGER NOT NULL
) STRICT;
