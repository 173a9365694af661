//! What tells one machine from another: its time, its random numbers, its name.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd as _;

use rustix::time::{ClockId, Timespec};

/// How many bytes of entropy a machine is given.
const ENTROPY_LEN: usize = 64;

/// `RNDADDENTROPY` and `RNDRESEEDCRNG` of linux/random.h.
const ADD_ENTROPY: libc::c_ulong = 0x4008_5203;
const RESEED: libc::c_ulong = 0x5207;

/// `struct rand_pool_info` of linux/random.h, with its buffer.
#[repr(C)]
struct Pool {
    /// How many bits are credited.
    bits: libc::c_int,
    /// How many bytes there are.
    len: libc::c_int,
    bytes: [u8; ENTROPY_LEN],
}

/// Steps the clock: that of a clone stands where its template was made.
pub(crate) fn set_clock(time_ms: u64) -> Result<(), String> {
    let out_of_range = |_| "the host's time is out of range";
    let tv_sec = i64::try_from(time_ms / 1000).map_err(out_of_range)?;
    let tv_nsec = i64::try_from(time_ms % 1000 * 1_000_000).map_err(out_of_range)?;
    rustix::time::clock_settime(ClockId::Realtime, Timespec { tv_sec, tv_nsec })
        .map_err(|e| format!("setting the clock: {e}"))
}

/// Mixes the host's entropy in, credits it, and makes the kernel use it at once: clones of one template would
/// otherwise draw the same numbers.
#[expect(unsafe_code, reason = "the kernel takes entropy by ioctl, which no library wraps")]
pub(crate) fn add_entropy(hex: &str) -> Result<(), String> {
    let bytes = decode(hex).ok_or("the host's entropy is not 64 bytes in hexadecimal digits")?;
    let random = OpenOptions::new().read(true).write(true).open("/dev/urandom");
    let random = random.map_err(|e| format!("opening /dev/urandom: {e}"))?;
    let len = libc::c_int::try_from(ENTROPY_LEN).map_err(|e| e.to_string())?;
    let pool = Pool { bits: len * 8, len, bytes };
    let failed = |what: &str| format!("{what}: {}", std::io::Error::last_os_error());
    // SAFETY: the pool is what RNDADDENTROPY reads, and outlives the call.
    if unsafe { libc::ioctl(random.as_raw_fd(), ADD_ENTROPY, &raw const pool) } != 0 {
        return Err(failed("adding entropy"));
    }
    // SAFETY: RNDRESEEDCRNG takes no argument.
    if unsafe { libc::ioctl(random.as_raw_fd(), RESEED) } != 0 {
        return Err(failed("reseeding the kernel's random numbers"));
    }
    Ok(())
}

fn decode(hex: &str) -> Option<[u8; ENTROPY_LEN]> {
    let digits = hex.as_bytes();
    if digits.len() != ENTROPY_LEN * 2 {
        return None;
    }
    let mut bytes = [0; ENTROPY_LEN];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let [high, low] = pair else { return None };
        let digit = |d: u8| char::from(d).to_digit(16).and_then(|d| u8::try_from(d).ok());
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}

/// Sets the host name.
pub(crate) fn set_name(name: &str) -> Result<(), String> {
    rustix::system::sethostname(name.as_bytes()).map_err(|e| format!("setting the name: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_sixty_four_bytes_or_refused() {
        let decoded = decode(&format!("{}0a", "0aF".repeat(42))).unwrap();
        assert_eq!(decoded[..3], [0x0a, 0xf0, 0xaf]);
        assert_eq!(decode(&"0".repeat(127)), None);
        assert_eq!(decode(&"0".repeat(130)), None);
        assert_eq!(decode(&"g".repeat(128)), None);
    }
}
