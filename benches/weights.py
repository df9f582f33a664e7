#!/usr/bin/env python3
"""How much memory a student's weights take on their way: trained, stored, evaluated, exported, pushed. Standard library only.

    benches/weights.py [--retort target/release/retort] [--layers 14] [--width 768] [--only train evaluate …] [--json FILE]

A student of GPT-2's shape with random weights is trained for a step or two on tiny data, so that what is measured is the way
of its weights and not its activations. Each part is a process of its own; its peak is what the kernel says of it at its end
(`ru_maxrss`, which is `VmHWM`). `state` is what the part has to hold: the weights, and in training their gradients, both
moments and, with `keep: full`, the best weights so far. `above` is the peak above it, the idle process included.
100 million weights by default; `--layers 25 --width 1280` are 500 million, which take 10 GB of memory and 20 GB of disk.

| part | is | its state |
|---|---|---|
| idle | what the student is made of, without it | nothing |
| train | one step, then the weights go into the cache | weights, gradients, two moments |
| evaluate | the weights come out of the cache, and two questions are asked | weights |
| export | the weights become `model.safetensors` | nothing |
| export again | the same, where they are there already | nothing |
| push, pull | the weights go to a directory behind the cache, and come from there | nothing |
| whole | one run: train, store, evaluate | as train |
| keep full | two steps with an evaluation each, the weights of both kept | as train, and the best |
| stopped | stopped after a step, its state saved | as train |
| resumed | the run goes on from there | as train |
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from timing import Failed, machine, table

PIPELINE = """\
retort: 1
experiment: weights
seed: 17
models:
  large: {{ new: {{ architecture: gpt2, layers: {layers}, width: {width}, heads: {heads}, context: 128, tokenizer: tokens }} }}
fragments:
  taught: {{ student: large, questions: questions, placement: none, prompt: prompt.txt }}
stages:
  questions:
    dataset: {{ format: synthetic, train: 4, dev: 2, test: 2 }}
  tokens:
    tokenizer: {{ questions: questions, vocabulary: 320 }}
  tuned:
    train: {{ use: taught, recipe: {{ lr: 1.0e-4, batch: 1, steps: 1 }} }}
  answers:
    evaluate: {{ model: tuned, questions: questions, split: test, max_new: 4 }}
  kept:
    train:
      use: taught
      keep: full
      recipe: {{ lr: 1.0e-4, batch: 1, steps: 2, eval_every: 1, eval_by: likelihood }}
  resumed:
    train: {{ use: taught, recipe: {{ lr: 1.0e-4, batch: 1, steps: 4 }} }}
"""

# What each part has to hold, in weights.
HOLDS = {
    "idle": 0, "train": 4, "evaluate": 1, "export": 0, "export again": 0, "push": 0, "pull": 0, "whole": 4, "keep full": 5,
    "stopped": 4, "resumed": 4,
}


class Bench:
    """A binary, a folder to work in, and the peaks that were measured."""

    def __init__(self, retort, work, size):
        self.retort, self.work, self.peaks = retort, work, {}
        (work / "x.yaml").write_text(PIPELINE.format(**size))
        # Short, so that activations are next to nothing.
        (work / "prompt.txt").write_text("{% if question %}Answer:{% endif %}")

    def retort_on(self, cache, *arguments):
        return [self.retort, *arguments, "--cache", str(self.work / cache)]

    def measure(self, part, command, stop_after=None):
        """Runs a command to its end, or stops it once it has come to a step; keeps its peak in bytes and its seconds."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("RETORT_")}
        environment["RETORT_DEVICE"] = "cpu"
        with open(self.work / ".stderr", "wb") as errors:
            began = time.perf_counter()
            out = subprocess.DEVNULL if stop_after is None else subprocess.PIPE
            process = subprocess.Popen(command, cwd=self.work, stdout=out, stderr=errors, env=environment)
            for line in process.stdout or []:
                if b'"note":"progress","done":%d,' % stop_after in line:
                    process.send_signal(signal.SIGINT)
                    process.stdout.read()
                    break
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != (0 if stop_after is None else 130):
            said = (self.work / ".stderr").read_text(errors="replace")[-2000:]
            raise Failed(f"{' '.join(command)} ended with {process.returncode}:\n{said}")
        self.peaks[part] = (usage.ru_maxrss * 1024, time.perf_counter() - began)
        print(part, *self.peaks[part], file=sys.stderr, flush=True)

    def run(self, only):
        measure, on = self.measure, self.retort_on
        measure("idle", on("cache", "run", "x.yaml", "tokens"))
        if "train" in only:
            measure("train", on("cache", "run", "x.yaml", "tuned"))
        if "evaluate" in only:
            measure("evaluate", on("cache", "run", "x.yaml", "answers"))
        if "export" in only:
            measure("export", on("cache", "export", "x.yaml", "tuned", "exported"))
            measure("export again", on("cache", "export", "x.yaml", "tuned", "exported"))
        if "push" in only:
            subprocess.run([self.retort, "cache", "share", self.work / "team"], check=True, stdout=subprocess.DEVNULL)
            remote = f"--remote={self.work / 'team'}=on-push"
            measure("push", on("cache", "cache", "push", "--all", remote))
            measure("pull", on("other", "export", "x.yaml", "tuned", "pulled", remote))
        if "whole" in only:
            measure("whole", on("whole", "run", "x.yaml", "answers"))
        if "keep" in only:
            measure("keep full", on("cache", "run", "x.yaml", "kept"))
        if "resume" in only:
            measure("stopped", on("cache", "run", "x.yaml", "resumed", "--progress", "json"), stop_after=1)
            measure("resumed", on("cache", "run", "x.yaml", "resumed"))

    def weights_bytes(self):
        """The size of the largest blob of any cache, which are the weights."""
        blobs = (path for cache in ("cache", "whole") for path in (self.work / cache / "objects").rglob("*"))
        return max(path.stat().st_size for path in blobs if path.is_file())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", type=os.path.abspath, default="target/release/retort")
    parser.add_argument("--layers", type=int, default=14)
    parser.add_argument("--width", type=int, default=768)
    parser.add_argument("--work", help="where to make the folder, for its disk")
    parser.add_argument("--only", nargs="+", default=["train", "evaluate", "export", "push", "whole", "keep", "resume"])
    parser.add_argument("--json", help="writes the figures as JSON")
    args = parser.parse_args()
    size = {"layers": args.layers, "width": args.width, "heads": args.width // 64}
    with tempfile.TemporaryDirectory(prefix="retort-weights-", dir=args.work) as work:
        bench = Bench(args.retort, pathlib.Path(work), size)
        bench.run(args.only)
        weights = bench.weights_bytes()
    rows, found = [], {}
    for part, (peak, seconds) in bench.peaks.items():
        state = HOLDS[part] * weights
        found[part] = {"peak_bytes": peak, "state_bytes": state, "seconds": seconds}
        rows.append([part, *(f"{value / 1e6:,.0f} MB" for value in (peak, state, peak - state)), f"{seconds:.0f} s"])
    print(table(["part", "peak", "state", "above", "took"], rows))
    result = {"machine": machine(), "size": size, "weights_bytes": weights, "parts": found}
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=2) + "\n")
    else:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
