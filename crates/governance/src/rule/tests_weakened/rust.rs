//! The tests of a Rust file: functions under a test attribute, and the declarations of their modules.

use super::suite::{Around, Mark, Suite, Test, Weight, print, words};
use super::token::{Kind, Language, Token};
use super::weigh::weigh;

/// A module, and whether it is there for tests.
struct Scope {
    around: Around,
    tests: bool,
}

/// Reads the tests.
pub(super) fn read(tokens: &[Token<'_>]) -> Suite {
    let mut suite = Suite::default();
    let mut scopes: Vec<Scope> = Vec::new();
    let mut attributes: Vec<&[Token<'_>]> = Vec::new();
    let mut file_marks = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        while scopes.last().is_some_and(|scope| scope.around.end <= at) {
            scopes.pop();
        }
        let token = &tokens[at];
        if token.is("#") {
            let inner = tokens.get(at + 1).is_some_and(|token| token.is("!"));
            let open = at + 1 + usize::from(inner);
            if let Some(close) =
                tokens.get(open).filter(|token| token.is("[")).map(|token| token.mate)
            {
                let attribute = tokens.get(open + 1..close).unwrap_or_default();
                if inner {
                    file_marks.extend(turns_off(attribute));
                } else {
                    attributes.push(attribute);
                }
                at = close.max(at).saturating_add(1);
                continue;
            }
        }
        if token.is("mod") && tokens.get(at + 1).is_some_and(Token::is_word) {
            module(tokens, at, &attributes, &mut scopes, &mut suite);
            attributes.clear();
            at += 2;
        } else if token.is("fn") && tokens.get(at + 1).is_some_and(Token::is_word) {
            let after = function(tokens, at, &attributes, &scopes, &mut suite);
            attributes.clear();
            at = after;
        } else if token.is("macro_rules")
            && tokens.get(at + 2).is_some_and(|name| name.text.contains("assert"))
        {
            let name = tokens.get(at + 2).map_or("", |name| name.text);
            suite.marks.push(Mark::deny(token.line, format!("`{name}!` is defined anew")));
            at += 3;
        } else {
            if token.kind == Kind::Sign && [";", "{", "}", ","].contains(&token.text) {
                attributes.clear();
            }
            at += 1;
        }
    }
    for test in &mut suite.tests {
        test.marks.extend(file_marks.iter().cloned());
    }
    suite
}

fn module(
    tokens: &[Token<'_>],
    at: usize,
    attributes: &[&[Token<'_>]],
    scopes: &mut Vec<Scope>,
    suite: &mut Suite,
) {
    let name = tokens[at + 1].text;
    let marks: Vec<Mark> = attributes.iter().filter_map(|attribute| turns_off(attribute)).collect();
    let for_tests = ["test", "tests"].contains(&name)
        || ["test_", "tests_"].iter().any(|start| name.starts_with(start))
        || ["_test", "_tests"].iter().any(|end| name.ends_with(end))
        || attributes.iter().any(|words| {
            words.first().is_some_and(|word| word.is("cfg"))
                && words.iter().any(|word| word.is("test"))
        });
    let open = tokens.get(at + 2);
    if open.is_some_and(|open| open.is(";")) && for_tests {
        let name = format!("mod {name}");
        suite.tests.push(Test {
            own_name: name.clone(),
            name,
            line: tokens[at].line,
            marks,
            weight: Weight::default(),
            print: 0,
            declares: true,
        });
    } else if let Some(open) = open.filter(|open| open.is("{")) {
        let tests = for_tests || scopes.last().is_some_and(|scope| scope.tests);
        let outer = scopes.last().map(|scope| &scope.around);
        scopes.push(Scope { around: Around::new(open.mate, outer, name, marks), tests });
    }
}

/// Reads a function and says where to go on.
fn function(
    tokens: &[Token<'_>],
    at: usize,
    attributes: &[&[Token<'_>]],
    scopes: &[Scope],
    suite: &mut Suite,
) -> usize {
    let mut open = at + 2;
    while let Some(token) = tokens.get(open) {
        if token.is("{") || token.is(";") {
            break;
        }
        let jumps = token.kind == Kind::Sign
            && ["(", "["].contains(&token.text)
            && token.mate < tokens.len();
        open = if jumps { token.mate + 1 } else { open + 1 };
    }
    let Some(brace) = tokens.get(open).filter(|token| token.is("{")) else { return open };
    let body = open + 1..brace.mate.min(tokens.len());
    if !attributes.iter().any(|attribute| is_test(attribute)) {
        if scopes.last().is_some_and(|scope| scope.tests) {
            suite.outside = suite.outside.plus(weigh(tokens, body.clone(), Language::Rust));
            return body.end;
        }
        // Macros such as `proptest!` may hold tests in functions of their own.
        return open;
    }
    let own_name = tokens[at + 1].text.to_owned();
    let around = scopes.last().map(|scope| &scope.around);
    let mut marks: Vec<Mark> =
        attributes.iter().filter_map(|attribute| turns_off(attribute)).collect();
    marks.extend(around.into_iter().flat_map(|around| around.marks.iter().cloned()));
    marks.extend(leaves(tokens, body.clone()));
    let name = Around::name_of(around, &own_name);
    suite.tests.push(Test {
        name,
        own_name,
        line: tokens[at].line,
        marks,
        weight: weigh(tokens, body.clone(), Language::Rust),
        print: print(tokens.get(body.clone()).unwrap_or_default()),
        declares: false,
    });
    body.end
}

fn is_test(attribute: &[Token<'_>]) -> bool {
    let path = attribute.iter().take_while(|token| token.is_word() || token.is("::"));
    let last = path.filter(|token| token.is_word()).last();
    last.is_some_and(|last| last.text.contains("test") || last.text == "quickcheck")
}

/// What an attribute does to the tests under it.
fn turns_off(attribute: &[Token<'_>]) -> Option<Mark> {
    let first = attribute.first()?;
    let has = |word: &str| attribute.iter().any(|token| token.is(word));
    let line = first.line;
    match first.text {
        "ignore" => Some(Mark::deny(line, "the attribute `ignore`")),
        "should_panic" => Some(Mark::deny(line, "#[should_panic]")),
        "cfg_attr" if has("ignore") || has("should_panic") => {
            Some(Mark::ask(line, format!("#[{}]", words(attribute))))
        }
        "cfg" => {
            let inner = attribute.get(2..attribute.len().saturating_sub(1)).unwrap_or_default();
            if inner.len() == 1 && inner.first().is_some_and(|word| word.is("test")) {
                return None;
            }
            let text = words(inner);
            let never = text.contains("any()")
                || text == "false"
                || text.contains("not(test)")
                || text.contains("not(all())");
            let what = format!("#[cfg({text})]");
            Some(if never { Mark::deny(line, what) } else { Mark::ask(line, what) })
        }
        _ => None,
    }
}

/// Where a test ends the whole program.
fn leaves(tokens: &[Token<'_>], body: std::ops::Range<usize>) -> Vec<Mark> {
    let exits = |at: &usize| {
        ["exit", "abort"].contains(&tokens[*at].text)
            && *at > 1
            && tokens[*at - 1].is("::")
            && tokens[*at - 2].is("process")
    };
    body.filter(exits).map(|at| Mark::deny(tokens[at].line, "it ends the process")).collect()
}
