#!/usr/bin/env python3
"""One arm from end to end with PyTorch and transformers: the peer of `benches/arm.yaml`.

Usage: arm.py MODEL_DIR DATA PLACEMENT

Tunes on the first 200 training questions that have a rationale, answers 32 dev questions every 12 steps and 64 test questions
at the end, greedily, with the cache of keys and values, 32 at a time. As in the pipeline, the student writes the marker
itself, and generation ends with the second one. Prints one line of JSON. Needs torch and transformers.
"""

import json
import pathlib
import random
import sys
import time

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, StoppingCriteria, StoppingCriteriaList

MARKER, BATCH, MAX_NEW = "[FIN_LABEL]", 8, 96


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def prompt(question):
    return f"Question: {question['question']}\n"


def target(question, rationale, placement):
    label = f"{MARKER} {'AB'[question['answer_index']]} {MARKER}"
    return f"{rationale} {label}" if placement == "before" else f"{label} {rationale}"


class Labelled(StoppingCriteria):
    """A row is done once it has two markers."""

    def __init__(self, marker, width):
        self.marker, self.width = marker, width

    def __call__(self, ids, scores, **rest):
        return (ids[:, self.width :] == self.marker).sum(1) >= 2


def answer(model, tokenizer, questions, marker):
    tokenizer.padding_side = "left"
    model.eval()
    outputs = []
    for start in range(0, len(questions), 32):
        batch = questions[start : start + 32]
        inputs = tokenizer([prompt(question) for question in batch], return_tensors="pt", padding=True)
        width = inputs.input_ids.shape[1]
        stop = StoppingCriteriaList([Labelled(marker, width)])
        with torch.no_grad():
            made = model.generate(
                **inputs,
                max_new_tokens=MAX_NEW,
                do_sample=False,
                pad_token_id=tokenizer.pad_token_id,
                stopping_criteria=stop,
            )
        outputs += tokenizer.batch_decode(made[:, width:])
    model.train()
    return outputs


def main():
    directory, data, placement = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.add_special_tokens({"additional_special_tokens": [MARKER]})
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    marker = tokenizer.convert_tokens_to_ids(MARKER)
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)
    model.resize_token_embeddings(len(tokenizer))
    model.train()
    rationales = {row["id"]: row["rationale"] for row in read(data / "rationales/quarel_gpt3.jsonl")}
    rows = []
    for question in read(data / "quarel/train.jsonl")[:200]:
        if question["id"] in rationales:
            asked = tokenizer(prompt(question)).input_ids
            told = tokenizer(target(question, rationales[question["id"]], placement)).input_ids
            rows.append(((asked + told + [tokenizer.eos_token_id])[:512], len(asked)))
    random.Random(0).shuffle(rows)
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-5, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / len(batches))
    seconds = {"train": 0.0, "dev": 0.0, "test": 0.0}
    dev, test = read(data / "quarel/dev.jsonl")[:32], read(data / "quarel/test.jsonl")[:64]
    for step, batch in enumerate(batches, 1):
        began = time.perf_counter()
        width = max(len(ids) for ids, _ in batch)
        ids = torch.full((len(batch), width), tokenizer.pad_token_id)
        labels, mask = torch.full_like(ids, -100), torch.zeros_like(ids)
        for i, (row, start) in enumerate(batch):
            ids[i, : len(row)] = torch.tensor(row)
            labels[i, start : len(row)] = torch.tensor(row[start:])
            mask[i, : len(row)] = 1
        model(input_ids=ids, attention_mask=mask, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        seconds["train"] += time.perf_counter() - began
        if step % 12 == 0:
            began = time.perf_counter()
            answer(model, tokenizer, dev, marker)
            seconds["dev"] += time.perf_counter() - began
    began = time.perf_counter()
    answer(model, tokenizer, test, marker)
    seconds["test"] += time.perf_counter() - began
    print(json.dumps({"placement": placement, "steps": len(batches), **{k: round(v, 1) for k, v in seconds.items()}}))


main()
