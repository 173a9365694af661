//! `hob agents`: definitions, what there is and what is wrong with them.

use domain::agent::Agent;
use engine::request::definition::Committed;
use routing::definition::Weight;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::Agents;
use crate::wire_up::{
    self,
    definitions::{self, BUILT_IN},
};

mod check;

/// Does what was asked.
pub(crate) async fn agents(settings: &Settings, asked: Agents) -> Result<Exit, Failure> {
    match asked {
        Agents::List { repo, output } => {
            let mut found = Vec::new();
            for (name, text) in BUILT_IN {
                found.push(line(name, "built in", text));
            }
            for one in committed(settings, repo.as_deref()).await? {
                let from = definitions::committed_path(&one.name);
                found.push(match one.text {
                    Ok(text) => line(&one.name, &from, &text),
                    Err(problem) => broken(&one.name, &from, &problem),
                });
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
        Agents::Show { agent, repo, output } => {
            let found = definitions::find_here(settings, &agent, repo.as_deref()).await?;
            if output.json {
                mouth::json(&json!({ "name": agent, "from": found.from, "text": found.text }))?;
            } else {
                mouth::data(found.text.trim_end());
            }
        }
        Agents::Check { agent, repo, output } => {
            return check::check(settings, agent.as_deref(), repo.as_deref(), output).await;
        }
        Agents::Schema => mouth::json(&routing::definition::schema())?,
    }
    Ok(Exit::Done)
}

/// What a definition says without effect.
fn no_effect(text: &str, weight: Weight) -> Vec<String> {
    let keys = routing::definition::without_effect(text).unwrap_or_default();
    keys.iter().filter(|key| key.weight == weight).map(ToString::to_string).collect()
}

fn read(text: &str) -> Result<Agent, String> {
    let agent = routing::definition::read(text, &[]).map_err(|error| error.to_string())?;
    let refused = no_effect(text, Weight::Refused);
    if refused.is_empty() { Ok(agent) } else { Err(refused.join("; ")) }
}

fn line(name: &str, from: &str, text: &str) -> serde_json::Value {
    match read(text) {
        Ok(agent) => {
            let about: String = agent.instructions.chars().take(70).collect();
            let about = about.replace('\n', " ");
            json!({ "name": agent.name, "from": from, "valid": true, "version": agent.version, "about": about })
        }
        Err(problem) => broken(name, from, &problem),
    }
}

fn broken(name: &str, from: &str, problem: &str) -> serde_json::Value {
    json!({ "name": name, "from": from, "valid": false, "about": format!("not valid: {problem}") })
}

/// What the default branch of a repository holds: of the one that is named, else of the one around the current folder,
/// where there is one.
async fn committed(settings: &Settings, repo: Option<&str>) -> Result<Vec<Committed>, Failure> {
    let place = settings.place(repo.unwrap_or("."));
    if repo.is_none() && forge::Source::find(&place, &settings.cwd).is_err() {
        return Ok(Vec::new());
    }
    Ok(wire_up::house(settings).await?.committed_definitions(&place).await?)
}
