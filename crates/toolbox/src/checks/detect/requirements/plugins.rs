//! The plugins that pytest's own configuration needs: without them pytest refuses its options and runs nothing.

use super::text::{name, section, values};

/// Options of plugins with the package that brings them.
const OPTIONS: [(&str, &str); 13] = [
    ("--cov", "pytest-cov"),
    ("--no-cov", "pytest-cov"),
    ("-n", "pytest-xdist"),
    ("--numprocesses", "pytest-xdist"),
    ("--dist", "pytest-xdist"),
    ("--timeout", "pytest-timeout"),
    ("--reruns", "pytest-rerunfailures"),
    ("--asyncio-mode", "pytest-asyncio"),
    ("--ds", "pytest-django"),
    ("--reuse-db", "pytest-django"),
    ("--benchmark", "pytest-benchmark"),
    ("--html", "pytest-html"),
    ("--randomly-seed", "pytest-randomly"),
];

/// What an ini section of pytest's needs.
pub(super) fn of_ini(text: &str, title: &str) -> Vec<String> {
    let Some(body) = section(text, title) else { return Vec::new() };
    let mut found = of_options(&values(body, "addopts").join(" "));
    found.extend(
        values(body, "required_plugins")
            .iter()
            .flat_map(|line| line.split_whitespace())
            .map(str::to_owned),
    );
    found
}

/// What a table of pytest's in `pyproject.toml` needs.
pub(super) fn of_table(table: &toml::Value) -> Vec<String> {
    let words = |key: &str| -> Vec<String> {
        match table.get(key) {
            Some(toml::Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
            Some(toml::Value::Array(items)) => {
                items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
            }
            Some(_) | None => Vec::new(),
        }
    };
    let mut found = of_options(&words("addopts").join(" "));
    found.extend(words("required_plugins"));
    found
}

fn of_options(options: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in options.split_whitespace() {
        let word = word.trim_matches(['"', '\'']);
        let brings = OPTIONS.iter().find(|(option, _)| {
            word.strip_prefix(option).is_some_and(|rest| {
                let number = *option == "-n" && rest.starts_with(|c: char| c.is_ascii_digit());
                rest.is_empty() || rest.starts_with(['=', '-']) || number || rest == "auto"
            })
        });
        if let Some((_, package)) = brings
            && !found.iter().any(|known| name(known) == *package)
        {
            found.push((*package).to_owned());
        }
    }
    found
}
