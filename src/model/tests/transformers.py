"""What transformers makes of the models whose directories come on stdin, for the test beside this file."""

import json
import sys

import torch
from transformers import AutoModelForCausalLM
from transformers.utils import logging

logging.set_verbosity_error()
logging.disable_progress_bar()


def load(directory):
    """The model in single precision; what transformers misses, cannot place or finds misshapen is an error."""
    model, info = AutoModelForCausalLM.from_pretrained(
        directory, torch_dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if info[problem]:
            sys.exit(f"{directory}: {problem}: {sorted(map(str, info[problem]))}")
    return model.eval()


answers = []
for job in json.load(sys.stdin):
    model = load(job["directory"])
    if "save" in job:
        model.to(getattr(torch, job["dtype"])).save_pretrained(job["save"], max_shard_size=job["shard"])
        model = load(job["save"])
    with torch.no_grad():
        answers.append(model(torch.tensor([job["ids"]])).logits[0].flatten().tolist())
json.dump(answers, sys.stdout)
