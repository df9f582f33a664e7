"""Four pipelines beside everything that looks after a cache: `gc` with every grace, `verify`, `rebuild`, `undelete`.

Two people work on the shared directory itself, two have caches of their own before it. Somebody collects garbage all the while,
verifies, makes indexes anew, brings back what was collected, and removes whole indexes. No run may fail, each report must be that of a
run alone, and nothing may be damaged. What is missing of a collected result is no damage.
"""

import pathlib
import random
import shutil
import subprocess
import time

from .common import ATTRIBUTED, GATHERED, STUDENTS, Alone, Person, Troubles, differences, pick, progress

PIPELINES = [STUDENTS, ATTRIBUTED, GATHERED, STUDENTS]
GRACES = {"0": 40, "1m": 25, "1h": 20, "": 15}
# How long a person goes on with the same pipeline, in seconds, and how long each rests between two runs.
SEED_S, REST_S = 40, 0.7


def run(retort: str, folder: pathlib.Path, minutes: float, seed: int, until: float) -> dict:
    chance = random.Random(seed)
    alone, troubles = Alone(retort, folder), Troubles(folder)
    team = folder / "team"
    subprocess.run([retort, "cache", "share", team], check=True, capture_output=True)
    people = []
    for index, pipeline in enumerate(PIPELINES):
        who = Person(retort, folder / f"person-{index}", f"user{index}", team if index % 2 == 0 else None)
        who.remotes = ["--no-remotes"] if index % 2 == 0 else [f"--remote={team}=on-success"]
        who.pipeline, who.child, who.text, who.next = pipeline, None, "", 0.0
        people.append(who)
    keeper = Person(retort, folder / "keeper", "keeper", team)
    figures = {"minutes": 0, "runs": 0, "collections": {}, "verified": 0, "rebuilt": 0, "undeleted": 0, "indexes removed": 0, "reports compared": 0, "failed": 0, "different": 0, "other troubles": 0}
    began = time.monotonic()
    end = min(until, began + 60 * minutes)
    while time.monotonic() < end:
        now = time.monotonic()
        for index, who in enumerate(people):
            if who.child is not None and who.child.poll() is not None:
                finished(who, alone, troubles, figures)
                who.child, who.next = None, now + REST_S * chance.uniform(0, 2)
            if who.child is None and now >= who.next:
                who.text = who.pipeline.format(name=index, seed=int((now - began) // SEED_S) // 2, keep="best", fractions="0.3, 0.6")
                if "keep: best" in who.text and (now - began) % (3 * SEED_S) < SEED_S:
                    who.text = who.text.replace("keep: best", "keep: none")
                who.write("x.yaml", who.text)
                who.child = who.start("run", "x.yaml", "--jobs", "1")
                figures["runs"] += 1
        if chance.random() < 0.06:
            look_after(chance.choice([keeper, keeper, people[1], people[3]]), people, chance, troubles, figures)
        figures["minutes"] = round((time.monotonic() - began) / 60, 1)
        note(figures, troubles)
        progress(folder, figures)
        time.sleep(0.05)
    for who in people:
        if who.child is not None:
            who.child.wait()
            finished(who, alone, troubles, figures)
        ran = who.run("run", "x.yaml")
        digests, _ = alone.of(who.text)
        mine, wrong = who.digests("x.yaml")
        if ran.code != 0 or wrong or differences(mine, digests):
            troubles.add("different", ran, wrong, differences(mine, digests))
    for who in [keeper, people[1], people[3]]:
        verified = who.run("cache", "verify")
        if verified.code & ~8:
            troubles.add("damaged", verified)
    note(figures, troubles)
    return figures


def finished(who: Person, alone: Alone, troubles: Troubles, figures: dict) -> None:
    """Takes note of how a run ended, and compares its report."""
    said = (who.folder / "said").read_text(errors="replace")
    if who.child.returncode != 0 or "panicked" in said:
        troubles.add("failed", who.user, who.child.returncode, said)
        return
    pages = who.pages()
    shutil.rmtree(who.folder / "out", ignore_errors=True)
    figures["reports compared"] += 1
    if pages != alone.of(who.text)[1]:
        troubles.add("different", who.user, said, sorted(pages))


def look_after(who: Person, people: list, chance: random.Random, troubles: Troubles, figures: dict) -> None:
    """Does one of the things that one does to a cache."""
    what = pick(chance, {"gc": 50, "verify": 20, "rebuild": 15, "undelete": 8, "remove": 7})
    if what == "gc":
        grace = pick(chance, GRACES)
        words = ["cache", "gc", "--keep-runs", chance.choice([0, 0, 1, 3]), *(["--grace", grace] if grace else [])]
        figures["collections"][grace or "default"] = figures["collections"].get(grace or "default", 0) + 1
        expect(who.run(*words), (0,), troubles)
    elif what == "verify":
        figures["verified"] += 1
        expect(who.run("cache", "verify"), (0, 8), troubles)
    elif what == "rebuild":
        # One's own index, that of somebody at work too.
        figures["rebuilt"] += 1
        expect(chance.choice([who, *people]).run("cache", "rebuild"), (0, 3), troubles)
    elif what == "undelete":
        figures["undeleted"] += 1
        expect(who.run("cache", "undelete"), (0, 2), troubles)
    else:
        figures["indexes removed"] += 1
        for index in [*who.cache.glob("index/*"), *chance.choice(people).home.glob(".cache/retort/caches/*")]:
            shutil.rmtree(index, ignore_errors=True)


def expect(ended, fine: tuple, troubles: Troubles) -> None:
    if ended.code not in fine or b"panicked" in ended.err:
        troubles.add(" ".join(ended.command[1:3]), ended)


def note(figures: dict, troubles: Troubles) -> None:
    figures |= {"failed": troubles.kinds.get("failed", 0), "different": troubles.kinds.get("different", 0), "troubles": troubles.kinds}
    figures["other troubles"] = troubles.count() - figures["failed"] - figures["different"]
