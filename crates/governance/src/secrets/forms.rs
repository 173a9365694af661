//! The forms of secrets, as their issuers publish them.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::Found;

/// Kind, letters without which there is none (separated by spaces), and the whole form.
const FORMS: [(&str, &str, &str); 69] = [
    // Keys
    (
        "a private key",
        "PRIVATE\u{a0}KEY",
        r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----",
    ),
    ("a PuTTY private key", "PuTTY-User-Key-File", r"PuTTY-User-Key-File-[23]: *[a-z0-9@.-]+"),
    ("an age secret key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[0-9A-Z]{50,}"),
    // Clouds
    ("an AWS access key", "AKIA ASIA ABIA ACCA", r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b"),
    ("a Google API key", "AIza", r"AIza[0-9A-Za-z_-]{35}"),
    ("a Google client secret", "GOCSPX-", r"GOCSPX-[0-9A-Za-z_-]{28}"),
    ("a Google access token", "ya29.", r"\bya29\.[0-9A-Za-z_-]{20,}"),
    ("a Google service account key", "private_key_id", r#""private_key_id"\s*:\s*"[0-9a-f]{40}""#),
    ("an Azure storage key", "AccountKey=", r"AccountKey=[0-9A-Za-z+/]{86}=="),
    ("an Azure access key", "SharedAccessKey=", r"SharedAccessKey=[0-9A-Za-z+/]{43}="),
    ("an Azure client secret", "Q~", r"\b[0-9A-Za-z_~.]{3}[0-9]Q~[0-9A-Za-z_~.-]{31,34}"),
    ("a DigitalOcean token", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    ("an Alibaba access key", "LTAI", r"\bLTAI[0-9A-Za-z]{20}\b"),
    ("a Cloudflare origin key", "v1.0-", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{146}"),
    ("a Fly token", "fm2_ fo1_", r"(?:fo1_[0-9A-Za-z_-]{43}|fm2_[0-9A-Za-z+/=]{100,})"),
    ("a Tailscale key", "tskey-", r"tskey-[a-z]+-[0-9A-Za-z]+-[0-9A-Za-z]{20,}"),
    ("a Terraform token", ".atlasv1.", r"\b[0-9A-Za-z]{14}\.atlasv1\.[0-9A-Za-z_=-]{60,70}"),
    ("a Vault token", "hvs. hvb.", r"hv[sb]\.[0-9A-Za-z_-]{24,}"),
    ("a Pulumi token", "pul-", r"\bpul-[0-9a-f]{40}\b"),
    ("a Doppler token", "dp.pt.", r"\bdp\.pt\.[0-9A-Za-z]{43}"),
    ("a Databricks token", "dapi", r"\bdapi[0-9a-f]{32}\b"),
    ("a PlanetScale token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[0-9A-Za-z_.=-]{32,64}"),
    ("a Supabase token", "sbp_", r"sbp_[0-9a-f]{40}\b"),
    // Forges
    (
        "a GitHub token",
        "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_",
        r"(?:gh[pousr]_[0-9A-Za-z]{36,}|github_pat_[0-9A-Za-z_]{60,})",
    ),
    (
        "a GitLab token",
        "glpat- gldt- glrt- glcbt- glptt- glft- glsoat- glimt- glagent- gloas-",
        r"gl(?:pat|dt|rt|cbt|ptt|ft|soat|imt|agent|oas)-[0-9A-Za-z_.-]{20,}",
    ),
    ("a GitLab runner token", "GR1348941", r"GR1348941[0-9A-Za-z_-]{20,}"),
    ("a Bitbucket token", "ATBB", r"\bATBB[0-9A-Za-z]{32}\b"),
    ("an Atlassian token", "ATATT3 ATCTT3", r"AT[AC]TT3[0-9A-Za-z_=-]{60,}"),
    // Registries
    ("an npm token", "npm_", r"npm_[0-9A-Za-z]{36}\b"),
    ("a PyPI token", "pypi-AgE", r"pypi-AgE[0-9A-Za-z_-]{50,}"),
    ("a crates.io token", "cio", r"\bcio[0-9A-Za-z]{32}\b"),
    ("a RubyGems token", "rubygems_", r"rubygems_[0-9a-f]{48}\b"),
    ("a NuGet key", "oy2", r"\boy2[0-9a-z]{43}\b"),
    ("a Docker token", "dckr_", r"dckr_[po]at_[0-9A-Za-z_-]{27,}"),
    ("a JFrog token", "AKCp", r"\bAKCp[0-9A-Za-z]{69}\b"),
    // Messages and mail
    (
        "a Slack token",
        "xox xapp-",
        r"(?:xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9]-[0-9A-Za-z-]{20,})",
    ),
    (
        "a Slack web hook",
        "hooks.slack",
        r"hooks\.slack\.com/(?:services|workflows)/[0-9A-Za-z+/]{40,}",
    ),
    (
        "a Discord web hook",
        "/api/webhooks/",
        r"discord(?:app)?\.com/api/webhooks/[0-9]{15,}/[0-9A-Za-z_-]{60,}",
    ),
    ("a Telegram bot token", ":AA", r"\b[0-9]{8,10}:AA[0-9A-Za-z_-]{33}\b"),
    ("a SendGrid key", "SG.", r"\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}"),
    ("a Mailgun key", "key-", r"\bkey-[0-9a-f]{32}\b"),
    ("a Mailchimp key", "-us", r"\b[0-9a-f]{32}-us[0-9]{1,2}\b"),
    ("a Twilio key", "SK", r"\bSK[0-9a-f]{32}\b"),
    // Money and shops
    ("a Stripe key", "k_live_ k_test_ k_prod_", r"[rs]k_(?:live|test|prod)_[0-9A-Za-z]{16,}"),
    ("a Stripe web hook secret", "whsec_", r"whsec_[0-9A-Za-z+/]{32,}"),
    ("a Shopify token", "shp", r"shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}\b"),
    ("a Square token", "sq0", r"\bsq0(?:atp|csp)-[0-9A-Za-z_-]{22,}"),
    (
        "a Braintree token",
        "access_token$production$",
        r"access_token\$production\$[0-9a-z]{16}\$[0-9a-f]{32}",
    ),
    // Models
    ("an Anthropic key", "sk-ant-", r"sk-ant-[a-z]+[0-9]{2}-[0-9A-Za-z_-]{40,}"),
    (
        "an OpenAI key",
        "sk-proj- sk-svcacct- sk-admin-",
        r"sk-(?:proj|svcacct|admin)-[0-9A-Za-z_-]{40,}",
    ),
    ("an OpenAI key", "T3BlbkFJ", r"\bsk-[0-9A-Za-z_-]{20,}T3BlbkFJ[0-9A-Za-z_-]{20,}"),
    ("a Hugging Face token", "hf_ api_org_", r"\b(?:hf_|api_org_)[A-Za-z]{34}\b"),
    ("a Replicate token", "r8_", r"\br8_[0-9A-Za-z]{37}\b"),
    ("a Groq key", "gsk_", r"\bgsk_[0-9A-Za-z]{52}\b"),
    ("an xAI key", "xai-", r"\bxai-[0-9A-Za-z]{70,}"),
    ("a Perplexity key", "pplx-", r"\bpplx-[0-9A-Za-z]{48}\b"),
    // Work
    ("a New Relic key", "NRAK-", r"\bNRAK-[0-9A-Z]{27}\b"),
    (
        "a Grafana token",
        "glsa_ glc_",
        r"(?:glsa_[0-9A-Za-z]{32}_[0-9A-Fa-f]{8}|glc_[0-9A-Za-z+/]{32,})",
    ),
    (
        "a Sentry token",
        "sntrys_ sntryu_",
        r"(?:sntrys_eyJ[0-9A-Za-z+/=_-]{60,}|sntryu_[0-9a-f]{64})",
    ),
    ("a Linear key", "lin_api_", r"lin_api_[0-9A-Za-z]{40}\b"),
    ("a Postman key", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    ("a Notion token", "ntn_", r"ntn_[0-9]{11}[0-9A-Za-z]{35}\b"),
    ("a Figma token", "figd_", r"figd_[0-9A-Za-z_-]{40,}"),
    ("an Airtable token", "pat", r"\bpat[0-9A-Za-z]{14}\.[0-9a-f]{64}\b"),
    ("a Dynatrace token", "dt0c01.", r"dt0c01\.[0-9A-Z]{24}\.[0-9A-Z]{64}"),
    ("a 1Password token", "ops_eyJ", r"ops_eyJ[0-9A-Za-z+/=_-]{200,}"),
    (
        "a bearer token",
        "earer",
        r"(?i)\bauthorization[\x22']?\s*[:=,]\s*[\x22']?bearer\s+[0-9A-Za-z._~+/-]{32,}",
    ),
    (
        "a JSON web token",
        "eyJ",
        r"eyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    ),
    ("a Heroku key", "HRKU-", r"HRKU-[0-9A-Za-z_-]{36,}"),
];

/// The forms and the one pass that says which of them a text can hold at all.
struct Reader {
    letters: AhoCorasick,
    /// The form of each group of letters.
    owners: Vec<usize>,
    forms: Vec<(&'static str, Regex)>,
}

static READER: LazyLock<Reader> = LazyLock::new(|| {
    let mut letters = Vec::new();
    let mut owners = Vec::new();
    let mut forms = Vec::new();
    for (at, (kind, needed, form)) in FORMS.into_iter().enumerate() {
        for group in needed.split(' ') {
            letters.push(group.replace('\u{a0}', " "));
            owners.push(at);
        }
        forms.push((
            kind,
            Regex::new(form).expect("the forms are constants, and a test reads each"),
        ));
    }
    let letters = AhoCorasick::new(letters).expect("the letters are constants, and few");
    Reader { letters, owners, forms }
});

/// Whether any form can be there.
pub(super) fn possible(text: &[u8]) -> bool {
    READER.letters.is_match(text)
}

/// Every secret of a known form.
pub(super) fn find(text: &str) -> Vec<Found> {
    let mut candidates = vec![false; READER.forms.len()];
    for found in READER.letters.find_overlapping_iter(text) {
        if let Some(candidate) = READER.owners.get(found.pattern().as_usize()) {
            candidates[*candidate] = true;
        }
    }
    let mut hits = Vec::new();
    for ((kind, form), _) in READER.forms.iter().zip(candidates).filter(|(_, candidate)| *candidate)
    {
        for found in form.find_iter(text) {
            let range = found.start()..block_end(text, found.as_str(), found.end());
            let value = text.get(range.clone()).unwrap_or_default();
            // The documentation of AWS uses such keys, and no real one ends so.
            if !(value.starts_with("AKIA") && value.ends_with("EXAMPLE")) {
                hits.push((*kind, range, value.to_owned()));
            }
        }
    }
    hits
}

/// Where an armoured block ends: at the next row of five dashes if that closes it, else where its head ends.
fn block_end(text: &str, head: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    if !head.starts_with("-----BEGIN ") {
        return end;
    }
    let Some(dashes) = rest.find("-----") else { return end };
    let tail = rest.get(dashes + 5..).unwrap_or_default();
    if !tail.starts_with("END ") {
        return end;
    }
    tail.find("-----")
        .filter(|length| *length < 60)
        .map_or(end, |length| end + dashes + 5 + length + 5)
}
