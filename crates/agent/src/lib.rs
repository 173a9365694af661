//! The brains: playbooks, the model loop with its tools, external agent programs; model providers and the budget they spend.
