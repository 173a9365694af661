//! `hob doctor`: what this machine can do, what is missing and how to get it.

use domain::dependency::Ecosystem;
use serde_json::json;

use crate::exit::{Exit, Failure};
use crate::mouth;
use crate::settings::Settings;
use crate::usage::Output;
use crate::wire_up::{microvm, workshop};

/// One thing that was looked at.
#[derive(Debug, serde::Serialize)]
struct Line {
    name: String,
    ok: bool,
    detail: String,
    hint: Option<String>,
}

/// Looks at everything and says it.
pub(crate) async fn doctor(settings: &Settings, output: Output) -> Result<Exit, Failure> {
    settings.make_data()?;
    let mut lines = vec![git(settings).await];
    for capability in workshop::probe(settings).await {
        lines.push(Line {
            name: capability.name.to_string(),
            ok: capability.ok,
            detail: capability.detail,
            hint: capability.hint,
        });
    }
    lines.push(remains(settings));
    lines.extend(registries(settings).await);
    let usable = lines.iter().all(|line| line.ok);
    let backends = backends(settings).await;
    if output.json {
        let all: Vec<&Line> = lines.iter().chain(&backends).collect();
        mouth::json(&json!({ "usable": usable, "found": all }))?;
    } else {
        for line in lines.iter().chain(&backends) {
            let mark = if line.ok { "ok     " } else { "missing" };
            mouth::data(&format!("{mark} {:<28} {}", line.name, line.detail));
            if let Some(hint) = line.hint.as_ref().filter(|_| !line.ok) {
                mouth::data(&format!("        hint: {hint}"));
            }
        }
    }
    Ok(if usable { Exit::Done } else { Exit::Fixable })
}

/// What boots machines with a kernel of their own; hob is of use without.
async fn backends(settings: &Settings) -> Vec<Line> {
    let firecracker = Line {
        name: "firecracker".to_owned(),
        ok: false,
        detail: "not supported yet".to_owned(),
        hint: None,
    };
    let mut lines = vec![firecracker];
    let found = microvm::probe(settings).await;
    lines.extend(found.into_iter().map(|capability| Line {
        name: capability.name.to_owned(),
        ok: capability.ok,
        detail: capability.detail,
        hint: capability.hint,
    }));
    lines
}

async fn git(settings: &Settings) -> Line {
    let wanted =
        forge::git::Settings { path: settings.path.clone(), ..forge::git::Settings::default() };
    match forge::Git::new(wanted).await {
        Ok(git) => {
            let (major, minor) = git.version();
            let detail = format!("{major}.{minor}");
            Line { name: "git".to_owned(), ok: true, detail, hint: None }
        }
        Err(error) => Line {
            name: "git".to_owned(),
            ok: false,
            detail: engine::chain(&error),
            hint: Some("apt-get install git".to_owned()),
        },
    }
}

/// What machines of earlier processes have left: nothing is wrong with that, and the next run takes it away.
fn remains(settings: &Settings) -> Line {
    let found = workshop::abandoned(settings);
    let (ok, detail) = match found {
        Ok(0) => (true, "nothing is left of any".to_owned()),
        Ok(count) => (true, format!("{count} have left files; the next run removes them")),
        Err(error) => (false, format!("what is left of them cannot be told: {error}")),
    };
    let hint = (!ok).then(|| "look at the permissions of the data folder".to_owned());
    Line { name: "earlier machines".to_owned(), ok, detail, hint }
}

/// How an ecosystem's tools are got; Debian splits Python's into packages of their own.
const fn tools(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::Cargo => "install cargo with rustup",
        Ecosystem::Npm => "install node and npm (Debian: apt-get install nodejs npm)",
        Ecosystem::Python => {
            "install Python with venv and pip (Debian: apt-get install python3 python3-venv python3-pip)"
        }
    }
}

async fn registries(settings: &Settings) -> Vec<Line> {
    let presets = workshop::presets(settings).await;
    let mut lines = Vec::new();
    for preset in &presets.found {
        lines.push(Line {
            name: format!("registry of {}", preset.ecosystem),
            ok: true,
            detail: preset.index.base.clone(),
            hint: None,
        });
        for entry in &preset.left_out {
            lines.push(Line {
                name: format!("registry of {}", preset.ecosystem),
                // The others are of use without it.
                ok: true,
                detail: format!("left out, and refused to machines: {entry}"),
                hint: None,
            });
        }
    }
    for (ecosystem, why) in &presets.missing {
        lines.push(Line {
            name: format!("registry of {ecosystem}"),
            ok: false,
            detail: why.clone(),
            hint: Some(format!("{}, or leave that ecosystem out", tools(*ecosystem))),
        });
    }
    lines
}
