//! Decides which rule allows a request, or says which rule is missing.

use globset::{GlobBuilder, GlobMatcher};

use super::target::{Asked, Authority};
use crate::port::{EgressRule, NetworkPolicy, SandboxError};

/// A policy, ready to be asked.
#[derive(Debug)]
pub(crate) struct Policy {
    rules: Vec<Rule>,
}

/// A rule with its globs compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) rule: EgressRule,
    paths: Vec<Glob>,
    immutable: Vec<Glob>,
}

#[derive(Debug)]
struct Glob {
    matcher: GlobMatcher,
    spells_slash: bool,
}

impl Glob {
    fn new(pattern: &str) -> Result<Self, SandboxError> {
        let glob = GlobBuilder::new(pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .build()
            .map_err(|error| {
                SandboxError::Refused(format!("the path glob `{pattern}`: {error}"))
            })?;
        Ok(Self { matcher: glob.compile_matcher(), spells_slash: pattern.contains("%2F") })
    }

    fn matches(&self, path: &str) -> bool {
        (self.spells_slash || !path.contains("%2F")) && self.matcher.is_match(path)
    }
}

impl Rule {
    fn names(&self, authority: &Authority, plain: bool) -> bool {
        self.rule.plain_http == plain
            && self.rule.host == authority.host
            && self.rule.port == authority.port
    }

    /// Whether the answer to this path never changes.
    pub(crate) fn is_immutable(&self, path: &str) -> bool {
        self.immutable.iter().any(|glob| glob.matches(path))
    }
}

impl Policy {
    pub(crate) fn compile(policy: &NetworkPolicy) -> Result<Self, SandboxError> {
        let globs = |patterns: &[String]| -> Result<Vec<Glob>, SandboxError> {
            patterns.iter().map(|pattern| Glob::new(pattern)).collect()
        };
        let compile = |rule: &EgressRule| -> Result<Rule, SandboxError> {
            let mut own = rule.clone();
            own.host.make_ascii_lowercase();
            Ok(Rule { rule: own, paths: globs(&rule.paths)?, immutable: globs(&rule.immutable)? })
        };
        Ok(Self { rules: policy.rules.iter().map(compile).collect::<Result<_, _>>()? })
    }

    /// The hosts that are reached through TLS.
    pub(crate) fn tls_hosts(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter(|rule| !rule.rule.plain_http).map(|rule| rule.rule.host.as_str())
    }

    /// Whether a tunnel to this authority may be opened; what goes through it is judged again.
    pub(crate) fn tunnel(&self, authority: &Authority) -> Result<(), String> {
        if self.rules.iter().any(|rule| rule.names(authority, false)) {
            return Ok(());
        }
        Err(no_host(authority, false))
    }

    /// The first rule that allows the request, or which rule is missing.
    pub(crate) fn judge(&self, asked: &Asked) -> Result<&Rule, String> {
        let (authority, path) = (&asked.authority, &asked.path);
        let of_host: Vec<&Rule> =
            self.rules.iter().filter(|rule| rule.names(authority, asked.plain)).collect();
        if of_host.is_empty() {
            return Err(no_host(authority, asked.plain));
        }
        let of_path: Vec<&Rule> = of_host
            .into_iter()
            .filter(|rule| rule.paths.iter().any(|glob| glob.matches(path)))
            .collect();
        if of_path.is_empty() {
            return Err(format!("no rule for the path `{path}` on {authority}"));
        }
        let of_method: Vec<&Rule> =
            of_path.into_iter().filter(|rule| rule.rule.methods.contains(&asked.method)).collect();
        if of_method.is_empty() {
            let method = &asked.method;
            return Err(format!("no rule for the method {method} of `{path}` on {authority}"));
        }
        of_method
            .into_iter()
            .find(|rule| rule.rule.queries || asked.query.is_none())
            .ok_or_else(|| format!("no rule for a query on `{path}` of {authority}"))
    }
}

fn no_host(authority: &Authority, plain: bool) -> String {
    let scheme = if plain { "plain HTTP" } else { "HTTPS" };
    if authority.is_ip_literal() {
        return format!("no rule for {scheme} to {authority}, an IP address");
    }
    format!("no rule for {scheme} to the host {authority}")
}

#[cfg(test)]
mod tests;
