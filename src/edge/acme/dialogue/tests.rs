//! The dialogue with an authority that follows a script: what Pebble never says.

use super::*;
use axum::body::{Body, Bytes, to_bytes};
use hyper::{Request, Response};
use instant_acme::{BodyWrapper, BytesResponse};
use serde_json::{Value, json};
use std::{
    pin::Pin,
    sync::{Arc, Mutex},
};

/// What the authority answers to a path: the code and a document.
type Say = dyn Fn(&str, &Value) -> (u16, Value) + Send + Sync;

#[derive(Clone)]
struct Script {
    say: Arc<Say>,
    /// What it was asked: path and content.
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl HttpClient for Script {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let script = self.clone();
        Box::pin(async move {
            let (head, content) = request.into_parts();
            let content = to_bytes(Body::new(content), 1 << 20).await.unwrap();
            let asked = payload(&content);
            let path = head.uri.path().to_string();
            let (code, said) = match path.as_str() {
                "/dir" => (200, directory()),
                "/nonce" => (200, Value::Null),
                _ => (script.say)(&path, &asked),
            };
            if !["/dir", "/nonce"].contains(&path.as_str()) {
                script.heard.lock().unwrap().push((path, asked));
            }
            let answer = Response::builder()
                .status(code)
                .header("replay-nonce", "n")
                .header("retry-after", "21600")
                .header("location", "https://ca.example/one");
            Ok(BytesResponse::from(answer.body(Body::from(said.to_string())).unwrap()))
        })
    }
}

/// What is signed in a request.
fn payload(content: &[u8]) -> Value {
    let signed: Value = serde_json::from_slice(content).unwrap_or_default();
    let payload = signed["payload"].as_str().unwrap_or_default();
    let payload = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
    serde_json::from_slice(&payload).unwrap_or_default()
}

fn directory() -> Value {
    let at = |path: &str| format!("https://ca.example/{path}");
    json!({
        "newNonce": at("nonce"), "newAccount": at("account"), "newOrder": at("order"),
        "revokeCert": at("revoke"), "keyChange": at("key"), "renewalInfo": at("info"),
    })
}

fn fault(kind: &str, detail: &str) -> Value {
    json!({"type": format!("urn:ietf:params:acme:error:{kind}"), "detail": detail})
}

fn order(status: &str, replaces: &Value) -> Value {
    let mut order = json!({
        "status": status,
        "identifiers": [{"type": "dns", "value": "mx.example"}],
        "authorizations": ["https://ca.example/name"],
        "finalize": "https://ca.example/finalize",
    });
    if !replaces.is_null() {
        order["replaces"] = replaces.clone();
    }
    order
}

struct Scene {
    folder: tempfile::TempDir,
    acme: Acme,
    script: Script,
}

impl Scene {
    fn with(say: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Scene {
        let text = "directory = \"https://ca.example/dir\"\nterms-agreed = true\ncontacts = [\"a@ours.example\"]\n";
        Scene {
            folder: tempfile::tempdir().unwrap(),
            acme: toml::from_str(text).unwrap(),
            script: Script { say: Arc::new(say), heard: Arc::default() },
        }
    }

    async fn play<T>(
        &self,
        act: impl AsyncFnOnce(&Dialogue<'_, Script>, &Account) -> T,
    ) -> Result<T, NoCertificate> {
        let (kept, challenges) = (AcmeFolder::of(self.folder.path()), Challenges::default());
        kept.make().unwrap();
        let dialogue = Dialogue {
            acme: &self.acme,
            names: &[Domain::parse("mx.example").unwrap()],
            line: self.script.clone(),
            folder: &kept,
            challenges: &challenges,
        };
        let account = dialogue.account().await?;
        Ok(act(&dialogue, &account).await)
    }

    /// Asks for a certificate; why there is none.
    async fn why(&self, replaces: Option<CertificateIdentifier<'static>>) -> String {
        let key = KeyPair::generate().unwrap();
        let outcome = self
            .play(async |dialogue, account| dialogue.certificate(account, &key, replaces).await)
            .await;
        outcome.unwrap().unwrap_err().to_string()
    }

    fn paths(&self) -> Vec<String> {
        self.script.heard.lock().unwrap().drain(..).map(|(path, _)| path).collect()
    }
}

fn old() -> CertificateIdentifier<'static> {
    CertificateIdentifier { authority_key_identifier: "aYhb".into(), serial: "AIdlQyE".into() }
}

#[tokio::test]
async fn an_account_is_made_once_and_told_of_other_contacts() {
    let mut scene = Scene::with(|_, _| (200, json!({"status": "valid"})));
    scene.play(async |_, _| ()).await.unwrap();
    assert_eq!(
        scene.script.heard.lock().unwrap()[0].1["contact"],
        json!(["mailto:a@ours.example"])
    );
    assert_eq!(scene.paths(), ["/account"]);
    scene.play(async |_, _| ()).await.unwrap();
    assert_eq!(scene.paths(), [""; 0], "it is known");
    scene.acme.contacts.clear();
    scene.play(async |_, _| ()).await.unwrap();
    assert_eq!(scene.script.heard.lock().unwrap()[0].1["contact"], json!([]));
    assert_eq!(scene.paths(), ["/one"], "at its own address");
    scene.acme.directory = "https://other.example/dir".to_string().try_into().unwrap();
    scene.play(async |_, _| ()).await.unwrap();
    assert_eq!(scene.paths(), ["/account"], "another authority knows us not");
}

#[tokio::test]
async fn an_account_that_is_gone_is_made_again() {
    let scene = Scene::with(|path, _| match path {
        "/order" => (400, fault("accountDoesNotExist", "unknown")),
        _ => (201, json!({"status": "valid"})),
    });
    let why = scene.why(None).await;
    assert_eq!(why, "the order: unknown (accountDoesNotExist)");
    assert_eq!(scene.paths(), ["/account", "/order"]);
    scene.why(None).await;
    assert_eq!(scene.paths(), ["/account", "/order"]);
}

#[tokio::test]
async fn an_order_names_the_certificate_that_it_replaces_where_that_is_liked() {
    let liked = Scene::with(|path, asked| match path {
        "/order" => (201, order("pending", &asked["replaces"])),
        "/name" => (403, fault("unauthorized", "enough")),
        _ => (201, json!({"status": "valid"})),
    });
    assert_eq!(liked.why(Some(old())).await, "the names: enough (unauthorized)");
    assert_eq!(liked.script.heard.lock().unwrap()[1].1["replaces"], "aYhb.AIdlQyE");
    assert_eq!(liked.paths(), ["/account", "/order", "/name"]);

    let disliked = Scene::with(|path, asked| match (path, asked["replaces"].is_null()) {
        ("/order", false) => (409, fault("alreadyReplaced", "twice")),
        ("/order", true) => (201, order("pending", &Value::Null)),
        ("/name", _) => (403, fault("unauthorized", "enough")),
        _ => (201, json!({"status": "valid"})),
    });
    assert_eq!(disliked.why(Some(old())).await, "the names: enough (unauthorized)");
    assert_eq!(disliked.paths(), ["/account", "/order", "/order", "/name"]);
}

#[tokio::test]
async fn what_the_authority_does_not_believe_is_said_in_its_words() {
    let name = |status: &str, kind: &str, error: Value| {
        let mut challenge =
            json!({"type": kind, "url": "https://ca.example/look", "token": "t", "status": status});
        if !error.is_null() {
            challenge["error"] = error;
        }
        json!({"status": status, "identifier": {"type": "dns", "value": "mx.example"}, "challenges": [challenge]})
    };
    let detail = "192.0.2.7: Connection\nrefused";
    let refused = name("invalid", "http-01", fault("connection", detail));
    let elsewhere = name("pending", "dns-01", Value::Null);
    for (said, want) in [
        (
            refused,
            "the authority did not find our answer at port 80: 192.0.2.7: Connection refused (connection)",
        ),
        (elsewhere, "the authority offers no http-01 for mx.example"),
    ] {
        let scene = Scene::with(move |path, _| match path {
            "/order" => (201, order("pending", &Value::Null)),
            "/name" => (200, said.clone()),
            _ => (201, json!({"status": "valid"})),
        });
        assert_eq!(scene.why(None).await, want);
    }
}

#[tokio::test]
async fn the_authority_says_when_a_certificate_is_to_be_renewed() {
    // The example of RFC 9773 section 4.2.
    let scene = Scene::with(|path, _| match path {
        "/info/aYhb.AIdlQyE" => (
            200,
            json!({"suggestedWindow": {"start": "2025-01-02T04:00:00Z", "end": "2025-01-03T04:00:00Z"}}),
        ),
        _ => (201, json!({"status": "valid"})),
    });
    let window =
        scene.play(async |dialogue, account| dialogue.window(account, &old()).await).await.unwrap();
    let (start, end) = (UnixMs(1_735_790_400_000), UnixMs(1_735_876_800_000));
    let (found_start, found_end, again) = window.unwrap();
    assert_eq!((found_start, found_end), (start, end));
    assert!(
        again > Duration::from_secs(21_590) && again <= Duration::from_secs(21_600),
        "{again:?}"
    );

    let silent = Scene::with(|_, _| (404, fault("malformed", "what?")));
    let window =
        silent.play(async |dialogue, account| dialogue.window(account, &old()).await).await;
    assert!(window.is_err(), "no account, no window");
}

#[tokio::test]
async fn a_customers_key_is_read_from_its_file() {
    let mut scene = Scene::with(|_, _| (201, json!({"status": "valid"})));
    let file = scene.folder.path().join("key");
    let external = ExternalAccount { id: "kid".to_string(), key_file: file.clone() };
    scene.acme.external_account = Some(external);
    for (text, part) in [(None, "No such file"), (Some("not base64!"), "no base64url")] {
        if let Some(text) = text {
            fs::write(&file, text).unwrap();
        }
        let why = scene.play(async |_, _| ()).await.unwrap_err().to_string();
        assert!(why.contains("external-account") && why.contains(part), "{why}");
    }
    fs::write(&file, "zWNDZM6eQGHWpSRTPal5eA==\n").unwrap();
    scene.play(async |_, _| ()).await.unwrap();
    let bound = &scene.script.heard.lock().unwrap()[0].1["externalAccountBinding"];
    let header = bound["protected"].as_str().unwrap();
    let header = String::from_utf8(BASE64URL_NOPAD.decode(header.as_bytes()).unwrap()).unwrap();
    assert!(header.contains("\"kid\":\"kid\"") && header.contains("HS256"), "{header}");
}
