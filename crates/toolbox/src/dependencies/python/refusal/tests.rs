//! What pip 23 and uv 0.13 really say when they refuse.

use proptest::prelude::*;

use super::*;

fn said(argv: &[&str], stderr: &str) -> Refusal {
    let (stdout, stderr) = (Vec::new(), stderr.as_bytes().to_vec());
    let exit = Exit::Code(1);
    let result = ExecResult { exit, stdout, stderr, dropped_bytes: 0, millis: 1 };
    refusal(&Exec::new(argv.iter().copied(), "check"), &result)
}

fn pip(stderr: &str) -> Refusal {
    said(&["python3", "-c", "resolve"], stderr)
}

fn uv(stderr: &str) -> Refusal {
    said(&["uv", "lock", "--upgrade-package", "urllib3==1.26.99"], stderr)
}

const CONFLICT: &str = "ERROR: Cannot install -r r2.txt (line 1) and idna==2.1 because these package versions have conflicting dependencies.

The conflict is caused by:
    The user requested idna==2.1
    requests 2.32.3 depends on idna<4 and >=2.5

To fix this you could try to:
1. loosen the range of package versions you've specified
2. remove package versions to allow pip attempt to solve the dependency conflict

ERROR: ResolutionImpossible: for help visit https://pip.test/dealing-with-dependency-conflicts
";

#[test]
fn a_conflict_names_who_holds_back_and_which_pin_could_move_with_it() {
    let refusal = pip(CONFLICT);
    assert_eq!(refusal.kind, RefusalKind::Constraint);
    assert_eq!(refusal.held_by, ["requests"]);
    let bump = Bump { package: "idna".into(), from: "2.1".into(), to: "2.5".into() };
    assert_eq!(unblock(&refusal.quote), [bump]);
}

#[test]
fn a_pin_above_what_is_asked_for_does_not_move_by_itself() {
    let refusal = pip(&CONFLICT.replace("requested idna==2.1", "requested (constraint) idna==5"));
    assert_eq!(refusal.kind, RefusalKind::Constraint);
    let down = Bump { package: "idna".into(), from: "5".into(), to: "2.5".into() };
    assert_eq!(unblock(&refusal.quote), [down], "the lowest that fits is below");
    let bound = pip(&CONFLICT.replace("<4 and >=2.5", "<2"));
    assert_eq!(unblock(&bound.quote), [], "a bound from above alone names no version");
    assert_eq!(unblock(&CONFLICT.replace("idna<4 and >=2.5", "idna")), []);
}

#[test]
fn a_file_that_pins_all_by_hashes_is_told_apart() {
    let refusal = pip(
        "ERROR: In --require-hashes mode, all requirements must have their versions pinned with ==. These do not:\n    charset-normalizer<4,>=2 from https://files.test/c.whl (from requests==2.32.3->-r r6.txt (line 1))\n",
    );
    assert_eq!(refusal.kind, RefusalKind::Constraint);
    assert!(refusal.quote.contains("charset-normalizer<4,>=2"), "{}", refusal.quote);
    assert!(refusal.quote.starts_with("the files pin everything by hashes"));
}

#[test]
fn other_refusals_of_pip_are_told_apart() {
    let python = "ERROR: Ignored the following versions that require a different python version: 3.3.0 Requires-Python >=2.6, <3\n\
                  ERROR: Could not find a version that satisfies the requirement futures==3.3.0 (from versions: 0.1)\n\
                  ERROR: No matching distribution found for futures==3.3.0";
    assert_eq!(pip(python).kind, RefusalKind::NotInstallable);
    let network = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError(x)'\n\
                   ERROR: No matching distribution found for six";
    assert_eq!(pip(network).kind, RefusalKind::Network);
    assert_eq!(pip("/usr/bin/python3: No module named pip").kind, RefusalKind::ToolMissing);
    let hash = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.";
    assert_eq!(pip(hash).kind, RefusalKind::Other);
    assert_eq!(pip("what").kind, RefusalKind::Other);
}

#[test]
fn refusals_of_uv_are_told_apart() {
    let parent = "error: No solution found when resolving dependencies
  cause: Because requests>=2.25.0,<=2.25.1 depends on urllib3>=1.21.1,<1.27 and urllib3==2.0.7, we can conclude that requests>=2.25.0,<=2.25.1 cannot be used.
         And because your project depends on requests>=2.25,<2.26, we can conclude that your project's requirements are unsatisfiable.
";
    let refusal = uv(parent);
    assert_eq!(refusal.kind, RefusalKind::Constraint);
    assert_eq!(refusal.held_by, ["requests"]);
    let none = "error: No solution found when resolving dependencies
  cause: Because there is no version of urllib3==1.26.99 and requests>=2.25.0,<=2.25.1 depends on urllib3==1.26.99, we can conclude that requests>=2.25.0,<=2.25.1 cannot be used.
";
    assert_eq!(uv(none).kind, RefusalKind::NotInstallable);
    let python = "error: No solution found when resolving dependencies for split (markers: python_full_version == '3.9.*')
  cause: Because the requested Python version (>=3.9) does not satisfy Python>=3.10 and numpy==2.1.0 depends on Python>=3.10, we can conclude that numpy==2.1.0 cannot be used.
";
    assert_eq!(uv(python).kind, RefusalKind::NotInstallable);
    let network = "error: Failed to fetch: `https://index.test/simple/six/`
  cause: error sending request for url (https://index.test/simple/six/)
  cause: Connection refused (os error 111)
";
    assert_eq!(uv(network).kind, RefusalKind::Network);
}

proptest! {
    #[test]
    fn no_words_are_a_panic(text in "(The conflict is caused by:|The user requested |x==1|\\[| depends on |x| and |>=2|<|~=|é|\n| ){0,30}") {
        let refusal = pip(&text);
        for bump in unblock(&text).into_iter().chain(unblock(&refusal.quote)) {
            prop_assert!(version::parse(&bump.to).is_some());
        }
    }
}
