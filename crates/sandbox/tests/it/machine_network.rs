//! The only way out of a real machine: its proxy on loopback, which the host answers.

use domain::exec::Exec;
use sandbox::port::{EgressRule, NetworkPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::machine_house::{Heard, House, MIB, says, sh, spec};

/// An upstream on loopback that answers every request with the same body.
async fn upstream(body: &'static [u8]) -> u16 {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = connection.read(&mut request).await.unwrap();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            connection.write_all(head.as_bytes()).await.unwrap();
            let _cut = connection.write_all(body).await;
        }
    });
    serving.detach_all();
    port
}

fn allow(port: u16) -> NetworkPolicy {
    let rule = EgressRule {
        name: "test".to_owned(),
        host: "localhost".to_owned(),
        port,
        plain_http: true,
        methods: vec!["GET".to_owned()],
        paths: vec!["/allowed/**".to_owned()],
        queries: true,
        immutable: Vec::new(),
        authorization: None,
        response_max_bytes: 64 * MIB,
    };
    NetworkPolicy { rules: vec![rule] }
}

#[tokio::test]
async fn what_a_rule_allows_comes_through_and_all_else_is_refused_and_told() {
    let house = House::new();
    let port = upstream(b"from outside").await;
    let spec = sandbox::port::MachineSpec { network: allow(port), ..spec() };
    let machine = house.launch(&spec).await;
    let get = |path: &str| {
        format!("curl -sS --max-time 20 -w '%{{http_code}}' http://localhost:{port}{path}")
    };
    assert_eq!(says(&*machine, &get("/allowed/file")).await, "from outside200");
    let refused = sh(&*machine, &get("/other")).await;
    assert!(refused.stdout_text().ends_with("403"), "{}", refused.stdout_text());
    let post = sh(&*machine, &format!("{} -d x", get("/allowed/file"))).await;
    assert!(post.stdout_text().ends_with("403"), "{}", post.stdout_text());
    machine.close().await.unwrap();
    let records = house.audit.0.lock().unwrap();
    let decisions: Vec<(bool, &str)> =
        records.iter().map(|r| (r.allowed, r.path.as_str())).collect();
    assert_eq!(decisions, [(true, "/allowed/file"), (false, "/other"), (false, "/allowed/file")]);
}

#[tokio::test]
async fn a_project_reaches_its_own_servers_on_loopback() {
    let house = House::new();
    let machine = house.machine().await;
    says(&*machine, "echo 'from inside' >file").await;
    let fetch = |address: &str, name: &str, family: &str| {
        format!(
            "python3 -c '
import functools, http.server, socket, threading, urllib.request, subprocess
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.{family}
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words): pass
server = Server((\"{address}\", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = \"http://{name}:%d/file\" % server.server_port
curl = subprocess.run([\"curl\", \"-sSf\", \"-g\", url], capture_output=True, text=True)
print(curl.stdout.strip(), curl.stderr)
{}'",
            // Its standard library knows no names without a proxy for addresses in brackets.
            if family == "AF_INET6" {
                ""
            } else {
                "print(urllib.request.urlopen(url).read().decode().strip())"
            }
        )
    };
    let twice = "from inside \nfrom inside";
    assert_eq!(says(&*machine, &fetch("127.0.0.1", "127.0.0.1", "AF_INET")).await, twice);
    assert_eq!(says(&*machine, &fetch("127.0.0.1", "localhost", "AF_INET")).await, twice);
    let has_six = std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|all| !all.is_empty());
    assert_eq!(
        says(&*machine, "grep -q . /proc/net/if_inet6 && echo true || echo false").await,
        has_six.to_string()
    );
    if has_six {
        let said = says(&*machine, &fetch("::1", "[::1]", "AF_INET6")).await;
        assert_eq!(said.trim_end(), "from inside");
    }
    assert_eq!(says(&*machine, "npm config get noproxy").await, "localhost,127.0.0.1,::1");
    machine.close().await.unwrap();
    assert!(house.audit.0.lock().unwrap().is_empty());
}

#[tokio::test]
async fn many_connections_at_once_do_not_stall_a_command() {
    static BODY: [u8; 8_000_000] = [b'x'; 8_000_000];
    let house = House::new();
    let port = upstream(&BODY).await;
    let spec = sandbox::port::MachineSpec { network: allow(port), ..spec() };
    let machine = house.launch(&spec).await;
    let fetch = format!(
        "for i in 1 2 3 4 5 6 7 8; do curl -sS http://localhost:{port}/allowed/$i -o $i & done; wait; cat ? | wc -c"
    );
    let fetch = Exec::new(["sh", "-c", &fetch], "fetch");
    let mut heard = Heard::default();
    let (fetched, ()) = tokio::join!(machine.exec(&fetch, &mut heard), async {
        for _ in 0..10 {
            says(&*machine, "true").await;
        }
    });
    assert_eq!(fetched.unwrap().stdout_text(), "64000000\n");
    machine.close().await.unwrap();
}

#[tokio::test]
async fn a_flood_of_connections_is_capped_and_the_machine_works_on() {
    let house = House::new();
    let machine = house.machine().await;
    let flood = "python3 -c '
import socket
held = []
for i in range(1000):
    try:
        s = socket.create_connection((\"127.0.0.1\", 3128), 5); held.append(s)
    except OSError: pass
print(len(held))'";
    assert!(sh(&*machine, flood).await.success());
    assert_eq!(says(&*machine, "echo alive").await, "alive");
    machine.close().await.unwrap();
}
