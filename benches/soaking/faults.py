"""People with a bucket behind their caches, and a server before the bucket that fails, lies and dawdles.

In each round four people with caches of their own run the same experiments at once. Each run must succeed with the bytes
of a run alone. Now and then somebody goes to the bucket without the proxy: what is there must be whole, too.
"""

import http.client
import pathlib
import random
import re
import shutil
import subprocess
import time
import urllib.parse

from .common import GATHERED, STUDENTS, Alone, Person, Troubles, differences, progress
from .proxy import Proxy

PEOPLE = 4
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=eve/20261127/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"}


class Moto:
    """moto's server, which speaks S3."""

    def __init__(self, program: str) -> None:
        self.child = subprocess.Popen([program, "-H", "127.0.0.1", "-p", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        self.port = 0
        for line in self.child.stderr:
            if found := re.search(rb"http://127.0.0.1:(\d+)", line):
                self.port = int(found[1])
                break
        assert self.port, "moto's server does not start"
        import threading

        threading.Thread(target=lambda: [None for _ in self.child.stderr], daemon=True).start()

    def ask(self, method: str, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, headers=SIGNED)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def keys(self, bucket: str, prefix: str) -> list:
        found, after = [], ""
        while True:
            query = urllib.parse.urlencode({"list-type": 2, "prefix": prefix, "start-after": after})
            keys = re.findall(r"<Key>([^<]*)</Key>", self.ask("GET", f"/{bucket}?{query}")[1].decode())
            if not keys:
                return found
            found += keys
            after = keys[-1]


def person(retort: str, folder: pathlib.Path, user: str, endpoint: str, bucket: str) -> Person:
    shutil.rmtree(folder, ignore_errors=True)
    made = Person(retort, folder, user)
    made.extra = {
        "AWS_ACCESS_KEY_ID": user, "AWS_SECRET_ACCESS_KEY": "sesame", "AWS_ENDPOINT_URL": endpoint, "AWS_ALLOW_HTTP": "true",
    }
    made.write("retort.toml", f'[[remotes]]\nurl = "s3://{bucket}/team"\nwrite = "on-success"\ntimeout_s = 2\n')
    made.remotes = []
    return made


def run(retort: str, folder: pathlib.Path, wanted: int, seed: int, until: float, server: str = "moto_server") -> dict:
    chance = random.Random(seed)
    alone, troubles = Alone(retort, folder), Troubles(folder)
    moto = Moto(server)
    try:
        proxy = Proxy(moto.port, seed)
        return rounds(retort, folder, wanted, chance, until, (alone, troubles, moto, proxy))
    finally:
        moto.child.kill()


def rounds(retort: str, folder: pathlib.Path, wanted: int, chance: random.Random, until: float, world: tuple) -> dict:
    alone, troubles, moto, proxy = world
    straight, through = f"http://127.0.0.1:{moto.port}", f"http://127.0.0.1:{proxy.server_address[1]}"
    figures = {
        "faults": 0, "runs": 0, "pushes and pulls": 0, "of them failed": 0, "requests": 0, "runs without faults": 0,
        "results compared": 0, "objects checked": 0, "failed": 0, "different": 0, "other troubles": 0,
    }
    bucket, turn, people = "", 0, {}
    while proxy.faults() < wanted and time.monotonic() < until:
        if turn % 40 == 0:
            if bucket:
                check_bucket(retort, folder, moto, bucket, troubles, figures)
            bucket, people = f"lab-{turn}", {}
            assert moto.ask("PUT", f"/{bucket}")[0] == 200
            shared = person(retort, folder / "first", "first", straight, bucket).run("cache", "share", f"s3://{bucket}/team")
            assert shared.code == 0, shared
            proxy.earlier.clear()
        text = (STUDENTS if turn % 5 else GATHERED).format(name="s3", seed=turn // 2, keep="best", fractions="0.2, 0.5, 0.7")
        digests, pages = alone.of(text)
        proxy.rate = chance.choice([0.02, 0.1, 0.3, 0.6])
        children = []
        for index in range(PEOPLE):
            if index not in people or chance.random() < 0.4:
                people[index] = person(retort, folder / f"person-{index}", f"user{index}", through, bucket)
            who = people[index]
            who.write("x.yaml", text)
            before = chance.choice([None, None, ["cache", "pull"], ["cache", "pull", "--all"]])
            if before and who.cache.exists():
                move(who, before, troubles, figures)
            children.append((who, who.start("run", "x.yaml", "--jobs", "2", "-v")))
            # Not all at the same moment, so that there is something to be found.
            time.sleep(chance.choice([0, 0, 0.2]))
        for who, child in children:
            try:
                child.wait(timeout=300)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            said = (who.folder / "said").read_text(errors="replace")
            figures["runs"] += 1
            if child.returncode != 0 or "panicked" in said:
                troubles.add("failed", f"ended with {child.returncode}, rate {proxy.rate}", said)
                people = {}
                continue
            compare(who, digests, pages, troubles, figures, said)
            if chance.random() < 0.2:
                move(who, chance.choice([["cache", "push"], ["cache", "push", "--all", "--verify"]]), troubles, figures)
        proxy.rate = 0.0
        if turn % 4 == 3:
            who = person(retort, folder / "last", "last", straight, bucket)
            who.write("x.yaml", text)
            ran = who.run("run", "x.yaml")
            figures["runs without faults"] += 1
            if ran.code != 0:
                troubles.add("failed", "without faults", ran)
            else:
                compare(who, digests, pages, troubles, figures, str(ran))
        turn += 1
        figures |= {"faults": proxy.faults(), "requests": proxy.requests, "kinds": dict(proxy.done), "troubles": troubles.kinds}
        figures |= {"failed": troubles.kinds.get("failed", 0), "different": troubles.kinds.get("different", 0)}
        figures["other troubles"] = troubles.count() - figures["failed"] - figures["different"]
        progress(folder, figures)
    check_bucket(retort, folder, moto, bucket, troubles, figures)
    figures["other troubles"] = troubles.count() - figures["failed"] - figures["different"]
    return figures


def move(who: Person, words: list, troubles: Troubles, figures: dict) -> None:
    """Pushes or pulls, which may fail where the server does or hides what is there, but not otherwise."""
    moved = who.run(*words)
    figures["pushes and pulls"] += 1
    figures["of them failed"] += moved.code != 0
    if moved.code not in (0, 1, 2, 3, 4) or b"panicked" in moved.err:
        troubles.add("move", moved)


def compare(who: Person, digests: dict, pages: dict, troubles: Troubles, figures: dict, said: str) -> None:
    remotes, who.remotes = who.remotes, ["--no-remotes"]
    mine, wrong = who.digests("x.yaml")
    who.remotes = remotes
    figures["results compared"] += len(digests)
    if wrong or differences(mine, digests):
        troubles.add("different", wrong, differences(mine, digests), said)
    if {path: text for path, text in who.pages().items() if path in pages} != pages:
        troubles.add("other pages", said)


def check_bucket(retort: str, folder: pathlib.Path, moto: Moto, bucket: str, troubles: Troubles, figures: dict) -> None:
    """Brings every blob and record of a bucket here as a cache and has it verified."""
    copy = Person(retort, folder / "copy", "judge")
    assert copy.run("cache", "share", copy.cache).code == 0
    for key in moto.keys(bucket, "team/"):
        name = key.removeprefix("team/")
        if name.startswith(("objects/", "actions/")):
            path = copy.cache / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(moto.ask("GET", f"/{bucket}/{urllib.parse.quote(key)}")[1])
            figures["objects checked"] += 1
    verified = copy.run("cache", "verify")
    # A record of which not every blob has arrived is a push that was broken off, or a fault of the order.
    if verified.code != 0:
        troubles.add("bucket", verified)
    shutil.rmtree(copy.folder)
