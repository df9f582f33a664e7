"""Makes a reference case of an architecture, or checks cases that are there.

    make.py olmo2                   writes the folder olmo2 beside this script
    make.py --check FOLDER ...      recomputes every number from the weights in each folder

See README.md beside this script.
"""

import argparse
import json
import sys
from pathlib import Path

import captum
import safetensors.torch
import torch
import transformers
from tokenizers import Tokenizer
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel

from architectures import ARCHITECTURES, tiny_model
from reference import IG_STEPS, Inputs, Values, every_value

HERE = Path(__file__).resolve().parent

# The most that a number may be off, as a share of the largest of its kind, by the beginning of its name. Training
# magnifies the last bit of a weight, and integrated gradients are those of the trained model.
TOLERANCES = {"logits": 1e-5, "hidden": 1e-5, "lens": 1e-4, "sft.logits": 1e-3, "sft": 1e-4, "ig": 1e-3, "": 0.0}
# What the last bit of every weight may do to the losses and norms of training. Beyond it the tests could not tell a
# right program from a wrong one.
STRAY_MAX = 2.5e-4

# Sums depend on it in their last bit, and training magnifies that bit.
THREADS = 2

HIDDEN_NOTE = (
    "hidden.0 is the embedding output, hidden.i the residual stream after block i, except that the last one has passed "
    "the final norm, as transformers returns them"
)
OPTIMIZER_NOTE = (
    "torch AdamW lr 3e-3 betas .9/.999 eps 1e-8 weight_decay 0.01 on every parameter, linear decay to 0 over 8 steps "
    "without warm-up, global-norm clipping at 1.0, dropout off; step k uses batch k mod 4; the loss is the mean over "
    "unmasked next-token targets of the batch"
)
LENS_NOTE = (
    "torch.optim.SGD over h + A h + b of every layer but the last, on input_ids, all at once; weight decay 1e-3, "
    "momentum 0.9, Nesterov, clipped at 1"
)


def read_json(path: Path) -> dict:
    """A JSON object."""
    return json.loads(path.read_text(encoding="utf-8"))


def write_json(path: Path, value: dict) -> None:
    """Writes a JSON object as the cases have it."""
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def read_inputs(folder: Path) -> Inputs:
    """The ids that a case runs on."""
    tensors = safetensors.torch.load_file(folder / "expected.safetensors")
    ig = read_json(folder / "expected.json")["ig"]
    ids = torch.tensor(ig["input_ids"])
    if ig["position"] != len(ids) - 1 or ig["steps"] != IG_STEPS:
        raise ValueError(
            f"{folder}: attributes position {ig['position']} in {ig['steps']} steps, which is not known here"
        )
    names = ("input_ids", "sft.input_ids", "sft.labels", "sft.lengths")
    return Inputs(*(tensors[name] for name in names), ig_ids=ids, target=ig["target_id"])


def read_model(folder: Path) -> PreTrainedModel:
    """The model of a case; what transformers misses, cannot place or finds misshapen is an error."""
    model, info = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    problems = {key: sorted(map(str, found)) for key, found in info.items() if found}
    if problems:
        raise ValueError(f"{folder}: {problems}")
    return model.eval()


def read_expected(folder: Path) -> Values:
    """Every number that a case expects, by name."""
    expected = read_json(folder / "expected.json")
    inputs = ("input_ids", "sft.input_ids", "sft.labels", "sft.lengths")
    tensors = safetensors.torch.load_file(folder / "expected.safetensors")
    values: Values = {name: tensor for name, tensor in tensors.items() if name not in inputs}
    values["parameters"] = float(expected["parameters"])
    values |= {f"sft.{name}": numbers for name, numbers in expected["sft"].items() if name != "optimizer"}
    values |= {name: number for name, number in expected.items() if name.endswith(".convergence_delta")}
    if (folder / "lens.json").exists():
        lens = read_json(folder / "lens.json")
        values |= {f"lens.{name}": numbers for name, numbers in lens.items() if name != "note"}
    return values


def off(name: str, found: Tensor | list[float] | float, wanted: Tensor | list[float] | float) -> float:
    """The largest difference, as a share of the largest number wanted.

    Ids count as equal or not, and what integration leaves over (often nearly nothing) is measured against one.
    """
    found, wanted = torch.as_tensor(found), torch.as_tensor(wanted)
    if found.shape != wanted.shape:
        return float("inf")
    difference = (found.double() - wanted.double()).abs().max().item()
    if not wanted.is_floating_point():
        return difference
    least = 1.0 if name.endswith(".convergence_delta") else 0.0
    return difference / max(wanted.double().abs().max().item(), least)


def tolerance(name: str, stray: float = 0.0) -> float:
    """The most that a number of this name may be off.

    After training it is four times what the number itself strays when every weight is off by its last bit, but at most
    ten times what it is otherwise: the parity tests allow the same.
    """
    least = next(most for start, most in TOLERANCES.items() if name.startswith(start))
    return min(max(least, 4.0 * stray), 10.0 * least) if name.startswith(("sft", "ig")) else least


def differences(found: Values, wanted: Values) -> dict[str, float]:
    """How far each number is off; one that only one side has is infinitely far. A case need not have a lens."""
    names = [name for name in wanted | found if name in wanted or not name.startswith("lens.")]
    return {
        name: off(name, found[name], wanted[name]) if name in found and name in wanted else float("inf")
        for name in names
    }


def misread_texts(folder: Path) -> int:
    """How many of the texts of a case do not give its ids, by its own tokenizer or the one that cases share."""
    own = folder / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(own if own.exists() else HERE / "tokenizer.json"))
    texts = read_json(folder / "expected.json")["texts"]
    rows = read_inputs(folder).ids.tolist()
    return sum(tokenizer.encode(text).ids[: len(row)] != row for text, row in zip(texts, rows, strict=True))


def check(folder: Path, verbose: bool) -> bool:
    """Recomputes a case, prints how far its numbers are off, and says whether all are within what is allowed."""
    found = every_value(read_model(folder), read_inputs(folder))
    table = differences(found, read_expected(folder)) | {"texts": float(misread_texts(folder))}
    most = {name: tolerance(name) for name in table}
    if any(too_much(table, most)):
        strays = differences(nearby(folder), found)
        most = {name: tolerance(name, strays.get(name, 0.0)) for name in table}
    print(folder)
    for name, share in table.items() if verbose else summary(table).items():
        print(f"  {name:<42} {share:9.2e}")
    wrong = too_much(table, most)
    for name in wrong:
        print(f"  WRONG: {name} is off by {table[name]:.2e}, more than {most[name]:.1e}")
    return not wrong


def too_much(table: dict[str, float], most: dict[str, float]) -> list[str]:
    """The numbers that are off by more than is allowed, or are no numbers."""
    return [name for name, share in table.items() if not share <= most[name]]


def summary(table: dict[str, float]) -> dict[str, float]:
    """The largest difference of each kind: hidden states of all layers together, and attributions by what they are."""
    kinds: dict[str, float] = {}
    for name, share in table.items():
        parts = name.split(".")
        kind = {"hidden": "hidden", "ig": f"ig.{parts[-1]}"}.get(parts[0], name)
        kinds[kind] = max(kinds.get(kind, 0.0), share)
    return kinds


def nearby(folder: Path) -> Values:
    """All numbers of a case whose every weight is off by about half of its last bit, up and down by turns."""
    model = read_model(folder)
    with torch.no_grad():
        for weight in model.parameters():
            signs = torch.ones(weight.numel())
            signs[1::2] = -1.0
            weight.mul_(1.0 + 6e-8 * signs.view_as(weight))
    return every_value(model, read_inputs(folder))


def write_case(folder: Path, name: str, seed: int, source: Path) -> float:
    """Writes a case of an architecture with the inputs of another case; returns how far its training strays."""
    inputs = read_inputs(source)
    texts = read_json(source / "expected.json")["texts"]
    architecture = ARCHITECTURES[name]
    folder.mkdir(parents=True, exist_ok=True)
    tiny_model(architecture, seed).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    values = every_value(read_model(folder), inputs)
    safetensors.torch.save_file(expected_tensors(values, inputs), folder / "expected.safetensors")
    write_json(folder / "expected.json", expected_json(values, inputs, texts, seed, architecture.scale))
    write_json(folder / "lens.json", with_prefix(values, "lens.") | {"note": LENS_NOTE})
    for path in folder.glob("*.safetensors"):
        # They are written for their owner alone.
        path.chmod(0o644)
    strays = differences(nearby(folder), values)
    return max(strays["sft.loss"], strays["sft.grad_norm_before_clipping"])


def with_prefix(values: Values, prefix: str) -> dict:
    """The lists of numbers whose names begin so, without that beginning."""
    return {
        name.removeprefix(prefix): numbers
        for name, numbers in values.items()
        if name.startswith(prefix) and isinstance(numbers, list)
    }


def expected_tensors(values: Values, inputs: Inputs) -> dict[str, Tensor]:
    """What goes into `expected.safetensors`: the ids and every tensor."""
    tensors = {name: value.contiguous() for name, value in values.items() if isinstance(value, Tensor)}
    return tensors | {
        "input_ids": inputs.ids,
        "sft.input_ids": inputs.sft_ids,
        "sft.labels": inputs.sft_labels,
        "sft.lengths": inputs.sft_lengths,
    }


def expected_json(values: Values, inputs: Inputs, texts: list[str], seed: int, scale: float) -> dict:
    """What goes into `expected.json`: single numbers, and notes on what each number is."""
    return {
        "texts": texts,
        "seed": seed,
        "scale": scale,
        "made_with": {
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "captum": captum.__version__,
        },
        "hidden_note": HIDDEN_NOTE,
        "sft": {"optimizer": OPTIMIZER_NOTE, **with_prefix(values, "sft.")},
        **{name: value for name, value in values.items() if name.endswith(".convergence_delta")},
        "ig": {
            "input_ids": inputs.ig_ids.tolist(),
            "target_id": inputs.target,
            "position": len(inputs.ig_ids) - 1,
            "steps": IG_STEPS,
            "baseline": "zero embedding",
            "reduction": "sum over the embedding dimension, and L2 norm",
        },
        "parameters": int(values["parameters"]),
    }


def make(name: str, folder: Path, seed: int, source: Path) -> bool:
    """Makes a case, says what became of it, and returns whether it can serve."""
    if (folder / "expected.json").exists():
        sys.exit(f"{folder} already is a case; check it with --check, or remove it first")
    strays = write_case(folder, name, seed, source)
    print(f"{folder}: training strays by {strays:.1e} when each weight is off by its last bit")
    if strays > STRAY_MAX:
        print(
            f"  WRONG: more than {STRAY_MAX:.1e} is chaotic: try another `scale` of `{name}` in architectures.py, or --seed"
        )
    return strays <= STRAY_MAX


def arguments() -> argparse.Namespace:
    """What is asked for on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", choices=sorted(ARCHITECTURES), help="an architecture of architectures.py")
    parser.add_argument("--check", nargs="+", type=Path, metavar="FOLDER", help="check these cases; make none")
    parser.add_argument("--verbose", action="store_true", help="with --check: every number by itself")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="where to write (NAME beside this script)")
    parser.add_argument("--seed", type=int, default=1, help="of the weights (1)")
    parser.add_argument(
        "--inputs",
        type=Path,
        default=HERE / "llama",
        metavar="FOLDER",
        help="the case whose texts and ids are taken (llama)",
    )
    given = parser.parse_args()
    if (given.name is None) == (given.check is None):
        parser.error("give the name of an architecture or --check FOLDER")
    for folder in given.check or [given.inputs]:
        if not (folder / "expected.json").is_file():
            parser.error(f"{folder} is not a case: it has no expected.json")
    return given


def main() -> int:
    """Makes or checks; the status is 1 where a case is wrong."""
    given = arguments()
    torch.set_num_threads(THREADS)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    if given.check:
        # Every case is checked, also after one that is wrong.
        right = [check(folder, given.verbose) for folder in given.check]
        return 0 if all(right) else 1
    made = make(given.name, given.out or HERE / given.name, given.seed, given.inputs)
    return 0 if made else 1


if __name__ == "__main__":
    sys.exit(main())
