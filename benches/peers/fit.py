#!/usr/bin/env python3
"""Speed of fine-tuning on the CPU with PyTorch and transformers: the peer of `benches/fit.rs`.

Usage: fit.py MODEL_DIR|gpt2:TOKENIZER_DIR EXAMPLES.jsonl [--steps N]

The same rows in batches of four, each padded to its longest row, loss on the targets only, AdamW under a linear schedule,
gradients clipped at 1. Prints one line of JSON. Needs torch and transformers.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config

FIRST, BATCH = 3, 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("examples")
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    torch.manual_seed(0)
    random_weights = given.model.startswith("gpt2:")
    directory = given.model.removeprefix("gpt2:")
    tokenizer = AutoTokenizer.from_pretrained(directory)
    if random_weights:
        shape = GPT2Config(embd_pdrop=0.0, attn_pdrop=0.0, resid_pdrop=0.0)
        model = AutoModelForCausalLM.from_config(shape)
    else:
        model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.train()
    total = given.steps + FIRST
    rows = []
    with open(given.examples, encoding="utf-8") as lines:
        for line in list(lines)[: total * BATCH]:
            row = json.loads(line)
            prompt = tokenizer(row["prompt"]).input_ids
            target = tokenizer(row["target"]).input_ids + [tokenizer.eos_token_id]
            rows.append(((prompt + target)[:512], len(prompt)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, eps=1e-8, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / total)
    seconds, tokens, losses = [], [], []
    for step in range(total):
        batch = rows[step * BATCH : (step + 1) * BATCH]
        width = max(len(ids) for ids, _ in batch)
        ids = torch.zeros((len(batch), width), dtype=torch.long)
        labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
        for i, (row, start) in enumerate(batch):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, start : len(row)] = torch.tensor(row[start:])
            mask[i, : len(row)] = 1
        began = time.perf_counter()
        loss = model(input_ids=ids, attention_mask=mask, labels=labels).loss
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss))
        seconds.append(time.perf_counter() - began)
        tokens.append(sum(len(row) for row, _ in batch))
    median = statistics.median(seconds[FIRST:])
    print(
        json.dumps(
            {
                "model": given.model,
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "step_s": median,
                "examples_per_s": BATCH / median,
                "tokens_per_s": sum(tokens[FIRST:]) / sum(seconds[FIRST:]),
                "loss_first": losses[0],
                "loss_last": losses[-1],
                "peak_mem_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
            }
        )
    )


if __name__ == "__main__":
    main()
