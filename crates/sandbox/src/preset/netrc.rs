//! Finds a host's user name and password in a `.netrc`, as pip and uv do.

use domain::Secret;

use super::Surroundings;
use super::address::basic;

/// The largest file that is read.
const MAX_BYTES: usize = 1024 * 1024;

/// The credential for `host`, if the user's file has one.
pub(super) fn authorization(surroundings: &Surroundings, host: &str) -> Option<Secret> {
    let named = surroundings.env.get("NETRC").map(std::path::PathBuf::from);
    let path = named.unwrap_or_else(|| surroundings.home.join(".netrc"));
    let text = std::fs::read_to_string(path).ok().filter(|text| text.len() <= MAX_BYTES)?;
    let (user, password) = find(&text, host)?;
    Some(basic(&user, &password))
}

/// Reads the words of the file; a macro definition ends at an empty line, a comment at the end of its own.
fn find(text: &str, host: &str) -> Option<(String, String)> {
    let mut words = words(text).into_iter();
    let (mut applies, mut user, mut password) = (false, None, None);
    while let Some(word) = words.next() {
        match word.as_str() {
            "machine" | "default" => {
                if applies && password.is_some() {
                    break;
                }
                applies = word == "default" || words.next().is_some_and(|name| name == host);
                (user, password) = (None, None);
            }
            "login" | "user" => user = words.next(),
            "password" => password = words.next(),
            "account" => {
                words.next();
            }
            _ => {}
        }
    }
    (applies && password.is_some())
        .then(|| (user.unwrap_or_default(), password.unwrap_or_default()))
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut in_macro = false;
    for line in text.lines() {
        if in_macro {
            in_macro = !line.trim().is_empty();
            continue;
        }
        for word in line.split_whitespace() {
            if word.starts_with('#') && words.last().is_none_or(|last| last != "password") {
                break;
            }
            if word == "macdef" {
                in_macro = true;
                break;
            }
            words.push(word.trim_matches('"').to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: Option<(&str, &str)>) {
        let expect = expect.map(|(user, password)| (user.to_owned(), password.to_owned()));
        assert_eq!(find(text, "mirror.example"), expect, "{text}");
    }

    #[test]
    fn the_entry_of_the_host_is_found() {
        check("machine mirror.example login u password p", Some(("u", "p")));
        check(
            "machine a.example login x password y\nmachine mirror.example\n login u\n password p\n",
            Some(("u", "p")),
        );
        check("machine mirror.example login u password #p", Some(("u", "#p")));
        check("# machine mirror.example login u password p", None);
        check("macdef m\n machine mirror.example login u password p\n\n", None);
        check("machine mirror.example.evil login u password p", None);
        check("default login d password e", Some(("d", "e")));
        check(
            "machine mirror.example login u password p\ndefault login d password e",
            Some(("u", "p")),
        );
        check("machine", None);
    }
}
