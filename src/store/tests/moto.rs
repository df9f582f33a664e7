//! A real S3 interface on this machine: the server of moto, one for all tests of a process, and a bucket for each test.
//!
//! `RETORT_MOTO` names the program `moto_server`, or else it is looked for on the path; where there is none, tests say that
//! they are skipped.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};

/// What a request that is signed has; the server does not look what it is signed with.
const SIGNED: &str =
    "AWS4-HMAC-SHA256 Credential=eve/20261127/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0";

/// The server, which ends with the process.
pub(crate) struct Moto {
    port: u16,
    agent: ureq::Agent,
    /// The server ends when its input is closed.
    _shell: Mutex<Child>,
}

/// A bucket of the server.
pub(crate) struct MotoBucket {
    moto: &'static Moto,
    pub(crate) name: String,
}

/// Returns a new bucket; `None` where there is no server, of which a line tells.
pub(crate) fn bucket() -> Option<MotoBucket> {
    static MOTO: OnceLock<Option<Moto>> = OnceLock::new();
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Some(moto) = MOTO.get_or_init(Moto::start) else {
        eprintln!("skipped: there is no `moto_server`; RETORT_MOTO can name one");
        return None;
    };
    let name = format!("lab-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    let bucket = MotoBucket { moto, name };
    assert_eq!(moto.agent.put(bucket.url("")).send_empty().unwrap().status(), 200);
    Some(bucket)
}

impl Moto {
    fn start() -> Option<Self> {
        // The shell ends the server when nobody holds the other end of its input any more, however that came about.
        const SCRIPT: &str = "\"$0\" -H 127.0.0.1 -p 0 & server=$!; read -r _; kill $server";
        let program = std::env::var_os("RETORT_MOTO").unwrap_or_else(|| "moto_server".into());
        let is_there = Command::new(&program).arg("--help").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if !is_there.is_ok_and(|status| status.success()) {
            return None;
        }
        let mut shell = Command::new("sh")
            .arg("-c")
            .arg(SCRIPT)
            .arg(&program)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(shell.stderr.take().unwrap()).lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, rest) = line.split_once("http://127.0.0.1:")?;
            rest.trim_matches(|letter: char| !letter.is_ascii_digit()).parse().ok()
        });
        // What it tells of each request is read, lest it wait for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let config = ureq::Agent::config_builder().proxy(None).http_status_as_error(false);
        Some(Self { port: port.unwrap(), agent: config.build().into(), _shell: Mutex::new(shell) })
    }
}

impl MotoBucket {
    /// Returns the port of the server.
    pub(crate) fn port(&self) -> u16 {
        self.moto.port
    }

    /// Returns the address of the server.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.moto.port)
    }

    fn url(&self, key: &str) -> String {
        format!("{}/{}/{}", self.endpoint(), self.name, encoded(key))
    }

    /// Returns the bytes of an object.
    pub(crate) fn get(&self, key: &str) -> Option<Vec<u8>> {
        let mut answer = self.moto.agent.get(self.url(key)).header("Authorization", SIGNED).call().unwrap();
        let bytes = answer.body_mut().with_config().limit(1 << 30).read_to_vec().unwrap();
        (answer.status() == 200).then_some(bytes)
    }

    /// Writes an object whatever is there.
    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        let put = self.moto.agent.put(self.url(key)).header("Authorization", SIGNED);
        assert_eq!(put.send(bytes).unwrap().status(), 200);
    }

    /// Removes an object.
    pub(crate) fn delete(&self, key: &str) {
        assert_eq!(self.moto.agent.delete(self.url(key)).header("Authorization", SIGNED).call().unwrap().status(), 204);
    }

    /// Starts an upload in parts that nobody ends.
    pub(crate) fn begin_upload(&self, key: &str) {
        let url = format!("{}?uploads", self.url(key));
        assert_eq!(self.moto.agent.post(url).send_empty().unwrap().status(), 200);
    }

    /// Lists the uploads in parts that are not ended.
    pub(crate) fn uploads(&self) -> usize {
        let mut answer = self.moto.agent.get(format!("{}?uploads", self.url(""))).call().unwrap();
        answer.body_mut().read_to_string().unwrap().matches("<UploadId>").count()
    }

    /// Lists the keys of all objects that begin in some way, in order.
    pub(crate) fn keys(&self, beginning: &str) -> Vec<String> {
        let url = format!("{}?list-type=2&max-keys=1000&prefix={}", self.url(""), encoded(beginning));
        let text = self.moto.agent.get(url).call().unwrap().body_mut().read_to_string().unwrap();
        let key = |piece: &str| piece.split_once("</Key>").map(|(key, _)| key.to_owned());
        text.split("<Key>").skip(1).filter_map(key).collect()
    }
}

/// Writes a key as an address has it.
fn encoded(key: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    key.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
