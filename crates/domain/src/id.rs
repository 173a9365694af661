//! Typed, sortable, readable ids: `run_01j8…` says what it names, and pasting it in a chat is enough.
//!
//! An id is 128 bits, 48 of milliseconds since the Unix epoch and 80 of randomness (the ULID layout,
//! <https://github.com/ulid/spec>), shown in lower-case Crockford base 32 behind a prefix.

use crate::clock::Clock;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const TEXT_LEN: usize = 26;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id; one looks like `{prefix}_01j8zq4t3v5w6x7y8z9a0b1c2d`")]
pub struct InvalidId {
    /// What was given, cut to a readable length.
    pub text: String,
    /// What kind of id was expected.
    pub kind: &'static str,
    /// The prefix that kind carries.
    pub prefix: &'static str,
}

fn encode(value: u128) -> String {
    (0..TEXT_LEN)
        .rev()
        .map(|i| char::from(ALPHABET[usize::try_from((value >> (i * 5)) & 31).unwrap_or(0)]))
        .collect()
}

fn decode(text: &str) -> Option<u128> {
    if text.len() != TEXT_LEN {
        return None;
    }
    let mut value: u128 = 0;
    for (i, byte) in text.bytes().enumerate() {
        let digit = ALPHABET.iter().position(|a| *a == byte)?;
        if i == 0 && digit > 7 {
            return None;
        }
        value = (value << 5) | u128::try_from(digit).ok()?;
    }
    Some(value)
}

fn fresh(clock: &dyn Clock) -> u128 {
    let mut random = [0_u8; 16];
    clock.fill_random(&mut random[6..]);
    let low = u128::from_be_bytes(random);
    (u128::from(clock.now().as_millis()) << 80) | (low & ((1 << 80) - 1))
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u128);

        impl $name {
            /// What every id of this kind begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id, unique by time and randomness.
            pub fn fresh(clock: &dyn Clock) -> Self {
                Self(fresh(clock))
            }

            /// The 128 bits.
            pub fn as_u128(self) -> u128 {
                self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}_{}", $prefix, encode(self.0))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                std::fmt::Display::fmt(self, f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix(concat!($prefix, "_")).and_then(decode).map(Self).ok_or_else(|| {
                    InvalidId { text: text.chars().take(60).collect(), kind: $kind, prefix: $prefix }
                })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

ids! {
    /// Names an event.
    EventId "evt" "event";
    /// Names a run.
    RunId "run" "run";
    /// Names a machine.
    MachineId "mach" "machine";
    /// Names a proposal.
    ProposalId "prop" "proposal";
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_id_are_the_same_thing(value in any::<u128>()) {
            let id = RunId(value);
            prop_assert_eq!(id.to_string().parse::<RunId>(), Ok(id));
        }

        #[test]
        fn ids_sort_as_their_texts_do(a in any::<u128>(), b in any::<u128>()) {
            prop_assert_eq!(a.cmp(&b), RunId(a).to_string().cmp(&RunId(b).to_string()));
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            if let Ok(id) = text.parse::<RunId>() {
                prop_assert_eq!(id.to_string(), text);
            }
        }
    }

    #[test]
    fn another_kind_is_refused() {
        let text = EventId(7).to_string();
        assert!(text.parse::<RunId>().is_err());
    }
}
