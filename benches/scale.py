#!/usr/bin/env python3
"""How Retort itself scales: the time beside the stages' own work. Standard library only.

    benches/scale.py [--retort target/release/retort] [--repeats 7] [--json scale.json] [--only noop_1000 …]

Builds pipelines of 1,000, 10,000 and 100,000 trivial instances (a transform of four rationales over two axes) in a
temporary folder, and one with 10,000 questions in QuaRel's line format that a tiny student answers. Prints a table,
then the same as JSON (or into the file given by `--json`). `--work` sets the folder, which should lie on the kind of
disk whose numbers you want; a tmpfs makes first runs look better than they are.

| measure | is |
|---|---|
| first_1000 | a run of 1,000 instances on an empty cache |
| noop_1000 | the same again |
| plan_10000, plan_100000 | a plan where all those instances are stale and their input is known |
| plan_10000_cached | a plan where all are cached |
| plan_10000_changed | a plan where all were run before under another parameter, so that each has a difference to tell |
| noop_10000 | a run where all are cached |
| row_first, row_changed | 10,000 questions evaluated, and again after one question changed |
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile

from timing import Failed, machine, report, summary, timed

# The values of the two axes: so many fractions, each with so many seeds. No two instances have the same recipe.
SHAPES = {1_000: (25, 40), 10_000: (100, 100), 100_000: (250, 400)}

TRIVIAL = """\
retort: 1
experiment: trivial
seed: 17
axes:
  fraction: {{ range: [{step}, 0.5, {step}] }}
  draw: {{ range: [1, {draws}, 1] }}
stages:
  questions:
    dataset: {{ format: synthetic, train: 4, dev: 1, test: 1 }}
  rationales:
    elicit: {{ questions: questions, split: train, teacher: gold }}
  masked:
    transform:
      rationales: rationales
      steps: [ {{ mask: {{ fraction: "${{fraction}}", level: word, with: "{mark}" }} }} ]
      seed: "${{draw}}"
"""

# One question a batch, so that every event of progress is one row that was computed.
ROWS = """\
retort: 1
experiment: rows
seed: 17
models:
  tiny: { new: { architecture: gpt2, layers: 1, width: 16, heads: 2, context: 96, tokenizer: tokens } }
stages:
  questions:
    dataset: { format: quarel, train: train.jsonl, test: test.jsonl }
  tokens:
    tokenizer: { questions: questions, vocabulary: 320 }
  student:
    train: { student: tiny, questions: questions, placement: none, recipe: { lr: 1.0e-3, batch: 8, steps: 5 } }
  answers:
    evaluate: { model: student, questions: questions, split: test, max_new: 4, batch: 1 }
"""

THINGS = ["stone", "cart", "ball", "rope", "boat", "sled", "wheel", "plate", "brick", "drum"]


class Bench:
    """A binary, a folder to work in, and what was measured."""

    def __init__(self, retort, work, repeats):
        self.retort, self.work, self.repeats = retort, work, repeats
        self.measures, self.remarks = {}, []

    def path(self, name):
        return os.path.join(self.work, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def trivial(self, count, mark="_"):
        fractions, draws = SHAPES[count]
        self.write(f"trivial-{count}.yaml", TRIVIAL.format(step=0.5 / fractions, draws=draws, mark=mark))
        return f"trivial-{count}.yaml"

    def call(self, command, pipeline, *more, cache="cache", out=None):
        arguments = [self.retort, command, pipeline, *more, "--cache", cache, "--device", "cpu", "--progress"]
        progress = "json" if out else "plain"
        return timed([*arguments, progress], self.work, out=out)

    def measure(self, name, sample, repeats=None):
        self.measures[name] = summary([sample() for _ in range(repeats or self.repeats)])

    def first_1000(self):
        pipeline = self.trivial(1_000)

        # Each into a folder of its own, all deleted in the end: for some seconds after a deletion ext4 passes by the
        # inodes that it freed one by one, and a run would be charged for that.
        caches = [f"first-{turn}" for turn in range(self.repeats)]
        turns = iter(caches)
        self.measure("first_1000", lambda: self.call("run", pipeline, cache=next(turns)))
        self.counted(caches[-1], pipeline, 1_000)

    def noop_1000(self):
        pipeline = self.trivial(1_000)
        self.call("run", pipeline, cache="noop")
        # More repeats: a few hundredths of a second are soon disturbed.
        self.measure("noop_1000", lambda: self.call("run", pipeline, cache="noop"), 3 * self.repeats)

    def plan_10000(self):
        self.plan_stale(10_000)

    def plan_100000(self):
        self.plan_stale(100_000)

    def plan_stale(self, count):
        pipeline = self.trivial(count)
        self.call("run", pipeline, "rationales", cache="upstream")
        self.measure(f"plan_{count}", lambda: self.call("plan", pipeline, cache="upstream"))

    def full_10000(self):
        """Fills a cache with the results of 10,000 instances, once for all measures that need them."""
        pipeline = self.trivial(10_000)
        if not os.path.isdir(self.path("full")):
            self.measure("first_10000", lambda: self.call("run", pipeline, cache="full"), 1)
        return pipeline

    def noop_10000(self):
        pipeline = self.full_10000()
        self.measure("noop_10000", lambda: self.call("run", pipeline, cache="full"))

    def plan_10000_cached(self):
        pipeline = self.full_10000()
        self.measure("plan_10000_cached", lambda: self.call("plan", pipeline, cache="full"))

    def plan_10000_changed(self):
        self.full_10000()
        pipeline = self.trivial(10_000, mark="#")
        self.measure("plan_10000_changed", lambda: self.call("plan", pipeline, cache="full"), 3)

    def rows(self):
        self.write("rows.yaml", ROWS)
        question = lambda i, more="": {
            "id": f"made-{i}",
            "question": f"The {THINGS[i % 10]} number {i} is {i % 97} heavier than the "
            f"{THINGS[i // 10 % 10]}{more}. Which is lighter? (A) first (B) second",
            "answer_index": i % 2,
        }
        lines = lambda rows: "".join(json.dumps(row) + "\n" for row in rows)
        self.write("train.jsonl", lines(question(i) for i in range(20_000, 20_100)))
        test = [question(i) for i in range(10_000)]
        self.write("test.jsonl", lines(test))
        events = self.path("events.jsonl")
        self.measure("row_first", lambda: self.call("run", "rows.yaml", cache="rows", out=events), 1)
        first, changed = computed_rows(events), []

        def sample():
            changed.append(0)
            test[5_000] = question(5_000, f", says the {len(changed)}th")
            self.write("test.jsonl", lines(test))
            found = self.call("run", "rows.yaml", cache="rows", out=events)
            changed[-1] = computed_rows(events)
            return found

        self.measure("row_changed", sample)
        self.measures["row_first"]["rows_computed"] = first
        self.measures["row_changed"]["rows_computed"] = max(changed)
        self.remarks.append(f"rows computed: {first} at first, {max(changed)} after one question of 10,000 changed")

    def counted(self, cache, pipeline, count):
        """Checks that the shape has as many instances as its name says: a bench of nothing is quick."""
        arguments = [self.retort, "plan", pipeline, "--cache", cache, "--json"]
        answer = json.loads(subprocess.run(arguments, cwd=self.work, capture_output=True, check=True).stdout)
        if answer["counts"]["hits"] != count + 2:
            raise Failed(f"expected {count + 2} cached instances, found {answer['counts']}")


def computed_rows(events):
    """Counts the rows that `evaluate` computed, from a run's events."""
    with open(events) as lines:
        return sum(1 for line in lines if '"unit":"questions"' in line)


CASES = ["first_1000", "noop_1000", "plan_10000", "plan_100000", "noop_10000", "plan_10000_cached",
         "plan_10000_changed", "rows"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", default="target/release/retort", help="the binary")
    parser.add_argument("--repeats", type=int, default=7, help="how often each measure is taken")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--json", metavar="FILE", help="write the JSON there")
    parser.add_argument("--work", metavar="DIR", help="make the temporary folder there")
    options = parser.parse_args()
    retort = os.path.abspath(options.retort)
    if not os.access(retort, os.X_OK):
        sys.exit(f"there is no program `{retort}`; build it with `cargo build --release`, or name it with --retort")
    version = subprocess.run([retort, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    failed = False
    with tempfile.TemporaryDirectory(dir=options.work, prefix="retort-scale-") as work:
        bench = Bench(retort, work, options.repeats)
        for case in options.only:
            print(f"measuring {case} …", file=sys.stderr, flush=True)
            try:
                getattr(bench, case)()
            except Failed as error:
                failed = True
                bench.remarks.append(f"{case} failed: {error}")
    result = {"program": version, "machine": machine(), "measures": bench.measures, "remarks": bench.remarks}
    report(result, options.json)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
