"""Many processes on one shared directory, some of them killed.

Half of the processes use the shared directory as their cache, half have a cache of their own with it as a remote. Each runs a
pipeline that overlaps with the others', over and over, and now and then one is killed; some verify, rebuild, push and pull instead,
and are killed as well. With `collect`, `cache gc` collects what no recent run needs, without the grace that keeps it from what is just
being made. With `evict`, half of the runs keep no weights, and those of one experiment are one person's, so that they take weights
from each other's hands. In the end every cache must verify clean, and every result must have the bytes that a run alone gives.

With `hosts` each process stands for a machine: it has namespaces of its own for mounts, the network, host names and
process numbers (`unshare`), a cache of its own, and the shared directory as a remote under a path of its own. All its
process numbers are alike on each of them, and no network leads from one to another. Through sshfs each reaches
the directory through a mount of its own, with its own memory of names and attributes, where there are no locks.
"""

import os
import pathlib
import random
import shutil
import signal
import subprocess
import time

from .common import STUDENTS, Alone, Person, Troubles, differences, progress

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
FRACTIONS = ["0.1, 0.2, 0.3, 0.4", "0.3, 0.4, 0.5, 0.6", "0.1, 0.3, 0.5, 0.7", "0.2, 0.4, 0.6, 0.8"]
# How long there is the same work to do for all of them, in seconds.
SEED_S = 15


class Worker(Person):
    """A person, perhaps on a machine of their own, who runs one thing after another."""

    def __init__(self, retort: str, folder: pathlib.Path, index: int, team: pathlib.Path, options) -> None:
        place = folder / f"person-{index}"
        is_own = index % 2 == 1 or options.hosts
        user = f"user{index % 3 if options.evict else index}"
        super().__init__(retort, place, user, place / "cache" if is_own else team)
        seen = place / f"lab-{index}" if options.hosts else team
        self.remotes = [f"--remote={seen}=on-success"] if is_own else ["--no-remotes"]
        self.host = [*UNSHARE, "sh", "-c", HOST[options.through], "host", f"host{index}", str(team), str(seen)] if options.hosts else []
        self.is_own, self.child, self.text, self.runs_now = is_own, None, "", True

    def command(self, *words: object) -> list:
        return [*self.host, *super().command(*words)]


def run(retort: str, folder: pathlib.Path, wanted: int, seed: int, until: float, options) -> dict:
    chance = random.Random(seed)
    alone, troubles = Alone(retort, folder), Troubles(folder)
    team = folder / "team"
    subprocess.run([retort, "cache", "share", team], check=True, capture_output=True)
    sftp = folder / "sftp"
    sftp.write_text("#!/bin/sh\nexec /usr/lib/openssh/sftp-server\n")
    sftp.chmod(0o755)
    os.environ["SFTP"] = str(sftp)
    workers = [Worker(retort, folder, index, team, options) for index in range(options.hosts or options.processes)]
    keeper = Person(retort, folder / "keeper", "keeper", team)
    figures = {"kills": 0, "of other commands than run": 0, "runs": 0, "collections": 0, "results compared": 0, "failed": 0, "different": 0, "other troubles": 0}
    began = time.monotonic()
    while figures["kills"] < wanted and time.monotonic() < until:
        for index, worker in enumerate(workers):
            if worker.child is not None and worker.child.poll() is None:
                if chance.random() < options.deadliness:
                    worker.child.send_signal(signal.SIGKILL)
                    worker.child.wait()
                    figures["kills"] += 1
                    figures["of other commands than run"] += not worker.runs_now
                continue
            heard(worker, troubles)
            turn = int((time.monotonic() - began) // SEED_S)
            keep = chance.choice(["best", "none"]) if options.evict else "best"
            worker.text = STUDENTS.format(name=index % 3, seed=turn, fractions=chance.choice(FRACTIONS), keep=keep)
            worker.write("x.yaml", worker.text)
            others = [["cache", "verify"], ["cache", "rebuild"], ["plan", "x.yaml"]]
            others += [["cache", "push", "--all"], ["cache", "pull"]] if worker.is_own else []
            worker.runs_now = chance.random() < 0.9 or not worker.cache.exists()
            worker.child = worker.start(*(["run", "x.yaml", "--jobs", "1"] if worker.runs_now else chance.choice(others)))
            figures["runs"] += worker.runs_now
        if options.collect and chance.random() < 0.01:
            collected = keeper.run("cache", "gc", "--keep-runs", "2", "--grace", "0")
            figures["collections"] += 1
            if collected.code != 0:
                troubles.add("gc failed", collected)
        note(figures, troubles)
        progress(folder, figures)
        time.sleep(0.05)
    for worker in workers:
        worker.child.wait()
        heard(worker, troubles)
    # The last pipelines once more, to their end, and compared with those of somebody alone.
    for worker in workers:
        worker.write("x.yaml", worker.text)
        ran = worker.run("run", "x.yaml")
        if ran.code != 0:
            troubles.add("failed", ran)
            continue
        digests, pages = alone.of(worker.text)
        mine, wrong = worker.digests("x.yaml")
        figures["results compared"] += len(digests)
        if wrong or differences(mine, digests):
            troubles.add("different", wrong, differences(mine, digests))
    # What was collected while only its record had been copied is missing, and made again when it is needed.
    passes = 8 if options.collect else 0
    caches = {str(worker.cache): worker for worker in workers if worker.is_own}
    for one in [*caches.values(), keeper]:
        verified = one.run("cache", "verify")
        if verified.code & ~passes:
            troubles.add("unclean", verified)
    note(figures, troubles)
    return figures


def heard(worker: Worker, troubles: Troubles) -> None:
    """Takes note of how a command ended."""
    if worker.child is None or worker.child.returncode == -signal.SIGKILL:
        return
    said = (worker.folder / "said").read_text(errors="replace")
    # A blob that is missing while another brings it back or collects it is no failure of `verify`, nor is it one of `pull` that a
    # run has recorded nothing yet.
    fine = (0,) if worker.runs_now else (0, 2, 3, 8)
    if worker.child.returncode not in fine or "panicked" in said:
        troubles.add("failed", worker.user, worker.child.args, worker.child.returncode, said)


def note(figures: dict, troubles: Troubles) -> None:
    figures |= {"failed": troubles.kinds.get("failed", 0), "different": troubles.kinds.get("different", 0), "troubles": troubles.kinds}
    figures["other troubles"] = troubles.count() - figures["failed"] - figures["different"]
