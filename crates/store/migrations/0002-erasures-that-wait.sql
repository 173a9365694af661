-- What was erased while somebody still read what was there before: its bytes stay in the log until that reader is gone.
-- A row is written with the erasure and goes when the log was emptied; numbers are never used twice, so that whoever
-- emptied the log takes away no row that came since.

CREATE TABLE erasures_in_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL
) STRICT;
