//! A text made fit for a branch or folder name: lower-case letters, digits and single hyphens.

/// The slug of `text`, at most `max` characters and whole words where there are any; `change` where nothing of it is left.
pub fn slug(text: &str, max: usize) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if slug.len() >= max {
            if c.is_ascii_alphanumeric()
                && let Some(last) = slug.rfind('-')
            {
                slug.truncate(last);
            }
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "change".into() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_title_becomes_a_name() {
        assert_eq!(
            slug("Update `regex` to 1.5.5 (CVE-2022-24713)", 30),
            "update-regex-to-1-5-5-cve-2022"
        );
        assert_eq!(slug("Update minimist to 1.2.6 (closes)", 28), "update-minimist-to-1-2-6");
        assert_eq!(slug("../..", 30), "change");
    }

    proptest! {
        #[test]
        fn a_slug_is_always_plain(text in ".{0,60}", max in 1_usize..40) {
            let slug = slug(&text, max);
            prop_assert!(slug.len() <= max.max(6));
            prop_assert!(slug.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            prop_assert!(!slug.starts_with('-') && !slug.ends_with('-'));
        }
    }
}
