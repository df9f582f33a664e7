//! Where a bucket is, as it is typed, and what of the environment says how it is reached.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use object_store::ObjectStoreScheme;
use object_store::path::Path;
use reqwest::Url;

/// A text that names no bucket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct AddressError {
    /// What is wrong with it.
    why: String,
    /// What to try.
    hint: &'static str,
}

impl AddressError {
    /// Says what to try.
    pub fn hint(&self) -> &'static str {
        self.hint
    }
}

/// Whose interface a bucket speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    /// Amazon's, or a server that speaks like it.
    S3,
    /// Google's.
    Google,
    /// Microsoft's.
    Azure,
}

/// A bucket, or a part of one below a prefix: `s3://bucket/prefix`, `gs://…`, `az://…`.
#[derive(Clone, PartialEq, Eq)]
pub struct Bucket {
    url: Url,
    pub(super) service: Service,
    /// Without slashes at its ends; may be empty.
    pub(super) prefix: String,
}

const FORMS: &str = "a bucket is written `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`";
const CREDENTIALS: &str =
    "credentials come from the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and from nowhere else";

impl Bucket {
    /// Tells whether a text is meant as an address rather than as a path.
    pub fn is_meant(text: &str) -> bool {
        text.split_once("://").is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        })
    }

    /// Returns the last part of its address, which serves as a name.
    pub fn last_part(&self) -> &str {
        match self.prefix.rsplit('/').next() {
            Some(last) if !last.is_empty() => last,
            _ => self.url.host_str().unwrap_or_default(),
        }
    }

    /// Tells whether it is reached as Amazon's buckets are.
    pub fn speaks_s3(&self) -> bool {
        self.service == Service::S3
    }

    pub(super) fn name(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    pub(super) fn url(&self) -> &str {
        self.url.as_str()
    }
}

impl FromStr for Bucket {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let refused = |what: &str, hint| {
            // Whatever may be a secret is not repeated.
            let shown = text.split(['?', '#']).next().unwrap_or_default();
            let shown = shown.rsplit_once('@').map_or(shown, |(_, rest)| rest);
            Err(AddressError { why: format!("cannot use `{shown}` as a bucket: {what}"), hint })
        };
        let Ok(url) = Url::parse(text) else { return refused("it is no address", FORMS) };
        if url.query().is_some() || url.fragment().is_some() {
            return refused("an address holds nothing behind `?` or `#`", CREDENTIALS);
        }
        let is_azure_account = url.scheme().starts_with("abfs") && url.password().is_none();
        if url.password().is_some() || (!url.username().is_empty() && !is_azure_account) {
            return refused("an address holds no credentials", CREDENTIALS);
        }
        if url.host_str().is_none_or(str::is_empty) && !["file", "memory"].contains(&url.scheme()) {
            return refused("it names no bucket", FORMS);
        }
        if Path::from_url_path(url.path()).is_err() {
            return refused("its prefix is none", FORMS);
        }
        let Ok((scheme, prefix)) = ObjectStoreScheme::parse(&url) else {
            return refused(&format!("`{}://` is no kind of storage", url.scheme()), FORMS);
        };
        let service = match scheme {
            ObjectStoreScheme::AmazonS3 => Service::S3,
            ObjectStoreScheme::GoogleCloudStorage => Service::Google,
            ObjectStoreScheme::MicrosoftAzure => Service::Azure,
            ObjectStoreScheme::Local => {
                return refused("it is a directory", "name the directory by its path, without `file://`");
            }
            _ => return refused(&format!("`{}://` is no kind of storage", url.scheme()), FORMS),
        };
        Ok(Self { service, prefix: prefix.as_ref().to_owned(), url })
    }
}

impl fmt::Display for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The variables of the environment that say how object storage is reached, credentials among them. Their values are shown
/// nowhere.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Surroundings(BTreeMap<String, String>);

impl Surroundings {
    /// Takes from all variables those that the tools of Amazon, Google and Microsoft go by.
    pub fn of(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |name: &String| ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.starts_with(prefix));
        Self(variables.into_iter().filter(|(name, value)| ours(name) && !value.is_empty()).collect())
    }

    /// Returns the variables of one service, their names in small letters.
    pub(super) fn named(&self, prefix: &str) -> impl Iterator<Item = (String, &str)> {
        self.0
            .iter()
            .filter(move |(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
    }
}

impl fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// A bucket and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectsAt {
    /// The bucket.
    pub bucket: Bucket,
    /// The server, where it is not the service's own; only for what speaks like S3.
    pub endpoint: Option<String>,
    /// The region, where the environment names another or none; only for S3.
    pub region: Option<String>,
    /// Whether the server may be spoken to without encryption.
    pub allow_http: Option<bool>,
    /// Whether the bucket's name goes into the path rather than before the server's name; only for S3.
    pub path_style: Option<bool>,
    /// What the environment says.
    pub surroundings: Surroundings,
}

impl ObjectsAt {
    /// Describes a bucket that is reached as the environment says.
    pub fn new(bucket: Bucket, surroundings: Surroundings) -> Self {
        Self { bucket, endpoint: None, region: None, allow_http: None, path_style: None, surroundings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_told_apart() {
        let check = |text: &str, expected: &str| {
            let said = match text.parse::<Bucket>() {
                Ok(bucket) => format!("{:?} {:?} {} {bucket}", bucket.service, bucket.prefix, bucket.last_part()),
                Err(error) => error.to_string(),
            };
            assert_eq!(said, expected, "{text}");
        };
        check("s3://lab/team/cache/", "S3 \"team/cache\" cache s3://lab/team/cache");
        check("s3://lab", "S3 \"\" lab s3://lab");
        check("s3a://lab/x", "S3 \"x\" x s3a://lab/x");
        check("gs://lab/x", "Google \"x\" x gs://lab/x");
        check("az://lab/x", "Azure \"x\" x az://lab/x");
        check("abfss://lab@ada.dfs.core.windows.net/x", "Azure \"x\" x abfss://lab@ada.dfs.core.windows.net/x");
        check("s3://lab/a%20b/ü=1", "S3 \"a b/ü=1\" ü=1 s3://lab/a%20b/%C3%BC=1");
        check("s3://lab/a/../b", "S3 \"b\" b s3://lab/b");
        check("s3://lab/a//b", "cannot use `s3://lab/a//b` as a bucket: its prefix is none");
        check("s3:///x", "cannot use `s3:///x` as a bucket: it names no bucket");
        check("ftp://lab/x", "cannot use `ftp://lab/x` as a bucket: `ftp://` is no kind of storage");
        check("http://lab/x", "cannot use `http://lab/x` as a bucket: `http://` is no kind of storage");
        check("file:///x", "cannot use `file:///x` as a bucket: it is a directory");
        check("memory:///x", "cannot use `memory:///x` as a bucket: `memory://` is no kind of storage");
        check("s3://AKIA:secret@lab/x", "cannot use `lab/x` as a bucket: an address holds no credentials");
        check(
            "az://lab/x?sig=secret",
            "cannot use `az://lab/x` as a bucket: an address holds nothing behind `?` or `#`",
        );
    }

    #[test]
    fn values_of_the_environment_are_not_shown() {
        let variables = [("AWS_SECRET_ACCESS_KEY", "hidden"), ("AWS_REGION", ""), ("HOME", "hidden")];
        let surroundings = Surroundings::of(variables.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(format!("{surroundings:?}"), "{\"AWS_SECRET_ACCESS_KEY\"}");
    }
}
