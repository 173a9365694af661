//! Cuts Rust, JavaScript and Python into tokens: what stands in a comment or a string is no code.
//!
//! No parser: hostile input is normal here, so there is no recursion, every byte is looked at a fixed number of
//! times, and nothing is an error.

/// Whose rules for comments and strings hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Language {
    /// Rust
    Rust,
    /// JavaScript and TypeScript, with JSX
    JavaScript,
    /// Python
    Python,
}

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// A keyword or a name, in any script.
    Word,
    /// A number.
    Number,
    /// A string, a character, a regular expression; the text is what stands between the quotes.
    Text,
    /// A sign or an operator.
    Sign,
}

/// One token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'t> {
    /// What it is.
    pub(super) kind: Kind,
    /// How it is written.
    pub(super) text: &'t str,
    /// The line where it begins, from 1.
    pub(super) line: u64,
    /// The column, if it is the first of its line.
    pub(super) indent: Option<usize>,
    /// For an opening bracket the place of the one that closes it, or of the end.
    pub(super) mate: usize,
}

impl Token<'_> {
    /// Whether it is this sign or word.
    pub(super) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Sign) && self.text == text
    }

    /// Whether it is a word.
    pub(super) fn is_word(&self) -> bool {
        self.kind == Kind::Word
    }
}

/// Operators of more than one letter, longest first.
const OPERATORS: [&str; 12] =
    ["===", "!==", "==", "!=", "<=", ">=", "=>", "->", "::", "||", "&&", "?."];

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str, language: Language) -> Vec<Token<'_>> {
    let mut cutter = Cutter {
        text,
        language,
        at: 0,
        line: 1,
        line_start: 0,
        fresh_line: true,
        no_regex_before: 0,
        templates: Vec::new(),
        tokens: Vec::new(),
    };
    while cutter.step() {}
    let mut tokens = cutter.tokens;
    pair(&mut tokens);
    tokens
}

/// Gives each opening bracket the place of its mate.
fn pair(tokens: &mut [Token<'_>]) {
    let mut open: Vec<(usize, &str)> = Vec::new();
    let end = tokens.len();
    for at in 0..end {
        if tokens[at].kind != Kind::Sign {
            continue;
        }
        match tokens[at].text {
            "(" => open.push((at, ")")),
            "[" => open.push((at, "]")),
            "{" => open.push((at, "}")),
            ")" | "]" | "}" => {
                if let Some((start, _)) = open.pop_if(|(_, closes)| *closes == tokens[at].text) {
                    tokens[start].mate = at;
                }
            }
            _ => {}
        }
    }
}

struct Cutter<'t> {
    text: &'t str,
    language: Language,
    at: usize,
    line: u64,
    line_start: usize,
    fresh_line: bool,
    /// A regular expression was not closed on this line: none is looked for again before its end.
    no_regex_before: usize,
    /// How many braces are open within each `${` of a template.
    templates: Vec<usize>,
    tokens: Vec<Token<'t>>,
}

impl<'t> Cutter<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn sees(&self, text: &str) -> bool {
        self.rest().starts_with(text)
    }

    /// Moves over `length` bytes and counts their lines.
    fn skip(&mut self, length: usize) {
        let end = (self.at + length).min(self.text.len());
        let passed = self.text.as_bytes().get(self.at..end).unwrap_or_default();
        for (offset, _) in passed.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
            self.line += 1;
            self.line_start = self.at + offset + 1;
            self.fresh_line = true;
        }
        self.at = end;
    }

    /// Makes a token of `length` bytes, of which `inner` are its text.
    fn push(&mut self, kind: Kind, length: usize, inner: std::ops::Range<usize>) {
        let text = self.text.get(self.at + inner.start..self.at + inner.end).unwrap_or_default();
        let indent = self.fresh_line.then(|| self.at - self.line_start);
        self.tokens.push(Token { kind, text, line: self.line, indent, mate: usize::MAX });
        self.fresh_line = false;
        let line = self.line;
        self.skip(length);
        // A string over several lines does not begin the line where it ends.
        if self.line != line {
            self.fresh_line = false;
        }
    }

    fn step(&mut self) -> bool {
        let Some(letter) = self.rest().chars().next() else { return false };
        let joins = ["\\\n", "\\\r\n"].into_iter().find(|joint| self.sees(joint));
        if letter.is_whitespace() || letter == '\u{feff}' {
            self.skip(letter.len_utf8());
        } else if let Some(joint) = joins.filter(|_| self.language == Language::Python) {
            // The next line continues this one.
            self.skip(joint.len());
            self.fresh_line = false;
        } else if let Some(length) = self.comment() {
            self.skip(length);
        } else if let Some((length, inner)) = self.string() {
            self.push(Kind::Text, length, inner);
        } else if letter.is_ascii_digit() {
            let length = self.run(|letter| letter.is_alphanumeric() || letter == '_');
            self.push(Kind::Number, length, 0..length);
        } else if letter.is_alphanumeric() || matches!(letter, '_' | '$') && !self.sees("${") {
            let length = self.run(|letter| letter.is_alphanumeric() || matches!(letter, '_' | '$'));
            self.push(Kind::Word, length, 0..length);
        } else {
            let known = OPERATORS.iter().find(|sign| self.sees(sign));
            let length = known.map_or(letter.len_utf8(), |sign| sign.len());
            self.braces(letter);
            self.push(Kind::Sign, length, 0..length);
            if letter == '}' && self.templates.last() == Some(&0) {
                self.templates.pop();
                self.template_piece();
            }
        }
        true
    }

    /// Counts the braces within a template's `${`.
    fn braces(&mut self, letter: char) {
        if let Some(open) = self.templates.last_mut() {
            match letter {
                '{' => *open += 1,
                '}' => *open = open.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn run(&self, fits: impl Fn(char) -> bool) -> usize {
        self.rest().chars().take_while(|letter| fits(*letter)).map(char::len_utf8).sum()
    }

    fn to_line_end(&self) -> usize {
        self.rest().find('\n').unwrap_or(self.rest().len())
    }

    fn comment(&self) -> Option<usize> {
        let rest = self.rest();
        match self.language {
            Language::Python => rest.starts_with('#').then(|| self.to_line_end()),
            Language::JavaScript if self.at == 0 && rest.starts_with("#!") => {
                Some(self.to_line_end())
            }
            _ if rest.starts_with("//") => Some(self.to_line_end()),
            Language::JavaScript => {
                let inner = rest.strip_prefix("/*")?;
                Some(inner.find("*/").map_or(rest.len(), |length| length + 4))
            }
            Language::Rust => rest.starts_with("/*").then(|| nested(rest)),
        }
    }

    /// A string's length and what of it is its text.
    fn string(&mut self) -> Option<(usize, std::ops::Range<usize>)> {
        match self.language {
            Language::Rust => self.rust_string(),
            Language::Python => self.python_string(),
            Language::JavaScript => self.javascript_string(),
        }
    }

    /// A string from `open` bytes on, closed by `close`, with escapes or without, on one line or many.
    fn until(
        &self,
        open: usize,
        close: &str,
        escapes: bool,
        lines: bool,
    ) -> (usize, std::ops::Range<usize>) {
        let rest = self.rest();
        let bytes = rest.as_bytes();
        let mut at = open;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' if escapes => at += 2,
                b'\n' if !lines => return (at, open..at),
                _ if bytes.get(at..).is_some_and(|rest| rest.starts_with(close.as_bytes())) => {
                    return (at + close.len(), open..at);
                }
                _ => at += 1,
            }
        }
        (rest.len(), open.min(rest.len())..rest.len())
    }

    fn rust_string(&self) -> Option<(usize, std::ops::Range<usize>)> {
        let rest = self.rest();
        let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
            rest.strip_prefix(prefix).is_some_and(|rest| rest.starts_with(['"', '#', '\'']))
        })?;
        let after = rest.get(prefix.len()..)?;
        if prefix.ends_with('r') {
            let hashes = after.bytes().take_while(|byte| *byte == b'#').count();
            let quoted = after.get(hashes..)?.starts_with('"');
            let close = format!("\"{}", "#".repeat(hashes.min(256)));
            return quoted.then(|| self.until(prefix.len() + hashes + 1, &close, false, true));
        }
        if after.starts_with('"') {
            return Some(self.until(prefix.len() + 1, "\"", true, true));
        }
        // `'a'` is a character, `'a` is a lifetime.
        let inner = after.strip_prefix('\'')?;
        let mut letters = inner.chars();
        let first = letters.next()?;
        if first == '\\' || letters.next() == Some('\'') {
            return Some(self.until(prefix.len() + 1, "'", true, false));
        }
        None
    }

    fn python_string(&self) -> Option<(usize, std::ops::Range<usize>)> {
        let rest = self.rest();
        let prefix = rest.bytes().take(3).take_while(u8::is_ascii_alphabetic).count();
        let (letters, after) = rest.split_at_checked(prefix)?;
        if !letters.chars().all(|letter| "rRbBuUfFtT".contains(letter)) {
            return None;
        }
        for quote in ["\"\"\"", "'''", "\"", "'"] {
            if after.starts_with(quote) {
                return Some(self.until(prefix + quote.len(), quote, true, quote.len() == 3));
            }
        }
        None
    }

    fn javascript_string(&mut self) -> Option<(usize, std::ops::Range<usize>)> {
        match self.rest().chars().next()? {
            '"' => Some(self.until(1, "\"", true, false)),
            '\'' => Some(self.until(1, "'", true, false)),
            '`' => Some(self.template(1)),
            '/' if self.at >= self.no_regex_before && self.regex_may_begin() => self.regex(),
            _ => None,
        }
    }

    /// The rest of a template after a `${}` within it.
    fn template_piece(&mut self) {
        let (length, inner) = self.template(0);
        self.push(Kind::Text, length, inner);
    }

    /// A template's text up to its end or to the next `${`, which is code again.
    fn template(&mut self, open: usize) -> (usize, std::ops::Range<usize>) {
        let bytes = self.rest().as_bytes();
        let mut at = open;
        while at < bytes.len() {
            match bytes[at] {
                b'\\' => at += 2,
                b'`' => return (at + 1, open..at),
                b'$' if bytes.get(at + 1) == Some(&b'{') => {
                    self.templates.push(0);
                    // The brace is a sign of its own, so that brackets keep their mates.
                    return (at + 1, open..at);
                }
                _ => at += 1,
            }
        }
        (bytes.len(), open.min(bytes.len())..bytes.len())
    }

    fn regex_may_begin(&self) -> bool {
        let Some(last) = self.tokens.last() else { return true };
        match last.kind {
            Kind::Word => [
                "return", "typeof", "case", "in", "of", "do", "else", "void", "delete", "await",
                "yield",
            ]
            .contains(&last.text),
            Kind::Sign => ![")", "]", "}"].contains(&last.text),
            Kind::Number | Kind::Text => false,
        }
    }

    fn regex(&mut self) -> Option<(usize, std::ops::Range<usize>)> {
        let bytes = self.rest().as_bytes();
        let (mut at, mut class) = (1, false);
        while at < bytes.len() {
            match bytes[at] {
                b'\n' => break,
                b'\\' => at += 1,
                b'[' => class = true,
                b']' => class = false,
                b'/' if !class => return Some((at + 1, 1..at)),
                _ => {}
            }
            at += 1;
        }
        self.no_regex_before = self.at + at;
        None
    }
}

/// The length of a block comment with others in it.
fn nested(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                depth += 1;
                at += 2;
            }
            (b'*', Some(b'/')) => {
                depth = depth.saturating_sub(1);
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    bytes.len()
}
