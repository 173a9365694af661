//! The nouns everyone shares: ids, events, agents, runs, changes, findings, outputs, limits, and the `Clock`.
