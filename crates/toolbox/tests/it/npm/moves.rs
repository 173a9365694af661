//! What moves, and that nothing else does.

use toolbox::dependencies::npm::Npm;
use toolbox::dependencies::{Bump, Ecosystem as _, Source};

use super::checkout::Checkout;

#[test]
fn a_direct_requirement_that_admits_the_version_stays_to_the_byte() {
    let manifest = "{\r\n\t\"dependencies\": {\"minimist\":\"^1.2.0\" ,  \"ini\": \"~1.3.0\"}\r\n}";
    let checkout = Checkout::locked(
        r#"{ "dependencies": { "minimist": "1.2.5", "ini": "1.3.5" } }"#,
        &[("package.json", manifest)],
    );
    // minimist 1.2.8 and ini 1.3.8 would be admitted too.
    let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6")]);
    assert_eq!(moved, ["-minimist@1.2.5", "+minimist@1.2.6"]);
    assert_eq!(checkout.read("package.json"), manifest);
}

#[test]
fn an_exact_pin_and_a_caret_move_in_their_style() {
    let manifest = "\u{feff}{\n  \"name\": \"x\", \"version\": \"1.0.0\",\n  \"dependencies\": { \"minimist\": \"1.2.5\" },\n  \"peerDependencies\": { \"ini\": \"^1.3.0\" },\n  \"devDependencies\": { \"ini\": \"^1.3.5\" }\n}\n";
    let checkout = Checkout::locked(
        r#"{ "name": "x", "version": "1.0.0", "dependencies": { "minimist": "1.2.5" }, "peerDependencies": { "ini": "^1.3.0" }, "devDependencies": { "ini": "1.3.5" } }"#,
        &[("package.json", manifest)],
    );
    let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6"), ("ini", "1.3.5", "2.0.0")]);
    assert_eq!(moved, ["-ini@1.3.5", "-minimist@1.2.5", "+ini@2.0.0", "+minimist@1.2.6"]);
    let expect = manifest
        .replace("\"minimist\": \"1.2.5\"", "\"minimist\": \"1.2.6\"")
        .replace("\"ini\": \"^1.3.0\"", "\"ini\": \"^1.3.0 || ^2.0.0\"")
        .replace("\"ini\": \"^1.3.5\"", "\"ini\": \"^2.0.0\"");
    assert_eq!(checkout.read("package.json"), expect);
}

const NESTED: &str = r#"{
  "dependencies": {
    "ansi-regex": "^5.0.0",
    "has-ansi": "^2.0.0",
    "old-strip": "npm:strip-ansi@^3.0.0"
  }
}
"#;

/// ansi-regex 5.0.0 on top, and 2.0.0 twice below.
fn nested() -> Checkout {
    let old = NESTED
        .replace("^5.0.0", "5.0.0")
        .replace("\n}\n", ", \"overrides\": { \"ansi-regex@^2.0.0\": \"2.0.0\" } }");
    let checkout = Checkout::locked(&old, &[("package.json", NESTED)]);
    let lock = checkout.read("package-lock.json");
    assert_eq!(lock.matches("\"version\": \"2.0.0\"").count(), 3, "{lock}");
    checkout
}

#[test]
fn a_nested_transitive_package_moves_everywhere_and_its_namesake_stays() {
    let checkout = nested();
    let before = checkout.read("package-lock.json");
    let moved = checkout.moved(&[("ansi-regex", "2.0.0", "2.1.1")]);
    assert_eq!(moved, ["-ansi-regex@2.0.0", "+ansi-regex@2.1.1"]);
    assert_eq!(checkout.read("package.json"), NESTED);
    let after = checkout.read("package-lock.json");
    assert_eq!(after.lines().count(), before.lines().count());
}

#[test]
fn a_transitive_package_that_several_ask_for_moves_up_and_down_in_its_place() {
    let manifest = r#"{ "dependencies": { "mkdirp": "0.5.5", "rc": "1.2.8" } }"#;
    let old = manifest.replace("} }", "}, \"overrides\": { \"minimist\": \"1.2.5\" } }");
    let checkout = Checkout::locked(&old, &[("package.json", manifest)]);
    let lock = checkout.read("package-lock.json");
    let up = checkout.moved(&[("minimist", "1.2.5", "1.2.7")]);
    assert_eq!(up, ["-minimist@1.2.5", "+minimist@1.2.7"]);
    let down = checkout.moved(&[("minimist", "1.2.7", "1.2.5")]);
    assert_eq!(down, ["-minimist@1.2.7", "+minimist@1.2.5"]);
    assert_eq!(checkout.read("package-lock.json"), lock);
}

#[test]
fn a_direct_package_moves_and_its_nested_namesakes_stay() {
    let moved = nested().moved(&[("ansi-regex", "5.0.0", "5.0.1")]);
    assert_eq!(moved, ["-ansi-regex@5.0.0", "+ansi-regex@5.0.1"]);
}

#[test]
fn an_alias_is_moved_under_its_alias() {
    let checkout = nested();
    let graph = checkout.graph();
    let aliased = graph.direct.iter().find(|r| r.package == "strip-ansi").expect("strip-ansi");
    assert_eq!(aliased.alias.as_deref(), Some("old-strip"));
    let from = graph.named("strip-ansi").next().expect("strip-ansi").1.version.clone();
    let moved = checkout.moved(&[("strip-ansi", &from, "4.0.0")]);
    assert!(moved.contains(&"+strip-ansi@4.0.0".to_owned()), "{moved:?}");
    assert_eq!(checkout.read("package.json"), NESTED.replace("@^3.0.0", "@^4.0.0"));
}

#[test]
fn a_parent_and_what_it_asks_for_move_together_to_exact_versions() {
    let checkout = Checkout::locked(
        r#"{ "devDependencies": { "mkdirp": "0.5.1" } }"#,
        &[("package.json", r#"{ "devDependencies": { "mkdirp": "~0.5.0" } }"#)],
    );
    // mkdirp 0.5.6 admits minimist 1.2.8.
    let moved = checkout.moved(&[("minimist", "0.0.8", "1.2.6"), ("mkdirp", "0.5.1", "0.5.6")]);
    assert_eq!(moved, ["-minimist@0.0.8", "-mkdirp@0.5.1", "+minimist@1.2.6", "+mkdirp@0.5.6"]);
    assert!(checkout.graph().packages.iter().all(|package| package.development_only));
}

#[test]
fn what_the_new_version_needs_comes_with_it() {
    let manifest = r#"{ "dependencies": { "mkdirp": "0.3.5" } }"#;
    let checkout = Checkout::locked(manifest, &[("package.json", manifest)]);
    let moved = checkout.moved(&[("mkdirp", "0.3.5", "0.5.6")]);
    assert_eq!(moved.len(), 3, "{moved:?}");
    assert!(moved.iter().any(|line| line.starts_with("+minimist@1.2.")), "{moved:?}");
}

#[test]
fn who_excludes_the_new_version_keeps_the_old_one() {
    let manifest = r#"{ "dependencies": { "ini": "^1.3.0", "rc": "1.2.8" } }"#;
    let old = r#"{ "dependencies": { "ini": "1.3.5", "rc": "1.2.8" } }"#;
    let checkout = Checkout::locked(old, &[("package.json", manifest)]);
    // rc asks for ~1.3.0, which admits 1.3.8 too; nobody asked for that.
    let moved = checkout.moved(&[("ini", "1.3.5", "2.0.0")]);
    assert_eq!(moved, ["+ini@2.0.0"]);
    assert_eq!(checkout.read("package.json"), manifest.replace("^1.3.0", "^2.0.0"));
}

#[test]
fn workspaces_move_together_each_where_it_must() {
    let a = r#"{ "name": "a", "version": "1.0.0", "dependencies": { "minimist": "^1.2.0" } }"#;
    let b = r#"{ "name": "b", "version": "1.0.0", "dependencies": { "a": "^1.0.0", "minimist": "1.2.5" } }"#;
    let root = r#"{ "private": true, "workspaces": ["packages/*", "!packages/old"] }"#;
    let files =
        [("package.json", root), ("packages/a/package.json", a), ("packages/b/package.json", b)];
    let checkout = Checkout::locked(root, &files);
    assert_eq!(checkout.project().manifests.len(), 3);
    let graph = checkout.graph();
    let ours = graph.named("a").next().expect("a").1;
    assert_eq!(ours.source, Source::Workspace);
    let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6")]);
    assert_eq!(moved, ["-minimist@1.2.5", "+minimist@1.2.6"]);
    assert_eq!(checkout.read("package.json"), root);
    assert_eq!(checkout.read("packages/a/package.json"), a);
    assert_eq!(checkout.read("packages/b/package.json"), b.replace("1.2.5", "1.2.6"));
}

#[test]
fn a_folder_that_the_lock_links_to_moves_with_it() {
    for (root, folder, seen) in [("", "loc", "./loc"), ("app", "app/deep/loc", "./deep/loc")] {
        let own = if root.is_empty() { String::new() } else { format!("{root}/") };
        let app = format!(
            r#"{{ "name": "app", "dependencies": {{ "loc": "file:{seen}", "mkdirp": "0.5.5" }} }}"#
        );
        // minimist is pinned in the folder, and for mkdirp it stands on top in its newest version.
        let loc = r#"{ "name": "loc", "version": "1.0.0", "dependencies": { "minimist": "1.2.5" }, "devDependencies": { "ini": "1.3.5" } }"#;
        let files =
            [(format!("{own}package.json"), app.as_str()), (format!("{folder}/package.json"), loc)];
        let files: Vec<(&str, &str)> =
            files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let checkout = Checkout::locked_in(root, &files);
        let project = checkout.project();
        let manifests: Vec<&str> = project.manifests.iter().map(|path| path.as_str()).collect();
        assert_eq!(manifests, [files[0].0, files[1].0]);
        let before = checkout.read(&format!("{own}package-lock.json"));
        let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6"), ("ini", "1.3.5", "1.3.6")]);
        assert_eq!(
            moved,
            ["-ini@1.3.5", "-minimist@1.2.5", "+ini@1.3.6", "+minimist@1.2.6"],
            "{folder}"
        );
        assert_eq!(checkout.read(files[0].0), app);
        let expect = loc.replace("1.2.5", "1.2.6").replace("1.3.5", "1.3.6");
        assert_eq!(checkout.read(files[1].0), expect);
        let after = checkout.read(&format!("{own}package-lock.json"));
        assert_eq!(after.lines().count(), before.lines().count());
    }
}

#[test]
fn a_folder_that_two_locks_cover_is_not_edited_under_one_of_them() {
    let app = r#"{ "dependencies": { "loc": "file:./loc", "mkdirp": "0.5.5" } }"#;
    let loc = r#"{ "name": "loc", "version": "1.0.0", "dependencies": { "minimist": "1.2.5" } }"#;
    let checkout = Checkout::locked_in("", &[("package.json", app), ("loc/package.json", loc)]);
    checkout.succeed_in("loc", &["npm", "install", "--package-lock-only", "--ignore-scripts"]);
    let files = checkout.files();
    let projects = Npm.discover(&files).projects;
    assert_eq!(projects.len(), 2, "{projects:?}");
    let bump = Bump { package: "minimist".into(), from: "1.2.5".into(), to: "1.2.6".into() };
    for (project, said) in projects.iter().zip([
        "`loc/package.json` asks for minimist@1.2.5",
        "`package-lock.json` repeats what that file asks for",
    ]) {
        assert_eq!(project.manifests.len(), 1, "{project:?}");
        let graph = Npm.graph(project, &files, None).expect("a graph");
        let refused = Npm.plan(project, &files, &graph, std::slice::from_ref(&bump)).unwrap_err();
        assert!(refused.to_string().contains(said), "{refused}");
    }
}

#[test]
fn a_folder_beside_the_project_keeps_to_itself() {
    let app = r#"{ "dependencies": { "loc": "file:../loc", "minimist": "1.2.5" } }"#;
    let loc = r#"{ "name": "loc", "version": "1.0.0", "dependencies": { "minimist": "1.2.5" } }"#;
    let checkout =
        Checkout::locked_in("app", &[("app/package.json", app), ("loc/package.json", loc)]);
    let files = checkout.files();
    let projects = Npm.discover(&files).projects;
    let roots: Vec<&str> = projects.iter().map(|project| project.root.as_str()).collect();
    assert_eq!(roots, ["app", "loc"]);
    let bump = Bump { package: "minimist".into(), from: "1.2.5".into(), to: "1.2.6".into() };
    let graph = Npm.graph(&projects[0], &files, None).expect("a graph");
    let plan = Npm.plan(&projects[0], &files, &graph, &[bump]).expect("a plan");
    checkout.carry_out(&plan).expect("npm agrees");
    checkout.succeed(&["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
    assert_eq!(checkout.read("app/package.json"), app.replace("1.2.5", "1.2.6"));
    assert_eq!(checkout.read("loc/package.json"), loc);
}

#[test]
fn an_override_that_decides_is_moved() {
    let manifest =
        r#"{ "dependencies": { "mkdirp": "0.5.5" }, "overrides": { "minimist": "1.2.5" } }"#;
    let checkout = Checkout::locked(manifest, &[("package.json", manifest)]);
    let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6")]);
    assert_eq!(moved, ["-minimist@1.2.5", "+minimist@1.2.6"]);
    assert_eq!(checkout.read("package.json"), manifest.replace("1.2.5", "1.2.6"));
}

#[test]
fn the_lock_keeps_its_version_its_indent_and_its_habits() {
    let manifest = r#"{ "dependencies": { "mkdirp": "0.5.5" } }"#;
    let old = r#"{ "dependencies": { "mkdirp": "0.5.5" }, "overrides": { "minimist": "1.2.5" } }"#;
    for resolved in [true, false] {
        let checkout = Checkout::locked_with(
            old,
            &[("package.json", manifest)],
            &["--lockfile-version=2", &format!("--omit-lockfile-registry-resolved={}", !resolved)],
        );
        let tabs = checkout.read("package-lock.json").replace("    ", "\t\t").replace("  ", "\t");
        checkout.write("package-lock.json", &tabs);
        // The machine's own configuration says the contrary.
        checkout.write(
            ".npmrc",
            &format!("omit-lockfile-registry-resolved={resolved}\nlockfile-version=3\n"),
        );
        let moved = checkout.moved(&[("minimist", "1.2.5", "1.2.6")]);
        assert_eq!(moved, ["-minimist@1.2.5", "+minimist@1.2.6"]);
        let lock = checkout.read("package-lock.json");
        assert!(lock.contains("\n\t\"lockfileVersion\": 2,"), "{lock}");
        // Once in `packages`, once in what npm 6 reads.
        assert_eq!(
            lock.matches("minimist-1.2.6.tgz").count(),
            if resolved { 2 } else { 0 },
            "{lock}"
        );
        assert_eq!(lock.matches("\"version\": \"1.2.6\"").count(), 2, "{lock}");
    }
}

#[test]
fn without_a_lock_npm_says_what_an_install_would_bring() {
    let manifest = r#"{ "dependencies": { "mkdirp": "0.5.5" } }"#;
    let checkout = Checkout::new(&[("package.json", manifest)]);
    let project = checkout.project();
    assert!(!checkout.graph().whole);
    let resolve = Npm.resolve(&project, &checkout.files()).expect("there is no lock");
    let printed = checkout.exec(&resolve);
    assert!(printed.success(), "{}", printed.stderr_text());
    assert_eq!(checkout.succeed(&["ls", "-A"]), "package.json\n");
    let graph = Npm.graph(&project, &checkout.files(), Some(&printed.stdout)).expect("a graph");
    assert!(graph.whole);
    let (_, transitive) = graph.named("minimist").next().expect("minimist");
    assert!(!transitive.direct && transitive.source == Source::Registry);
    // Direct requirements can be moved, by the manifest alone.
    let plan = checkout.plan(&[("mkdirp", "0.5.5", "0.5.6")]).expect("a plan");
    checkout.carry_out(&plan).expect("npm agrees");
    assert_eq!(checkout.read("package.json"), manifest.replace("0.5.5", "0.5.6"));
    assert_eq!(checkout.succeed(&["ls", "-A"]), "package.json\n");
    assert!(checkout.plan(&[("minimist", "1.2.5", "1.2.6")]).is_err());
}
