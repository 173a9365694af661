//! Reading pages, and the places that their links come to.

use super::*;

#[test]
fn the_place_of_files_leaves_out_what_is_a_package_s_own() {
    for (path, expect) in [
        ("/packages/3d/9d/1e313763/pip-0.2.tar.gz", "/packages"),
        ("/repository/mirror/packages/pip/1.0/pip-1.0.whl", "/repository/mirror/packages"),
        ("/packages/source/p/pip/pip-1.0.tar.gz", "/packages/source"),
        ("/pip-1.0.whl", ""),
    ] {
        assert_eq!(folder(path, "pip"), expect);
    }
    let folders = ["/files/py3".to_owned(), "/files/source".to_owned()];
    assert_eq!(common(&folders), "/files");
    assert_eq!(common(&[String::new(), "/files".to_owned()]), "");
}

#[test]
fn links_of_a_page_are_read() {
    let page = r#"<a href="../../f/pip-1.whl#sha256=0">x</a><A href='pip-2.tar.gz?a=1&amp;b=2'>y</A><a href=bare>"#;
    assert_eq!(links(page), ["../../f/pip-1.whl#sha256=0", "pip-2.tar.gz?a=1&b=2"]);
}
