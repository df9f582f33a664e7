//! The requests that are made of a hub, and what its answers mean.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use serde::Deserialize;
use ureq::http::Response;
use ureq::{Agent, Body};

use super::error::Reason;
use super::{HubModel, Revision, Secret, Way};

/// The most bytes of an answer that describes a repository.
const DESCRIPTION_BYTES_MAX: u64 = 64 << 20;
/// The most redirections that are followed for one file.
const REDIRECTIONS_MAX: usize = 8;

/// A hub.
#[derive(Debug)]
pub(super) struct Client {
    way: Way,
    /// An agent for each kind of address, made when it is first needed.
    agents: [OnceLock<Agent>; Way::KINDS],
    endpoint: String,
    token: Option<Secret>,
}

/// What a hub says of a repository at one commit.
#[derive(Debug)]
pub(super) struct Description {
    /// The commit.
    pub(super) commit: String,
    /// The names of the files.
    pub(super) files: BTreeSet<String>,
}

/// What a hub announces about a file.
#[derive(Debug)]
pub(super) struct Announced {
    /// The name of its content: a SHA-256 for large files.
    pub(super) etag: String,
    /// Its size in bytes.
    pub(super) bytes: u64,
    /// Where the hub is asked for its bytes. It may redirect to a place that is good for a while only.
    url: String,
}

impl Client {
    /// Takes the address of a hub without a slash at its end.
    pub(super) fn new(endpoint: String, token: Option<Secret>, way: Way) -> Self {
        Self { way, agents: Default::default(), endpoint, token }
    }

    /// Returns the agent for an address. Redirections are followed by hand: what the first answer says of a file counts, and
    /// the token stays with the hub.
    fn agent(&self, url: &str) -> Result<&Agent, Reason> {
        let place = &self.agents[self.way.kind(url)];
        if let Some(agent) = place.get() {
            return Ok(agent);
        }
        let agent = self.way.agent(url, |config| {
            config
                .timeout_connect(Some(Duration::from_secs(30)))
                .timeout_recv_response(Some(Duration::from_mins(1)))
                .timeout_per_read(Some(Duration::from_mins(1)))
        });
        let agent = agent.map_err(|error| Reason::Network(error.to_string()))?;
        Ok(place.get_or_init(|| agent))
    }

    /// Returns the address of the hub.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Asks which commit a revision is, and which files it has.
    pub(super) fn describe(&self, model: &HubModel, revision: &Revision) -> Result<Description, Reason> {
        #[derive(Deserialize)]
        struct Answer {
            sha: String,
            #[serde(default)]
            siblings: Vec<Sibling>,
        }
        #[derive(Deserialize)]
        struct Sibling {
            rfilename: String,
        }
        let path =
            format!("{}/api/{}/{}/revision/{}", self.endpoint, model.kind(), model.id.as_str(), revision.segment());
        let (mut answer, _) = self.follow(path, |url| self.request(url, false, None))?;
        if !answer.status().is_success() {
            return Err(refusal(&answer, "repository or revision"));
        }
        let limited = answer.body_mut().with_config().limit(DESCRIPTION_BYTES_MAX);
        let bytes = limited.read_to_vec().map_err(|error| network(&error))?;
        let answer: Answer = serde_json::from_slice(&bytes).map_err(|error| Reason::Answer(error.to_string()))?;
        let asked = revision.is_commit().then(|| revision.as_str());
        let commit = Revision::parse(&answer.sha).filter(Revision::is_commit);
        match commit {
            Some(commit) if asked.is_none_or(|asked| asked == commit.as_str()) => Ok(Description {
                commit: answer.sha,
                files: answer.siblings.into_iter().map(|sibling| sibling.rfilename).collect(),
            }),
            _ => Err(Reason::Answer(format!("it calls `{}` the commit `{}`", revision.as_str(), answer.sha))),
        }
    }

    /// Asks what a file of a commit is, without its bytes. `file` is a plain name, or a path of such.
    pub(super) fn announce(&self, model: &HubModel, commit: &str, file: &str) -> Result<Announced, Reason> {
        let path = format!("{}/{}{}/resolve/{commit}/{file}", self.endpoint, model.prefix(), model.id.as_str());
        // A large file is announced by the redirection to where its bytes are.
        let (answer, url) = self.follow(path, |url| self.request(url, true, None))?;
        let redirected = answer.status().is_redirection();
        if !answer.status().is_success() && !redirected {
            return Err(refusal(&answer, "file"));
        }
        if header(&answer, "x-repo-commit") != Some(commit) {
            let said = header(&answer, "x-repo-commit").unwrap_or("none");
            return Err(Reason::Differs(format!("the commit is `{said}`, and not `{commit}`")));
        }
        let missing = |what: &str| Reason::Answer(format!("it does not say the {what}"));
        let etag = header(&answer, "x-linked-etag").or_else(|| header(&answer, "etag"));
        let etag = etag.map(bare_etag).ok_or_else(|| missing("etag"))?;
        let size = header(&answer, "x-linked-size");
        let size = size.or_else(|| header(&answer, "content-length").filter(|_| !redirected));
        let bytes = size.and_then(|size| size.parse().ok()).ok_or_else(|| missing("size"))?;
        // The etag becomes the name of a file in the cache.
        let plain = etag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if !plain || etag.is_empty() || etag.len() > 128 {
            return Err(Reason::Answer(format!("its etag `{etag}` is not one")));
        }
        Ok(Announced { etag: etag.to_owned(), bytes, url })
    }

    /// Opens the bytes of a file from an offset on. The offset that they really begin at comes with them: a server may
    /// send everything.
    pub(super) fn open(&self, announced: &Announced, from: u64) -> Result<(u64, impl Read + use<>), Reason> {
        let range = (from > 0).then(|| format!("bytes={from}-"));
        let mut url = announced.url.clone();
        for _ in 0..REDIRECTIONS_MAX {
            let answer = self.request(&url, false, range.as_deref())?;
            if answer.status().is_redirection()
                && let Some(location) = header(&answer, "location")
            {
                url = self.absolute(location)?;
                continue;
            }
            let begins = match answer.status().as_u16() {
                200 => 0,
                206 if header(&answer, "content-range").is_some_and(|at| at.starts_with(&format!("bytes {from}-"))) => {
                    from
                }
                206 => return Err(Reason::Answer("it sends another part of the file than was asked for".into())),
                _ => return Err(refusal(&answer, "file")),
            };
            return Ok((begins, answer.into_body().into_reader()));
        }
        Err(Reason::Answer("it redirects without end".into()))
    }

    /// Makes a request again at the place it is redirected to, as long as that is the hub itself and nothing is announced.
    fn follow(
        &self,
        mut url: String,
        request: impl Fn(&str) -> Result<Response<Body>, Reason>,
    ) -> Result<(Response<Body>, String), Reason> {
        for _ in 0..REDIRECTIONS_MAX {
            let answer = request(&url)?;
            let location = header(&answer, "location").filter(|_| answer.status().is_redirection());
            let location = location.map(|location| self.absolute(location)).transpose()?;
            match location {
                Some(next) if self.is_own(&next) && header(&answer, "x-linked-etag").is_none() => url = next,
                _ => return Ok((answer, url)),
            }
        }
        Err(Reason::Answer("it redirects without end".into()))
    }

    fn request(&self, url: &str, head: bool, range: Option<&str>) -> Result<Response<Body>, Reason> {
        let agent = self.agent(url)?;
        let mut request = if head { agent.head(url) } else { agent.get(url) };
        if let Some(token) = self.token.as_ref().filter(|_| self.is_own(url)) {
            request = request.header("authorization", token.bearer());
        }
        if let Some(range) = range {
            request = request.header("range", range);
        }
        request.call().map_err(|error| self.way.blamed(url, &error).map_or_else(|| network(&error), Reason::Network))
    }

    fn is_own(&self, url: &str) -> bool {
        url.strip_prefix(origin(&self.endpoint)).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    fn absolute(&self, location: &str) -> Result<String, Reason> {
        if location.starts_with("https://") || location.starts_with("http://") {
            Ok(location.to_owned())
        } else if location.starts_with('/') && !location.starts_with("//") {
            Ok(format!("{}{location}", origin(&self.endpoint)))
        } else {
            // Behind the `?` stands, often, what lets whoever has the address in.
            let place = location.split(['?', '#']).next().unwrap_or_default();
            Err(Reason::Answer(format!("it redirects to `{place}`")))
        }
    }
}

/// Returns the scheme, host and port of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

/// Returns the value of an etag: without its quotes, and without the mark of a weak one.
fn bare_etag(etag: &str) -> &str {
    etag.strip_prefix("W/").unwrap_or(etag).trim_matches('"')
}

fn header<'a>(answer: &'a Response<Body>, name: &str) -> Option<&'a str> {
    answer.headers().get(name)?.to_str().ok()
}

/// Says why a hub did not give what was asked for. It answers 401 for a repository that is not there, too, so as not to
/// tell which private ones there are.
fn refusal(answer: &Response<Body>, what: &'static str) -> Reason {
    let status = answer.status().as_u16();
    match (status, header(answer, "x-error-code")) {
        (401 | 403, Some("GatedRepo")) => Reason::Gated { status },
        (401 | 403, _) => Reason::Denied { status },
        (404, Some("RepoNotFound")) => Reason::Unknown { what: "repository" },
        (404, Some("RevisionNotFound")) => Reason::Unknown { what: "revision" },
        (404, Some("EntryNotFound")) => Reason::Unknown { what: "file" },
        (404, _) => Reason::Unknown { what },
        _ => Reason::Status { status },
    }
}

fn network(error: &ureq::Error) -> Reason {
    Reason::Network(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_with_the_hub() {
        let client = Client::new("https://hub.example/mirror".into(), None, Way::default());
        for (url, own) in [
            ("https://hub.example/a", true),
            ("https://hub.example", true),
            ("https://hub.example.org/a", false),
            ("https://hub.example@evil.org/a", false),
            ("http://hub.example/a", false),
            ("https://cdn.example/a", false),
        ] {
            assert_eq!(client.is_own(url), own, "{url}");
        }
        assert_eq!(client.absolute("/a?b").expect("absolute"), "https://hub.example/a?b");
        assert!(client.absolute("//cdn.example/a").is_err() && client.absolute("ftp://a/b").is_err());
    }

    #[test]
    fn etags_lose_their_quotes() {
        for (etag, bare) in [("\"ab\"", "ab"), ("W/\"ab\"", "ab"), ("ab", "ab")] {
            assert_eq!(bare_etag(etag), bare);
        }
    }
}
