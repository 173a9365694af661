//! Whether a requirement's condition holds on the machine at hand, and where it holds otherwise.

use std::str::FromStr as _;

use pep508_rs::{MarkerEnvironment, MarkerTree};
use serde_json::Value;

use crate::dependencies::{Elsewhere, Runtimes};

/// What tells one platform from another in conditions: `sys_platform`, `os_name`, `platform_system`.
const PLATFORMS: [[&str; 3]; 3] =
    [["linux", "posix", "Linux"], ["win32", "nt", "Windows"], ["darwin", "posix", "Darwin"]];

/// The Pythons that conditions are asked about; the last 3.x is far enough for "and newer".
fn pythons() -> impl Iterator<Item = String> {
    std::iter::once("2.7".to_owned()).chain((0..=30).map(|minor| format!("3.{minor}")))
}

/// Where a condition holds, if not on the machine whose pip reported this environment. `None` where it holds there, or
/// where it is not known.
pub(super) fn elsewhere(condition: &str, environment: &Value) -> Option<Elsewhere> {
    let marker = MarkerTree::from_str(condition).ok()?;
    let holds = |environment: &Value| {
        let known: MarkerEnvironment = serde_json::from_value(environment.clone()).ok()?;
        Some(marker.evaluate(&known, &[]))
    };
    if holds(environment)? {
        return None;
    }
    let on = |python: Option<&str>, platform: Option<&[&str; 3]>| {
        let mut other = environment.clone();
        let mut set = |key: &str, value: &str| {
            if let Some(values) = other.as_object_mut() {
                values.insert(key.to_owned(), Value::from(value));
            }
        };
        if let Some(python) = python {
            set("python_version", python);
            set("python_full_version", &format!("{python}.0"));
        }
        let keys = ["sys_platform", "os_name", "platform_system"];
        for (key, value) in keys.iter().zip(platform.into_iter().flatten()) {
            set(key, value);
        }
        holds(&other).unwrap_or(false)
    };
    let anywhere = |python: Option<&str>| {
        on(python, None) || PLATFORMS.iter().any(|platform| on(python, Some(platform)))
    };
    let mut runtimes = Vec::new();
    if !anywhere(None) {
        let counts = pythons().filter(|python| anywhere(Some(python)));
        runtimes
            .extend(counts.map(|python| Runtimes { python: Some(python), ..Runtimes::default() }));
    }
    Some(Elsewhere { condition: condition.to_owned(), runtimes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Value {
        serde_json::json!({
            "implementation_name": "cpython", "implementation_version": "3.11.7", "os_name": "posix",
            "platform_machine": "x86_64", "platform_release": "6.1", "platform_system": "Linux",
            "platform_version": "#1", "python_full_version": "3.11.7",
            "platform_python_implementation": "CPython", "python_version": "3.11", "sys_platform": "linux",
        })
    }

    #[test]
    fn a_condition_that_does_not_hold_here_tells_with_which_pythons_it_does() {
        let check = |condition: &str, expected: Option<&str>| {
            let found = elsewhere(condition, &environment()).map(|found| {
                let all = found.runtimes.into_iter().filter_map(|runtimes| runtimes.python);
                let all: Vec<String> = all.collect();
                all.first().into_iter().chain(all.last()).cloned().collect::<Vec<_>>().join("..")
            });
            assert_eq!(found.as_deref(), expected, "{condition}");
        };
        check("python_version >= '3.8'", None);
        check("python_version < '3.7'", Some("2.7..3.6"));
        check("python_full_version < '3.8' and python_version >= '3'", Some("3.0..3.7"));
        check("python_version >= '3.12'", Some("3.12..3.30"));
        check("python_version == '2.7' and sys_platform == 'win32'", Some("2.7..2.7"));
        // Another platform with the Python that is here.
        check("sys_platform == 'win32'", Some(""));
        check("platform_machine == 'aarch64'", Some(""));
        check("no condition", None);
        assert_eq!(elsewhere("sys_platform == 'win32'", &Value::Null), None);
    }
}
