//! What a file tests: its tests by name, how much each asserts, and what turns them off.

use domain::finding::Severity;

use super::token::{Kind, Language, Token};
use super::{javascript, python, rust, token};

/// The tests of one file.
#[derive(Debug, Default)]
pub(super) struct Suite {
    /// The tests, in the order of the file.
    pub(super) tests: Vec<Test>,
    /// What concerns the whole file, or other files.
    pub(super) marks: Vec<Mark>,
    /// How much the code outside the tests asserts.
    pub(super) outside: Weight,
}

/// One test.
#[derive(Debug)]
pub(super) struct Test {
    /// Its name, with what it is in.
    pub(super) name: String,
    /// The name alone.
    pub(super) own_name: String,
    /// Where it begins, from 1.
    pub(super) line: u64,
    /// What turns it off or around.
    pub(super) marks: Vec<Mark>,
    /// How much it asserts.
    pub(super) weight: Weight,
    /// A hash of its body: equal bodies are the same test under another name.
    pub(super) print: u64,
    /// Whether it only declares a module of tests.
    pub(super) declares: bool,
}

impl Test {
    /// `key`, by which it may be found elsewhere; a declaration stands for what is declared there only.
    pub(super) fn key(&self, key: String) -> String {
        if self.declares { String::new() } else { key }
    }
}

/// What is around a test: groups, modules, classes, conditions.
#[derive(Debug)]
pub(super) struct Around {
    /// Where it ends.
    pub(super) end: usize,
    /// Its name with those of all around it; short, however deep it lies.
    pub(super) name: String,
    /// What it does to the tests in it, with what all around it does.
    pub(super) marks: Vec<Mark>,
}

impl Around {
    /// One inside of another. Names and marks are bounded, so that depth costs nothing.
    pub(super) fn new(end: usize, outer: Option<&Self>, name: &str, marks: Vec<Mark>) -> Self {
        const NAME_LETTERS_MAX: usize = 400;
        const MARKS_MAX: usize = 16;
        let before = outer.map_or("", |outer| outer.name.as_str());
        let gap = if before.is_empty() || name.is_empty() { "" } else { " > " };
        let name = [before, gap, name].concat().chars().take(NAME_LETTERS_MAX).collect();
        let mut all = outer.map(|outer| outer.marks.clone()).unwrap_or_default();
        all.extend(marks);
        all.truncate(MARKS_MAX);
        Self { end, name, marks: all }
    }

    /// The whole name of something in it.
    pub(super) fn name_of(around: Option<&Self>, name: &str) -> String {
        match around {
            Some(around) if !around.name.is_empty() => format!("{} > {name}", around.name),
            _ => name.to_owned(),
        }
    }
}

/// Something that weakens, where it is new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    /// How bad.
    pub(super) severity: Severity,
    /// What, in words: the same words are the same mark.
    pub(super) what: String,
    /// Where, from 1.
    pub(super) line: u64,
}

impl Mark {
    /// It certainly weakens.
    pub(super) fn deny(line: u64, what: impl Into<String>) -> Self {
        Self { severity: Severity::Deny, what: what.into(), line }
    }

    /// It may weaken: a person looks.
    pub(super) fn ask(line: u64, what: impl Into<String>) -> Self {
        Self { severity: Severity::NeedsApproval, what: what.into(), line }
    }
}

/// How much a piece of code asserts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weight {
    /// Assertions that can be reached and can fail.
    pub(super) strong: usize,
    /// Assertions that can never fail, or can never be reached.
    pub(super) empty: usize,
    /// Those of the strong ones that compare something.
    pub(super) comparing: usize,
    /// Calls that may assert, by their names.
    pub(super) soft: usize,
    /// Places that swallow a failure.
    pub(super) swallowing: usize,
}

impl Weight {
    /// Both together.
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            strong: self.strong + other.strong,
            empty: self.empty + other.empty,
            comparing: self.comparing + other.comparing,
            soft: self.soft + other.soft,
            swallowing: self.swallowing + other.swallowing,
        }
    }
}

/// Reads the tests of a file.
pub(super) fn read(text: &str, language: Language) -> Suite {
    let tokens = token::tokens(text, language);
    match language {
        Language::Rust => rust::read(&tokens),
        Language::JavaScript => javascript::read(&tokens),
        Language::Python => python::read(&tokens),
    }
}

/// Tokens as one text, to be named in a finding or compared.
pub(super) fn words(tokens: &[Token<'_>]) -> String {
    const TOKENS_MAX: usize = 24;
    let mut text = String::new();
    for token in tokens.iter().take(TOKENS_MAX) {
        if text.len() > TOKENS_MAX * 10 {
            break;
        }
        match token.kind {
            Kind::Text => text.extend(["\"", token.text, "\""]),
            Kind::Word | Kind::Number | Kind::Sign => {
                if token.kind != Kind::Sign && text.ends_with(char::is_alphanumeric) {
                    text.push(' ');
                }
                text.push_str(token.text);
            }
        }
    }
    text.chars().take(80).collect()
}

/// A hash of a body, blind to layout and comments.
pub(super) fn print(tokens: &[Token<'_>]) -> u64 {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    for token in tokens {
        (token.kind, token.text).hash(&mut hasher);
    }
    hasher.finish()
}
