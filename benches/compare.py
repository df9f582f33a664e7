#!/usr/bin/env python3
"""Sets Retort beside its peers: reads what `scale.py --json` and `peers/peers.py --json` wrote, prints a Markdown table.

    benches/scale.py --json target/scale.json
    benches/peers/install.sh target/peers
    benches/peers/peers.py --peers target/peers --json target/peers.json
    benches/compare.py target/scale.json target/peers.json

Ratios are of medians, rounded down to two digits. Where the load differed by more than one between the two, the row says
so: such a ratio is worth little.
"""

import json
import math
import sys

from timing import seconds, table

# What is compared, the time to stay below, and the peers' measures.
ROWS = [
    ("no-op run, 1,000 instances", "noop_1000", 0.060,
     [("Snakemake", "snakemake_noop_1000"), ("redun", "redun_noop_1000"), ("DVC at 200", "dvc_noop_200")]),
    ("plan, 10,000 instances", "plan_10000", 0.5, [("Snakemake", "snakemake_plan_10000")]),
    ("plan, 100,000 instances", "plan_100000", 3.0, []),
    ("first run of 1,000 trivial instances", "first_1000", 3.0,
     [("Snakemake", "snakemake_first_1000"), ("redun", "redun_first_1000"), ("DVC at 200", "dvc_first_200")]),
    ("one row changed of 10,000", "row_changed", 1.0, []),
]


def ratio(peer, own):
    value = peer / own
    if value < 1:
        return f"{value:.2f}×"
    step = 10 ** max(0, math.floor(math.log10(value)) - 1)
    return f"{math.floor(value / step) * step:g}×"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    own, peers = (json.load(open(path)) for path in sys.argv[1:])
    rows = []
    for what, name, reach, others in ROWS:
        found = own["measures"].get(name)
        if found is None:
            continue
        cells = []
        for peer, measure in others:
            theirs = peers["measures"].get(measure)
            if theirs is not None:
                apart = abs(theirs["load_1min"] - found["load_1min"]) > 1
                note = ", at another load" if apart else ""
                times = ratio(theirs["median_s"], found["median_s"])
                cells.append(f"{peer} {seconds(theirs['median_s'])} ({times}{note})")
        met = "yes" if found["median_s"] <= reach else "**no**"
        rows.append([what, seconds(reach), seconds(found["median_s"]), met, "; ".join(cells) or "–"])
    print(table(["what", "reach", "measured", "met", "peers (how many times as long)"], rows))
    print()
    print(f"{own['program']}; {', '.join(peers['programs'])}; {own['machine']}")


if __name__ == "__main__":
    main()
