#!/usr/bin/env python3
"""What Snakemake, DVC and redun need for the shapes that `../scale.py` gives Retort. Standard library only.

    benches/peers/install.sh target/peers
    benches/peers/peers.py [--peers target/peers] [--repeats 3] [--json peers.json] [--only snakemake_first_1000 …]

Each job writes its own number to a file of its own. That is the least a job can do and less than Retort's instances do,
which read rationales, mask them and write them. Each program runs in its fastest ordinary way: Snakemake with all
cores, DVC without a git repository, redun with its default threads and its store in SQLite. Prints a table, then the
same as JSON (or into the file given by `--json`).

| measure | is |
|---|---|
| snakemake_first_1000, snakemake_noop_1000 | 1,000 jobs of one rule, run, and run again |
| snakemake_plan_10000 | a dry run of 10,000 |
| redun_first_1000, redun_noop_1000 | 1,000 tasks, run, and run again |
| dvc_first_200, dvc_noop_200 | 200 stages, run, and run again |
"""

import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir))

from timing import Failed, machine, report, summary, timed  # noqa: E402

SNAKEFILE = """\
rule all:
    input: expand("out/{{i}}.txt", i=range({count}))

rule one:
    output: "out/{{i}}.txt"
    shell: "echo {{wildcards.i}} > {{output}}"
"""

REDUN = """\
from redun import File, task

redun_namespace = "bench"

@task()
def one(i: int) -> File:
    file = File(f"out/{{i}}.txt")
    file.write(str(i))
    return file

@task()
def main():
    return [one(i) for i in range({count})]
"""

DVC = """\
stages:
  one:
    foreach: [{numbers}]
    do:
      cmd: echo ${{item}} > out/${{item}}.txt
      outs:
        - out/${{item}}.txt
"""


class Peers:
    """The programs of one virtual environment, a folder to work in, and what was measured."""

    def __init__(self, programs, work, repeats):
        self.programs, self.work, self.repeats = programs, work, repeats
        self.measures, self.remarks = {}, []

    def fresh(self, name):
        """Makes a new folder each time; nothing is deleted before the end, since that slows down what comes next."""
        folder = tempfile.mkdtemp(dir=self.work, prefix=name + "-")
        os.makedirs(os.path.join(folder, "out"))
        return folder

    def write(self, folder, name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    def call(self, folder, program, *arguments):
        return timed([os.path.join(self.programs, program), *arguments], folder, limit_s=900)

    def measure(self, first, noop, fresh, command, count):
        """Times a first run, once or as often as is bearable, and then the same command with nothing to do."""
        samples = []
        while len(samples) < self.repeats and sum(sample["wall_s"] for sample in samples) < 120:
            folder = fresh()
            samples.append(self.call(folder, *command))
        made = len(os.listdir(os.path.join(folder, "out")))
        if made < count:
            raise Failed(f"expected {count} files, found {made}")
        self.measures[first] = summary(samples)
        self.measures[noop] = summary([self.call(folder, *command) for _ in range(self.repeats)])

    def snakemake(self):
        cores = str(len(os.sched_getaffinity(0)))

        def fresh():
            folder = self.fresh("snakemake")
            self.write(folder, "Snakefile", SNAKEFILE.format(count=1000))
            return folder

        command = ["snakemake", "--cores", cores, "--quiet", "all"]
        self.measure("snakemake_first_1000", "snakemake_noop_1000", fresh, command, 1000)

    def snakemake_plan(self):
        folder = self.fresh("snakemake-plan")
        self.write(folder, "Snakefile", SNAKEFILE.format(count=10_000))
        samples = [self.call(folder, "snakemake", "-n", "--quiet", "all") for _ in range(self.repeats)]
        self.measures["snakemake_plan_10000"] = summary(samples)

    def redun(self):
        def fresh():
            folder = self.fresh("redun")
            self.write(folder, "flow.py", REDUN.format(count=1000))
            return folder

        self.measure("redun_first_1000", "redun_noop_1000", fresh, ["redun", "run", "flow.py", "main"], 1000)

    def dvc(self):
        def fresh():
            folder = self.fresh("dvc")
            self.write(folder, "dvc.yaml", DVC.format(numbers=", ".join(map(str, range(200)))))
            self.call(folder, "dvc", "init", "--no-scm", "--quiet")
            self.call(folder, "dvc", "config", "core.analytics", "false")
            return folder

        self.measure("dvc_first_200", "dvc_noop_200", fresh, ["dvc", "repro", "--quiet"], 200)


CASES = ["snakemake", "snakemake_plan", "redun", "dvc"]


def versions(programs):
    """Asks pip, whose answer does not depend on how each program words its own."""
    listed = subprocess.run([os.path.join(programs, "pip"), "freeze"], capture_output=True, text=True, check=True)
    wanted = ("snakemake==", "redun==", "dvc==")
    return [line for line in listed.stdout.splitlines() if line.lower().startswith(wanted)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default="target/peers", help="the folder that install.sh was given")
    parser.add_argument("--repeats", type=int, default=3, help="how often each measure is taken")
    parser.add_argument("--only", nargs="+", choices=CASES, default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--json", metavar="FILE", help="write the JSON there")
    parser.add_argument("--work", metavar="DIR", help="make the temporary folder there")
    options = parser.parse_args()
    programs = os.path.join(os.path.abspath(options.peers), "bin")
    if not os.path.isdir(programs):
        sys.exit(f"there is nothing in `{options.peers}`; run benches/peers/install.sh {options.peers}")
    # Programs of the same environment must be found by the programs themselves.
    os.environ["PATH"] = programs + os.pathsep + os.environ["PATH"]
    failed = False
    with tempfile.TemporaryDirectory(dir=options.work, prefix="retort-peers-") as work:
        peers = Peers(programs, work, options.repeats)
        for case in options.only:
            print(f"measuring {case} …", file=sys.stderr, flush=True)
            try:
                getattr(peers, case)()
            except Failed as error:
                failed = True
                peers.remarks.append(f"{case} failed: {error}")
    result = {"programs": versions(programs), "machine": machine(), "measures": peers.measures,
              "remarks": peers.remarks}
    report(result, options.json)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
