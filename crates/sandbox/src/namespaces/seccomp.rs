//! What a machine may ask of the host's kernel.
//!
//! Two filters, of which the stricter answer counts. The first knows all system calls up to a number and
//! says of newer ones, and of `clone3` whose flags it could not see, that they do not exist, so that programs
//! fall back. The second refuses what reaches beyond the machine: mounts, namespaces, keys, tracing, kernel
//! modules, `io_uring`, sockets of odd families. A call of another architecture ends the process.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// The newest system call that was looked at (`mseal` of Linux 6.10).
const NEWEST: i64 = 462;

const NAMESPACE_FLAGS: [i32; 8] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
    CLONE_NEWTIME,
];

/// From linux/sched.h; only `unshare` takes it.
const CLONE_NEWTIME: i32 = 0x80;

/// The socket families that mean something inside a machine.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// System calls of newer kernels that libc does not name yet.
const SYS_LISTMOUNT: i64 = 458;
const SYS_STATMOUNT: i64 = 457;

const REFUSED: [i64; 62] = [
    // mounts and roots
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    SYS_LISTMOUNT,
    SYS_STATMOUNT,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_fanotify_init,
    // files by number, past every path rule
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // namespaces
    libc::SYS_setns,
    // keys
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // other processes
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_move_pages,
    libc::SYS_migrate_pages,
    // the kernel's own insides
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_secret,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_acct,
    libc::SYS_reboot,
    libc::SYS_vhangup,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    // the host's clock and name
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
];

/// Why there is no filter.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeccompError {
    /// The rules do not compile.
    #[error("compiling the seccomp filter")]
    Compile(#[from] seccompiler::BackendError),
}

fn condition(
    argument: u8,
    op: SeccompCmpOp,
    value: u32,
) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, op, u64::from(value))
}

fn bits(flag: i32) -> u32 {
    flag.cast_unsigned()
}

fn refused() -> Result<BTreeMap<i64, Vec<SeccompRule>>, SeccompError> {
    use SeccompCmpOp::{Eq, MaskedEq, Ne};
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        REFUSED.into_iter().map(|call| (call, Vec::new())).collect();
    let mut namespaces = Vec::new();
    for flag in NAMESPACE_FLAGS {
        let set = condition(0, MaskedEq(u64::from(bits(flag))), bits(flag))?;
        namespaces.push(SeccompRule::new(vec![set])?);
    }
    // Of clone, the low byte is the signal of the child's end, not a flag.
    rules.insert(libc::SYS_clone, namespaces.iter().take(7).cloned().collect());
    rules.insert(libc::SYS_unshare, namespaces);
    let odd_family = FAMILIES
        .into_iter()
        .map(|family| condition(0, Ne, bits(family)))
        .collect::<Result<Vec<_>, _>>()?;
    let netlink = vec![
        condition(0, Eq, bits(libc::AF_NETLINK))?,
        condition(2, Ne, bits(libc::NETLINK_ROUTE))?,
    ];
    let sockets = vec![SeccompRule::new(odd_family)?, SeccompRule::new(netlink)?];
    rules.insert(libc::SYS_socket, sockets);
    // Of pairs the kernel knows these and those of odd families (TIPC).
    let odd_pair = vec![condition(0, Ne, bits(libc::AF_UNIX))?];
    rules.insert(libc::SYS_socketpair, vec![SeccompRule::new(odd_pair)?]);
    let mut terminal = Vec::new();
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        let request = u32::try_from(request).unwrap_or(u32::MAX);
        terminal.push(SeccompRule::new(vec![condition(1, Eq, request)?])?);
    }
    rules.insert(libc::SYS_ioctl, terminal);
    Ok(rules)
}

fn errno(number: i32) -> SeccompAction {
    SeccompAction::Errno(bits(number))
}

/// The programs, as the kernel takes them, one after the other.
pub(crate) fn filters() -> Result<[Vec<u8>; 2], SeccompError> {
    let arch: TargetArch = std::env::consts::ARCH.try_into()?;
    let known = (0..=NEWEST).filter(|call| *call != libc::SYS_clone3);
    let known = known.map(|call| (call, Vec::new())).collect();
    let known = SeccompFilter::new(known, errno(libc::ENOSYS), SeccompAction::Allow, arch)?;
    let refused = SeccompFilter::new(refused()?, SeccompAction::Allow, errno(libc::EPERM), arch)?;
    Ok([bytes(&known.try_into()?), bytes(&refused.try_into()?)])
}

/// `struct sock_filter` of linux/filter.h: u16 code, u8 jt, u8 jf, u32 k, in the host's byte order.
fn bytes(program: &BpfProgram) -> Vec<u8> {
    program
        .iter()
        .flat_map(|instruction| {
            let [c0, c1] = instruction.code.to_ne_bytes();
            let [k0, k1, k2, k3] = instruction.k.to_ne_bytes();
            [c0, c1, instruction.jt, instruction.jf, k0, k1, k2, k3]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_are_short_enough_for_the_kernel() {
        for filter in filters().unwrap() {
            assert!(filter.len() / 8 <= 4096, "{} instructions", filter.len() / 8);
        }
    }
}
