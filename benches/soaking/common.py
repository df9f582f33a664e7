"""What the parts of the soak share: pipelines, people with caches of their own, results of a run alone, and troubles."""

import json
import os
import pathlib
import random
import shutil
import subprocess
import threading

# Students on one axis: what `{fractions}` and `{seed}` have in common, people share.
STUDENTS = """retort: 1
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

# Attribution, a student of the top tokens, weights of every evaluation.
ATTRIBUTED = """retort: 1
experiment: attributed-{name}
seed: {seed}
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
  tuned:
    train:
      student: tiny
      questions: questions
      rationales: rationales
      placement: before
      keep: full
      recipe: {{ lr: 2.0e-3, batch: 8, steps: 6, eval_every: 3, eval_questions: 4 }}
  weighed:
    attribute: {{ model: tuned, questions: questions, rationales: rationales, steps: 2 }}
  top:
    transform:
      rationales: rationales
      steps: [ {{ keep_top: {{ k: 6, attributions: weighed }} }} ]
  again:
    retrain: {{ like: tuned, rationales: top }}
  answers:
    over: {{ student: [tuned, again] }}
    evaluate: {{ model: "${{student}}", questions: questions, split: test, max_new: 8 }}
  results:
    report: {{ scores: answers, training: [tuned, again], x: student }}
"""

# Two axes that are not in the order of the alphabet, one combination left out, answers by likelihood.
GATHERED = """retort: 1
experiment: gathered-{name}
seed: {seed}
axes: {{ z: [0.4, 0.8], a: [word, sentence] }}
models:
  tiny:
    new: {{ architecture: gpt2, layers: 1, width: 16, heads: 2, context: 256, tokenizer: tokens }}
stages:
  questions:
    dataset: {{ format: synthetic, train: 32, dev: 4, test: 8 }}
  rationales:
    elicit: {{ questions: questions, split: train, teacher: gold }}
  tokens:
    tokenizer: {{ questions: questions, rationales: rationales, vocabulary: 300 }}
  masked:
    transform: {{ rationales: rationales, steps: [ {{ mask: {{ fraction: "${{z}}", level: "${{a}}" }} }} ] }}
  tuned:
    except: {{ z: 0.8, a: word }}
    train:
      student: tiny
      questions: questions
      rationales: masked
      placement: after
      recipe: {{ lr: 2.0e-3, batch: 8, steps: 4 }}
  answers:
    evaluate: {{ model: tuned, questions: questions, split: test, score: likelihood }}
  results:
    report: {{ scores: answers, x: z, lines: a }}
"""

# A teacher that is asked and paid, whose answers are worth the most.
ASKED = """retort: 1
experiment: asked-{name}
seed: {seed}
stages:
  questions:
    dataset: {{ format: synthetic, train: 60, dev: 4, test: 4 }}
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      label: from_text
      teacher:
        openai:
          base_url: http://127.0.0.1:{port}/v1
          model: taught
          traffic: {{ concurrency: 4, longest_wait: 2, patience: 60 }}
  masked:
    over: {{ level: [word, sentence] }}
    transform: {{ rationales: rationales, steps: [ {{ mask: {{ fraction: 0.5, level: "${{level}}" }} }} ] }}
"""

# The parts of a report that say nothing of when and by whom it was made.
PAGES = ("report.csv", "report.json", "report.tex", "questions.csv", "figure-1.svg", "figure-1.png")


def environment(user: str, home: pathlib.Path) -> dict:
    """What a command of somebody sees of the machine."""
    dropped = ("RETORT_", "AWS_", "XDG_", "GOOGLE_", "AZURE_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    kept |= {"USER": user, "HOME": str(home), "RETORT_DEVICE": "cpu", "NO_COLOR": "1", "RAYON_NUM_THREADS": "1"}
    return kept | {"NO_PROXY": "*"}


class Ended:
    """A command that has ended."""

    def __init__(self, command: list, code: int, out: bytes, err: bytes) -> None:
        self.command, self.code, self.out, self.err = [str(word) for word in command], code, out, err

    def __str__(self) -> str:
        said = f"{self.out[-4000:].decode(errors='replace')}\n--- stderr\n{self.err[-4000:].decode(errors='replace')}"
        return f"$ {' '.join(self.command)}\nended with {self.code}\n{said}"

    def events(self) -> list:
        return [json.loads(line) for line in self.out.splitlines() if line.startswith(b"{")]

    def started(self) -> list:
        return [event["instance"] for event in self.events() if event["event"] == "started"]


class Person:
    """Somebody with a working directory, a home, and a cache."""

    def __init__(self, retort: str, folder: pathlib.Path, user: str, cache: pathlib.Path | None = None) -> None:
        self.retort, self.folder, self.user = retort, folder, user
        self.cache = cache or folder / "cache"
        self.home = folder / "home"
        self.home.mkdir(parents=True, exist_ok=True)
        self.extra: dict = {}
        self.remotes = ["--no-remotes"]

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def command(self, *words: object) -> list:
        return [self.retort, *map(str, words), "--cache", str(self.cache), *self.remotes]

    def environment(self) -> dict:
        return environment(self.user, self.home) | self.extra

    def start(self, *words: object) -> subprocess.Popen:
        """Starts a command whose words go to the file `said`."""
        with open(self.folder / "said", "wb") as said:
            return subprocess.Popen(
                self.command(*words), cwd=self.folder, env=self.environment(), stdout=said, stderr=said,
                stdin=subprocess.DEVNULL,
            )

    def run(self, *words: object, timeout: float = 300) -> Ended:
        command = self.command(*words)
        try:
            ended = subprocess.run(
                command, cwd=self.folder, env=self.environment(), capture_output=True, stdin=subprocess.DEVNULL,
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as late:
            return Ended(command, -1, late.stdout or b"", (late.stderr or b"") + b"\nit did not end")
        return Ended(command, ended.returncode, ended.stdout, ended.stderr)

    def digests(self, file: str) -> tuple[dict, str]:
        """The digests of each part of each instance; and what is wrong, if the results are not all there."""
        plan = self.run("plan", file, "--json")
        if plan.code != 0:
            return {}, str(plan)
        found: dict = {}
        for line in json.loads(plan.out)["instances"]:
            if line["verdict"] != "hit":
                return {}, f"{line}\n{plan}"
            fingerprint = line["fingerprint"]
            for record in records(self.cache, fingerprint):
                for part, blob in record["outputs"].items():
                    found.setdefault((line["instance"], fingerprint, part), set()).add(blob["digest"])
        return found, ""

    def pages(self) -> dict:
        """The files of its reports that depend on nothing but the results."""
        out = self.folder / "out"
        return {str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.name in PAGES}


def records(cache: pathlib.Path, fingerprint: str) -> list:
    found = []
    for path in sorted((cache / "actions/v1" / fingerprint[:2] / fingerprint).glob("*")):
        try:
            found.append(json.loads(path.read_bytes()))
        except (ValueError, OSError):
            continue
    return found


class Alone:
    """The results of pipelines that somebody runs alone, each once."""

    def __init__(self, retort: str, folder: pathlib.Path) -> None:
        self.retort, self.folder = retort, folder
        self.known: dict = {}
        self.lock = threading.Lock()

    def of(self, text: str) -> tuple[dict, dict]:
        """The digests and the reports' files of a pipeline."""
        with self.lock:
            if text not in self.known:
                judge = Person(self.retort, self.folder / f"alone-{len(self.known)}", "judge")
                judge.write("x.yaml", text)
                ran = judge.run("run", "x.yaml", "--jobs", "1")
                digests, wrong = judge.digests("x.yaml")
                assert ran.code == 0 and not wrong, f"{ran}\n{wrong}"
                self.known[text] = digests, judge.pages()
                shutil.rmtree(judge.folder)
            return self.known[text]


class Troubles:
    """What went wrong, each with a file that tells of it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "troubles"
        self.kinds: dict = {}
        self.lock = threading.Lock()

    def add(self, kind: str, *told: object) -> pathlib.Path:
        with self.lock:
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{kind.replace(' ', '-')}-{self.kinds[kind]}.txt"
            path.write_text("\n".join(map(str, told)))
            return path

    def count(self) -> int:
        return sum(self.kinds.values())


def differences(mine: dict, right: dict) -> list:
    """Where results are not those of a run alone."""
    return [key for key, digests in right.items() if mine.get(key) != digests]


def progress(folder: pathlib.Path, figures: dict) -> None:
    """Leaves the figures so far where one can look at them."""
    path = folder / "figures.json"
    path.with_suffix(".new").write_text(json.dumps(figures, indent=1))
    path.with_suffix(".new").replace(path)


def pick(chance: random.Random, weights: dict) -> object:
    return chance.choices(list(weights), weights=list(weights.values()))[0]
