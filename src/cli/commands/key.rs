//! `retort cache key`: what is signed with, whom to trust, and which keys count for nothing.

use serde_json::json;

use super::super::args::{Global, Key};
use super::super::exit::{Exit, Failure};
use super::super::keys::Keys;
use super::super::print;
use super::super::settings::workspace;
use crate::store::{PublicKey, TrustOptions};

/// Looks after keys.
pub(super) fn key(global: &Global, command: &Key) -> Result<Exit, Failure> {
    let keys = Keys::find(|name| std::env::var_os(name));
    match command {
        Key::New => new(global, &keys),
        Key::Trust { key, name } => {
            let key = read(key)?;
            if keys.read()?.revoked.contains(&key) {
                let failure = Failure::invalid(format!("cannot trust `{key}`: it was revoked"));
                return Err(failure.hint("whose key it was has to make another"));
            }
            keys.trust(key, name)?;
            print::data(&format!("{name} is trusted: {key}\n"));
            Ok(Exit::Success)
        }
        Key::Revoke { key } => {
            // Those of the project count as well as one's own.
            let trust = workspace(global)?.settings.trust;
            let (key, name) = named(&trust, key)?;
            keys.revoke(key, &name)?;
            print::data(&format!("{key} counts for nothing from now on\n"));
            Ok(Exit::Success)
        }
        Key::List => {
            list(global, &workspace(global)?.settings.trust);
            Ok(Exit::Success)
        }
    }
}

fn new(global: &Global, keys: &Keys) -> Result<Exit, Failure> {
    let path = keys.signing_path();
    let Some(public) = keys.make()? else {
        let failure = Failure::invalid(format!("cannot make a key: `{}` is there already", path.display()));
        return Err(failure.hint("revoke it with `retort cache key revoke` and move it away to make another"));
    };
    if global.json {
        print::answer(&json!({ "public": public.to_string(), "path": path }));
    } else {
        print::data(&format!("{public}\n"));
        print::note(&format!(
            "what is made from now on is signed with `{}`; give others the line above",
            path.display()
        ));
    }
    Ok(Exit::Success)
}

fn read(text: &str) -> Result<PublicKey, Failure> {
    text.parse().map_err(|error| Failure::invalid(format!("cannot use `{text}`: {error}")))
}

/// Finds a key by itself or by the name it is trusted under.
fn named(trust: &TrustOptions, text: &str) -> Result<(PublicKey, String), Failure> {
    let of_name: Vec<_> = trust.trusted.iter().filter(|(_, name)| *name == text).collect();
    match of_name[..] {
        [(key, name)] => Ok((*key, name.clone())),
        [] => read(text).map(|key| (key, trust.trusted.get(&key).cloned().unwrap_or_default())),
        _ => Err(Failure::invalid(format!("`{text}` has {} keys", of_name.len()))
            .hint("name the one to revoke; `retort cache key list` shows them")),
    }
}

fn list(global: &Global, trust: &TrustOptions) {
    let own = trust.signer.as_ref().map(|signer| (signer.public(), "(you)".to_owned()));
    let all = own.into_iter().chain(trust.trusted.clone());
    let others = trust.revoked.iter().filter(|key| !trust.trusted.contains_key(key)).map(|key| (*key, String::new()));
    let standing = |key: &PublicKey| if trust.revoked.contains(key) { "revoked" } else { "trusted" };
    let rows: Vec<(PublicKey, String)> = all.chain(others).collect();
    if global.json {
        let row = |(key, name): &(PublicKey, String)| json!({ "key": key.to_string(), "name": name, "standing": standing(key) });
        print::json(&rows.iter().map(row).collect::<Vec<_>>());
        return;
    }
    if rows.is_empty() {
        print::note("there are no keys: `retort cache key new` makes one, `retort cache key trust` adds another's");
        return;
    }
    let row = |(key, name): &(PublicKey, String)| vec![key.to_string(), name.clone(), standing(key).to_owned()];
    print::data(&print::table(&["key", "name", ""], rows.iter().map(row).collect()));
}
