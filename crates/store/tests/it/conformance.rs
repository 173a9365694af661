//! SQLite keeps every promise of the port.

use store::conformance::CASES;

#[test]
fn sqlite_passes_the_conformance_suite() {
    for case in CASES {
        println!("{}", case.name);
        let dir = tempfile::tempdir().unwrap();
        let store = super::open(dir.path());
        super::block_on((case.check)(store.clone()));
        assert_eq!(super::block_on(store.check_integrity()).unwrap(), [], "{}", case.name);
    }
}
