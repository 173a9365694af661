//! The sandbox against real parts: real TLS, real package managers, real namespaces.
#![cfg(test)]

mod egress_cache;
mod egress_limits;
mod egress_network;
mod egress_presets;
mod egress_real;
mod egress_refusals;
mod egress_upstream;
mod image_debian;
mod image_import;
mod image_parts;
mod image_registry;
mod image_toolchains;
mod machine_canaries;
mod machine_commands;
mod machine_escapes;
mod machine_files;
mod machine_house;
mod machine_limits;
mod machine_network;
mod machine_ordinary;
mod machine_packages;
mod machine_reclaim;
mod vm_boot;
mod vm_house;
mod vm_isolation;
mod vm_limits;
mod vm_reclaim;
