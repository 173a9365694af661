//! Whole-house stories: the real `hob` on real repositories, with real machines and registries.

#[cfg(test)]
mod bad_advisory;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bad_manifest;
#[cfg(test)]
mod bad_registry;
#[cfg(test)]
mod bad_repository;
#[cfg(test)]
mod branches;
#[cfg(test)]
mod cancel;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk_full;
#[cfg(test)]
mod forbidden;
#[cfg(test)]
mod hollow_checks;
#[cfg(test)]
mod household;
#[cfg(test)]
mod leaks;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod ledger_damage;
#[cfg(test)]
mod ledger_erase;
#[cfg(test)]
mod logs;
#[cfg(test)]
mod mouth;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod own_definition;
#[cfg(test)]
mod remote;
#[cfg(test)]
mod requests;
mod review;
#[cfg(test)]
mod side_by_side;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod told_before;
#[cfg(test)]
mod without_microvms;
