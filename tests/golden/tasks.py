"""Writes gpt2/tasks.json: what PyTorch computes where one student learns two tasks at a time.

    python tests/golden/tasks.py

The loss of a step is the loss of the labels plus half of that of the rationales, each the mean over sequences of the mean
cross-entropy over the tokens of the target. A question may have several rationales, or none.
"""

import json
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
WEIGHTS = [1.0, 0.5]
STEPS, LR, DECAY = 4, 1e-3, 0.01


def sequences(vocab: int) -> list[dict]:
    """Questions with a label of two tokens, and rationales of various lengths."""
    generator = torch.Generator().manual_seed(17)
    draw = lambda count: torch.randint(0, vocab, (count,), generator=generator).tolist()  # noqa: E731
    made = []
    for question, rationales in enumerate([1, 2, 1, 0, 1, 3]):
        prompt = draw(4 + question)
        made.append({"question": question, "task": 0, "ids": prompt + draw(2), "loss_from": len(prompt)})
        for sample in range(rationales):
            other = draw(5 + question)
            ids = other + draw(3 + 4 * sample + question)
            made.append({"question": question, "task": 1, "ids": ids, "loss_from": len(other)})
    return made


def mean_losses(model, rows: list[dict]) -> list[torch.Tensor]:
    """The mean loss of each task."""
    by_task: dict[int, list[torch.Tensor]] = {}
    for row in rows:
        ids = torch.tensor(row["ids"])
        logits = model(input_ids=ids[None]).logits[0]
        at = row["loss_from"]
        by_task.setdefault(row["task"], []).append(cross_entropy(logits[at - 1 : -1], ids[at:]))
    return [torch.stack(by_task[task]).mean() for task in sorted(by_task)]


def main() -> None:
    """Trains for a few steps and writes what was seen."""
    torch.set_num_threads(2)
    model = AutoModelForCausalLM.from_pretrained(HERE / "gpt2", dtype=torch.float32).eval()
    rows = sequences(model.config.vocab_size)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY)
    steps = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        losses = mean_losses(model, rows)
        total = sum(weight * loss for weight, loss in zip(WEIGHTS, losses, strict=True))
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps.append({"loss": total.item(), "tasks": [loss.item() for loss in losses], "grad_norm": norm.item()})
    note = "made by tasks.py with PyTorch: AdamW, constant rate, decay on every parameter, clipping at 1.0, dropout off"
    value = {"note": note, "lr": LR, "weight_decay": DECAY, "weights": WEIGHTS, "sequences": rows, "steps": steps}
    (HERE / "gpt2" / "tasks.json").write_text(json.dumps(value) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
