"""Writes gpt2/divergence.json: what PyTorch computes where a student learns from a teacher's distributions.

    python tests/golden/divergence.py

`rows` has the loss and the gradient of a few rows of logits, in double precision, for each divergence, temperature and weight.
`runs` has four steps of AdamW of the model in gpt2/ on a few sequences, in single precision. The teacher's distributions are
made up; of each its likeliest tokens are kept, and all others are one further outcome.
"""

import json
from pathlib import Path

import torch
from torch.nn.functional import cross_entropy, kl_div, log_softmax
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
KINDS = ["forward", "reverse", "jsd"]
STEPS, LR, DECAY, TOP = 4, 1e-3, 0.01, 6


def outline(logits: torch.Tensor, top: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest tokens, and the logarithms of their probabilities and of that of the rest."""
    logs = log_softmax(logits, -1)
    kept = logs.topk(top, -1)
    return kept.indices, torch.cat([kept.values, tail(logs, kept.indices)], -1)


def tail(logs: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
    """The logarithm of the probability of all other tokens."""
    return logs.scatter(-1, ids, float("-inf")).logsumexp(-1, keepdim=True)


def divergence(kind: str, temperature: float, logits: torch.Tensor, ids: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """T² times the divergence of each row."""
    logs = log_softmax(logits, -1)
    outcomes = logs.gather(-1, ids)
    if ids.shape[-1] < logits.shape[-1]:
        outcomes = torch.cat([outcomes, tail(logs, ids)], -1)
    else:
        told = told[..., :-1]
    student, teacher = log_softmax(outcomes / temperature, -1), log_softmax(told / temperature, -1)
    kl = lambda p, q: kl_div(q, p, log_target=True, reduction="none").sum(-1)  # noqa: E731
    if kind == "forward":
        found = kl(teacher, student)
    elif kind == "reverse":
        found = kl(student, teacher)
    else:
        middle = torch.logaddexp(student, teacher) - torch.log(torch.tensor(2.0, dtype=logits.dtype))
        found = (kl(teacher, middle) + kl(student, middle)) / 2
    return found * temperature**2


def losses(setting: dict, logits: torch.Tensor, targets: torch.Tensor, ids: torch.Tensor, told: torch.Tensor) -> torch.Tensor:
    """The loss of each row."""
    plain = cross_entropy(logits, targets, reduction="none")
    apart = divergence(setting["kind"], setting["temperature"], logits, ids, told)
    return (1 - setting["weight"]) * plain + setting["weight"] * apart


def settings(weights: list[float]) -> list[dict]:
    """Every kind at every temperature with every weight."""
    return [
        {"kind": kind, "temperature": temperature, "weight": weight}
        for kind in KINDS
        for temperature in [1.0, 2.0]
        for weight in weights
    ]


def rows() -> list[dict]:
    """Rows of logits with their loss and gradient."""
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64)  # noqa: E731
    made = []
    for top in [3, 11]:
        logits, teacher = (2 * draw(4, 11)).float().double(), 2 * draw(4, 11)
        weights = torch.tensor([1.0, 0.5, 2.0, 0.25], dtype=torch.float64)
        targets = torch.tensor([0, 10, 4, 7])
        ids, told = outline(teacher, top)
        told = told.float().double()
        for setting in settings([0.5, 1.0]):
            at = logits.clone().requires_grad_()
            loss = (weights * losses(setting, at, targets, ids, told)).sum() * 0.25
            loss.backward()
            made.append(
                setting
                | {"top": top, "logits": logits.tolist(), "targets": targets.tolist(), "weights": weights.tolist(), "scale": 0.25}
                | {"ids": ids.tolist(), "logs": told.clamp(min=-1e30).tolist()}
                | {"loss": loss.item(), "gradient": at.grad.tolist()}
            )
    return made


def sequences(vocab: int) -> list[dict]:
    """Sequences of various lengths with what a made-up teacher says of their targets."""
    generator = torch.Generator().manual_seed(23)
    made = []
    for index in range(5):
        ids = torch.randint(0, vocab, (9 + 2 * index,), generator=generator)
        at = 3 + index
        teacher = 3 * torch.randn((len(ids) - at, vocab), generator=generator)
        # The target is among the likely ones more often than not.
        teacher[torch.arange(len(ids) - at), ids[at:]] += 6.0
        top, told = outline(teacher, TOP)
        made.append({"ids": ids.tolist(), "loss_from": at, "top": top.tolist(), "logs": told.tolist()})
    return made


def run(setting: dict, given: list[dict]) -> dict:
    """Trains for a few steps and notes what was seen."""
    model = AutoModelForCausalLM.from_pretrained(HERE / "gpt2", dtype=torch.float32).eval()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LR, weight_decay=DECAY)
    steps = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        each = []
        for row in given:
            ids, at = torch.tensor(row["ids"]), row["loss_from"]
            logits = model(input_ids=ids[None]).logits[0, at - 1 : -1]
            each.append(losses(setting, logits, ids[at:], torch.tensor(row["top"]), torch.tensor(row["logs"])))
        total = torch.cat(each).mean()
        total.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        steps.append({"loss": total.item(), "grad_norm": norm.item()})
    return setting | {"steps": steps}


def main() -> None:
    """Writes the file."""
    torch.set_num_threads(2)
    config = json.loads((HERE / "gpt2" / "config.json").read_text(encoding="utf-8"))
    given = sequences(config["vocab_size"])
    runs = [run(setting, given) for setting in settings([0.5])] + [
        run({"kind": "forward", "temperature": 1.0, "weight": 1.0}, given)
    ]
    note = "made by divergence.py with PyTorch: AdamW, constant rate, decay on every parameter, clipping at 1.0, dropout off"
    value = {"note": note, "lr": LR, "weight_decay": DECAY, "rows": rows(), "sequences": given, "runs": runs}
    (HERE / "gpt2" / "divergence.json").write_text(json.dumps(value) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
