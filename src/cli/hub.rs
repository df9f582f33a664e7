//! The hub as this machine reaches it: the variables that Python's tools read, read the same way.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::hub::{HubCache, Secret, Way};
use crate::session::HubSettings;

/// Gathers the settings from the variables of the environment; `way` is the way to servers that it names.
pub(super) fn gather(variable: impl Fn(&str) -> Option<OsString>, way: Way) -> HubSettings {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let text = |name: &str| path(name).and_then(|value| value.into_os_string().into_string().ok());
    let home = path("HF_HOME").unwrap_or_else(|| {
        let user = || path("HOME").unwrap_or_default().join(".cache");
        path("XDG_CACHE_HOME").unwrap_or_else(user).join("huggingface")
    });
    let offline = text("HF_HUB_OFFLINE").map(|value| value.to_ascii_uppercase());
    HubSettings {
        cache: HubCache::new(path("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub"))),
        endpoint: text("HF_ENDPOINT").unwrap_or_else(|| HubSettings::ENDPOINT.to_owned()),
        token: text("HF_TOKEN").and_then(|token| Secret::parse(&token)),
        token_file: Some(path("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"))),
        way,
        offline: offline.is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.as_str())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::{Expect, expect};

    use super::*;

    fn check(variables: &[(&str, &str)], expected: &Expect) {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        let settings = gather(|name| variables.get(name).map(OsString::from), Way::default());
        let HubSettings { cache, endpoint, token, token_file, offline, .. } = settings;
        let token_file = token_file.unwrap();
        let text = format!("{cache:?}\n{endpoint}\n{token:?} {}\noffline: {offline}", token_file.display());
        expected.assert_eq(&text);
    }

    #[test]
    fn the_variables_of_python_s_tools_are_read() {
        check(
            &[("HOME", "/home/ada")],
            &expect![[r#"
                HubCache { root: "/home/ada/.cache/huggingface/hub" }
                https://huggingface.co
                None /home/ada/.cache/huggingface/token
                offline: false"#]],
        );
        check(
            &[
                ("HOME", "/home/ada"),
                ("XDG_CACHE_HOME", "/var/ada"),
                ("HF_TOKEN", " hf_secret\n"),
                ("HF_HUB_OFFLINE", "0"),
            ],
            &expect![[r#"
                HubCache { root: "/var/ada/huggingface/hub" }
                https://huggingface.co
                Some(Secret) /var/ada/huggingface/token
                offline: false"#]],
        );
        check(
            &[("HF_HOME", "/hf"), ("HF_ENDPOINT", "http://hub.lab"), ("HF_TOKEN", ""), ("HF_HUB_OFFLINE", "true")],
            &expect![[r#"
                HubCache { root: "/hf/hub" }
                http://hub.lab
                None /hf/token
                offline: true"#]],
        );
        check(
            &[("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/big/hub"), ("HF_TOKEN_PATH", "/keys/hf")],
            &expect![[r#"
                HubCache { root: "/big/hub" }
                https://huggingface.co
                None /keys/hf
                offline: false"#]],
        );
    }
}
