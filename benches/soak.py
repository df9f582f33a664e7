#!/usr/bin/env python3
"""Many processes on one shared directory, some of them killed: is everything as if one had worked alone?

    benches/soak.py target/release/retort --processes 12 --minutes 10
    benches/soak.py target/release/retort --hosts 6 --minutes 5 [--through sshfs]

Half of the processes use the shared directory as their cache, half have a cache of their own with it as a layer. Each runs a
pipeline that overlaps with the others', over and over, and now and then one is killed. With `--collect`, `cache gc` collects
what no recent run needs, without the grace that keeps it from what is just being made. With `--evict`, half of the runs keep no
weights, and those of one experiment are one person's, so that they take weights from each other's hands. In the end every cache must verify
clean, and every result must have the bytes that a run alone gives. Standard library only.

With `--hosts` each process stands for a machine: it has namespaces of its own for mounts, the network, host names and
process numbers (`unshare`), a cache of its own, and the shared directory as a layer under a path of its own. All its
process numbers are alike on each of them, and no network leads from one to another. With `--through sshfs` each reaches
the directory through a mount of its own of sshfs, with its own memory of names and attributes, where there are no locks.
"""

import argparse
import json
import os
import pathlib
import random
import signal
import subprocess
import tempfile
import time

PIPELINE = """retort: 1
experiment: soak-{name}
seed: {seed}
axes:
  fraction: [{fractions}]
models:
  tiny:
    new: {{ architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens }}
stages:
  questions:
    dataset: {{ format: synthetic, train: 48, dev: 8, test: 16 }}
  rationales:
    elicit: {{ questions: questions, split: train, teacher: gold }}
  tokens:
    tokenizer: {{ questions: questions, rationales: rationales, vocabulary: 400 }}
  masked:
    transform: {{ rationales: rationales, steps: [ {{ mask: {{ fraction: "${{fraction}}", level: word }} }} ] }}
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: masked
      placement: before
      keep: {keep}
      recipe: {{ lr: 2.0e-3, batch: 8, steps: 6 }}
  answers:
    evaluate: {{ model: tuned, questions: questions, split: test, max_new: 8 }}
  results:
    report: {{ scores: answers, x: fraction }}
"""


# What a machine does before its command: its arguments are its name, the shared directory and the path where it sees it.
# The directory's own path is hidden, so that nothing can reach it by another way.
HOST = {
    "mount": """
        hostname "$1" && mkdir -p "$3" && mount --bind "$2" "$3" && mount -t tmpfs none "$2" && shift 3 && exec "$@"
    """,
    "sshfs": """
        hostname "$1" && mkdir -p "$3" && sshfs "x:$2" "$3" -o ssh_command="$SFTP" && shift 3 && exec "$@"
    """,
}
UNSHARE = ["unshare", "--mount", "--net", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
UNSHARE += ["--map-root-user"] if os.geteuid() else []


def environment(user: str) -> dict:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETORT_")}
    return kept | {"USER": user, "RETORT_DEVICE": "cpu", "NO_COLOR": "1", "RAYON_NUM_THREADS": "1"}


def digests(command: list, folder: pathlib.Path, cache: pathlib.Path) -> dict:
    """The digest of each part of each instance, by fingerprint and part."""
    plan = subprocess.run(
        command, cwd=folder, env=environment("judge"), check=True, capture_output=True, text=True
    )
    found = {}
    for line in json.loads(plan.stdout)["instances"]:
        assert line["verdict"] == "hit", line
        fingerprint = line["fingerprint"]
        for claim in sorted((cache / "actions/v1" / fingerprint[:2] / fingerprint).iterdir()):
            for part, blob in json.loads(claim.read_bytes())["outputs"].items():
                found.setdefault((fingerprint, part), set()).add(blob["digest"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("retort", type=os.path.abspath)
    parser.add_argument("--processes", type=int, default=12)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--hosts", type=int, help="so many processes, each on a machine of its own")
    parser.add_argument("--through", choices=HOST, default="mount", help="how a machine reaches the directory")
    parser.add_argument("--evict", action="store_true", help="keep no weights in half of the runs, of fewer people")
    parser.add_argument("--collect", action="store_true", help="collect garbage now and then, without any grace")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="retort-soak-"))
    team = folder / "team"
    subprocess.run([args.retort, "cache", "share", team], check=True)
    sftp = folder / "sftp"
    sftp.write_text("#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n")
    sftp.chmod(0o755)
    os.environ["SFTP"] = str(sftp)
    fractions = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
    workers = []
    for index in range(args.hosts or args.processes):
        place = folder / f"person-{index}"
        place.mkdir()
        own = index % 2 == 1 or args.hosts
        cache = place / "cache" if own else team
        seen = place / f"lab-{index}" if args.hosts else team
        extra = [f"--layer={seen}=on-success"] if own else ["--no-layers"]
        host = [*UNSHARE, "sh", "-c", HOST[args.through], "host", f"host{index}", team, seen] if args.hosts else []
        user = f"user{index % 3 if args.evict else index}"
        worker = {"place": place, "cache": cache, "extra": extra, "user": user, "host": host, "child": None}
        workers.append(worker)
    runs = kills = collections = failures = 0
    end = time.monotonic() + 60 * args.minutes
    seeds = 0
    while time.monotonic() < end:
        for index, worker in enumerate(workers):
            child = worker["child"]
            if child is not None and child.poll() is None:
                if chance.random() < 0.02:
                    child.send_signal(signal.SIGKILL)
                    child.wait()
                    kills += 1
                continue
            if child is not None and child.returncode not in (0, -signal.SIGKILL):
                failures += 1
                print(f"{worker['user']} ended with {child.returncode}:\n{(worker['place'] / 'said').read_text()}")
            # Every quarter of a minute there is new work to do for all of them.
            seeds = int((args.minutes * 60 - (end - time.monotonic())) // 15)
            mine = sorted(chance.sample(fractions, 4))
            keep = chance.choice(["best", "none"]) if args.evict else "best"
            text = PIPELINE.format(name=index % 3, seed=seeds, fractions=", ".join(map(str, mine)), keep=keep)
            (worker["place"] / "x.yaml").write_text(text)
            said = open(worker["place"] / "said", "w")
            worker["child"] = subprocess.Popen(
                [*worker["host"], args.retort, "run", "x.yaml", "--jobs", "1", "--cache", worker["cache"], *worker["extra"]],
                cwd=worker["place"], env=environment(worker["user"]), stdout=said, stderr=said,
            )
            runs += 1
        if args.collect and chance.random() < 0.01:
            collect = [args.retort, "cache", "gc", "--cache", team, "--no-layers", "--keep-runs", "2", "--grace", "0"]
            subprocess.run(collect, env=environment("keeper"), check=True, capture_output=True)
            collections += 1
        time.sleep(0.05)
    for worker in workers:
        worker["child"].wait()
        if worker["child"].returncode not in (0, -signal.SIGKILL):
            failures += 1
            print(f"{worker['user']}:\n{(worker['place'] / 'said').read_text()}")
    print(f"{runs} runs, {kills} killed, {collections} collections, {failures} failed, {seeds + 1} seeds")
    # The last pipelines once more, to their end, then alone, and both compared.
    different = compared = 0
    for worker in workers:
        run = [*worker["host"], args.retort, "run", "x.yaml", "--cache", worker["cache"], *worker["extra"]]
        subprocess.run(run, cwd=worker["place"], env=environment(worker["user"]), check=True, capture_output=True)
        alone = worker["place"] / "alone"
        run = [args.retort, "run", "x.yaml", "--cache", alone, "--no-layers"]
        subprocess.run(run, cwd=worker["place"], env=environment("judge"), check=True, capture_output=True)
        plan = [args.retort, "plan", "x.yaml", "--json", "--cache"]
        shared = [*worker["host"], *plan, worker["cache"], *worker["extra"]]
        shared = digests(shared, worker["place"], worker["cache"])
        for key, digest in digests([*plan, alone, "--no-layers"], worker["place"], alone).items():
            compared += 1
            different += shared[key] != digest
    unclean = 0
    caches = {str(worker["cache"]): (worker["host"], worker["extra"]) for worker in workers}
    # What was collected while only its claim had been copied is missing, and made again when it is needed.
    passes = 8 if args.collect else 0
    for cache, (host, extra) in (caches | {str(team): ([], ["--no-layers"])}).items():
        verify = [*host, args.retort, "cache", "verify", "--cache", cache, *extra]
        verified = subprocess.run(verify, env=environment("judge"), capture_output=True, text=True)
        if verified.returncode & ~passes:
            unclean += 1
            print(cache, verified.returncode, verified.stdout, verified.stderr)
    print(f"{compared} parts compared, {different} differ, {unclean} caches damaged; all in {folder}")
    raise SystemExit(different + unclean + failures > 0)


if __name__ == "__main__":
    main()
