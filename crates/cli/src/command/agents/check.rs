//! `hob agents check`: all that is wrong with one definition or with every one, each mistake with its place.

use std::path::Path;

use routing::definition::{Mistake, Weight};
use serde::Serialize;

use super::{committed, no_effect};
use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::Output;
use crate::wire_up::definitions::{self, BUILT_IN, Found};

/// A definition that was looked at.
#[derive(Serialize)]
struct Checked {
    agent: String,
    from: String,
    valid: bool,
    version: Option<String>,
    mistakes: Vec<Mistake>,
    warnings: Vec<String>,
}

/// Checks one definition, or every one there is.
pub(super) async fn check(
    settings: &Settings,
    agent: Option<&str>,
    repo: Option<&str>,
    output: Output,
) -> Result<Exit, Failure> {
    let checked = match agent {
        Some(word) => {
            vec![checked(word, &definitions::find_here(settings, word, repo).await?)]
        }
        None => every(settings, repo).await?,
    };
    for one in &checked {
        tell(one, output);
    }
    match (agent, checked.as_slice()) {
        (Some(_), [one]) if output.json => mouth::json(one)?,
        (_, all) if output.json => mouth::json(&all)?,
        _ => {}
    }
    let wrong: Vec<_> = checked.iter().filter(|one| !one.valid).collect();
    if wrong.is_empty() {
        return Ok(Exit::Done);
    }
    let count: usize = wrong.iter().map(|one| one.mistakes.len()).sum();
    let plural = |count: usize| if count == 1 { "" } else { "s" };
    let (mistakes, files) = (plural(count), plural(wrong.len()));
    Err(Failure::fixable(
        format!("{count} mistake{mistakes} in {} definition{files}", wrong.len()),
        "`hob agents schema` prints the JSON Schema; `hob agents show cve-remediation` an example",
    ))
}

fn tell(one: &Checked, output: Output) {
    for line in &one.warnings {
        mouth::say(&format!("warning: {}: {line}", one.from));
    }
    for Mistake { line, column, problem, hint } in &one.mistakes {
        mouth::say(&format!("error: {}:{line}:{column}: {problem}", one.from));
        mouth::say(&format!("hint: {hint}"));
    }
    if let (false, Some(version)) = (output.json, &one.version) {
        mouth::data(&format!("{} is valid ({version})", one.agent));
    }
}

async fn every(settings: &Settings, repo: Option<&str>) -> Result<Vec<Checked>, Failure> {
    let mut all: Vec<_> =
        BUILT_IN.iter().map(|(name, text)| checked(name, &Found::built_in(name, text))).collect();
    let place = settings.place(repo.unwrap_or("."));
    let place = Path::new(&place);
    let mut in_work_tree = definitions::in_work_tree(place);
    for one in committed(settings, repo).await? {
        in_work_tree.retain(|name| *name != one.name);
        let from = definitions::committed_path(&one.name);
        all.push(match one.text {
            Ok(text) => checked(&one.name, &Found { from, text }),
            Err(problem) => {
                let hint = "commit it as an ordinary text file, or remove it".to_owned();
                let mistakes = vec![Mistake { line: 1, column: 1, problem, hint }];
                let (agent, warnings) = (one.name, Vec::new());
                Checked { agent, from, valid: false, version: None, mistakes, warnings }
            }
        });
    }
    for name in in_work_tree {
        let path = place.join(definitions::committed_path(&name)).display().to_string();
        let mut one = checked(&name, &definitions::find_here(settings, &path, None).await?);
        let words = "it is not committed on the default branch, and counts only once it is";
        one.warnings.push(words.to_owned());
        all.push(one);
    }
    Ok(all)
}

fn checked(word: &str, found: &Found) -> Checked {
    let mistakes = routing::definition::mistakes(&found.text);
    let agent = routing::definition::read(&found.text, &[]).ok().filter(|_| mistakes.is_empty());
    let version = agent.as_ref().map(|agent| agent.version.to_string());
    Checked {
        agent: agent.map_or_else(|| word.to_owned(), |agent| agent.name),
        from: found.from.clone(),
        valid: mistakes.is_empty(),
        version,
        mistakes,
        warnings: no_effect(&found.text, Weight::Told),
    }
}
