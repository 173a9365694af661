//! `uv.lock`, moved by the real uv: groups, extras, markers, workspaces and sources from elsewhere.

use toolbox::dependencies::{RefusalKind, Source};

use super::checkout::{Checkout, bump, index, locked};

/// A lock as old as the format, without what only the index knows.
const BARE: &str = r#"version = 1
requires-python = ">=3.9"

[[package]]
name = "bare"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "six" }]

[package.metadata]
requires-dist = [{ name = "six", specifier = ">=1.15" }]

[[package]]
name = "six"
version = "1.15.0"
source = { registry = "INDEX" }
"#;

const ROOT: &str = r#"[project]
name = "app"
version = "0.1"
requires-python = ">=3.9"
dependencies = [
  "requests[socks]>=2.25,<2.26", # web
  "member",
  "colorama==0.4.5 ; sys_platform == 'win32'",
]

[project.optional-dependencies]
fast = ["idna>=2.8"]

[dependency-groups]
test = ["six==1.15.0"] # old
dev = [{ include-group = "test" }, "local"]

[tool.uv.workspace]
members = ["packages/*"]

[tool.uv.sources]
member = { workspace = true }
local = { path = "vendored" }
"#;

const MEMBER: &str = "[project]\nname = \"member\"\nversion = \"0.1\"\nrequires-python = \">=3.9\"\ndependencies = [\"chardet<4\"]\n";

/// What a plan does where the machine has no uv.
const FETCH: &str = "command -v uv >/dev/null || PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install --quiet --user uv";

const LOCAL: &str = "[project]\nname = \"local\"\nversion = \"0.1\"\n[tool.uv]\npackage = false\n";

fn pin(text: &str) -> String {
    text.replace("requests[socks]>=2.25,<2.26", "requests[socks]==2.25.0\", \"urllib3==1.26.4")
}

#[test]
fn a_lock_of_an_older_uv_stays_one_whatever_python_is_pinned() {
    let home = tempfile::tempdir().unwrap();
    // Where the machine has no uv, the plan fetches it.
    let manifest = "[project]\nname = \"bare\"\nversion = \"0.1\"\nrequires-python = \">=3.9\"\ndependencies = [\"six>=1.15\"]\n";
    let lock = BARE.replace("INDEX", &index());
    let bare =
        Checkout::new(&[("pyproject.toml", manifest), ("uv.lock", &lock)]).at_home(home.path());
    let after = bare.moved(&[bump("six", "1.15.0", "1.16.0")]).unwrap();
    assert_eq!(locked(&after), ["bare 0.1", "six 1.16.0"]);
    // A lock as an older uv writes it: without a revision and without times.
    let text = bare.read("uv.lock");
    assert!(!text.contains("upload-time") && !text.contains("revision"), "{text}");
    bare.succeed(&["uv", "lock", "--check"]);
    // What the project runs on is not here, and nobody fetches it.
    bare.write(".python-version", "3.99\n");
    let after = bare.moved(&[bump("six", "1.16.0", "1.17.0")]).unwrap();
    assert_eq!(locked(&after), ["bare 0.1", "six 1.17.0"]);
    let moved = bare.read("uv.lock");
    let differs = moved.lines().zip(text.lines()).filter(|(a, b)| a != b).count();
    assert_eq!((moved.lines().count(), differs), (text.lines().count(), 3), "{moved}");
    for path in ["pyproject.toml", "uv.lock"] {
        bare.write(path, &bare.read(path).replace(">=3.9", ">=3.99"));
    }
    let nowhere = bare.moved(&[bump("six", "1.17.0", "1.16.0")]).unwrap_err();
    assert_eq!(nowhere.kind, RefusalKind::NotInstallable, "{}", nowhere.quote);
}

#[test]
fn uv_moves_what_is_asked_for_and_nothing_else() {
    let home = tempfile::tempdir().unwrap();
    let files = [
        ("pyproject.toml", pin(ROOT)),
        ("packages/member/pyproject.toml", MEMBER.to_owned()),
        ("vendored/pyproject.toml", LOCAL.to_owned()),
    ];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let checkout = Checkout::new(&files).at_home(home.path());
    checkout.succeed(&["sh", "-c", FETCH]);
    checkout.succeed(&["uv", "lock", "--quiet"]);
    checkout.write("pyproject.toml", ROOT);
    checkout.succeed(&["uv", "lock", "--quiet"]);

    let before = checkout.graph().unwrap();
    let source = |name: &str| before.named(name).next().unwrap().1.source.clone();
    assert_eq!(source("requests"), Source::Registry);
    assert_eq!(source("member"), Source::Workspace);
    assert!(before.named("six").next().unwrap().1.development_only);
    let was = locked(&before);

    let text = checkout.read("uv.lock");
    let after = checkout.moved(&[bump("urllib3", "1.26.4", "1.26.18")]).unwrap();
    let expected: Vec<String> =
        was.iter().map(|one| one.replace("urllib3 1.26.4", "urllib3 1.26.18")).collect();
    assert_eq!(locked(&after), expected);
    assert_eq!(checkout.read("pyproject.toml"), ROOT, "a transitive package needs no edit");
    assert_eq!(checkout.read("uv.lock").lines().count(), text.lines().count());

    let bumps = [
        bump("six", "1.15.0", "1.16.0"),
        bump("chardet", "3.0.4", "4.0.0"),
        bump("requests", "2.25.0", "2.27.1"),
        bump("colorama", "0.4.5", "0.4.6"),
    ];
    let after = locked(&checkout.moved(&bumps).unwrap());
    for package in
        ["six 1.16.0", "chardet 4.0.0", "requests 2.27.1", "colorama 0.4.6", "urllib3 1.26.18"]
    {
        assert!(after.contains(&package.to_owned()), "{package} is missing in {after:?}");
    }
    assert_eq!(
        checkout.read("pyproject.toml"),
        ROOT.replace("<2.26", "<2.28")
            .replace("six==1.15.0", "six==1.16.0")
            .replace("0.4.5", "0.4.6")
    );
    assert_eq!(checkout.read("packages/member/pyproject.toml"), MEMBER.replace("<4", "<5"));
    checkout.succeed(&["uv", "lock", "--check"]);

    let held = checkout.moved(&[bump("urllib3", "1.26.18", "2.0.7")]).unwrap_err();
    assert_eq!(held.kind, RefusalKind::Constraint);
    assert_eq!(held.held_by, ["requests"]);
    let gone = checkout.moved(&[bump("urllib3", "1.26.18", "1.26.99")]).unwrap_err();
    assert_eq!(gone.kind, RefusalKind::NotInstallable);
    assert!(checkout.plan(&[bump("local", "0.1", "0.2")]).is_err());
}
