//! Which requirements of a `pyproject.toml` are installed together: those of the run time, and with them those of each
//! extra and each group.

use std::collections::BTreeSet;

use super::requirements::Ask;
use crate::dependencies::Source;

/// Requirements that are installed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// For a person: "the extra `docs`".
    pub(super) name: String,
    /// Their places among all.
    pub(super) asks: BTreeSet<usize>,
}

/// A list of requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum List {
    RunTime,
    Extra(String),
    Group(String),
    /// `tool.uv.dev-dependencies`.
    OfUv,
}

impl List {
    fn name(&self) -> String {
        match self {
            Self::RunTime => "`dependencies`".to_owned(),
            Self::Extra(name) => format!("the extra `{name}`"),
            Self::Group(name) => format!("the group `{name}`"),
            Self::OfUv => "`tool.uv.dev-dependencies`".to_owned(),
        }
    }
}

/// Every list, with the places of its requirements and the lists that it includes.
#[derive(Debug, Default)]
pub(super) struct Lists {
    pub(super) asks: Vec<Ask>,
    all: Vec<(List, BTreeSet<usize>, Vec<List>)>,
}

impl Lists {
    /// The requirements that were read since the last list make one, with the groups that it includes.
    pub(super) fn add(&mut self, list: List, groups: Vec<String>) {
        let first = self.all.iter().map(|(_, asks, _)| asks.len()).sum();
        let included = groups.into_iter().map(List::Group).collect();
        self.all.push((list, (first..self.asks.len()).collect(), included));
    }

    /// What is installed together. The project asks for its own extras by its own name, which may be nobody's on the
    /// index, or somebody else's: it is never looked up.
    pub(super) fn parts(&mut self, own: Option<&str>) -> Vec<Part> {
        for (_, asks, included) in &mut self.all {
            for at in asks.iter() {
                let Some(ask) = self.asks.get_mut(*at) else { continue };
                if Some(ask.package.as_str()) == own {
                    ask.source = Source::Workspace;
                    included.extend(ask.extras.iter().cloned().map(List::Extra));
                }
            }
        }
        let parts = self.all.iter().map(|(list, ..)| {
            let mut asks = BTreeSet::new();
            let (mut seen, mut open) = (Vec::new(), vec![&List::RunTime, list]);
            while let Some(list) = open.pop() {
                if seen.contains(&list) {
                    continue;
                }
                seen.push(list);
                for (_, own, included) in self.all.iter().filter(|(other, ..)| other == list) {
                    asks.extend(own);
                    open.extend(included);
                }
            }
            Part { name: list.name(), asks }
        });
        let mut parts: Vec<Part> = parts.collect();
        // What adds nothing is no part of its own.
        let run_time = parts.first().map(|part| part.asks.clone()).unwrap_or_default();
        let mut at = 0;
        parts.retain(|part| {
            at += 1;
            at == 1 || part.asks != run_time
        });
        parts
    }
}
