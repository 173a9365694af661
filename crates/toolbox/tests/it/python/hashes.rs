//! Requirements that are pinned by hashes: what the index says of every file of the new version.

use toolbox::dependencies::RefusalKind;

use super::checkout::{Checkout, bump, locked};

/// As pip-compile writes it; the hash is the one of the wheel.
const SIX: &str = "six==1.16.0 \\\n    --hash=sha256:1e61c37477a1626458e36f7b1d82aa5c9b094fa4802892072e49de9c60c4c926 \\\n    --hash=sha256:8abb2f1d86890a2dfb989f9a77cfcfd3e47c2a354b01111771326f8aa26e0254\n    # via -r requirements.in\n";

#[test]
fn a_moved_pin_bears_the_hashes_of_all_its_files() {
    let idna = "idna == 2.9  --hash sha256:a068a21ceac8a4d63dbfd964670474107f541babbd2250d61922f029858365fa # why\r\n";
    let checkout = Checkout::new(&[("requirements.txt", &format!("# locked\n{SIX}{idna}"))]);
    let bumps = [bump("six", "1.16.0", "1.17.0"), bump("idna", "2.9", "2.10")];
    // pip itself checks the hashes of what it would install.
    let after = checkout.moved(&bumps).unwrap();
    assert_eq!(locked(&after), ["idna 2.10", "six 1.17.0"]);
    insta::assert_snapshot!(checkout.read("requirements.txt").replace("\r\n", "<CRLF>\n"), @r"
    # locked
    six==1.17.0 \
        --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274 \
        --hash=sha256:ff70335d468e7eb6ec65b95b99d3a2836546063f63acc5171de367e834932a81
        # via -r requirements.in
    idna == 2.10  --hash sha256:b307872f855b18632ce0c21c5e45be78c0ea7ae4c15c828c20788b26921eb3f6 \<CRLF>
        --hash sha256:b97d804b1e9b523befed77c48dacec60e6dcb0b5391d57af6a65a312a90648c0 # why<CRLF>
    ");
}

#[test]
fn a_version_that_needs_more_than_is_pinned_is_left_with_its_reason() {
    // The hashes are those of the wheels.
    let text = "requests==2.25.0 --hash=sha256:e786fa28d8c9154e6a4de5d46a1d921b8749f8b74e28bde23768e5e16eece998\n\
                urllib3==1.26.18 --hash=sha256:34b97092d7e0a3a8cf7cd10e386f401b3737364026c45e622aa02903dffe0f07\n\
                idna==2.9 --hash=sha256:a068a21ceac8a4d63dbfd964670474107f541babbd2250d61922f029858365fa\n\
                chardet==3.0.4 --hash=sha256:fc323ffcaeaed0e0a02bf4d117757b98aed530d9ed4531e3e15460124c106691\n\
                certifi==2023.7.22 --hash=sha256:92d6037539857d8206b8f6ae472e8b77db8058fec5937a1ef3f54304089edbb9\n";
    let checkout = Checkout::new(&[("requirements.txt", text)]);
    let more = checkout.moved(&[bump("requests", "2.25.0", "2.31.0")]).unwrap_err();
    assert_eq!(more.kind, RefusalKind::Constraint);
    assert!(more.quote.contains("charset-normalizer"), "{}", more.quote);
    assert!(more.quote.contains("hob adds no package"), "{}", more.quote);
}
