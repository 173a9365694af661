//! Chains, signs, proves and verifies the audit log. Pure over bytes.
