//! A team with a bucket of object storage behind its caches, as people use it.

use std::collections::BTreeSet;
use std::process::Command;

use crate::lost::one;
use crate::moto::{self, MotoBucket};
use crate::pipelines::PLAIN;
use crate::runner::{Events, FILE, Output, Project};

/// Prepares a command of somebody who may use the bucket.
fn command(project: &Project, bucket: &MotoBucket, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    for (name, _) in std::env::vars_os() {
        if ["AWS_", "GOOGLE_", "AZURE_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.env("AWS_ACCESS_KEY_ID", "ada").env("AWS_SECRET_ACCESS_KEY", "sesame");
    command.env("AWS_ENDPOINT_URL", bucket.endpoint()).env("AWS_ALLOW_HTTP", "true");
    command
}

fn run(project: &Project, bucket: &MotoBucket, arguments: &[&str]) -> Output {
    let output = Output::of(&mut command(project, bucket, arguments));
    assert!(!output.stdout.contains("sesame") && !output.stderr.contains("sesame"), "{output}");
    output
}

fn make(project: &Project, bucket: &MotoBucket, arguments: &[&str]) -> Events {
    let output = run(project, bucket, &[&["run", FILE, "--progress", "json"], arguments].concat()).code(0);
    Events::read(&output.stdout)
}

/// Returns a bucket with a cache in it, and its address.
fn team() -> Option<(MotoBucket, String)> {
    let bucket = moto::bucket()?;
    let address = format!("s3://{}/team", bucket.name);
    run(&Project::new(PLAIN), &bucket, &["cache", "share", &address])
        .code(0)
        .shows("a cache for whoever may use the bucket");
    Some((bucket, address))
}

#[test]
fn what_one_person_ran_another_does_not_run_again() {
    let Some((bucket, address)) = team() else { return };
    let (ada, bob) = (Project::new(PLAIN), Project::new(PLAIN));
    let remote = format!("--remote={address}=on-success");
    assert!(make(&ada, &bucket, &[&remote]).ran().len() > 4);
    let plan = run(&bob, &bucket, &["plan", FILE, "--json", &remote]).code(0).json();
    assert_eq!(plan["counts"]["runs"], 0, "{plan}");
    let told = make(&bob, &bucket, &[&remote]);
    assert_eq!(told.ran(), BTreeSet::new());
    let hits = || told.0.iter().filter(|event| event["event"] == "hit");
    assert!(hits().count() > 4 && hits().all(|hit| hit["by"].as_str().unwrap().starts_with("tester@")));
    run(&bob, &bucket, &["cache", "verify", &remote]).code(0);
    assert_eq!(bob.digests(), ada.digests());
    assert!(bucket.keys("").iter().all(|key| key.starts_with("team/") && !key.contains("tmp/")));
}

#[test]
fn a_report_that_the_bucket_lost_after_it_vouched_for_it_is_made_again() {
    let Some((bucket, address)) = team() else { return };
    let ada = Project::new(&one());
    let remote = format!("--remote={address}=on-success");
    make(&ada, &bucket, &[&remote]);
    let right = ada.digests();
    for (index, harm) in ["missing", "other bytes"].into_iter().enumerate() {
        let bob = Project::new(&one());
        let digest = &right["results"]["report.md"];
        let key = format!("team/objects/v1/{}/{digest}", &digest[..2]);
        let sound = bucket.get(&key).unwrap();
        match index {
            0 => bucket.delete(&key),
            _ => bucket.put(&key, &vec![b'x'; sound.len()]),
        }
        let told = make(&bob, &bucket, &[&remote]);
        assert_eq!(told.ran(), BTreeSet::from(["results".to_owned()]), "{harm}");
        assert_eq!(told.0.iter().filter(|event| event["event"] == "run-finished").count(), 1, "{harm}");
        assert_eq!(bob.digests(), right, "{harm}");
        assert!(bob.path("out/gathered/results/report.md").exists(), "{harm}");
        assert_eq!(bucket.get(&key), Some(sound), "{harm}: it is set right there");
        let output = run(&bob, &bucket, &["runs"]).code(0);
        assert!(output.stdout.contains(" cached") && !output.stdout.contains("failed"), "{output}");
    }
}

#[test]
fn a_bucket_is_declared_in_the_settings_and_reached_as_they_say() {
    let Some((bucket, address)) = team() else { return };
    let settings = format!(
        "[[remotes]]\nurl = \"{address}\"\nname = \"lab\"\nwrite = \"on-success\"\nendpoint = \"{}\"\nregion = \"eu-north-1\"\n\
         allow_http = true\npath_style = true\n",
        bucket.endpoint()
    );
    let (ada, bob) = (Project::new(PLAIN), Project::new(PLAIN));
    let elsewhere = |project: &Project, arguments: &[&str]| {
        let mut command = command(project, &bucket, arguments);
        Output::of(command.env_remove("AWS_ENDPOINT_URL").env_remove("AWS_ALLOW_HTTP"))
    };
    ada.write("retort.toml", &settings);
    bob.write("retort.toml", &settings);
    elsewhere(&ada, &["run", FILE]).code(0);
    let output = elsewhere(&bob, &["run", FILE, "--verbose"]).code(0);
    assert!(output.stderr.contains(", from lab"), "{output}");
    elsewhere(&ada, &["cache", "share", &address]).code(0);
}

#[test]
fn results_are_pushed_and_pulled_by_run_stage_and_digest() {
    let Some((bucket, address)) = team() else { return };
    let (ada, bob) = (Project::new(PLAIN), Project::new(PLAIN));
    let remote = format!("--remote={address}");
    let count = make(&ada, &bucket, &[&remote]).ran().len() as u64;
    let moved = |output: &Output| output.json()[0].clone();
    let first = moved(&run(&ada, &bucket, &["cache", "push", "--stage", "masked", "--json", &remote]).code(0));
    assert_eq!((first["results"].as_u64(), first["there"].as_u64()), (Some(4), Some(0)));
    let rest = moved(&run(&ada, &bucket, &["cache", "push", "--json", &remote]).code(0));
    assert_eq!((rest["results"].as_u64(), rest["there"].as_u64()), (Some(count - 4), Some(4)));
    let again = moved(&run(&ada, &bucket, &["cache", "push", "--all", "--json", &remote]).code(0));
    assert_eq!((again["results"].as_u64(), again["bytes"].as_u64()), (Some(0), Some(0)));
    run(&bob, &bucket, &["cache", "pull", "--stage", "questions", &remote])
        .code(0)
        .shows("pulled from `team`: 1 result, ");
    let record = ada.record_of("rationales");
    let fingerprint = record.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
    run(&bob, &bucket, &["cache", "pull", &fingerprint[..10], &remote]).code(0).shows("1 result");
    run(&bob, &bucket, &["cache", "pull", "--run", "last", &remote]).code(0).shows("2 results here already");
    assert_eq!(bob.make_with(&["--no-remotes"]).ran(), BTreeSet::new());
    assert_eq!(bob.digests(), ada.digests());
}

#[test]
fn what_is_wrong_about_buckets_is_said() {
    let project = Project::new(PLAIN);
    let check = |arguments: &[&str], said: &str| {
        project.run(arguments).code(2).says(said);
    };
    check(&["plan", FILE, "--remote=ftp://x/y"], "cannot use `ftp://x/y` as a bucket: `ftp://` is no kind of storage");
    check(&["plan", FILE, "--remote=s3:///y=never"], "cannot use `s3:///y` as a bucket: it names no bucket");
    check(&["plan", FILE, "--remote=s3://x/y=sometimes"], "`sometimes` says no time");
    check(&["cache", "share", "gs://"], "cannot use `gs://` as a bucket");
    let settings = |text: &str, said: &str| {
        project.write("retort.toml", &format!("[[remotes]]\n{text}\n"));
        check(&["plan", FILE], said);
    };
    settings("url = \"s3://key:sesame@x/y\"", "an address holds no credentials");
    assert!(!project.run(&["plan", FILE]).stderr.contains("sesame"));
    settings("path = \"s3://x/y\"", "say `url` in the place of `path`");
    settings("path = \"x\"\nurl = \"s3://x/y\"", "not exactly one of `path` and `url`");
    settings("write = \"never\"", "not exactly one of `path` and `url`");
    settings("path = \"x\"\nregion = \"here\"", "is a directory, and no server leads there");
    settings("url = \"gs://x/y\"\nendpoint = \"http://x\"", "are for `s3://`");
    settings("url = \"s3://x/y\"\nsecret_access_key = \"x\"", "unknown field `secret_access_key`");
}

#[test]
fn a_bucket_that_is_down_is_a_warning_and_a_miss() {
    let project = Project::new(PLAIN);
    project.write(
        "retort.toml",
        "[[remotes]]\nurl = \"s3://lab/team\"\nendpoint = \"http://127.0.0.1:1\"\nallow_http = true\ntimeout_s = 0.5\nwrite = \"on-success\"\n",
    );
    let mut command = project.command(&["run", FILE]);
    let output = Output::of(command.env("AWS_ACCESS_KEY_ID", "ada").env("AWS_SECRET_ACCESS_KEY", "sesame")).code(0);
    assert!(output.stderr.contains("going on without the remote `team`"), "{output}");
    assert!(output.stderr.contains("nothing listens there") && !output.stderr.contains("sesame"), "{output}");
    project.run(&["cache", "push"]).code(3).says("cannot use the remote `team`");
}
