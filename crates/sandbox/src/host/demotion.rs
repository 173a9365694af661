//! Whom root's machines become on the host, so that nothing of them is root anywhere.

use domain::MachineId;
use rustix::thread::CapabilitySet;

use crate::port::SandboxError;

/// From here, 2^28 numbers that systemd's allocation keeps free (<https://systemd.io/UIDS-GIDS/>).
const USERS_FROM: u32 = 0x7000_0000;

/// How many.
const USERS: u32 = 1 << 28;

/// What it takes to become another user with a view of one's own.
const NEEDED: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::CHOWN)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER);

/// The user and group of a machine; two machines have the same with a chance of one in 2^28.
pub(crate) fn user(machine: MachineId) -> u32 {
    let low = machine.as_u128() & u128::from(USERS - 1);
    USERS_FROM + u32::try_from(low).unwrap_or(0)
}

/// Whether machines become users of their own. Fails where they would stay the host's root.
pub(crate) fn may_demote() -> Result<bool, SandboxError> {
    if !rustix::process::geteuid().is_root() {
        return Ok(false);
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let rights = rustix::thread::capabilities(None);
    let may = rights.is_ok_and(|rights| rights.effective.contains(NEEDED));
    if may && covers(&map, USERS_FROM, USERS) {
        return Ok(true);
    }
    if outside(&map, 0) == Some(0) {
        return Err(SandboxError::Unusable {
            reason: "root cannot become another user here, and machines never run as root"
                .to_owned(),
            hint:
                "run hob as an ordinary user, or with the capabilities SYS_ADMIN, SETUID, SETGID, \
                   CHOWN, DAC_OVERRIDE and FOWNER"
                    .to_owned(),
        });
    }
    // Root of a user namespace is an ordinary user outside of it.
    Ok(false)
}

/// The ranges of a `uid_map`: first inside, first outside, how many.
fn ranges(map: &str) -> impl Iterator<Item = (u64, u64, u64)> {
    map.lines().filter_map(|line| {
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        Some((numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?))
    })
}

/// Whether all of `count` users from `first` exist inside.
fn covers(map: &str, first: u32, count: u32) -> bool {
    let (first, count) = (u64::from(first), u64::from(count));
    ranges(map).any(|(inside, _, length)| inside <= first && first + count <= inside + length)
}

/// Who a user is outside.
fn outside(map: &str, user: u64) -> Option<u64> {
    ranges(map)
        .find(|(inside, _, length)| (*inside..inside + length).contains(&user))
        .map(|(inside, outside, _)| outside + user - inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_itself_has_all_users_and_a_namespace_of_one_has_not() {
        let host = "         0          0 4294967295\n";
        let rootless = "         0       1000          1\n         1     100000      65536\n";
        assert!(covers(host, USERS_FROM, USERS));
        assert!(!covers(rootless, USERS_FROM, USERS));
        assert_eq!(outside(host, 0), Some(0));
        assert_eq!(outside(rootless, 0), Some(1000));
        assert_eq!(outside(rootless, 5), Some(100_004));
        assert_eq!(outside(rootless, 70_000), None);
    }

    #[test]
    fn a_machines_user_lies_in_the_free_range() {
        let machine: MachineId = "mach_7zzzzzzzzzzzzzzzzzzzzzzzzz".parse().unwrap();
        assert_eq!(user(machine), 0x7fff_ffff);
    }
}
