#!/usr/bin/env python3
"""Speed of label-first evaluation on the CPU with PyTorch and transformers: the peer of `benches/evaluate.rs`.

Usage: evaluate.py STUDENT_DIR PROMPTS.jsonl [--limit N] [--marker]

Greedy `generate` of up to 8 new tokens, 32 prompts at a time in the order of the file, padded on the left, with a cache of
keys and values: what a user of transformers writes. With `--marker` a row is done at its second marker, as a careful user
would add. Prints one line of JSON. Needs torch and transformers.
"""

import argparse
import json
import resource
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList

MARKER, BATCH, MAX_NEW = "[FIN_LABEL]", 32, 8


class Labelled(StoppingCriteria):
    """A row is done once it has two markers."""

    def __init__(self, marker, width):
        self.marker, self.width = marker, width

    def __call__(self, ids, scores, **rest):
        return (ids[:, self.width :] == self.marker).sum(1) >= 2


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("student")
    parser.add_argument("prompts")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--marker", action="store_true")
    given = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(given.student)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    tokenizer.padding_side = "left"
    model = AutoModelForCausalLM.from_pretrained(given.student, dtype=torch.float32).eval()
    with open(given.prompts, encoding="utf-8") as lines:
        prompts = [json.loads(line)["prompt"] for line in lines][: given.limit]
    marker = tokenizer.convert_tokens_to_ids(MARKER)

    def answer(some):
        batch = tokenizer(some, return_tensors="pt", padding=True)
        width = batch.input_ids.shape[1]
        stop = StoppingCriteriaList([Labelled(marker, width)]) if given.marker else None
        with torch.no_grad():
            made = model.generate(
                **batch,
                max_new_tokens=MAX_NEW,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                stopping_criteria=stop,
            )
        return tokenizer.batch_decode(made[:, width:])

    answer(prompts[:BATCH])
    began = time.perf_counter()
    outputs = []
    for start in range(0, len(prompts), BATCH):
        outputs += answer(prompts[start : start + BATCH])
    seconds = time.perf_counter() - began
    print(
        json.dumps(
            {
                "model": given.student,
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "batch": BATCH,
                "marker": given.marker,
                "questions": len(prompts),
                "seconds": seconds,
                "examples_per_s": len(prompts) / seconds,
                "outputs": outputs[:3],
                "peak_mem_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            }
        )
    )


if __name__ == "__main__":
    main()
