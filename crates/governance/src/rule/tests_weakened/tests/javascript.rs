//! JavaScript and TypeScript tests, weakened and not.

use super::{Allow, Deny, NeedsApproval, all_hold, holds};

const BEFORE: &str = r#"
import { sum } from '../src/sum';

describe('sum', () => {
  it('adds', async () => {
    const got = await sum(1, 2);
    expect(got).toBe(3);
    expect(`${got} of ${[1].map(() => "it('x')")}`).toEqual("3");
  });

  it('refuses text', () => {
    expect(() => sum('a')).toThrow(/no (number|text)/);
  });
});
"#;

const NODE: &str = r#"
const test = require('node:test');
const assert = require('assert');

test('adds', (t) => {
  assert.strictEqual(sum(1, 2), 3);
});

test('takes', { timeout: 100 }, async t => {
  t.deepEqual(take(3), 2);
});
"#;

fn with(old: &str, new: &str) -> String {
    assert!(BEFORE.contains(old), "{old}");
    BEFORE.replacen(old, new, 1)
}

fn node(old: &str, new: &str) -> String {
    assert!(NODE.contains(old), "{old}");
    NODE.replacen(old, new, 1)
}

#[test]
fn ordinary_edits_pass() {
    for after in [
        with("toBe(3)", "toBe(4)"),
        with("'adds'", "'adds up'"),
        with("describe('sum'", "describe('the sum'"),
        with("  it('refuses", "  it.skip('is new', () => {});\n\n  it('refuses"),
        with("expect(got).toBe(3);", "expect(\n      got\n    ).toBe(3); // never skip"),
        with("import", "const pattern = /it.skip('x'/;\nimport"),
    ] {
        holds("src/sum.test.ts", BEFORE, &after, Allow);
    }
    for after in
        [node("sum(1, 2), 3", "sum(2, 2), 4"), node("timeout: 100", "timeout: 100, skip: false")]
    {
        holds("test/sum.js", NODE, &after, Allow);
    }
    holds("src/regex.js", "if (pattern.test('a', () => 1)) {}\n", "", Allow);
}

#[test]
fn a_test_that_moved_passes() {
    all_hold(&[("a.test.js", Some(BEFORE), None), ("b/a.test.js", None, Some(BEFORE))], Allow);
    let start = BEFORE.find("  it('refuses").unwrap();
    let (first, second) = BEFORE.split_at(start);
    all_hold(
        &[
            ("a.test.js", Some(BEFORE), Some(&format!("{first}}});\n"))),
            ("b.test.js", None, Some(&format!("describe('b', () => {{\n{second}"))),
        ],
        Allow,
    );
    all_hold(&[("a.test.js", Some(BEFORE), None), ("src/a.js", None, Some(BEFORE))], Deny);
    all_hold(&[("a.test.js", Some(BEFORE), None), ("a.test.txt", None, Some(BEFORE))], Deny);
}

#[test]
fn clear_weakenings_are_denied() {
    for after in [
        with("it('adds'", "it.skip('adds'"),
        with("it('adds'", "xit('adds'"),
        with("it('adds'", "it.only('adds'"),
        with("it('adds'", "fit('adds'"),
        with("it('adds'", "it.failing('adds'"),
        with("describe('sum'", "describe.skip('sum'"),
        with("describe('sum'", "xdescribe('sum'"),
        with("expect(() => sum('a')).toThrow(/no (number|text)/);", ""),
        with("expect(() => sum('a')).toThrow(/no (number|text)/);", "expect(true).toBe(true);"),
        with("expect(() => sum('a')).toThrow(/no (number|text)/);", "expect(() => sum('a'));"),
        with("expect(got).toBe(3);", "expect(got).toBe(got);"),
        with("const got", "return;\n    const got"),
        with("const got", "process.exit(0);\n    const got"),
        with("expect(got).toBe(3);", "if (false) { expect(got).toBe(3); }"),
        with("describe('sum', () => {", "if (false) describe; if (0) {\ndescribe('sum', () => {"),
        with(
            "  it('refuses text', () => {\n    expect(() => sum('a')).toThrow(/no (number|text)/);\n  });\n",
            "",
        ),
        with(
            "  it('refuses text', () => {\n    expect(() => sum('a')).toThrow(/no (number|text)/);\n  });\n",
            "it.todo('refuses text');\n",
        ),
    ] {
        holds("src/sum.test.ts", BEFORE, &after, Deny);
    }
    for after in [
        node("(t) => {", "(t) => {\n  t.skip();"),
        node("timeout: 100", "timeout: 100, skip: 'later'"),
        node("timeout: 100", "todo: true"),
        node("timeout: 100", "only: true"),
        node("assert.strictEqual(sum(1, 2), 3);", "assert.ok(true);"),
        node("assert.strictEqual(sum(1, 2), 3);", "assert.strictEqual(1, 1);"),
        node("t.deepEqual(take(3), 2);", ""),
    ] {
        holds("test/sum.js", NODE, &after, Deny);
    }
}

#[test]
fn what_may_be_honest_is_for_a_person() {
    for after in [
        with("expect(got).toBe(3);", ""),
        with("it('adds'", "it.skipIf(process.env.CI)('adds'"),
        with("const got", "try { nothing(); } catch {}\n    const got"),
        with("expect(() => sum('a')).toThrow(/no (number|text)/);", "checkRefusal('a');"),
        with("import", "const expect = () => new Proxy({}, {});\nimport"),
    ] {
        holds("src/sum.test.ts", BEFORE, &after, NeedsApproval);
    }
}

#[test]
fn tricks_do_not_help() {
    for after in [
        with(
            "expect(() => sum('a')).toThrow(/no (number|text)/);",
            "// expect(() => sum('a')).toThrow();",
        ),
        with(
            "expect(() => sum('a')).toThrow(/no (number|text)/);",
            "'expect(() => sum()).toThrow()';",
        ),
        with(
            "expect(() => sum('a')).toThrow(/no (number|text)/);",
            "`expect(() => sum()).toThrow()`;",
        ),
        with("expect(() => sum('a')).toThrow(/no (number|text)/);", "/expect(x).toThrow()/;"),
        with(
            "expect(() => sum('a')).toThrow(/no (number|text)/);",
            "\u{435}xpect(() => sum('a')).toThrow();",
        ),
        with("it('adds'", "it\n  .\n  skip\n  ('adds'"),
        with("it('adds'", "it /* kept */ . /* on */ only ('adds'"),
        format!("/*{BEFORE}*/"),
        format!("`{}`", BEFORE.replace('`', "'")),
    ] {
        holds("src/sum.test.ts", BEFORE, &after, Deny);
    }
}
