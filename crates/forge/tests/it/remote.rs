//! A repository behind a URL: real `git http-backend` behind forty lines of server, and servers that misbehave.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use domain::Fence;
use forge::local::{Branch, LocalError, MergeRequest, Merged, Withdrawn};
use forge::mirror::{Mirrors, Note};
use forge::{Git, Mirror, Source, git};

use crate::house::{House, attempt, authorship, forge, git_in, run};

/// Answers every connection until the test ends; tells the address.
fn listen(answer: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap());
        }
    });
    address
}

/// Serves the repositories below a folder over HTTP until the test ends; tells the address.
fn serve(root: PathBuf) -> String {
    listen(move |stream| answer(stream, &root))
}

/// Says the same to every request.
fn says(answer: &'static str) -> String {
    listen(move |mut stream| {
        let lines = BufReader::new(stream.try_clone().unwrap()).lines();
        let _end = lines.map_while(Result::ok).find(String::is_empty);
        stream.write_all(answer.as_bytes()).unwrap();
    })
}

async fn mirrors(house: &House, settings: git::Settings) -> Mirrors {
    let settings = git::Settings { plain_http: true, ..settings };
    Mirrors::open(Git::new(settings).await.unwrap(), &house.path("mirrors")).unwrap()
}

fn source(url: &str) -> Source {
    Source::find(url, Path::new("/")).unwrap()
}

/// Passes one request to `git http-backend` as RFC 3875 says.
fn answer(mut stream: TcpStream, root: &Path) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim_end().is_empty() {
            break;
        }
        head.push(line.trim_end().to_owned());
    }
    let header = |name: &str| {
        let wanted = format!("{name}:");
        head.iter()
            .find(|line| line.to_lowercase().starts_with(&wanted))
            .map(|line| line.split_once(':').unwrap().1.trim().to_owned())
            .unwrap_or_default()
    };
    let mut first = head[0].split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut body).unwrap();
    #[expect(clippy::disallowed_methods, reason = "the test stands for a server")]
    let mut command = std::process::Command::new("git");
    command.arg("http-backend").env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    command.env("REQUEST_METHOD", method).env("PATH_INFO", path).env("QUERY_STRING", query);
    command.env("CONTENT_TYPE", header("content-type")).env("GIT_PROTOCOL", header("git-protocol"));
    command.env("HTTP_CONTENT_ENCODING", header("content-encoding"));
    command.env("CONTENT_LENGTH", body.len().to_string()).env("GIT_CONFIG_GLOBAL", "/dev/null");
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&body));
    let told = child.wait_with_output().unwrap().stdout;
    feeder.join().unwrap().unwrap();
    let status = match told.strip_prefix(b"Status: ".as_slice()) {
        Some(rest) => {
            String::from_utf8_lossy(rest.split(|b| *b == b'\r').next().unwrap()).into_owned()
        }
        None => "200 OK".into(),
    };
    write!(stream, "HTTP/1.1 {status}\r\nConnection: close\r\n").unwrap();
    stream.write_all(&told).unwrap();
}

#[tokio::test]
async fn a_repository_behind_a_url_is_mirrored_and_its_absence_explained() {
    let house = House::new().await;
    let place = house.repository("app");
    git_in(&place, &["tag", "v1"]);
    let address = serve(house.folder.path().to_owned());
    let mirrors = mirrors(&house, git::Settings::default()).await;
    let mirror = |name: &str| mirrors.mirror(&source(&format!("http://{address}/{name}"))).unwrap();
    let found = mirror("app/.git").refresh(None).await.unwrap();
    assert_eq!(found.head.as_str(), git_in(&place, &["rev-parse", "HEAD"]));
    assert_eq!(found.target.as_deref(), Some("main"));
    assert_eq!(found.notes, [Note::Unprotected]);
    assert_eq!(mirror("app/.git/").folder(), mirror("app/.git").folder(), "one repository");

    let look = async |name: &str, branch: Option<&str>| {
        let url = source(&format!("http://{address}/{name}"));
        let error = mirrors.look(&url, branch, &house.path("nowhere")).await.unwrap_err();
        format!("{error} / {}", error.hint())
    };
    mirrors.look(mirror("app/.git").source(), Some("main"), &house.path("nowhere")).await.unwrap();
    let told = look("app/.git", Some("mian")).await;
    assert!(told.contains("no branch `mian`") && told.contains("did you mean `main`?"), "{told}");
    let told = look("none", None).await;
    assert!(told.contains("no repository there that everyone may read"), "{told}");
    fs::create_dir(house.path("empty")).unwrap();
    git_in(&house.path("empty"), &["init", "-q", "--bare"]);
    let told = look("empty", None).await;
    assert!(told.contains("it is empty"), "{told}");
    git_in(&place, &["symbolic-ref", "HEAD", "refs/heads/gone"]);
    let told = look("app/.git", None).await;
    assert!(told.contains("there is no branch") && told.contains("there are main"), "{told}");
    mirror("app/.git").refresh(Some("main")).await.unwrap();

    let strict =
        Mirrors::open(Git::new(git::Settings::default()).await.unwrap(), &house.path("strict"));
    let error = strict.unwrap().mirror(mirror("app/.git").source()).unwrap().refresh(None).await;
    let error = error.unwrap_err();
    assert!(error.to_string().contains("'http' not allowed"), "{error}");
    assert!(error.hint().contains("https"), "{}", error.hint());
}

#[tokio::test]
async fn a_server_that_refuses_misbehaves_or_keeps_silent_is_told_with_a_hint() {
    let house = House::new().await;
    let settings = git::Settings { look_timeout_ms: 1500, ..git::Settings::default() };
    let mirrors = mirrors(&house, settings).await;
    let locked = says(
        "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let page = says(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 7\r\nconnection: close\r\n\r\n<html>\n",
    );
    let gibberish = listen(|mut stream| {
        stream.write_all(b"what do you want?\n").unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let _request = stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let kept = std::sync::Mutex::new(Vec::new());
    let silent = listen(move |stream| kept.lock().unwrap().push(stream));
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (url, words) in [
        (format!("http://{locked}/a"), "hob has no credential: clone it"),
        (format!("http://{page}/a"), "what answers there is no git repository"),
        (format!("git://{gibberish}/a"), "what answers there is no git repository"),
        (format!("git://{silent}/a"), "did not answer within 1 s / check that `git ls-remote`"),
        (format!("git://{nobody}/a"), "Connection refused / check that `git ls-remote`"),
    ] {
        let error = mirrors.look(&source(&url), None, &house.path("nowhere")).await.unwrap_err();
        let told = format!("{error} / {}", error.hint());
        assert!(told.contains(words) && told.contains(&url), "{url}: {told}");
    }
}

#[tokio::test]
async fn a_repository_larger_than_the_limit_is_refused() {
    let house = House::new().await;
    let place = house.repository("app");
    let noise: Vec<u8> = (0..25_000_u64)
        .flat_map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).to_be_bytes())
        .collect();
    fs::write(place.join("noise"), noise).unwrap();
    git_in(&place, &["add", "-A"]);
    git_in(&place, &["commit", "-q", "-m", "large"]);
    let address = serve(house.folder.path().to_owned());
    let settings = git::Settings { fetch_max_bytes: 50_000, ..git::Settings::default() };
    let mirrors = mirrors(&house, settings).await;
    let mirror = mirrors.mirror(&source(&format!("http://{address}/app/.git"))).unwrap();
    let error = mirror.refresh(None).await.unwrap_err();
    assert!(error.to_string().contains("too large: more than 50000 bytes"), "{error}");
    assert!(error.hint().contains("--depth 1"), "{}", error.hint());
}

/// A bare repository behind a URL, its mirror, and a proposal in that.
async fn proposal(house: &House) -> (PathBuf, Mirror, MergeRequest) {
    let place = house.repository("app");
    git_in(house.folder.path(), &["clone", "-q", "--bare", "app", "app.git"]);
    let bare = house.path("app.git");
    git_in(&bare, &["config", "http.receivepack", "true"]);
    git_in(&bare, &["branch", "hob/theirs"]);
    git_in(&place, &["remote", "add", "origin", bare.to_str().unwrap()]);
    let address = serve(house.folder.path().to_owned());
    let mirrors = mirrors(house, git::Settings::default()).await;
    let mirror = mirrors.mirror(&source(&format!("http://{address}/app.git"))).unwrap();
    let found = mirror.refresh(None).await.unwrap();
    let machine = house.machine(&mirror, &found).await;
    fs::write(machine.checkout().join("n"), "changed\n").unwrap();
    let attempt = attempt(1);
    let change = machine.ingest(&mirror, attempt).await.unwrap().change;
    let branch = Branch::of(attempt.run, "n", change.base, change.head);
    forge(&mirror).propose(&branch, Fence(2)).await.unwrap();
    let request = MergeRequest {
        branch,
        target: "main".to_owned(),
        approved: change.digest,
        merge_commit: None,
    };
    (bare, mirror, request)
}

#[tokio::test]
async fn a_proposal_for_a_repository_elsewhere_lives_in_its_mirror_and_its_owner_publishes_it() {
    let house = House::new().await;
    let (bare, mirror, request) = proposal(&house).await;
    let forge = forge(&mirror);
    // A branch of the same name elsewhere is somebody else's, and one that goes takes nothing along.
    let name = &request.branch.name;
    git_in(&bare, &["branch", name, "main"]);
    mirror.refresh(None).await.unwrap();
    git_in(&bare, &["branch", "-D", "-q", name, "hob/theirs"]);
    let found = mirror.refresh(None).await.unwrap();
    assert_eq!(found.branches.keys().collect::<Vec<_>>(), ["main"]);
    let standing = forge.standing(&request.branch, "main", &std::env::temp_dir()).await.unwrap();
    assert_eq!(standing.branch.as_ref(), Some(&request.branch.head));
    assert_eq!((standing.target, standing.merged), (Some(request.branch.base.clone()), false));
    git_in(&bare, &["branch", "hob/theirs"]);

    let before = crate::house::snapshot(&bare);
    let told = forge.merge(&request, Fence(4)).await.unwrap_err();
    let LocalError::Elsewhere { merge, publish, .. } = &told else { panic!("{told}") };
    assert!(told.hint().contains(merge) && told.hint().contains(publish), "{}", told.hint());
    assert_eq!(crate::house::snapshot(&bare), before, "nothing is half done");
    for command in [publish, merge] {
        let told = run(house.folder.path(), &["sh", "-c", command]);
        assert!(told.status.success(), "{command}: {told:?}");
    }
    let head = request.branch.head.as_str();
    assert_eq!(git_in(&bare, &["rev-parse", "main"]), head);
    assert_eq!(git_in(&bare, &["rev-parse", name]), head);
    let merged = forge.merge(&request, Fence(5)).await.unwrap();
    assert_eq!(merged, Merged { commit: request.branch.head.clone(), behind: vec![] });
    assert!(forge.standing(&request.branch, "main", &std::env::temp_dir()).await.unwrap().merged);
    assert_eq!(forge.withdraw(&request.branch, Fence(6)).await.unwrap(), Withdrawn::Deleted);
    assert_eq!(git_in(&bare, &["rev-parse", name]), head, "what is published is its owner's");
}

#[tokio::test]
async fn a_target_elsewhere_that_moved_on_is_refused_here_and_by_the_push_that_was_told() {
    let house = House::new().await;
    let (bare, mirror, mut request) = proposal(&house).await;
    request.merge_commit = Some(authorship());
    let told = forge(&mirror).merge(&request, Fence(4)).await.unwrap_err();
    let LocalError::Elsewhere { merge, .. } = &told else { panic!("{told}") };
    // Between what was said and what is done it may move: then git refuses.
    let place = house.path("app");
    git_in(&place, &["commit", "-q", "--allow-empty", "-m", "meanwhile"]);
    git_in(&place, &["push", "-q", "origin", "main"]);
    let before = git_in(&bare, &["rev-parse", "main"]);
    let pushed = run(house.folder.path(), &["sh", "-c", merge]);
    assert!(!pushed.status.success(), "{pushed:?}");
    for merge_commit in [None, Some(authorship())] {
        let asked = MergeRequest { merge_commit, ..request.clone() };
        let told = forge(&mirror).merge(&asked, Fence(5)).await.unwrap_err();
        assert!(matches!(told, LocalError::Refused { .. }), "{told}");
        assert!(told.to_string().contains("`main` moved"), "{told}");
    }
    assert_eq!(git_in(&bare, &["rev-parse", "main"]), before);
}
