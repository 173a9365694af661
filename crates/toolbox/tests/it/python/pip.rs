//! Requirements files: pins, ranges, includes, constraints, and what pip refuses.

use toolbox::dependencies::python::Python;
use toolbox::dependencies::{Ecosystem as _, RefusalKind};

use super::checkout::{Checkout, bump, locked};

#[test]
fn pins_ranges_includes_and_constraints_move_to_the_byte() {
    let checkout = Checkout::new(&[
        (
            "requirements-dev.txt",
            "# tools\n-r requirements.txt\n-c constraints.txt\nsix >=1.15, <1.16  # old\n",
        ),
        (
            "requirements.txt",
            "# runtime\nrequests==2.25.0\r\nurllib3 == 1.26.4 ; python_version >= '3'\n",
        ),
        ("constraints.txt", "idna==2.9\n"),
    ]);
    let before = checkout.graph().unwrap();
    assert!(before.whole);
    let known = locked(&before);
    for package in ["requests 2.25.0", "urllib3 1.26.4", "idna 2.9", "six 1.15.0", "chardet 3.0.4"]
    {
        assert!(known.contains(&package.to_owned()), "{package} is missing in {known:?}");
    }
    let (_, chardet) = before.named("chardet").next().unwrap();
    assert!(!chardet.direct && !chardet.development_only);
    let bumps = [
        bump("urllib3", "1.26.4", "1.26.18"),
        bump("idna", "2.9", "2.10"),
        bump("six", "1.15.0", "1.16.0"),
    ];
    let after = locked(&checkout.moved(&bumps).unwrap());
    for package in ["requests 2.25.0", "urllib3 1.26.18", "idna 2.10", "six 1.16.0"] {
        assert!(after.contains(&package.to_owned()), "{package} is missing in {after:?}");
    }
    assert_eq!(
        checkout.read("requirements-dev.txt"),
        "# tools\n-r requirements.txt\n-c constraints.txt\nsix >=1.15, <1.17  # old\n"
    );
    assert_eq!(
        checkout.read("requirements.txt"),
        "# runtime\nrequests==2.25.0\r\nurllib3 == 1.26.18 ; python_version >= '3'\n"
    );
    assert_eq!(checkout.read("constraints.txt"), "idna==2.10\n");
}

#[test]
fn an_extra_that_does_not_resolve_does_not_hide_the_rest() {
    let text = r#"[project]
name = "hob-no-such-project"
dependencies = ["idna==3.4", "pywin32>=300; sys_platform == 'no-such-platform'"]
[project.optional-dependencies]
test = ["six==1.16.0"]
all = ["hob-no-such-project[test]", "pip==0.0.0.1"]
"#;
    let checkout = Checkout::new(&[("pyproject.toml", text)]);
    let graph = checkout.graph().unwrap();
    assert_eq!(locked(&graph), ["idna 3.4", "pip 0.0.0.1", "six 1.16.0"]);
    let [unresolved] = graph.unresolved.as_slice() else { panic!("{:?}", graph.unresolved) };
    assert_eq!(unresolved.part, "the extra `all`");
    assert_eq!(unresolved.refusal.kind, RefusalKind::NotInstallable);
    let elsewhere = graph.direct[1].elsewhere.as_ref().expect("it does not count here");
    assert_eq!(elsewhere.condition, "sys_platform == 'no-such-platform'");
    let after = checkout.moved(&[bump("idna", "3.4", "3.7")]).unwrap();
    assert_eq!(locked(&after), ["idna 3.7", "pip 0.0.0.1", "six 1.16.0"]);
}

#[test]
fn a_conflict_names_the_holder() {
    let checkout = Checkout::new(&[("requirements.txt", "requests==2.25.0\nidna==2.9\n")]);
    let held = checkout.moved(&[bump("idna", "2.9", "3.7")]).unwrap_err();
    assert_eq!(
        (held.kind, held.held_by.as_slice()),
        (RefusalKind::Constraint, &["requests".to_owned()][..])
    );
    assert!(held.quote.contains("requests 2.25.0 depends on idna<3"), "{}", held.quote);
}

#[test]
fn a_pin_that_stands_in_the_way_moves_with_what_needs_it() {
    let checkout = Checkout::new(&[("requirements.txt", "requests==2.11.0\nidna==2.1\n")]);
    let held = checkout.moved(&[bump("requests", "2.11.0", "2.32.3")]).unwrap_err();
    let also = Python::default().unblock(&held);
    assert_eq!(also, [bump("idna", "2.1", "2.5")]);
    checkout.write("requirements.txt", "requests==2.11.0\nidna==2.1\n");
    let both = [vec![bump("requests", "2.11.0", "2.32.3")], also].concat();
    let after = locked(&checkout.moved(&both).unwrap());
    assert!(after.contains(&"idna 2.5".to_owned()), "{after:?}");
}

#[test]
fn what_is_not_for_this_python_or_not_there_is_not_installable() {
    let checkout = Checkout::new(&[("requirements.txt", "futures==3.1.1\n")]);
    let python = checkout.moved(&[bump("futures", "3.1.1", "3.3.0")]).unwrap_err();
    assert_eq!(python.kind, RefusalKind::NotInstallable);
    assert!(python.quote.contains("Requires-Python"), "{}", python.quote);
    let checkout = Checkout::new(&[("requirements.txt", "six==1.16.0\n")]);
    let gone = checkout.moved(&[bump("six", "1.16.0", "1.16.99")]).unwrap_err();
    assert_eq!(gone.kind, RefusalKind::NotInstallable);
    assert!(
        gone.quote.contains("No matching distribution found for six==1.16.99"),
        "{}",
        gone.quote
    );
}

#[test]
fn a_line_that_pip_refuses_does_not_hide_the_others() {
    let text = "six==1.15.0\nidna=2.9 \\\n  ; nonsense\n";
    let checkout = Checkout::new(&[("requirements.txt", text)]);
    let after = checkout.moved(&[bump("six", "1.15.0", "1.16.0")]).unwrap();
    assert_eq!(locked(&after), ["six 1.16.0"]);
    assert_eq!(checkout.read("requirements.txt"), text.replace("1.15.0", "1.16.0"));
}
