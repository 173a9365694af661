//! Numbers of a tar header: octal text, or binary where that is too short.

/// Reads a field; nothing where it is neither.
pub(super) fn read(field: &[u8]) -> Option<u64> {
    match field.first()? {
        0x80 => {
            let (high, low) = field.get(1..)?.split_at_checked(field.len().checked_sub(9)?)?;
            let whole = high.iter().all(|byte| *byte == 0);
            whole.then(|| u64::from_be_bytes(low.try_into().unwrap_or_default()))
        }
        // A negative number: a time before 1970.
        0xff => Some(0),
        _ => {
            let text = std::str::from_utf8(field).ok()?;
            let digits = text.trim_matches([' ', '\0']);
            if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
        }
    }
}

/// Writes a field as octal text with a zero at its end; what does not fit is written as the largest that does.
pub(super) fn write(field: &mut [u8], number: u64) {
    let digits = field.len() - 1;
    let bits = u32::try_from(digits * 3).unwrap_or(63).min(63);
    let number = number.min((1 << bits) - 1);
    let text = format!("{number:0digits$o}\0");
    field.copy_from_slice(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn octal_and_binary_numbers_are_read_and_nonsense_is_not() {
        assert_eq!(read(b"0000644\0"), Some(0o644));
        assert_eq!(read(b"   644 \0"), Some(0o644));
        assert_eq!(read(b"\0\0\0\0\0\0\0\0"), Some(0));
        assert_eq!(read(&[0x80, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]), Some(1 << 32));
        assert_eq!(read(&[0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), None);
        assert_eq!(read(b"9\0\0\0\0\0\0\0"), None);
        assert_eq!(read(&[0x80, 0]), None);
    }

    #[test]
    fn what_is_written_reads_back() {
        for number in [0, 7, 0o777_7777] {
            let mut field = [0; 8];
            write(&mut field, number);
            assert_eq!(read(&field), Some(number));
        }
        let mut field = [0; 8];
        write(&mut field, u64::MAX);
        assert_eq!(read(&field), Some(0o777_7777));
    }
}
