#!/usr/bin/env python3
"""How much memory a training takes by the length of its sequences, and for how long. Standard library only.

    benches/lengths.py [--retort target/release/retort] [--before OTHER/retort] [--lengths 512 1024 …] [--json FILE]
    benches/lengths.py --model FOLDER --lengths 1024 2048

A student with random weights (Llama's shape, 6 layers, width 384, 6 heads, a vocabulary of 320), or the model in FOLDER, is
trained for a step on one sequence, all of whose tokens carry loss. Each length and recipe is a process of its own; its peak is
what the kernel says of it at its end (`ru_maxrss`), and its time is CPU time of the process. `--before` measures another binary
beside, with the recipe that it knows.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

from timing import Failed, machine, table

PIPELINE = """\
retort: 1
experiment: lengths
seed: 17
models:
  student: {student}
stages:
  questions:
    dataset: {{ format: synthetic, train: 4, dev: 2, test: 2 }}
  tokens:
    tokenizer: {{ questions: questions, vocabulary: 320 }}
  tuned:
    train:
      student: student
      questions: questions
      placement: none
      prompt: prompt.txt
      loss: sequence
      max_length: {length}
      recipe: {{ lr: 1.0e-4, batch: 1, steps: 1{recipe} }}
"""

NEW = "{{ new: {{ architecture: llama, layers: 6, width: 384, heads: 6, context: {length}, tokenizer: tokens }} }}"

RECIPES = {
    "as it is": "",
    "blocks": ", checkpointing: blocks",
    "blocks, chunks of 256": ", checkpointing: blocks, loss_chunk: 256",
    "and moments of 8 bits": ", checkpointing: blocks, loss_chunk: 256, moments: 8bit",
}


def measure(retort, work, stage):
    """Runs a stage in a folder; returns the peak in bytes and the seconds of CPU time."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RETORT_")}
    environment["RETORT_DEVICE"] = "cpu"
    command = [retort, "run", "x.yaml", stage, "--cache", str(work / "cache")]
    with open(work / ".stderr", "wb") as errors:
        process = subprocess.Popen(command, cwd=work, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise Failed(f"{' '.join(command)}:\n{(work / '.stderr').read_text(errors='replace')[-2000:]}")
    return usage.ru_maxrss * 1024, usage.ru_utime + usage.ru_stime


def one(retort, model, length, recipe):
    """Measures one training. The prompt is lengthened until it leaves a target just some tokens of the length."""
    words = length - 60
    for _ in range(4):
        with tempfile.TemporaryDirectory(prefix="retort-lengths-") as folder:
            work = pathlib.Path(folder)
            student = NEW.format(length=length) if model is None else f"{{ path: {os.path.abspath(model)} }}"
            (work / "x.yaml").write_text(PIPELINE.format(student=student, length=length, recipe=recipe))
            (work / "prompt.txt").write_text("{{ question }}" + " a" * words)
            measure(retort, work, "tokens")
            try:
                return measure(retort, work, "tuned")
            except Failed as failed:
                found = re.search(r"alone has (\d+) tokens", str(failed))
                if not found:
                    raise
                words = words * (length - 40) // int(found[1]) - 8
    raise Failed(f"no prompt of about {length} tokens was found")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--retort", type=os.path.abspath, default="target/release/retort")
    parser.add_argument("--before", type=os.path.abspath)
    parser.add_argument("--model")
    parser.add_argument("--lengths", type=int, nargs="+", default=[512, 1024, 2048, 4096, 8192])
    parser.add_argument("--recipes", nargs="+", default=list(RECIPES))
    parser.add_argument("--json", help="writes the figures as JSON")
    args = parser.parse_args()
    ways = [(name, args.retort, RECIPES[name]) for name in args.recipes]
    if args.before:
        ways.insert(0, ("before", args.before, ""))
    rows, found = [], []
    for length in args.lengths:
        row = [str(length)]
        for name, retort, recipe in ways:
            peak, cpu = one(retort, args.model, length, recipe)
            found.append({"length": length, "way": name, "peak_bytes": peak, "cpu_s": cpu})
            row.append(f"{peak / 1e6:,.0f} MB, {cpu:.1f} s")
            print(found[-1], file=sys.stderr, flush=True)
        rows.append(row)
    print(table(["tokens", *(name for name, *_ in ways)], rows))
    result = {"machine": machine(), "measured": found}
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
