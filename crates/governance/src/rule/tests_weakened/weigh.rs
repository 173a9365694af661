//! Counts what a piece of code asserts: what can be reached and can fail.

use std::ops::Range;

use super::suite::Weight;
use super::token::{Kind, Language, Token};

/// Methods of the contexts that node's runner, tap, tape and ava hand to a test.
const CONTEXT_METHODS: [&str; 40] = [
    "ok",
    "notOk",
    "true",
    "false",
    "truthy",
    "falsy",
    "equal",
    "equals",
    "notEqual",
    "is",
    "not",
    "isNot",
    "same",
    "notSame",
    "strictSame",
    "deepEqual",
    "notDeepEqual",
    "deepEquals",
    "strictEqual",
    "notStrictEqual",
    "deepStrictEqual",
    "throws",
    "notThrows",
    "throwsAsync",
    "notThrowsAsync",
    "doesNotThrow",
    "rejects",
    "doesNotReject",
    "resolves",
    "match",
    "notMatch",
    "doesNotMatch",
    "like",
    "regex",
    "snapshot",
    "matchSnapshot",
    "error",
    "ifError",
    "has",
    "hasStrict",
];

/// How much `range` of a file's tokens asserts.
pub(super) fn weigh(tokens: &[Token<'_>], range: Range<usize>, language: Language) -> Weight {
    let dead = dead(tokens, range.clone(), language);
    let mut weight = Weight::default();
    for at in range.clone() {
        let token = &tokens[at];
        if !token.is_word() {
            continue;
        }
        if swallows(tokens, at, language) {
            weight.swallowing += 1;
        }
        if let Some(assertion) = assertion(tokens, at, range.end, language) {
            if assertion.empty || dead[at - range.start] {
                weight.empty += 1;
            } else {
                weight.strong += 1;
                weight.comparing += usize::from(assertion.comparing);
            }
        } else if ["check", "verify", "ensure", "expect", "should", "must", "validate"]
            .iter()
            .any(|word| token.text.starts_with(word))
            && next(tokens, at).is_some_and(|next| next.is("("))
            && !previous(tokens, at)
                .is_some_and(|before| before.is(".") && language == Language::Rust)
        {
            weight.soft += 1;
        }
    }
    weight
}

struct Assertion {
    empty: bool,
    comparing: bool,
}

fn next<'a, 't>(tokens: &'a [Token<'t>], at: usize) -> Option<&'a Token<'t>> {
    tokens.get(at + 1)
}

fn previous<'a, 't>(tokens: &'a [Token<'t>], at: usize) -> Option<&'a Token<'t>> {
    tokens.get(at.checked_sub(1)?)
}

/// How many tokens of an assertion's arguments are looked at.
const ARGUMENT_TOKENS_MAX: usize = 500;

/// What stands between a bracket at `open` and its mate; nothing, if that is more than any test writes by hand.
fn inside<'a, 't>(tokens: &'a [Token<'t>], open: usize) -> &'a [Token<'t>] {
    let end = tokens.get(open).map_or(open, |token| token.mate.min(tokens.len()));
    let inside = tokens.get(open + 1..end).unwrap_or_default();
    if inside.len() > ARGUMENT_TOKENS_MAX { &[] } else { inside }
}

fn assertion(tokens: &[Token<'_>], at: usize, end: usize, language: Language) -> Option<Assertion> {
    let word = tokens[at].text;
    let is = |place: usize, text: &str| tokens.get(place).is_some_and(|token| token.is(text));
    let named = word.contains("assert") || word.contains("Assert");
    let by_name = |open: usize| {
        let parts = inside(tokens, open);
        let compares =
            word.contains("eq") || word.contains("Eq") || word.contains("ne") || compares(parts);
        Assertion { empty: empty(parts), comparing: compares }
    };
    match language {
        Language::Rust if is(at + 1, "!") => {
            (named || word.starts_with("expect_")).then(|| by_name(at + 2))
        }
        Language::Python if word == "assert" => {
            let parts = statement(tokens, at + 1, end);
            let tuple =
                parts.first().is_some_and(|open| open.is("(") && open.mate == at + parts.len())
                    && split(parts.get(1..parts.len() - 1).unwrap_or_default()).len() > 1;
            let condition = split(parts).into_iter().next().unwrap_or_default();
            Some(Assertion {
                empty: tuple || never_fails(condition),
                comparing: compares(condition),
            })
        }
        Language::Python if ["raises", "warns", "fail"].contains(&word) => (is(at + 1, "(")
            && previous(tokens, at).is_some_and(|dot| dot.is(".")))
        .then_some(Assertion { empty: false, comparing: false }),
        Language::JavaScript => javascript(tokens, at, named),
        Language::Rust | Language::Python => (named && is(at + 1, "(")).then(|| by_name(at + 1)),
    }
}

fn javascript(tokens: &[Token<'_>], at: usize, named: bool) -> Option<Assertion> {
    let word = tokens[at].text;
    let is = |place: usize, text: &str| tokens.get(place).is_some_and(|token| token.is(text));
    let after_dot = at > 0 && (is(at - 1, ".") || is(at - 1, "?."));
    if word == "expect" && is(at + 1, "(") && !after_dot {
        let subject = inside(tokens, at + 1);
        let mut place = tokens[at + 1].mate.saturating_add(1);
        let (mut matched, mut comparing, mut same) = (false, false, true);
        while is(place, ".") && tokens.get(place + 1).is_some_and(Token::is_word) {
            matched = true;
            place += 2;
            if is(place, "(") {
                let expected = inside(tokens, place);
                comparing |= !expected.is_empty();
                same &= expected.is_empty() || literal(expected) || equal(expected, subject);
                place = tokens[place].mate.saturating_add(1);
            }
        }
        // `expect(x)`, `expect(1).toBe(1)` and `expect(x).toBe(x)` hold whatever the program does.
        let empty = !matched || same && literal(subject) || comparing && mirrored(tokens, at);
        return Some(Assertion { empty, comparing });
    }
    if named && !after_dot {
        let open = if is(at + 1, ".") && is(at + 3, "(") { at + 3 } else { at + 1 };
        let method = tokens.get(open - 1).map_or("", |token| token.text);
        let parts = inside(tokens, open);
        return is(open, "(").then(|| Assertion {
            empty: method != "fail" && empty(parts),
            comparing: method.to_lowercase().contains("equal") || compares(parts),
        });
    }
    if word == "should" && after_dot {
        return Some(Assertion { empty: false, comparing: true });
    }
    let context = ["t", "test", "tap", "st"].contains(&word)
        && !after_dot
        && is(at + 1, ".")
        && is(at + 3, "(");
    let method =
        tokens.get(at + 2).filter(|token| context && CONTEXT_METHODS.contains(&token.text))?;
    let parts = inside(tokens, at + 3);
    Some(Assertion { empty: empty(parts), comparing: method.text.to_lowercase().contains("qual") })
}

/// Whether the matcher right after `expect(x)` is given `x` again.
fn mirrored(tokens: &[Token<'_>], at: usize) -> bool {
    let after = tokens[at + 1].mate.saturating_add(1);
    let open = (after..tokens.len().min(after + 8)).find(|place| tokens[*place].is("("));
    open.is_some_and(|open| equal(inside(tokens, open), inside(tokens, at + 1)))
}

/// The tokens of a Python statement from `at` on: up to the next line outside of brackets.
fn statement<'a, 't>(tokens: &'a [Token<'t>], at: usize, end: usize) -> &'a [Token<'t>] {
    let mut place = at;
    while place < end.min(at.saturating_add(ARGUMENT_TOKENS_MAX)) {
        let token = &tokens[place];
        if token.indent.is_some() || token.is(";") {
            break;
        }
        let opens = token.kind == Kind::Sign && ["(", "[", "{"].contains(&token.text);
        place = if opens && token.mate < end { token.mate + 1 } else { place + 1 };
    }
    tokens.get(at..place).unwrap_or_default()
}

/// The arguments between the commas that are not within brackets.
fn split<'a, 't>(tokens: &'a [Token<'t>]) -> Vec<&'a [Token<'t>]> {
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, token) in tokens.iter().enumerate() {
        if token.kind != Kind::Sign {
            continue;
        }
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            "," if depth == 0 => {
                parts.push(tokens.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    if start < tokens.len() {
        parts.push(tokens.get(start..).unwrap_or_default());
    }
    parts
}

/// Whether the arguments of an assertion can never make it fail.
fn empty(arguments: &[Token<'_>]) -> bool {
    let parts = split(arguments);
    match parts.as_slice() {
        [] => false,
        [first, second, ..] => {
            never_fails(first) || equal(first, second) || literal(first) && literal(second)
        }
        [only] => never_fails(only),
    }
}

/// Whether a condition is always true.
fn never_fails(condition: &[Token<'_>]) -> bool {
    let truth = |token: &Token<'_>| ["true", "True"].contains(&token.text) || token.text == "1";
    if literal(condition)
        && !condition
            .iter()
            .any(|token| ["false", "False", "None", "null", "0"].contains(&token.text))
    {
        return true;
    }
    let either = |pair: &[Token<'_>], sign: usize, side: usize| {
        (pair[sign].is("||") || pair[sign].is("or")) && truth(&pair[side])
    };
    if condition.windows(2).any(|pair| either(pair, 0, 1))
        || condition.len() > 1 && condition.windows(2).next().is_some_and(|pair| either(pair, 1, 0))
    {
        return true;
    }
    // `x == x`
    let signs: Vec<usize> = (0..condition.len())
        .filter(|at| ["==", "===", "is"].contains(&condition[*at].text))
        .collect();
    let [sign] = signs.as_slice() else { return false };
    let (left, right) = condition.split_at(*sign);
    equal(left, right.get(1..).unwrap_or_default())
}

/// Whether nothing in it was computed.
fn literal(tokens: &[Token<'_>]) -> bool {
    !tokens.is_empty()
        && tokens.iter().all(|token| match token.kind {
            Kind::Number | Kind::Text => true,
            Kind::Word => ["true", "false", "True", "False", "None", "null", "undefined", "not"]
                .contains(&token.text),
            Kind::Sign => {
                ["(", ")", "[", "]", "!", "-", ",", "==", "===", "!=", "!=="].contains(&token.text)
            }
        })
}

fn equal(left: &[Token<'_>], right: &[Token<'_>]) -> bool {
    !left.is_empty()
        && left.len() == right.len()
        && left
            .iter()
            .zip(right)
            .all(|(one, other)| one.kind == other.kind && one.text == other.text)
}

fn compares(tokens: &[Token<'_>]) -> bool {
    tokens.iter().any(|token| {
        ["==", "!=", "===", "!==", "<", ">", "<=", ">=", "in", "is", "matches"]
            .contains(&token.text)
            && token.kind != Kind::Text
    })
}

fn swallows(tokens: &[Token<'_>], at: usize, language: Language) -> bool {
    match language {
        Language::Rust => tokens[at].text == "catch_unwind",
        Language::Python => tokens[at].text == "except" || tokens[at].text == "suppress",
        Language::JavaScript => tokens[at].text == "catch",
    }
}

/// Which tokens can never be reached.
fn dead(tokens: &[Token<'_>], range: Range<usize>, language: Language) -> Vec<bool> {
    let mut dead = vec![false; range.len()];
    let kill = |dead: &mut Vec<bool>, from: usize, to: usize| {
        let (from, to) = (from.max(range.start), to.min(range.end));
        if let Some(part) = dead.get_mut(from - range.start..to.max(from) - range.start) {
            part.fill(true);
        }
    };
    let top = tokens.get(range.start).and_then(|token| token.indent);
    let mut at = range.start;
    let mut depth = 0_usize;
    while at < range.end {
        let token = &tokens[at];
        if token.kind == Kind::Sign && ["(", "[", "{"].contains(&token.text) {
            depth += 1;
        } else if token.kind == Kind::Sign && [")", "]", "}"].contains(&token.text) {
            depth = depth.saturating_sub(1);
        } else if dead[at - range.start] {
            // Nothing in there brings it back.
        } else if token.is("return") && ends_here(tokens, at, language) {
            let outermost = if language == Language::Python {
                token.indent.is_some() && token.indent == top
            } else {
                depth == 0
            };
            if outermost {
                kill(&mut dead, at, range.end);
                break;
            }
        } else if token.is("if") || token.is("while") {
            if let Some((from, to)) = never(tokens, at, range.end, language) {
                kill(&mut dead, from, to);
            }
        } else if language == Language::Rust && token.is("fn") {
            if let Some(open) = (at..range.end).take(64).find(|place| tokens[*place].is("{")) {
                kill(&mut dead, open, tokens[open].mate);
            }
        } else if language == Language::Rust && token.is("cfg") && at > 1 && tokens[at - 1].is("[")
        {
            let from = tokens[at - 1].mate.saturating_add(1);
            let to =
                (from..range.end).find(|place| tokens[*place].is(";") || tokens[*place].is("{"));
            if let Some(to) = to {
                kill(&mut dead, from, if tokens[to].is("{") { tokens[to].mate } else { to });
            }
        }
        at += 1;
    }
    dead
}

/// Whether a `return` leaves without having asserted in the same statement.
fn ends_here(tokens: &[Token<'_>], at: usize, language: Language) -> bool {
    match language {
        Language::Rust | Language::Python => true,
        // `return expect(..)` and `return promise.then(..)` are how asynchronous tests end.
        Language::JavaScript => tokens
            .get(at + 1)
            .is_none_or(|next| next.is(";") || next.is("}") || next.indent.is_some()),
    }
}

/// The block of a condition that never holds.
fn never(
    tokens: &[Token<'_>],
    at: usize,
    end: usize,
    language: Language,
) -> Option<(usize, usize)> {
    let mut place = at + 1;
    while tokens.get(place).is_some_and(|token| token.is("(")) {
        place += 1;
    }
    let token = tokens.get(place)?;
    if !["false", "False", "0", "None", "null"].contains(&token.text) || token.kind == Kind::Text {
        return None;
    }
    place += 1;
    while tokens.get(place).is_some_and(|token| token.is(")")) {
        place += 1;
    }
    let opens = tokens.get(place)?;
    if language == Language::Python {
        let indent = tokens[at].indent?;
        let stop =
            (place..end).find(|place| tokens[*place].indent.is_some_and(|other| other <= indent));
        return opens.is(":").then(|| (place, stop.unwrap_or(end)));
    }
    opens.is("{").then_some((place, opens.mate))
}
