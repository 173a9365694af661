//! Performs actions: asks governance first, drives sandbox, agent and forge, writes the store, supervises every task.
