//! Where else a Python project says what its tests need: tools that make environments, each in its own words.

use toml::{Table, Value};

use super::text::{WORDS, closest, literal, section, texts_of, values};

/// What tests need.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Stated {
    /// Requirements as pip takes them.
    pub(super) packages: Vec<String>,
    /// Requirements files, as seen from the project.
    pub(super) files: Vec<String>,
    /// Extras of the project itself.
    pub(super) extras: Vec<String>,
    /// Dependency groups of the project.
    pub(super) groups: Vec<String>,
    /// Packages of poetry's tables: its ranges are not pip's.
    pub(super) by_name: Vec<String>,
}

impl Stated {
    /// One argument of pip's; lines with a condition or a variable are left out.
    fn take(&mut self, argument: &str) {
        let text = argument.trim().replace("{toxinidir}/", "").replace("{tox_root}/", "");
        if text.is_empty() || text.contains(['{', '}']) || text.starts_with('#') {
            return;
        }
        for option in ["-r", "--requirement"] {
            if let Some(file) = text.strip_prefix(option) {
                self.files.push(file.trim_start_matches('=').trim().to_owned());
                return;
            }
        }
        let own = text.strip_prefix("-e").unwrap_or(&text).trim();
        if let Some(extras) = own.strip_prefix(".[").and_then(|rest| rest.strip_suffix(']')) {
            self.extras.extend(extras.split(',').map(|extra| extra.trim().to_owned()));
        } else if !text.starts_with(['-', '.', '/']) && !is_conditional(&text) {
            self.packages.push(text);
        }
    }

    fn take_all(&mut self, list: Option<&Value>) {
        for item in list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
            self.take(item);
        }
    }
}

/// tox's `py39: mock`; an address holds a colon too.
fn is_conditional(text: &str) -> bool {
    text.split_once(':').is_some_and(|(_, rest)| !rest.starts_with("//"))
}

fn words(list: Option<&Value>) -> Vec<String> {
    let items = list.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn at<'a>(table: &'a Table, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(table.get(*first)?, |value, key| value.get(*key))
}

/// The tables of tools in `pyproject.toml`.
pub(super) fn of_pyproject(table: &Table) -> Stated {
    let mut stated = Stated::default();
    let groups = at(table, &["tool", "poetry", "group"]).and_then(Value::as_table);
    for (group, content) in groups.into_iter().flatten() {
        if WORDS.contains(&group.to_lowercase().as_str()) {
            stated.by_name.extend(names(content.get("dependencies")));
        }
    }
    stated.by_name.extend(names(at(table, &["tool", "poetry", "dev-dependencies"])));
    if let Some(pdm) = at(table, &["tool", "pdm", "dev-dependencies"]).and_then(Value::as_table) {
        for group in closest(pdm.keys().map(String::as_str)) {
            stated.take_all(pdm.get(&group));
        }
    }
    stated.take_all(at(table, &["tool", "uv", "dev-dependencies"]));
    if let Some(environments) = at(table, &["tool", "hatch", "envs"]).and_then(Value::as_table) {
        hatch(environments, &mut stated);
    }
    if let Some(tox) = at(table, &["tool", "tox"]).and_then(Value::as_table) {
        tox_table(tox, &mut stated);
    }
    stated
}

fn names(table: Option<&Value>) -> Vec<String> {
    table.and_then(Value::as_table).into_iter().flat_map(Table::keys).cloned().collect()
}

/// hatch's environments for tests, and the one for development.
pub(super) fn hatch(environments: &Table, stated: &mut Stated) {
    for (name, environment) in environments {
        let known = name == "default" || name == "hatch-test" || WORDS.contains(&name.as_str());
        if !known {
            continue;
        }
        for key in ["dependencies", "extra-dependencies"] {
            stated.take_all(environment.get(key));
        }
        stated.extras.extend(words(environment.get("features")));
        stated.groups.extend(words(environment.get("dependency-groups")));
    }
}

/// tox's settings in TOML, in a file of their own or in `pyproject.toml`.
pub(super) fn tox_table(tox: &Table, stated: &mut Stated) {
    if let Some(old) = tox.get("legacy_tox_ini").and_then(Value::as_str) {
        tox_ini(old, stated);
    }
    let environments = ["test", "tests", "py"].iter().filter_map(|name| at(tox, &["env", name]));
    for environment in tox.get("env_run_base").into_iter().chain(environments) {
        stated.take_all(environment.get("deps"));
        stated.extras.extend(words(environment.get("extras")));
        stated.groups.extend(words(environment.get("dependency_groups")));
    }
}

/// `[testenv]` of tox's ini file.
pub(super) fn tox_ini(text: &str, stated: &mut Stated) {
    let Some(body) = section(text, "[testenv]") else { return };
    for value in values(body, "deps") {
        stated.take(value);
    }
    let of = |key: &str| -> Vec<String> {
        let lines = values(body, key).join(",");
        let words = lines.split([',', ' ']).map(str::trim);
        words.filter(|w| !w.is_empty() && !w.contains(['{', ':'])).map(str::to_owned).collect()
    };
    stated.extras.extend(of("extras"));
    stated.groups.extend(of("dependency_groups"));
}

/// What the sessions of a `noxfile.py` install that are called after tests.
pub(super) fn nox(code: &str, stated: &mut Stated) {
    for part in code.split("\ndef ").skip(1) {
        let function = part.split('(').next().unwrap_or_default();
        if !function.split('_').any(|word| WORDS[..3].contains(&word)) {
            continue;
        }
        for (_, call) in part
            .match_indices("session.install(")
            .map(|(at, call)| (at, part.get(at + call.len() - 1..).unwrap_or_default()))
        {
            let mut arguments = literal(call).into_iter();
            while let Some(argument) = arguments.next() {
                match argument.as_str() {
                    "-r" | "--requirement" => stated.files.extend(arguments.next()),
                    "-c" | "--constraint" => drop(arguments.next()),
                    "-e" => {}
                    _ => stated.take(&argument),
                }
            }
        }
    }
}

/// `tests_require` of `setup.py`.
pub(super) fn setup_py(code: &str, stated: &mut Stated) {
    for text in texts_of(code, "tests_require") {
        stated.take(&text);
    }
}

/// `tests_require` of `setup.cfg`.
pub(super) fn setup_cfg(text: &str, stated: &mut Stated) {
    let body = section(text, "[options]").unwrap_or_default();
    for value in values(body, "tests_require") {
        stated.take(value);
    }
}

/// The extras in the literal after `extras_require`, as far as they can be seen without running it.
pub(super) fn extras_of_setup(text: &str) -> Vec<String> {
    let Some((_, rest)) = text.split_once("extras_require") else { return Vec::new() };
    let literal: String = rest.chars().take(4_000).collect();
    let quoted = |word: &&str| {
        ['"', '\''].iter().any(|q| {
            let key = format!("{q}{word}{q}");
            literal.split(key.as_str()).skip(1).any(|after| after.trim_start().starts_with(':'))
        })
    };
    closest(WORDS.iter().filter(|word| quoted(word)).copied())
}

/// The extras of `setup.cfg`.
pub(super) fn extras_of_cfg(text: &str) -> Vec<String> {
    let body = section(text, "[options.extras_require]").unwrap_or_default();
    let keys = body.lines().filter_map(|line| {
        let (key, _) = line.split_once('=')?;
        (!line.starts_with([' ', '\t', '#'])).then(|| key.trim())
    });
    closest(keys)
}
