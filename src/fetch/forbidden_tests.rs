//! Every way that is known to lead a server to what it must not reach, tried on the real guard. Listeners on this machine see to it that
//! nothing arrives; each table is first tried where it is allowed, so that a listener that hears nothing is not deaf.

use std::sync::Arc;
use std::time::Duration;

use super::served::{Canary, Names, Served, fetcher, get, redirect};
use super::{Cause, Failure, Refusal};

/// Hosts that are refused as they are written.
const WRITTEN: &[&str] = &[
    // This machine, in every notation.
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "127.255.255.254",
    "127.0.0.1.",
    "2130706433",
    "0x7f000001",
    "0x7F.0x0.0x0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0x7f.1",
    "127.0x0.1",
    "0177.0.0x1",
    "00000177.0.0.1",
    "127。0。0。1",
    "１２７．０．０．１",
    "①②⑦.0.0.1",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "0",
    "0x0",
    "00",
    "0.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "ｌｏｃａｌｈｏｓｔ",
    "a.localhost",
    "a.localhost.",
    "localhost.localdomain",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::7f00:1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:7f00:0001::1]",
    "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
    "[2001:0:7f00:1::]",
    "[2a00::5efe:127.0.0.1]",
    // The network that it stands in.
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "0xc0a80001",
    "192.168.1",
    "100.64.0.1",
    "100.127.255.255",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[::ffff:10.0.0.1]",
    "[64:ff9b::192.168.0.1]",
    "[2002:c0a8:1::1]",
    "router.lan",
    "db.internal",
    "printer.local",
    "db",
    "intranet",
    "x.corp",
    "nas.home.arpa",
    // What its cloud tells machines.
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "169.254.169.254.",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[fd00:ec2::254]",
    "[64:ff9b::a9fe:a9fe]",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "metadata.google.internal",
    "metadata",
    // What is no place at all.
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "192.88.99.1",
    "[ff02::1]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2001:2::1]",
    "[100::1]",
    "[5f00::1]",
];

/// Addresses that a name may turn out to have.
const RESOLVED: &[&[&str]] = &[
    &["127.0.0.1"],
    &["127.8.8.8"],
    &["0.0.0.0"],
    &["::1"],
    &["::"],
    &["::ffff:127.0.0.1"],
    &["::127.0.0.1"],
    &["10.0.0.1"],
    &["172.20.1.1"],
    &["192.168.178.1"],
    &["100.64.1.1"],
    &["169.254.169.254"],
    &["fd00:ec2::254"],
    &["fe80::1"],
    &["fd00::1"],
    &["64:ff9b::7f00:1"],
    &["64:ff9b:1::1"],
    &["2002:7f00:1::"],
    &["168.63.129.16"],
    &["198.18.0.1"],
    &["224.0.0.1"],
    &["255.255.255.255"],
    // One forbidden address among public ones spoils all of them, wherever it stands.
    &["93.184.216.34", "127.0.0.1"],
    &["127.0.0.1", "93.184.216.34"],
    &["2606:4700::1", "93.184.216.34", "::1"],
];

#[tokio::test]
async fn what_is_forbidden_as_it_is_written_is_refused_without_a_connection_or_a_look_up() {
    let (canary, names) = (Canary::start().await, Arc::new(Names::default()));
    let guard = fetcher(&[], &names);
    assert!(WRITTEN.len() >= 60, "only {}", WRITTEN.len());
    for host in WRITTEN {
        for scheme in ["http", "https"] {
            let outcome = guard.fetch(get(&format!("{scheme}://{host}:{}/x", canary.port))).await.map(|_| ());
            assert_eq!(outcome, Err(Failure::Refused(Refusal::Host)), "{scheme}://{host}");
            assert_eq!(names.asked(host), 0, "{host} was looked up");
        }
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn other_ways_of_writing_an_address_do_not_get_round_the_check() {
    let canary = Canary::start().await;
    let guard = fetcher(&[], &Arc::default());
    let port = canary.port;
    for (url, refusal) in [
        (format!("http:127.0.0.1:{port}"), Refusal::Host),
        (format!("http:/\\127.0.0.1:{port}"), Refusal::Host),
        (format!("http:\\\\127.0.0.1:{port}/"), Refusal::Host),
        (format!("http:///127.0.0.1:{port}/"), Refusal::Host),
        (format!("  http://127.0.0.1:{port}/ "), Refusal::Host),
        (format!("ht\ntp://127.\t0.0.1:{port}/"), Refusal::Host),
        (format!("HTTP://127.0.0.1:{port}/"), Refusal::Host),
        (format!("http://example.com@127.0.0.1:{port}/"), Refusal::Credentials),
        (format!("http://127.0.0.1:{port}@example.com/"), Refusal::Credentials),
        (format!("http://127.0.0.1:{port}#@example.com/"), Refusal::Host),
        (format!("http://127.0.0.1:{port}\\@example.com/"), Refusal::Host),
        (format!("http://127.0.0.1:{port}?@example.com/"), Refusal::Host),
        (format!("ftp://127.0.0.1:{port}/"), Refusal::Scheme),
        (format!("gopher://127.0.0.1:{port}/_x"), Refusal::Scheme),
        (format!("unix://127.0.0.1:{port}/"), Refusal::Scheme),
        ("file:///etc/passwd".to_owned(), Refusal::Scheme),
    ] {
        let outcome = guard.fetch(get(&url)).await.map(|_| ());
        assert_eq!(outcome, Err(Failure::Refused(refusal)), "{url:?}");
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn a_name_that_leads_to_what_is_forbidden_is_not_connected_to() {
    let canary = Canary::start().await;
    for (index, addresses) in RESOLVED.iter().enumerate() {
        let name = format!("n{index}.example.com");
        let names = Arc::new(Names::default().with(&name, &[addresses]));
        let outcome = fetcher(&[], &names).fetch(get(&format!("http://{name}:{}/", canary.port))).await.map(|_| ());
        assert_eq!(outcome, Err(Failure::Unreachable(Cause::ForbiddenAddress)), "{addresses:?}");
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn a_listener_that_may_be_reached_is_reached() {
    // Without this the other tests here would hold for a listener that is deaf.
    let served = Served::start(|_| "hello").await;
    for host in
        ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "localhost", "inner.example.com"]
    {
        let names = Names::default().with("localhost", &[&["127.0.0.1"]]).with("inner.example.com", &[&["127.0.0.1"]]);
        let guard = fetcher(&["127.0.0.0/8"], &Arc::new(names));
        let fetched = guard.fetch(get(&format!("http://{host}:{}/", served.port))).await;
        assert_eq!(fetched.map(|fetched| fetched.body), Ok("hello".into()), "{host}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_asked_once_and_the_connection_goes_where_it_was_checked() {
    let (served, canary) = (Served::start(|_| "hello").await, Canary::start().await);
    let allowed = ["127.0.0.1/32"];
    // First what is allowed, from then on what is not. Whoever asked again for the connection would be led there.
    let names = Arc::new(Names::default().with("turns.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let guard = fetcher(&allowed, &names);
    let url = format!("http://turns.example.com:{}/", served.port);
    assert!(guard.fetch(get(&url)).await.is_ok());
    assert_eq!(names.asked("turns.example.com"), 1);
    let again = guard.fetch(get(&url)).await.map(|_| ());
    assert_eq!(again, Err(Failure::Unreachable(Cause::ForbiddenAddress)), "nothing is remembered of the first time");
    assert_eq!(served.asked().len(), 1);
    // The same within one fetch: the name is asked again at the redirect, and checked again.
    let port = canary.port;
    let sends_on = Served::start(move |_| redirect(302, &format!("http://turns.example.com:{port}/"))).await;
    let names = Arc::new(Names::default().with("turns.example.com", &[&["127.0.0.1"], &["127.0.0.2"]]));
    let outcome = fetcher(&allowed, &names).fetch(get(&format!("http://turns.example.com:{}/", sends_on.port))).await;
    assert_eq!(outcome.map(|_| ()), Err(Failure::Unreachable(Cause::ForbiddenAddress)));
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn no_redirect_leads_to_what_is_forbidden() {
    let canary = Canary::start().await;
    let port = canary.port;
    let names = Arc::new(Names::default().with("inner.example.com", &[&["127.0.0.2"]]));
    let guard = fetcher(&["127.0.0.1/32"], &names);
    let targets = [
        ("127.0.0.2", true),
        ("127.2", true),
        ("2130706434", true),
        ("0x7f000002", true),
        ("0.0.0.0", true),
        ("[::1]", true),
        ("[::ffff:127.0.0.2]", true),
        ("[64:ff9b::7f00:2]", true),
        ("10.0.0.1", true),
        ("169.254.169.254", true),
        ("[fd00:ec2::254]", true),
        ("inner.example.com", false),
    ];
    for (host, is_written) in targets {
        for status in [301, 302, 303, 307, 308] {
            for form in ["http://HOST/", "//HOST/", "https://HOST/", "http:\\\\HOST\\"] {
                let location = form.replace("HOST", &format!("{host}:{port}"));
                let to = location.clone();
                let served = Served::start(move |_| redirect(status, &to)).await;
                let outcome = guard.fetch(get(&format!("http://127.0.0.1:{}/", served.port))).await.map(|_| ());
                let refused = Failure::Refused(Refusal::Host);
                let expected = if is_written { refused } else { Failure::Unreachable(Cause::ForbiddenAddress) };
                assert_eq!(outcome, Err(expected), "{status} {location}");
                assert_eq!(served.asked().len(), 1);
            }
        }
    }
    assert_eq!(canary.connections().await, 0);
}

#[tokio::test]
async fn an_inner_name_needs_an_allowed_range_for_all_of_its_addresses() {
    let served = Served::start(|_| "hello").await;
    let names = Names::default()
        .with("crm.internal", &[&["127.0.0.1"]])
        .with("mixed.internal", &[&["127.0.0.1", "127.0.0.2"]])
        .with("public.internal", &[&["93.184.216.34"]]);
    let guard = fetcher(&["127.0.0.1/32"], &Arc::new(names));
    let at = |name: &str| get(&format!("http://{name}:{}/", served.port));
    assert!(guard.fetch(at("crm.internal")).await.is_ok());
    for name in ["mixed.internal", "public.internal"] {
        let outcome = guard.fetch(at(name)).await.map(|_| ());
        assert_eq!(outcome, Err(Failure::Unreachable(Cause::ForbiddenAddress)), "{name}");
    }
    assert_eq!(served.asked().len(), 1);
}

/// Says to the test that it is the child whose environment names a proxy, and where the server is.
const IN_CHILD: &str = "CHATBOTX_TEST_FETCH_BEHIND_PROXY";

#[tokio::test]
async fn proxies_of_the_environment_are_not_used() {
    let name = "fetch::forbidden_tests::proxies_of_the_environment_are_not_used";
    if let Ok(port) = std::env::var(IN_CHILD) {
        let names = Arc::new(Names::default().with("served.example.com", &[&["127.0.0.1"]]));
        let guard = fetcher(&["127.0.0.1/32"], &names);
        let fetched = guard.fetch(get(&format!("http://served.example.com:{port}/"))).await.expect("reached");
        assert_eq!(fetched.body, "hello");
        return;
    }
    let (served, proxy) = (Served::start(|_| "hello").await, Canary::start().await);
    let to_proxy = format!("http://127.0.0.1:{}", proxy.port);
    let mut child = tokio::process::Command::new(std::env::current_exe().expect("this program"));
    for variable in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(variable, &to_proxy);
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY").env(IN_CHILD, served.port.to_string());
    child.args(["--exact", name, "--nocapture"]).kill_on_drop(true);
    let ended = tokio::time::timeout(Duration::from_secs(60), child.output()).await.expect("an end").expect("started");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    assert_eq!((served.asked().len(), proxy.connections().await), (1, 0));
}
