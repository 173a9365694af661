//! Durations and sizes as people write them: `45m`, `3d`, `4GiB`.

use serde::{Deserialize, Deserializer};

/// A length of time, in milliseconds. Text: a whole number and `ms`, `s`, `m`, `h` or `d`; a bare `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Duration(pub u64);

/// A size in bytes. Text: a whole number and `B`, `KiB`, `MiB`, `GiB` or `TiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size(pub u64);

fn split(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    Some((digits.parse().ok()?, unit.trim()))
}

impl std::str::FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a duration; one looks like `45m`, `2h` or `3d`");
        let (count, unit) = split(text.trim()).ok_or_else(wrong)?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if count == 0 => 1,
            _ => return Err(wrong()),
        };
        count.checked_mul(unit_ms).map(Self).ok_or_else(wrong)
    }
}

impl std::str::FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size; one looks like `512MiB` or `4GiB`");
        let (count, unit) = split(text.trim()).ok_or_else(wrong)?;
        let shift = match unit {
            "B" => 0,
            "KiB" => 10,
            "MiB" => 20,
            "GiB" => 30,
            "TiB" => 40,
            _ => return Err(wrong()),
        };
        count.checked_mul(1 << shift).map(Self).ok_or_else(wrong)
    }
}

macro_rules! from_text {
    ($name:ident $pattern:literal $doc:literal) => {
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "type": "string", "pattern": $pattern, "description": $doc
                })
            }
        }
    };
}

from_text!(Duration "^([0-9]+ *(ms|s|m|min|h|d)|0)$" "A length of time: `45m`, `2h`, `3d`.");
from_text!(Size "^[0-9]+ *(B|KiB|MiB|GiB|TiB)$" "A size: `512MiB`, `4GiB`.");
