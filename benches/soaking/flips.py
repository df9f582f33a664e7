"""Bits are flipped in finished caches, one or many at a time: is everything mended, and nothing else made again?

Some batches damage a cache, some a remote behind an empty one, some what a killed run left (saved work, journals of
answers), and some only the rows of a teacher's answers after the results made of them are gone. Whatever is damaged,
`plan`, `show`, `verify` and the others must keep their heads, `run` must succeed with the bytes of a run alone, and make
again nothing but what was hit.
"""

import http.server
import json
import os
import pathlib
import random
import re
import shutil
import signal
import threading
import time

from .common import ASKED, ATTRIBUTED, GATHERED, STUDENTS, Alone, Person, Troubles, differences, pick, progress

# A training that is long enough to be killed after it has saved its state.
LONG = GATHERED.replace("steps: 4", "steps: 120, eval_every: 10, eval_questions: 2").replace("word, sentence", "word")

# How often each kind of place is hit.
PLACES = {
    "objects": 6, "actions": 5, "signatures": 3, "heads": 2, "rows": 3, "partial": 3, "runs": 2, "roots": 1, "index": 3,
    "leases": 1, "evicted": 1, "CACHEDIR.TAG": 1,
}


class Teacher(http.server.ThreadingHTTPServer):
    """Answers every prompt with words that depend on it alone, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked, self.slow = 0, 0.0
        super().__init__(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_: object) -> None:
        """Whoever was killed does not hear the answer."""


class Answers(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][-1]["content"]
        self.server.asked += 1
        time.sleep(self.server.slow)
        said = f"One sees that {prompt[:60]} is so. It follows that the answer is {'AB'[len(prompt) % 2]}."
        answer = json.dumps({
            "model": "taught",
            "choices": [{"message": {"role": "assistant", "content": said}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 30, "completion_tokens": 12},
        }).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)


def timeless(shown: bytes) -> bytes:
    """What `show` says, but for how long it took."""
    return re.sub(rb", [0-9.]+ m?s a question", b"", shown)


class Base:
    """A finished cache of several pipelines, or one that a killed run left, to be copied."""

    def __init__(self, retort: str, folder: pathlib.Path, alone: Alone, texts: dict, kind: str) -> None:
        self.person = Person(retort, folder, "ada")
        self.kind, self.texts = kind, texts
        self.person.write("ask.jinja", "{{ question }} Explain.")
        self.right, self.pages, self.owners = {}, {}, {}
        for name, text in texts.items():
            self.person.write(name, text)
        if kind == "shared":
            assert self.person.run("cache", "share", self.person.cache).code == 0
        if kind == "signed":
            assert self.person.run("cache", "key", "new").code == 0
            self.person.write("retort.toml", "[trust]\nrequire = true\n")
        self.everything = {name: [] for name in texts}
        for name, text in texts.items():
            judge = self.person if kind != "killed" else Person(retort, folder.parent / "unkilled", "ada")
            judge.write(name, text)
            judge.write("ask.jinja", "{{ question }} Explain.")
            ran = judge.run("run", name, "--jobs", "1")
            assert ran.code == 0, ran
            self.right[name], wrong = judge.digests(name)
            assert not wrong, wrong
            self.pages[name] = {path: text for path, text in judge.pages().items() if name.removesuffix(".yaml") in path or name == "students.yaml" and path.startswith("soak-")}
            for (instance, fingerprint, _), digests in self.right[name].items():
                self.everything[name].append(instance)
                for key in [fingerprint, *digests]:
                    self.owners.setdefault(key, set()).add(instance)
            self.everything[name] = sorted({instance.split("[")[0] for instance in self.everything[name]})
        for record in self.person.cache.glob("actions/v1/*/*/*"):
            self.owners.setdefault(record.name, set()).update(self.owners.get(record.parent.name, ()))
        self.shown = {}
        for name in texts if kind != "killed" else []:
            for instance in sorted({key[0] for key in self.right[name]}):
                if not instance.startswith(("tuned", "again")):
                    shown = self.person.run("show", name, instance)
                    assert shown.code == 0, shown
                    self.shown[name, instance] = timeless(shown.out)


def killed_base(base: Base, teacher: Teacher, chance: random.Random) -> None:
    """Kills the runs of a base as soon as there is a saved state, or a journal of answers."""
    person = base.person
    teacher.slow = 0.05
    for name in base.texts:
        saved = "rows/v1/*/*.journal" if name == "asked.yaml" else "partial/v1/*/*"
        for _ in range(30):
            child = person.start("run", name, "--jobs", "2")
            has_begun = lambda: b"started tuned" in (person.folder / "said").read_bytes()
            has_journal = lambda: any(path.stat().st_size > 2000 for path in person.cache.glob(saved))
            while child.poll() is None and not (has_journal() if name == "asked.yaml" else has_begun()):
                time.sleep(0.005)
            time.sleep(chance.uniform(0.02, 0.2))
            is_over = child.poll() is not None
            # A state is saved when a run is stopped; a journal grows until it is killed.
            child.send_signal(signal.SIGKILL if name == "asked.yaml" else signal.SIGINT)
            child.wait()
            if not is_over and list(person.cache.glob(saved)):
                break
            shutil.rmtree(person.cache / "actions", ignore_errors=True)
            shutil.rmtree(person.cache / "rows", ignore_errors=True)
        else:
            raise AssertionError(f"nothing is left of {name} when it is killed")
    teacher.slow = 0.0


def flip(chance: random.Random, root: pathlib.Path, count: int, only: tuple = ()) -> list:
    """Flips so many bits, in the places of a cache and then in their files by chance; returns what was hit."""
    places: dict = {}
    for path in sorted(root.rglob("*")):
        place = path.relative_to(root).parts[0]
        if path.is_file() and not path.is_symlink() and path.stat().st_size and (not only or place in only) and place in PLACES:
            places.setdefault(place, []).append(path)
    hit = []
    for _ in range(count):
        place = pick(chance, {place: PLACES[place] for place in places})
        path = chance.choice(places[place])
        stat = path.stat()
        at, bit = chance.randrange(stat.st_size), chance.randrange(8)
        path.chmod(stat.st_mode | 0o200)
        with open(path, "r+b") as file:
            file.seek(at)
            byte = file.read(1)[0]
            file.seek(at)
            file.write(bytes([byte ^ 1 << bit]))
        path.chmod(stat.st_mode)
        if chance.random() < 0.5:
            # Whoever damages a file may leave its times alone.
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        hit.append((str(path.relative_to(root)), at, bit))
    return hit


def signed_actions(root: pathlib.Path) -> dict:
    """The action that each record of a cache is about, so that a signature can be told to be of it."""
    return {record.name: record.parent.name for record in root.glob("actions/v1/*/*/*")}


def touched(base: "Base", hit: list, actions: dict) -> set:
    """The instances of which something was hit."""
    found = set()
    for path, _, _ in hit:
        for part in pathlib.PurePath(path).parts:
            found |= base.owners.get(part, set()) | base.owners.get(actions.get(part, ""), set())
    return found


def run(retort: str, folder: pathlib.Path, wanted: int, seed: int, until: float) -> dict:
    chance = random.Random(seed)
    alone, troubles, teacher = Alone(retort, folder), Troubles(folder), Teacher()
    port = teacher.server_address[1]
    fields = {"name": "x", "seed": 7, "keep": "best", "fractions": "0.2, 0.6", "port": port}
    texts = {
        "students.yaml": STUDENTS, "attributed.yaml": ATTRIBUTED, "gathered.yaml": GATHERED, "asked.yaml": ASKED,
    }
    texts = {name: text.format(**fields) for name, text in texts.items()}
    bases = {kind: Base(retort, folder / kind, alone, texts, kind) for kind in ("plain", "signed", "shared")}
    long = {"long.yaml": LONG.format(**fields), "asked.yaml": texts["asked.yaml"]}
    bases["killed"] = Base(retort, folder / "killed", alone, long, "killed")
    killed_base(bases["killed"], teacher, chance)
    figures = {
        "bits flipped": 0, "batches": 0, "commands": 0, "instances made again": 0, "answers asked again": 0,
        "rows hit": 0, "places": {}, "failed": 0, "different": 0, "made again without need": 0, "other troubles": 0,
    }
    battery = Battery(retort, folder, chance, troubles, teacher, figures)
    while figures["bits flipped"] < wanted and time.monotonic() < until:
        way = pick(chance, {"own": 10, "remote": 4, "rows": 3, "killed": 2})
        kind = "killed" if way == "killed" else chance.choice(["plain", "plain", "signed", "shared"])
        battery.batch(bases[kind], way)
        figures["failed"] = troubles.kinds.get("failed", 0)
        figures["different"] = troubles.kinds.get("different", 0)
        figures["made again without need"] = troubles.kinds.get("without need", 0)
        figures["other troubles"] = troubles.count() - sum(figures[key] for key in ("failed", "different", "made again without need"))
        figures["troubles"] = troubles.kinds
        progress(folder, figures)
    return figures


class Battery:
    """Damages copies of bases and looks what becomes of them."""

    def __init__(self, retort: str, folder: pathlib.Path, chance: random.Random, troubles: Troubles, teacher: Teacher, figures: dict) -> None:
        self.retort, self.folder, self.chance = retort, folder, chance
        self.troubles, self.teacher, self.figures = troubles, teacher, figures
        # Caches that go on from batch to batch, by the kind of the base: the person, and how many batches it has left.
        self.going_on: dict = {}

    def fresh(self, base: Base) -> Person:
        place = self.folder / f"work-{base.kind}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(base.person.folder, place)
        return Person(self.retort, place, "ada")

    def batch(self, base: Base, way: str) -> None:
        chance, figures = self.chance, self.figures
        person, left = self.going_on.pop(base.kind, (None, 0))
        if person is None or left == 0 or way != "own":
            person, left = self.fresh(base), 20
        name = chance.choice(list(base.texts))
        whole = ["run", name, *base.everything[name], "--progress", "json"]
        if chance.random() < 0.5 and way == "own":
            # The index knows these files already, and what it knows is no longer so.
            self.heard(person.run("run", name), [])
        reader, damaged, only = person, person.cache, ()
        if way == "remote":
            damaged = self.folder / "team"
            shutil.rmtree(damaged, ignore_errors=True)
            person.cache.rename(damaged)
            shutil.rmtree(damaged / "index", ignore_errors=True)
            reader.remotes = [f"--remote={damaged}={chance.choice(['never', 'on-success'])}"]
        if way == "rows":
            name, only = "asked.yaml", ("rows",)
            whole = ["run", name, *base.everything[name], "--progress", "json"]
            shutil.rmtree(person.cache / "actions")
        count = pick(chance, {1: 40, chance.randint(2, 8): 40, chance.randint(9, 40): 20})
        actions = signed_actions(damaged)
        hit = flip(chance, damaged, count, only)
        figures["bits flipped"] += len(hit)
        figures["batches"] += 1
        for path, _, _ in hit:
            place = pathlib.PurePath(path).parts[0]
            figures["places"][place] = figures["places"].get(place, 0) + 1
        story = [f"{base.kind}, {way}, {name}", *hit]
        planned = self.look(base, reader, name, story) if chance.random() < 0.7 else None
        asked = self.teacher.asked
        targets = whole if chance.random() < 0.6 or way in ("remote", "rows") else ["run", name, "--progress", "json"]
        steps = list(dict.fromkeys([tuple(targets), tuple(whole)]))
        for step in steps:
            ran = self.heard(reader.run(*step), story)
            if ran.code != 0:
                self.troubles.add("failed", *story, ran)
                return
            self.check_started(base, way, ran, touched(base, hit, actions), planned if len(steps) == 1 else None, story)
        self.check_asked(base, way, hit, self.teacher.asked - asked, story)
        self.check_results(base, reader, name, story, way)
        if way == "own":
            # The others of this cache, so that everything is mended.
            for other in base.texts:
                ran = self.heard(reader.run("run", other, *base.everything[other], "--progress", "json"), story)
                if ran.code != 0:
                    self.troubles.add("failed", *story, ran)
                    return
            if self.check_clean(base, reader, story):
                self.going_on[base.kind] = person, left - 1
        if way == "remote" and chance.random() < 0.5:
            # Somebody else, who finds what the first one left of the remote.
            shutil.rmtree(reader.cache)
            ran = self.heard(reader.run(*whole), story)
            if ran.code != 0:
                self.troubles.add("failed", "the second reader of the remote", *story, ran)
            else:
                self.check_results(base, reader, name, story, way)

    def heard(self, ended, story: list):
        self.figures["commands"] += 1
        if ended.code < 0 or b"panicked" in ended.err or b"RUST_BACKTRACE" in ended.err:
            self.troubles.add("panic or signal", *story, ended)
        return ended

    def look(self, base: Base, person: Person, name: str, story: list) -> set | None:
        """Asks several commands what they think; returns what the plan of everything says will run, if it was last."""
        planned = None
        looks = ["plan", "show", "verify", "explain", "size", "runs", "report"]
        if not base.pages[name]:
            looks.remove("report")
        self.chance.shuffle(looks)
        for look in [*looks[: self.chance.randint(1, 3)], self.chance.choice(["plan", "show"])]:
            planned = None
            if look == "plan":
                ended = self.heard(person.run("plan", name, *base.everything[name], "--json"), story)
                if ended.code != 0:
                    self.troubles.add("plan failed", *story, ended)
                else:
                    lines = json.loads(ended.out)["instances"]
                    planned = {line["instance"] for line in lines if line["verdict"] == "run"}
            elif look == "show":
                instances = [key for key in base.shown if key[0] == name]
                if not instances:
                    continue
                key = self.chance.choice(instances)
                ended = self.heard(person.run("show", *key), story)
                if ended.code == 0 and timeless(ended.out) != base.shown[key]:
                    self.troubles.add("show shows otherwise", *story, ended, base.shown[key].decode())
                elif ended.code not in (0, 3):
                    self.troubles.add("show failed", *story, ended)
            else:
                words = {"verify": ["cache", "verify"], "size": ["cache", "size"], "explain": ["explain", name], "runs": ["runs"], "report": ["report", name]}
                fine = {"verify": range(0, 32, 4), "size": (0,), "explain": (0,), "runs": (0,), "report": (0, 3)}
                ended = self.heard(person.run(*words[look]), story)
                # Behind a remote there is no cache yet.
                is_none = b"it is not a cache directory" in ended.err and not person.cache.exists()
                if ended.code not in fine[look] and not is_none:
                    self.troubles.add(f"{look} failed", *story, ended)
        return planned

    def check_started(self, base: Base, way: str, ran, touched: set, planned: set | None, story: list) -> None:
        started = ran.started()
        self.figures["instances made again"] += len(started)
        if len(started) != len(set(started)):
            self.troubles.add("twice", *story, ran)
        if way in ("own", "remote") and not set(started) <= touched:
            self.troubles.add("without need", *story, f"started {started}", ran)
        # What has the same bytes as something that was made again has them back before its turn comes.
        alike = {one for digest, owners in base.owners.items() if len(owners) > 1 and owners & set(started) for one in owners}
        if planned is not None and not planned <= set(started) | alike:
            self.troubles.add("planned and not run", *story, f"planned {planned}, started {started}", ran)

    def check_asked(self, base: Base, way: str, hit: list, asked: int, story: list) -> None:
        """A damaged row is asked for again, and no other. A bit may end one row and lose the next one's beginning.

        Where signatures are required, a remote's pack is taken as a whole or not at all: its signature is of the whole.
        """
        rows = sum(path.startswith("rows/") for path, _, _ in hit)
        if way == "killed":
            return
        self.figures["answers asked again"] += asked
        if way == "rows":
            self.figures["rows hit"] += rows
        # In a cache that goes on, what is asked may have been lost by an earlier batch, when nobody needed it.
        if way != "own" and asked > (60 if way == "remote" and base.kind == "signed" else 2) * rows:
            self.troubles.add("asked again", *story, f"{asked} asked, {rows} bits in rows")

    def check_results(self, base: Base, person: Person, name: str, story: list, way: str) -> None:
        self.heard(person.run("cache", "verify"), story)
        mine, wrong = person.digests(name)
        if wrong:
            self.troubles.add("lost", *story, wrong)
            return
        found = differences(mine, base.right[name])
        if found:
            self.troubles.add("different", *story, *(f"{key}: {mine.get(key)}" for key in found))
        mine = person.pages()
        if any(mine.get(path) != text for path, text in base.pages[name].items()):
            self.troubles.add("other pages", *story)

    def check_clean(self, base: Base, person: Person, story: list) -> bool:
        """After everything was run, what is damaged is of no use to anybody, and set aside by the first look.

        Of a result whose signature was damaged, the record stays: nobody trusted signed it, and it was made again.
        """
        unsigned = 16 if base.kind == "signed" else 0
        first = self.heard(person.run("cache", "verify"), story)
        again = self.heard(person.run("cache", "verify"), story)
        if first.code & ~(4 | unsigned) or again.code & ~unsigned:
            self.troubles.add("unclean", *story, first, again)
        return again.code == 0
