//! Sources are read from made-up hosts.

use super::*;

fn host(files: &[(&str, &str)]) -> tempfile::TempDir {
    let host = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = host.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    host
}

const RELEASE: (&str, &str) = ("etc/os-release", "ID=debian\nVERSION_CODENAME=bookworm\n");

#[test]
fn both_formats_are_read_and_foreign_archives_are_not_taken() {
    let host = host(&[
        RELEASE,
        (
            "etc/apt/sources.list",
            "# deb http://old.example bookworm main\n\
             deb [arch=amd64 signed-by=/usr/share/keyrings/d.gpg] http://mirror.example/debian bookworm main contrib # ours\n\
             deb-src http://mirror.example/debian bookworm main\n\
             deb http://foreign.example/ bookworm-foreign main\n\
             deb http://foreign.example/ bookworm stable\n",
        ),
        (
            "etc/apt/sources.list.d/more.sources",
            "Types: deb deb-src\nURIs: http://mirror.example/security\nSuites: bookworm-security\n trixie-security\n\
             Components: main\nSigned-By: /usr/share/keyrings/d.gpg\n\n\
             Enabled: no\nTypes: deb\nURIs: http://off.example\nSuites: bookworm\nComponents: main\n",
        ),
        ("etc/apt/sources.list.d/ignored.save", "deb http://ignored.example bookworm main\n"),
        (
            "var/lib/apt/lists/mirror.example_debian_dists_bookworm_InRelease",
            "-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: Debian\nDate: Sat, 16 Nov 2024 10:17:03 UTC\n",
        ),
        (
            "var/lib/apt/lists/foreign.example_dists_other_InRelease",
            "Date: Sat, 16 Nov 2030 10:17:03 UTC\n",
        ),
    ]);
    let found = Sources::of(host.path()).unwrap();
    assert_eq!(found.suite, "bookworm");
    assert_eq!(
        found.lines,
        [
            "deb [signed-by=/usr/share/keyrings/d.gpg] http://mirror.example/debian bookworm main contrib",
            "deb [signed-by=/usr/share/keyrings/d.gpg] http://mirror.example/security bookworm-security main",
        ]
    );
    assert_eq!(found.epoch, 1_731_752_223);
}

#[test]
fn a_host_of_another_kind_is_told_what_works_there() {
    let none = host(&[]);
    let error = Sources::of(none.path()).unwrap_err();
    assert!(error.hint().contains("hob image import"), "{error}");
    let foreign =
        host(&[RELEASE, ("etc/apt/sources.list", "deb http://a.example b-foreign main\n")]);
    assert!(Sources::of(foreign.path()).unwrap_err().to_string().contains("bookworm in /etc/apt"));
}
