//! What a proposal says of itself: a title of one line and a body in Markdown. The same facts give the same text.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use domain::agent::Playbook as Settings;
use domain::dependency::{Ecosystem as Kind, Left, Update, UpdateKind, Why};
use toolbox::dependencies::Ecosystem;

use crate::outcome::Ending;

/// The most entries of one list that a body spells out; the report has them all.
const LISTED_MAX: usize = 100;

/// The most packages that a title names.
const TITLE_NAMES_MAX: usize = 2;

/// What there is to tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) updates: &'a [Update],
    pub(super) left: &'a [Left],
    pub(super) added: &'a [String],
    /// What moves along, and with what it breaks otherwise.
    pub(super) along: &'a [(String, String)],
    /// What was asked for; the rest came with it.
    pub(super) heads: &'a BTreeSet<(Kind, String)>,
    /// What does not run on what the project's manifests promise.
    pub(super) beyond: &'a [String],
    /// What its publisher advises against.
    pub(super) deprecated: &'a [String],
    /// One line for each advisory that was closed: its id and what it is about.
    pub(super) notes: &'a std::collections::BTreeMap<String, String>,
    pub(super) complete: bool,
    pub(super) ending: Ending,
    pub(super) settings: &'a Settings,
}

impl Facts<'_> {
    /// The title of a proposal, or the reason in one sentence.
    pub(super) fn title(&self) -> String {
        match self.ending {
            Ending::Changed => self.changed_title(),
            Ending::NoChange => self.nothing_title(),
            Ending::HandOver => self.hand_over_title(),
        }
    }

    fn nothing_title(&self) -> String {
        let nothing = match self.settings {
            Settings::Updates(_) => "every dependency is as new as the definition allows",
            Settings::Remediation(_) => "no known vulnerability asks for a change",
        };
        match self.left.iter().filter(|left| left.why == Why::Unsupported).count() {
            0 => nothing.to_owned(),
            1 => {
                format!("{nothing}; a manifest of an ecosystem that hob does not know was not read")
            }
            more => {
                format!(
                    "{nothing}; {more} manifests of ecosystems that hob does not know were not read"
                )
            }
        }
    }

    fn changed_title(&self) -> String {
        let closed: usize = self.closed().len();
        let heads: Vec<&Update> = match self.settings {
            Settings::Remediation(_) => {
                self.updates.iter().filter(|u| !u.advisories.is_empty()).collect()
            }
            Settings::Updates(_) => {
                let is_head = |u: &&Update| self.heads.contains(&(u.ecosystem, u.package.clone()));
                self.updates.iter().filter(is_head).collect()
            }
        };
        let heads = if heads.is_empty() { self.updates.iter().collect() } else { heads };
        // Several locked versions of a package may move to one and the same.
        let mut names: Vec<String> = Vec::new();
        for name in heads.iter().map(|update| format!("{} to {}", update.package, update.to)) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let more = match names.len().saturating_sub(TITLE_NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let why = match (self.settings, closed) {
            (Settings::Updates(_), _) | (_, 0) => String::new(),
            (Settings::Remediation(_), 1) => " (closes 1 advisory)".to_owned(),
            (Settings::Remediation(_), closed) => format!(" (closes {closed} advisories)"),
        };
        names.truncate(TITLE_NAMES_MAX);
        format!("Update {}{more}{why}", names.join(", "))
    }

    fn hand_over_title(&self) -> String {
        let first = self.left.iter().find(|left| {
            left.why == Why::NeedsCodeChange || (!self.complete && left.why.makes_incomplete())
        });
        let Some(left) = first.or(self.left.iter().find(|left| left.advisory.is_some())) else {
            return "people have to look at the dependencies".to_owned();
        };
        let subject = match &left.advisory {
            Some(advisory) => format!("{advisory} in {} {}", left.package, left.version),
            None => format!("{} {}", left.package, left.version),
        };
        let alike = |other: &&Left| {
            other.why == left.why && other.advisory.is_some() == left.advisory.is_some()
        };
        let more = match self.left.iter().filter(alike).count() {
            0 | 1 => String::new(),
            all => format!(" and {} more", all - 1),
        };
        format!("{}{more}: {}", subject.trim(), word(left.why))
    }

    fn closed(&self) -> BTreeSet<&String> {
        self.updates.iter().flat_map(|update| &update.advisories).collect()
    }

    /// The text of a proposal or an escalation.
    pub(super) fn body(&self) -> String {
        let mut body = String::new();
        self.write(&mut body).expect("writing to a string cannot fail");
        body
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        if !self.complete {
            writeln!(out, "**Incomplete.** Something could not be read; it is named below.\n")?;
        }
        if !self.updates.is_empty() {
            self.write_updates(out)?;
        }
        if !self.along.is_empty() {
            writeln!(out, "\n### Moved along\n")?;
            let told = |(what, with): &(String, String)| {
                let what = code(what);
                format!("{what} moves along because it breaks with {} otherwise", line(with))
            };
            write_list(out, self.along.iter().map(told))?;
        }
        if !self.added.is_empty() {
            writeln!(out, "\n### New packages that these bring in\n")?;
            write_list(out, self.added.iter().map(|name| code(name)))?;
        }
        if !self.beyond.is_empty() {
            writeln!(out, "\n### Beyond the runtimes that the manifests promise\n")?;
            write_list(out, self.beyond.iter().map(|told| line(told)))?;
        }
        if !self.deprecated.is_empty() {
            writeln!(out, "\n### Deprecated by their publishers\n")?;
            write_list(out, self.deprecated.iter().map(|told| line(told)))?;
        }
        let closed = self.closed();
        if !closed.is_empty() {
            writeln!(out, "\n### Closed advisories\n")?;
            write_list(
                out,
                closed.into_iter().map(|id| match self.notes.get(id) {
                    Some(summary) => format!("{}: {}", code(id), line(summary)),
                    None => code(id),
                }),
            )?;
        }
        if !self.left.is_empty() {
            writeln!(out, "\n### Left as it is\n")?;
            write_list(out, self.left.iter().map(entry))?;
        }
        Ok(())
    }

    fn write_updates(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "| package | from | to | step | closes | files |")?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for update in self.updates.iter().take(LISTED_MAX) {
            let step = match update.kind {
                UpdateKind::Patch => "patch",
                UpdateKind::Minor => "minor",
                UpdateKind::Major => "major",
                UpdateKind::Downgrade => "**downgrade**",
            };
            let files: Vec<String> = update.files.iter().map(|path| code(path.as_str())).collect();
            writeln!(
                out,
                "| {} ({}{}) | {} | {} | {step} | {} | {} |",
                code(&update.package),
                update.ecosystem,
                if update.development_only { ", development only" } else { "" },
                code(&update.from),
                code(&update.to),
                update.advisories.join(", "),
                files.join(", ")
            )?;
        }
        match self.updates.len().saturating_sub(LISTED_MAX) {
            0 => Ok(()),
            more => writeln!(out, "\nand {more} more"),
        }
    }
}

/// What is said of a repository in which none of the ecosystems has a manifest.
pub(super) fn nothing_found(ecosystems: &[&dyn Ecosystem], wanted: &[Kind]) -> String {
    let kinds = ecosystems.iter().map(|ecosystem| ecosystem.kind());
    let names: Vec<String> = kinds
        .filter(|kind| wanted.is_empty() || wanted.contains(kind))
        .map(|kind| kind.to_string())
        .collect();
    format!("no manifest of a supported ecosystem was found ({})", names.join(", "))
}

fn write_list(out: &mut String, lines: impl ExactSizeIterator<Item = String>) -> std::fmt::Result {
    let more = lines.len().saturating_sub(LISTED_MAX);
    for line in lines.take(LISTED_MAX) {
        writeln!(out, "- {line}")?;
    }
    if more > 0 {
        writeln!(out, "- and {more} more")?;
    }
    Ok(())
}

fn entry(left: &Left) -> String {
    let advisory = left.advisory.as_deref().map(|id| format!("{}: ", code(id))).unwrap_or_default();
    let subject = format!("{} {}", left.package, left.version);
    let head = format!("{advisory}{}, {}", code(subject.trim()), word(left.why));
    if left.detail.is_empty() {
        return head;
    }
    if left.detail.contains('\n') {
        // A fence longer than any in the text cannot be closed by it.
        let longest = left.detail.split(|c| c != '`').map(str::len).max().unwrap_or(0);
        let fence = "`".repeat(longest.max(2) + 1);
        let quoted: Vec<String> = left.detail.lines().map(|line| format!("  {line}")).collect();
        return format!("{head}\n\n  {fence}text\n{}\n  {fence}", quoted.join("\n"));
    }
    format!("{head}: {}", line(&left.detail))
}

/// The reason in the words of the report.
fn word(why: Why) -> String {
    match serde_json::to_value(why) {
        Ok(serde_json::Value::String(word)) => word,
        Ok(_) | Err(_) => "left".to_owned(),
    }
}

/// Foreign text as inline code: it can neither format nor mention.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    let flat: String =
        text.chars().map(|c| if c.is_control() || c == '|' { ' ' } else { c }).collect();
    format!("{fence}{pad}{flat}{pad}{fence}")
}

/// Foreign text as one line of Markdown that means nothing but itself.
fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~' => {
                out.push('\\');
                out.push(c);
            }
            // A mention or a closing keyword in foreign text must not reach anybody.
            '@' => out.push_str("&#64;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
