//! The tests of a JavaScript or TypeScript file: calls of `test`, `it` and their kin, in the groups around them.

use std::ops::Range;

use super::suite::{Around, Mark, Suite, Test, print, words};
use super::token::{Kind, Language, Token};
use super::weigh::weigh;

/// The functions that define a test, in mocha, jest, vitest, jasmine, tap, ava, node's runner and Deno's.
const TESTS: [&str; 4] = ["it", "test", "specify", "bench"];
/// The functions that define a group of tests.
const GROUPS: [&str; 4] = ["describe", "suite", "context", "feature"];

/// How many tokens before its body a definition may have.
const HEAD_TOKENS_MAX: usize = 400;

/// A call that defines a test or a group.
struct Definition<'a, 't> {
    group: bool,
    marks: Vec<Mark>,
    /// Whether the other tests fall silent.
    alone: bool,
    arguments: &'a [Token<'t>],
    inside: Range<usize>,
}

/// Reads the tests.
pub(super) fn read(tokens: &[Token<'_>]) -> Suite {
    let mut suite = Suite::default();
    let mut groups: Vec<Around> = Vec::new();
    let mut outside = 0;
    let mut at = 0;
    while at < tokens.len() {
        while groups.last().is_some_and(|group| group.end <= at) {
            groups.pop();
        }
        if let Some(mark) = redefines(tokens, at) {
            suite.marks.push(mark);
        }
        let Some(found) = definition(tokens, at) else {
            if let Some((end, mark)) = condition(tokens, at) {
                groups.push(Around::new(end, groups.last(), "", vec![mark]));
            }
            at += 1;
            continue;
        };
        let line = tokens[at].line;
        if found.alone {
            suite.marks.push(Mark::deny(line, "`.only`, which silences the other tests"));
        }
        suite.outside = suite.outside.plus(weigh(tokens, outside..at, Language::JavaScript));
        let own_name = title(found.arguments);
        let mut marks = found.marks;
        if found.group {
            groups.push(Around::new(found.inside.end, groups.last(), &own_name, marks));
            at = found.inside.start;
            outside = at;
            continue;
        }
        marks.extend(groups.last().into_iter().flat_map(|group| group.marks.iter().cloned()));
        marks.extend(leaves(tokens, found.inside.clone()));
        if !found
            .arguments
            .iter()
            .any(|token| token.is("=>") || token.is("function") || token.is(","))
        {
            marks.push(Mark::deny(line, "it has no body"));
        }

        let body = body(tokens, found.inside.clone());
        suite.tests.push(Test {
            name: Around::name_of(groups.last(), &own_name),
            own_name,
            line,
            marks,
            weight: weigh(tokens, body.clone(), Language::JavaScript),
            print: print(tokens.get(body).unwrap_or_default()),
            declares: false,
        });
        at = found.inside.end;
        outside = at;
    }
    suite.outside = suite.outside.plus(weigh(
        tokens,
        outside.min(tokens.len())..tokens.len(),
        Language::JavaScript,
    ));
    suite
}

/// What is defined under a condition exists only where it holds.
fn condition(tokens: &[Token<'_>], at: usize) -> Option<(usize, Mark)> {
    let open = tokens.get(at + 1).filter(|open| tokens[at].is("if") && open.is("("))?;
    let block = tokens.get(open.mate.saturating_add(1)).filter(|block| block.is("{"))?;
    let held = tokens.get(at + 2..open.mate)?;
    let never = held.len() == 1 && ["false", "0", "null"].contains(&held[0].text);
    let what = format!("`if ({})`", words(held));
    let line = tokens[at].line;
    let mark = if never { Mark::deny(line, what) } else { Mark::ask(line, what) };
    Some((block.mate, mark))
}

/// Reads `it(`, `it.skip(`, `test.each(..)(`, `xit(`, `Deno.test(` and so on at a place.
fn definition<'a, 't>(tokens: &'a [Token<'t>], at: usize) -> Option<Definition<'a, 't>> {
    let word = tokens.get(at).filter(|token| token.is_word())?;
    let after_dot = at > 0 && (tokens[at - 1].is(".") || tokens[at - 1].is("?."));
    if after_dot && !(at > 1 && tokens[at - 2].is("Deno")) {
        return None;
    }
    let known = |name: &str| TESTS.contains(&name) || GROUPS.contains(&name);
    let bare = word.text.strip_prefix(['x', 'f']).filter(|name| known(name));
    let name = bare.unwrap_or(word.text);
    if !known(name) {
        return None;
    }
    let (mut marks, mut alone) = (Vec::new(), bare.is_some() && word.text.starts_with('f'));
    if bare.is_some() && word.text.starts_with('x') {
        marks.push(Mark::deny(word.line, "skipped"));
    }
    let mut group = GROUPS.contains(&name);
    let mut place = at + 1;
    loop {
        let token = tokens.get(place)?;
        if token.is(".") {
            let modifier = tokens.get(place + 1).filter(|token| token.is_word())?;
            match modifier.text {
                "only" => alone = true,
                "skip" | "todo" | "failing" | "fails" | "fixme" | "fail" => {
                    let what = if modifier.text.starts_with("fail") {
                        "expected to fail"
                    } else {
                        "skipped"
                    };
                    marks.push(Mark::deny(modifier.line, what));
                }
                "skipIf" | "runIf" | "if" => {
                    marks.push(Mark::ask(modifier.line, format!("`.{}`", modifier.text)));
                }
                "describe" => group = true,
                "concurrent" | "sequential" | "serial" | "parallel" | "each" | "for" | "extend"
                | "test" | "it" => {}
                _ => return None,
            }
            place += 2;
        } else if token.kind == Kind::Text {
            // `each` with a table in a template
            place += 1;
        } else if token.is("(")
            && tokens.get(token.mate.saturating_add(1)).is_some_and(|next| next.is("("))
        {
            place = token.mate + 1;
        } else {
            break;
        }
    }
    let open = tokens.get(place).filter(|token| token.is("("))?;
    let inside = place + 1..open.mate.min(tokens.len());
    let arguments = tokens.get(inside.clone())?;
    let first = arguments.first()?;
    let function =
        arguments.iter().take(HEAD_TOKENS_MAX).any(|token| token.is("=>") || token.is("function"));
    // `test(value)` is any function: a test has a title or a body.
    if first.kind != Kind::Text && !function {
        return None;
    }
    options(arguments, &mut marks, &mut alone);
    Some(Definition { group, marks, alone, arguments, inside })
}

/// Node's options: `{ skip: true }`, `{ todo: 'why' }`, `{ only: true }`.
fn options(arguments: &[Token<'_>], marks: &mut Vec<Mark>, alone: &mut bool) {
    let arguments = arguments.get(..arguments.len().min(HEAD_TOKENS_MAX)).unwrap_or_default();
    let head = arguments
        .iter()
        .position(|token| token.is("=>") || token.is("function"))
        .unwrap_or(arguments.len());
    for window in arguments.get(..head).unwrap_or_default().windows(3) {
        let [key, colon, value] = window else { continue };
        if !colon.is(":") || value.is("false") || value.is("undefined") {
            continue;
        }
        match key.text {
            "skip" | "todo" | "ignore" => marks.push(Mark::deny(key.line, "skipped")),
            "only" => *alone = true,
            _ => {}
        }
    }
}

/// The title as it is written: a string, or the code that makes it.
fn title(arguments: &[Token<'_>]) -> String {
    match arguments.first() {
        Some(first) if first.kind == Kind::Text => first.text.chars().take(200).collect(),
        _ => {
            let end = |token: &&Token<'_>| !(token.is(",") || token.is("(") || token.is("{"));
            let head: Vec<Token<'_>> =
                arguments.iter().take(HEAD_TOKENS_MAX).take_while(end).copied().collect();
            words(&head)
        }
    }
}

/// What stands within the test's function; all arguments where there is no block.
fn body(tokens: &[Token<'_>], inside: Range<usize>) -> Range<usize> {
    let arrow = inside.clone().find(|at| tokens[*at].is("=>") || tokens[*at].is("function"));
    let open = arrow.and_then(|arrow| {
        (arrow..inside.end).take(200).find(|at| {
            tokens[*at].is("{")
                && (*at == arrow + 1
                    || at
                        .checked_sub(1)
                        .is_some_and(|before| tokens[before].is(")") || tokens[before].is("=>")))
        })
    });
    match open {
        Some(open) => open + 1..tokens[open].mate.min(inside.end),
        None => inside,
    }
}

/// Where a test skips itself or ends the process.
fn leaves(tokens: &[Token<'_>], inside: Range<usize>) -> Vec<Mark> {
    let mut marks = Vec::new();
    for at in inside.clone() {
        let is = |place: usize, text: &str| tokens.get(place).is_some_and(|token| token.is(text));
        let line = tokens[at].line;
        if tokens[at].is("process") && is(at + 1, ".") && is(at + 2, "exit") {
            marks.push(Mark::deny(line, "it ends the process"));
        }
        let context = ["t", "this", "ctx", "context", "test", "it"].contains(&tokens[at].text);
        let skips = ["skip", "todo", "pending"].iter().any(|word| is(at + 2, word));
        let pending = tokens[at].is("pending") && is(at + 1, "(") && at > 0 && !is(at - 1, ".");
        if context && tokens[at].is_word() && is(at + 1, ".") && skips && is(at + 3, "(") || pending
        {
            marks.push(Mark::deny(line, "it skips itself"));
        }
    }
    marks
}

/// A function of the file's own under an assertion's name.
fn redefines(tokens: &[Token<'_>], at: usize) -> Option<Mark> {
    let name = tokens.get(at + 1).filter(|name| name.is("expect") || name.is("assert"))?;
    let made = match tokens[at].text {
        "function" => true,
        "const" | "let" | "var" => {
            tokens.get(at + 2).is_some_and(|sign| sign.is("="))
                && !tokens
                    .get(at + 3..at + 9)
                    .unwrap_or_default()
                    .iter()
                    .any(|word| word.is("require") || word.is("import") || word.is("chai"))
        }
        _ => false,
    };
    made.then(|| Mark::ask(name.line, format!("`{}` is defined anew", name.text)))
}
