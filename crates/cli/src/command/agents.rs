//! `hob agents`: definitions, what there is and what is wrong with them.

use domain::agent::Agent;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::Agents;
use crate::wire_up::definitions::{self, BUILT_IN};

/// Does what was asked.
pub(crate) async fn agents(settings: &Settings, asked: Agents) -> Result<Exit, Failure> {
    match asked {
        Agents::List { repo, output } => {
            let mut found = Vec::new();
            for (name, text) in BUILT_IN {
                found.push(line(name, "built in", text));
            }
            let folder = settings.cwd.join(repo).join(".hob/agents");
            for path in markdown_files(&folder) {
                let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                found.push(line(&name, &path.display().to_string(), &text));
            }
            if output.json {
                mouth::json(&found)?;
            } else {
                for one in found {
                    let word = |key: &str| one[key].as_str().unwrap_or_default().to_owned();
                    mouth::data(&format!(
                        "{:<24} {:<10} {}",
                        word("name"),
                        word("from"),
                        word("about")
                    ));
                }
            }
        }
        Agents::Show { agent, output } => {
            let text = definitions::find_here(settings, &agent)?;
            if output.json {
                mouth::json(&json!({ "name": agent, "text": text }))?;
            } else {
                mouth::data(text.trim_end());
            }
        }
        Agents::Check { agent, output } => {
            let text = definitions::find_here(settings, &agent)?;
            let read = read(&text);
            if output.json {
                let problem = read.as_ref().err().cloned();
                mouth::json(&json!({ "agent": agent, "valid": read.is_ok(), "problem": problem }))?;
            } else if let Ok(agent) = &read {
                mouth::data(&format!("{} is valid ({})", agent.name, agent.version));
            }
            if let Err(problem) = read {
                return Err(Failure::fixable(
                    problem,
                    "`hob agents schema` prints the JSON Schema; `hob agents show cve-remediation` an example",
                ));
            }
        }
        Agents::Schema => mouth::json(&routing::definition::schema())?,
    }
    Ok(Exit::Done)
}

fn read(text: &str) -> Result<Agent, String> {
    routing::definition::read(text, &[]).map_err(|error| error.to_string())
}

fn line(name: &str, from: &str, text: &str) -> serde_json::Value {
    match read(text) {
        Ok(agent) => {
            let about: String = agent.instructions.chars().take(70).collect();
            let about = about.replace('\n', " ");
            json!({ "name": agent.name, "from": from, "valid": true, "version": agent.version, "about": about })
        }
        Err(problem) => {
            json!({ "name": name, "from": from, "valid": false, "about": format!("not valid: {problem}") })
        }
    }
}

fn markdown_files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "md"))
        .collect();
    paths.sort();
    paths
}
