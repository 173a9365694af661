//! The tests of a Python file: `test*` functions, in classes and out of them, as pytest and unittest collect them.

use std::ops::Range;

use super::suite::{Around, Mark, Suite, Test, Weight, print, words};
use super::token::{Kind, Language, Token};
use super::weigh::weigh;

/// Reads the tests.
pub(super) fn read(tokens: &[Token<'_>]) -> Suite {
    let mut suite = Suite::default();
    let starts = statements(tokens);
    // Their `end` is the indent of what they are written at.
    let mut classes: Vec<Around> = Vec::new();
    let mut decorators: Vec<Mark> = Vec::new();
    let mut file_marks: Vec<Mark> = Vec::new();
    let mut at = 0;
    while let Some(start) = starts.get(at).copied() {
        let end = starts.get(at + 1).copied().unwrap_or(tokens.len());
        let line = tokens.get(start..end).unwrap_or_default();
        let indent = tokens[start].indent.unwrap_or_default();
        while classes.last().is_some_and(|class| class.end >= indent) {
            classes.pop();
        }
        at += 1;
        let keyword = usize::from(tokens[start].is("async"));
        let name = line.get(keyword + 1).map_or("", |token| token.text);
        if tokens[start].is("@") {
            decorators.extend(turns_off(line));
        } else if tokens[start].is("class") {
            let marks = std::mem::take(&mut decorators);
            classes.push(Around::new(indent, classes.last(), name, marks));
        } else if line.get(keyword).is_some_and(|token| token.is("def")) {
            let last = (at..starts.len())
                .find(|at| tokens[starts[*at]].indent.unwrap_or_default() <= indent)
                .unwrap_or(starts.len());
            let from = if last > at {
                starts.get(at).copied().unwrap_or(end)
            } else {
                head_end(tokens, start, end)
            };
            let body = from..starts.get(last).copied().unwrap_or(tokens.len()).max(from);
            let weight = weigh(tokens, body.clone(), Language::Python);
            let marks = std::mem::take(&mut decorators);
            if name.starts_with("test") {
                suite.tests.push(test(tokens, start, name, &body, (classes.last(), marks, weight)));
            } else {
                suite.outside = suite.outside.plus(weight);
                suite.marks.extend(hook(name, tokens[start].line));
            }
            at = last;
        } else if tokens[start].is("if") || tokens[start].is("while") {
            // What is defined under a condition exists only where it holds.
            let never = line.get(1).is_some_and(|word| ["False", "0", "None"].contains(&word.text));
            let what = format!("`{}`", words(line));
            let mark =
                if never { Mark::deny(line[0].line, what) } else { Mark::ask(line[0].line, what) };
            classes.push(Around::new(indent, classes.last(), "", vec![mark]));
        } else {
            decorators.clear();
            match classes.last_mut() {
                Some(class) => class.marks.extend(silences(line)),
                None => file_marks.extend(silences(line)),
            }
            suite.marks.extend(
                line.first().filter(|word| word.text.starts_with("collect_ignore")).map(|word| {
                    Mark::deny(word.line, format!("`{}`, which hides test files", word.text))
                }),
            );
        }
    }
    for test in &mut suite.tests {
        test.marks.extend(file_marks.iter().cloned());
    }
    suite
}

fn test(
    tokens: &[Token<'_>],
    start: usize,
    name: &str,
    body: &Range<usize>,
    (class, mut marks, weight): (Option<&Around>, Vec<Mark>, Weight),
) -> Test {
    marks.extend(class.into_iter().flat_map(|class| class.marks.iter().cloned()));
    let top = tokens.get(body.start).and_then(|token| token.indent);
    let mut outermost = false;
    for at in body.clone() {
        if let Some(indent) = tokens[at].indent {
            outermost = Some(indent) == top;
        }
        if let Some(what) = leaves(tokens, at) {
            let line = tokens[at].line;
            marks.push(if outermost { Mark::deny(line, what) } else { Mark::ask(line, what) });
        }
    }

    Test {
        name: Around::name_of(class, name),
        own_name: name.to_owned(),
        line: tokens[start].line,
        marks,
        weight,
        print: print(tokens.get(body.clone()).unwrap_or_default()),
        declares: false,
    }
}

/// Where each statement begins: the first token of a line that is within no bracket and continues none.
fn statements(tokens: &[Token<'_>]) -> Vec<usize> {
    let (mut starts, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let token = &tokens[at];
        if token.indent.is_some() {
            starts.push(at);
        }
        let opens = token.kind == Kind::Sign && ["(", "[", "{"].contains(&token.text);
        at = if opens && token.mate < tokens.len() { token.mate + 1 } else { at + 1 };
    }
    starts
}

/// Where the body of a one-line function begins.
fn head_end(tokens: &[Token<'_>], start: usize, end: usize) -> usize {
    let mut at = start;
    while at < end {
        let token = &tokens[at];
        if token.is(":") {
            return at + 1;
        }
        let opens = token.is("(") || token.is("[");
        at = if opens && token.mate < end { token.mate + 1 } else { at + 1 };
    }
    end
}

/// What a decorator does to the tests under it.
fn turns_off(line: &[Token<'_>]) -> Option<Mark> {
    let path: Vec<&str> = line
        .iter()
        .skip(1)
        .take_while(|token| token.is_word() || token.is("."))
        .map(|token| token.text)
        .collect();
    let first = line.first()?;
    let arguments = line.get(path.len() + 2).map_or("", |token| token.text);
    let what = match *path.last()? {
        "skip" | "SkipTest" => "skipped",
        "xfail" | "expectedFailure" => "expected to fail",
        "skipif" | "skipIf" if ["True", "1"].contains(&arguments) => "skipped",
        "skipUnless" if ["False", "0"].contains(&arguments) => "skipped",
        "skipif" | "skipIf" | "skipUnless" => {
            return Some(Mark::ask(first.line, format!("`{}`", words(line))));
        }
        _ => return None,
    };
    Some(Mark::deny(first.line, what))
}

/// What turns off a whole class or file.
fn silences(line: &[Token<'_>]) -> Option<Mark> {
    let first = line.first()?;
    let has = |word: &str| line.iter().any(|token| token.is(word));
    if first.is("pytestmark") && ["skip", "xfail"].iter().any(|word| has(word)) {
        return Some(Mark::deny(first.line, "skipped"));
    }
    if first.is("pytestmark") && has("skipif") {
        return Some(Mark::ask(first.line, format!("`{}`", words(line))));
    }
    if first.is("__test__") && has("False") {
        return Some(Mark::deny(first.line, "`__test__ = False`"));
    }
    let what = (0..line.len()).find_map(|at| leaves(line, at))?;
    Some(if first.indent == Some(0) {
        Mark::deny(first.line, what)
    } else {
        Mark::ask(first.line, what)
    })
}

/// Whether a test or a file leaves here.
fn leaves(tokens: &[Token<'_>], at: usize) -> Option<&'static str> {
    let is = |place: usize, text: &str| tokens.get(place).is_some_and(|token| token.is(text));
    let before = |text: &str| at > 1 && is(at - 1, ".") && is(at - 2, text);
    let word = tokens[at].is_word().then_some(tokens[at].text)?;
    match word {
        "skip" | "xfail" | "importorskip" if before("pytest") && is(at + 1, "(") => {
            Some("it skips itself")
        }
        "skipTest" if is(at + 1, "(") => Some("it skips itself"),
        "SkipTest" if is(at + 1, "(") || at > 0 && is(at - 1, "raise") || before("unittest") => {
            Some("it skips itself")
        }
        "exit" | "_exit"
            if (before("sys") || before("os") || before("pytest")) && is(at + 1, "(") =>
        {
            Some("it ends the process")
        }
        _ => None,
    }
}

/// Functions through which pytest and unittest ask what to run.
fn hook(name: &str, line: u64) -> Option<Mark> {
    const HOOKS: [&str; 8] = [
        "load_tests",
        "pytest_ignore_collect",
        "pytest_collection_modifyitems",
        "pytest_runtest_makereport",
        "pytest_runtest_setup",
        "pytest_runtest_call",
        "pytest_pyfunc_call",
        "pytest_sessionfinish",
    ];
    HOOKS
        .contains(&name)
        .then(|| Mark::ask(line, format!("`{name}` decides which tests run or fail")))
}
