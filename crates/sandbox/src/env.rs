//! The variables of every command in a machine; none of the host's are among them.

use std::path::Path;

use guest::layout;

use crate::namespaces::Toolchains;
use crate::port::{MachineSpec, NetworkPolicy};

/// Where a machine finds its own certificate authority, and programs of Debian any.
pub(crate) const CERTIFICATE_FILE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// Variables that name the file with the machine's certificate authority.
const CERTIFICATE: [&str; 10] = [
    "AWS_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "CURL_CA_BUNDLE",
    "DENO_CERT",
    "GIT_SSL_CAINFO",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "npm_config_cafile",
];

/// Variables that name the proxy.
const PROXY: [&str; 8] = [
    "ALL_PROXY",
    "CARGO_HTTP_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "npm_config_https_proxy",
];

/// Variables that name what is asked without the proxy.
const NO_PROXY: [&str; 3] = ["NO_PROXY", "no_proxy", "npm_config_noproxy"];

/// The machine's own loopback, where projects start servers for their tests.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Variables that are always the same.
const FIXED: [(&str, &str); 24] = [
    ("HOME", layout::HOME),
    ("USER", layout::USER),
    ("LOGNAME", layout::USER),
    ("SHELL", "/bin/sh"),
    ("TMPDIR", layout::TMP),
    ("LANG", "C.UTF-8"),
    ("TERM", "dumb"),
    ("TZ", "UTC"),
    ("CARGO_HOME", "/home/hob/.cargo"),
    ("CARGO_NET_GIT_FETCH_WITH_CLI", "true"),
    ("CARGO_NET_RETRY", "2"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_COUNT", "1"),
    ("GIT_CONFIG_KEY_0", "safe.directory"),
    ("GIT_CONFIG_VALUE_0", "*"),
    ("GIT_AUTHOR_NAME", "hob"),
    ("GIT_AUTHOR_EMAIL", "hob@localhost"),
    ("GIT_COMMITTER_NAME", "hob"),
    ("GIT_COMMITTER_EMAIL", "hob@localhost"),
    ("PIP_DISABLE_PIP_VERSION_CHECK", "1"),
    ("npm_config_update_notifier", "false"),
    ("npm_config_fund", "false"),
    ("HOB_TRANSFER", layout::TRANSFER),
];

/// What a machine asks without its proxy. A registry on the host's loopback can only be reached through the proxy: a name that
/// a rule allows means the host's.
fn without_proxy(network: &NetworkPolicy) -> String {
    let plain = |host: &str| host.trim_matches(['[', ']']).to_ascii_lowercase();
    let meant: Vec<String> = network.rules.iter().map(|rule| plain(&rule.host)).collect();
    let own = LOOPBACK.into_iter().filter(|name| meant.iter().all(|host| host != name));
    own.collect::<Vec<_>>().join(",")
}

/// Search path of the system folders.
const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The variables of a machine; those of its `spec` count more than all others.
pub(crate) fn variables(toolchains: &Toolchains, spec: &MachineSpec) -> Vec<(String, String)> {
    let owned = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let proxy = format!("http://127.0.0.1:{}", layout::PROXY_PORT);
    let own_programs =
        [Path::new(layout::HOME).join(".cargo/bin"), Path::new(layout::HOME).join(".local/bin")];
    let path = std::env::join_paths(toolchains.path.iter().chain(&own_programs));
    // A folder with `:` in its name cannot be on a search path, so there is none.
    let path = path.ok().and_then(|path| path.into_string().ok()).unwrap_or_default();
    let mut variables: Vec<_> = FIXED.iter().map(|(name, value)| owned(name, value)).collect();
    variables.push(("PATH".to_owned(), path));
    variables.extend(PROXY.iter().map(|name| owned(name, &proxy)));
    let without = without_proxy(&spec.network);
    variables.extend(NO_PROXY.iter().map(|name| owned(name, &without)));
    variables.extend(CERTIFICATE.iter().map(|name| owned(name, CERTIFICATE_FILE)));
    variables.extend(toolchains.env.iter().cloned());
    for (name, value) in &spec.env {
        variables.retain(|(known, _)| known != name);
        variables.push((name.clone(), value.clone()));
    }
    variables
}

/// Variables that an image may not set: they say where the machine is, not what is in it.
const NOT_OF_IMAGES: [&str; 2] = ["PATH", "HOME"];

/// The same in a virtual machine, whose image has a search path and variables of its own.
pub(crate) fn of_image(
    toolchains: &Toolchains,
    image: &[(String, String)],
    spec: &MachineSpec,
) -> Vec<(String, String)> {
    let mut toolchains = toolchains.clone();
    let named = image.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_str());
    let search = std::env::split_paths(named.unwrap_or_default()).collect::<Vec<_>>();
    let system = SYSTEM_PATH.map(std::path::PathBuf::from);
    for folder in search.into_iter().chain(system) {
        if folder.is_absolute() && !toolchains.path.contains(&folder) {
            toolchains.path.push(folder);
        }
    }
    let mut variables = variables(&toolchains, spec);
    for (name, value) in image.iter().filter(|(name, _)| !NOT_OF_IMAGES.contains(&name.as_str())) {
        if !variables.iter().any(|(known, _)| known == name) {
            variables.push((name.clone(), value.clone()));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(hosts: &[&str]) -> MachineSpec {
        let rule = |host: &&str| crate::port::EgressRule {
            name: "test".to_owned(),
            host: (*host).to_owned(),
            port: 443,
            plain_http: false,
            methods: Vec::new(),
            paths: Vec::new(),
            queries: false,
            immutable: Vec::new(),
            authorization: None,
            response_max_bytes: 1,
        };
        MachineSpec {
            id: domain::MachineId::fresh(&domain::clock::SystemClock),
            image: "default".to_owned(),
            cpus: 1,
            memory_bytes: 1,
            disk_bytes: 1,
            processes_max: 1,
            time_ms: 1,
            network: NetworkPolicy { rules: hosts.iter().map(rule).collect() },
            env: vec![("TZ".to_owned(), "Asia/Tokyo".to_owned())],
            home_files: Vec::new(),
        }
    }

    #[test]
    fn the_spec_counts_more() {
        let spec = spec(&[]);
        let variables = variables(&Toolchains::default(), &spec);
        let zones: Vec<_> = variables.iter().filter(|(name, _)| name == "TZ").collect();
        assert_eq!(zones, [&spec.env[0]]);
    }

    #[test]
    fn a_registry_on_the_hosts_loopback_is_asked_through_the_proxy() {
        let without = |hosts: &[&str]| without_proxy(&spec(hosts).network);
        assert_eq!(without(&["registry.example"]), "localhost,127.0.0.1,::1");
        assert_eq!(without(&["localhost"]), "127.0.0.1,::1");
        assert_eq!(without(&["127.0.0.1", "[::1]"]), "localhost");
    }
}
