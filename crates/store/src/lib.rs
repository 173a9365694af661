//! Keeps events, runs, outbox, leases, limits and ledger rows: one transaction each. SQLite and Postgres, one conformance suite.
