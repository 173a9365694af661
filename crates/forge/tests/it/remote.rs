//! A repository behind a URL: real `git http-backend` behind forty lines of server.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use forge::mirror::Mirrors;
use forge::{Git, Source, git};

use crate::house::{House, git_in};

/// Serves the repositories below a folder over HTTP until the test ends; tells the address.
fn serve(root: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            answer(stream.unwrap(), &root);
        }
    });
    address
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
    let settings = git::Settings { plain_http: true, ..git::Settings::default() };
    let mirrors = Mirrors::open(Git::new(settings).await.unwrap(), &house.path("mirrors")).unwrap();
    let mirror = |name: &str| {
        let url = format!("http://{address}/{name}");
        mirrors.mirror(&Source::find(&url, Path::new("/")).unwrap()).unwrap()
    };
    let found = mirror("app/.git").refresh(None).await.unwrap();
    assert_eq!(found.head.as_str(), git_in(&place, &["rev-parse", "HEAD"]));
    assert_eq!(found.target.as_deref(), Some("main"));

    let error = mirror("none").refresh(None).await.unwrap_err();
    assert!(error.hint().contains("no repository that this account may see"), "{error}");
    fs::create_dir(house.path("empty")).unwrap();
    git_in(&house.path("empty"), &["init", "-q", "--bare"]);
    let error = mirror("empty").refresh(None).await.unwrap_err();
    assert!(error.to_string().contains("it is empty"), "{error}");

    let strict =
        Mirrors::open(Git::new(git::Settings::default()).await.unwrap(), &house.path("strict"));
    let error = strict.unwrap().mirror(mirror("app/.git").source()).unwrap().refresh(None).await;
    assert!(error.unwrap_err().to_string().contains("'http' not allowed"));
}
