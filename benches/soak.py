#!/usr/bin/env python3
"""The long form of the tests of damage, kills, faults and neighbours: is everything as if one had worked alone?

    benches/soak.py target/release/retort                               all four parts at once, as long as they take
    benches/soak.py target/release/retort --kills 1000                  processes killed on shared caches and remotes
    benches/soak.py target/release/retort --flips 10000                 bits flipped in finished caches
    benches/soak.py target/release/retort --s3-faults 10000             faults between people and their bucket
    benches/soak.py target/release/retort --beside 60                   minutes of four pipelines beside gc, verify and rebuild
    benches/soak.py target/release/retort --kills 200 --hosts 6 [--through sshfs]     each process on a machine of its own

Each part is told of in its file in `benches/soaking`. In the end there is a table of figures; it ends with 1 if anything went wrong,
and each trouble has a file in the folder that is named. With `--minutes` each part ends after so long, whatever it has reached.
Standard library only, but for moto's server, which `--s3-faults` needs: `pip install 'moto[server]'`.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import sys
import tempfile
import time

from soaking import beside, faults, flips, kills

EVERYTHING = {"kills": 1000, "flips": 10000, "s3_faults": 10000, "beside": 60}


def part(name: str, folder: pathlib.Path, args: argparse.Namespace) -> None:
    """Runs one part and leaves its figures in its folder."""
    until = time.monotonic() + 60 * args.minutes
    wanted, seed = getattr(args, name), args.seed
    if name == "kills":
        figures = kills.run(args.retort, folder, wanted, seed, until, args)
    elif name == "flips":
        figures = flips.run(args.retort, folder, wanted, seed, until)
    elif name == "s3_faults":
        figures = faults.run(args.retort, folder, wanted, seed, until, args.moto)
    else:
        figures = beside.run(args.retort, folder, wanted, seed, until)
    (folder / "ended.json").write_text(json.dumps(figures, indent=1))


def table(ended: dict, took: dict) -> str:
    """The figures of all parts as Markdown."""
    lines = ["| part | figures | failed | different | other troubles | minutes |", "|---|---|---|---|---|---|"]
    for name, figures in ended.items():
        if figures is None:
            lines.append(f"| {name} | did not end | | | | {took[name]:.0f} |")
            continue
        plain = {key: value for key, value in figures.items() if key not in ("failed", "different", "other troubles", "troubles")}
        told = "; ".join(f"{key} {json.dumps(value)}" for key, value in plain.items())
        lines.append(f"| {name} | {told} | {figures['failed']} | {figures['different']} | {figures['other troubles']} | {took[name]:.0f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("retort", type=os.path.abspath)
    for name in EVERYTHING:
        kind = float if name == "beside" else int
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="MINUTES" if name == "beside" else "N", nargs="?", const=EVERYTHING[name])
    parser.add_argument("--minutes", type=float, default=24 * 60, help="the longest that each part goes on")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--moto", default="moto_server", help="moto's server, which speaks S3")
    parser.add_argument("--folder", type=pathlib.Path, help="where to work; made where it is not there")
    parser.add_argument("--processes", type=int, default=6, help="of `--kills`")
    parser.add_argument("--deadliness", type=float, default=0.05, help="how likely each process of `--kills` is killed in 50 ms")
    parser.add_argument("--hosts", type=int, help="so many processes of `--kills`, each on a machine of its own")
    parser.add_argument("--through", choices=kills.HOST, default="mount", help="how a machine reaches the directory")
    parser.add_argument("--evict", action="store_true", help="keep no weights in half of the runs of `--kills`, of fewer people")
    parser.add_argument("--collect", action="store_true", help="collect garbage beside `--kills` now and then, without any grace")
    args = parser.parse_args()
    asked = [name for name in EVERYTHING if getattr(args, name) is not None]
    if not asked:
        asked = list(EVERYTHING)
        vars(args).update(EVERYTHING)
    folder = args.folder or pathlib.Path(tempfile.mkdtemp(prefix="retort-soak-"))
    print(f"in {folder}", flush=True)
    began = time.monotonic()
    parts, took = {}, {}
    for name in asked:
        (folder / name).mkdir(parents=True)
        # A part must not do its work in threads of another's process.
        parts[name] = multiprocessing.get_context("spawn").Process(target=part, args=(name, folder / name, args))
        parts[name].start()
    while len(took) < len(parts):
        for name, process in parts.items():
            if name not in took and not process.is_alive():
                took[name] = (time.monotonic() - began) / 60
                print(f"{name} ended after {took[name]:.1f} minutes with {process.exitcode}", flush=True)
        time.sleep(0.2)
    ended = {}
    for name in asked:
        path = folder / name / "ended.json"
        ended[name] = json.loads(path.read_text()) if path.exists() else None
    print(table(ended, took))
    bad = [name for name, figures in ended.items() if figures is None or figures["failed"] + figures["different"] + figures["other troubles"]]
    if bad:
        sys.exit(f"trouble in {', '.join(bad)}: see {folder}/*/troubles")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
