#!/usr/bin/env python3
"""Retort's `evaluate` beside lm-evaluation-harness, question by question. Standard library only.

    cargo build --release
    benches/peers/harness.py --model SmolLM2-135M-Instruct --openbookqa data/obqa --commonsense-qa data/csqa \\
        --gsm8k data/gsm8k [--arc ARC-Easy-Test.jsonl]

Both programs get the same model, the same prompts and the same questions: the first of each file. The harness comes from PyPI
into a virtual environment of its own (`--peers`, by default `target/harness`), unless `--python` names an interpreter that has
it. Its tasks are the ones it ships, with local files in the place of the hub's: their prompts, targets, filters and metrics are
read from the installed package, so that nothing here repeats them for it.

| task | files | measures |
|---|---|---|
| openbookqa | `--openbookqa DIR`: `test.jsonl` in its official layout | acc, acc_norm |
| commonsense_qa | `--commonsense-qa DIR`: `dev_rand_split.jsonl` in its official layout | acc |
| arc_easy | `--arc FILE`: JSON lines in the layout of ARC, OpenBookQA or CommonsenseQA | acc, acc_norm |
| gsm8k | `--gsm8k DIR`: `test.jsonl`, and `train.jsonl` for `--shots` | exact_match, strict and flexible |

Prints a table, and each question on which the two differ with what both said of it; `--json FILE` keeps the same.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import venv

HERE = pathlib.Path(__file__).resolve().parent
VERSION = "0.4.13"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

# The prompts of the tasks, as templates of Retort: `doc_to_text` of the tasks that the harness ships.
PROMPTS = {
    "arc_easy": "Question: {{ question }}\nAnswer:",
    "openbookqa": "{{ question }}",
    "commonsense_qa": "Question: {{ question | trim }}\n"
    + "".join(f"{letter}. {{{{ choices[{at}].text }}}}\n" for at, letter in enumerate("ABCDE"))
    + "Answer:",
    "gsm8k": "Question: {{ question }}\nAnswer:",
}
# What scores a choice: its words, or its letter.
STANDS = {"arc_easy": "text", "openbookqa": "text", "commonsense_qa": "label"}


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def choice_question(row):
    """A question of ARC, OpenBookQA or CommonsenseQA, whichever layout it has: (stem, texts, index of the answer)."""
    asked = row["question"]
    stem = asked["stem"] if isinstance(asked, dict) else row.get("question_stem", asked)
    choices = asked["choices"] if isinstance(asked, dict) else row["choices"]
    if isinstance(choices, dict):
        choices = [{"label": label, "text": text} for label, text in zip(choices["label"], choices["text"])]
    labels = [choice["label"] for choice in choices]
    return stem, [choice["text"] for choice in choices], labels.index(row["answerKey"].strip())


def read_questions(given):
    """The questions of each task, in one form: id, stem, texts and index, or id, question and answer."""
    files = {
        "openbookqa": given.openbookqa and pathlib.Path(given.openbookqa) / "test.jsonl",
        "commonsense_qa": given.commonsense_qa and pathlib.Path(given.commonsense_qa) / "dev_rand_split.jsonl",
        "arc_easy": given.arc,
    }
    tasks = {}
    for task, path in files.items():
        if path:
            found = [choice_question(row) for row in lines(path)[: given.questions]]
            tasks[task] = [
                {"id": f"{task}-{at}", "stem": stem, "texts": texts, "right": right}
                for at, (stem, texts, right) in enumerate(found)
            ]
    if given.gsm8k:
        rows = lines(pathlib.Path(given.gsm8k) / "test.jsonl")[: given.generations]
        tasks["gsm8k"] = [{"id": f"gsm8k-{at}", **row} for at, row in enumerate(rows)]
    return tasks


def examples(given):
    """The worked examples before each question of GSM8K: the first of its train split."""
    return lines(pathlib.Path(given.gsm8k) / "train.jsonl")[: given.shots] if given.shots else []


# The harness's side, which runs in its own environment.


def peer(work):
    """Runs the harness on what `work` has, and writes what it said of each question."""
    import yaml
    from lm_eval.evaluator import simple_evaluate
    from lm_eval.tasks import TaskManager, __file__ as package

    order = json.loads((work / "order.json").read_text())
    shipped = {
        "arc_easy": "arc/arc_easy.yaml",
        "openbookqa": "openbookqa/openbookqa.yaml",
        "commonsense_qa": "commonsense_qa/default.yaml",
        "gsm8k": "gsm8k/gsm8k.yaml",
    }
    found = {}
    for task in order["tasks"]:
        config = yaml.safe_load((pathlib.Path(package).parent / shipped[task]).read_text())
        for key in ("tag", "dataset_name", "training_split", "validation_split", "fewshot_split"):
            config.pop(key, None)
        files = {"test": str(work / f"{task}.json")}
        config.update(task=f"local_{task}", dataset_path="json", test_split="test", num_fewshot=0)
        if task == "gsm8k":
            config["generation_kwargs"]["max_gen_toks"] = order["tokens"]
        if task == "gsm8k" and order["shots"]:
            files["train"] = str(work / "gsm8k-train.json")
            config.update(training_split="train", fewshot_split="train", num_fewshot=order["shots"])
            config["fewshot_config"] = {"sampler": "first_n"}
        config["dataset_kwargs"] = {"data_files": files}
        (work / "tasks").mkdir(exist_ok=True)
        (work / "tasks" / f"{task}.yaml").write_text(yaml.safe_dump(config))
    manager = TaskManager(include_path=str(work / "tasks"), include_defaults=False)
    for task in order["tasks"]:
        results = simple_evaluate(
            model="hf",
            model_args={"pretrained": order["model"], "dtype": "float32"},
            tasks=[f"local_{task}"],
            task_manager=manager,
            batch_size=order["batch"],
            device="cpu",
            log_samples=True,
            bootstrap_iters=0,
        )
        rows = {}
        for sample in results["samples"][f"local_{task}"]:
            row = rows.setdefault(sample["doc"]["id"], {})
            row["prompt"] = sample["arguments"][0][0]
            if task == "gsm8k":
                row["output"] = sample["resps"][0][0]
                row[sample["filter"]] = [bool(sample["exact_match"]), sample["filtered_resps"][0]]
            else:
                row["log_probabilities"] = [float(answer[0]) for answer in sample["filtered_resps"]]
                row.update({name: bool(sample[name]) for name in ("acc", "acc_norm") if name in sample})
        found[task] = rows
        (work / "harness.json").write_text(json.dumps(found))


def write_peer_data(work, tasks, shots):
    """Writes the questions with the fields that the hub's data sets have."""
    for task, rows in tasks.items():
        if task != "gsm8k":
            stem = "question_stem" if task == "openbookqa" else "question"
            rows = [
                {
                    "id": row["id"],
                    stem: row["stem"],
                    "choices": {"text": row["texts"], "label": list(LETTERS[: len(row["texts"])])},
                    "answerKey": LETTERS[row["right"]],
                }
                for row in rows
            ]
        (work / f"{task}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if shots:
        (work / "gsm8k-train.json").write_text("".join(json.dumps(row) + "\n" for row in shots))


# Retort's side.


def literal(text):
    """Text as a template renders it unchanged."""
    return "{% raw %}" + text + "{% endraw %}"


def pipeline(work, given, tasks, shots):
    """Writes a pipeline that asks the same questions, with its prompts and data."""
    stages = [f"  base:\n    pretrained: {{ student: {{ path: {json.dumps(os.path.abspath(given.model))} }} }}\n"]
    for task, rows in tasks.items():
        prompt = PROMPTS[task]
        if task == "gsm8k":
            worked = "".join(f"Question: {shot['question']}\nAnswer: {shot['answer']}\n\n" for shot in shots)
            prompt = (literal(worked) if worked else "") + prompt
            rows = [{"id": row["id"], "question": row["question"], "answer": row["answer"]} for row in rows]
            stages.append(
                "  gsm8k:\n    dataset: { format: table, test: gsm8k.jsonl, id: id, question: question, "
                "answer: { field: answer, pattern: '#### (.*)' }, answers: number }\n"
                "  gsm8k-answers:\n    evaluate:\n      model: base\n      questions: gsm8k\n      prompt: gsm8k.jinja\n"
                "      separator: ' '\n      max_new: "
                + str(given.tokens)
                + "\n      stop: ['Question:', '</s>', '<|im_end|>']\n      extract:\n"
                "        strict: ['#### (\\-?[0-9\\.\\,]+)']\n        lenient: ['(-?[$0-9.,]{2,})|(-?[0-9]+)']\n"
                "        unmatched: wrong\n"
            )
        else:
            rows = [
                {
                    "id": row["id"],
                    "question": {
                        "stem": row["stem"],
                        "choices": [{"label": LETTERS[at], "text": text} for at, text in enumerate(row["texts"])],
                    },
                    "answerKey": LETTERS[row["right"]],
                }
                for row in rows
            ]
            stages.append(f"  {task}:\n    dataset: {{ format: csqa, test: {task}.jsonl }}\n")
            for by, name in [("sum", "acc"), ("characters", "acc-norm")]:
                score = f"{{ likelihood: {{ of: {STANDS[task]}, by: {by} }} }}"
                stages.append(
                    f"  {task}-{name}:\n    evaluate: {{ model: base, questions: {task}, prompt: {task}.jinja, "
                    f"separator: ' ', score: {score} }}\n"
                )
        (work / f"{task}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (work / f"{task}.jinja").write_text(prompt)
    head = "retort: 1\nexperiment: harness\nseed: 0\n\nstages:\n"
    (work / "pipeline.yaml").write_text(head + "".join(stages))


def retort(given, work, *arguments):
    """Runs Retort in the folder and returns what it printed."""
    command = [os.path.abspath(given.retort), *arguments, "--cache", str(work / "cache")]
    done = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed: {done.stdout}")
    return done.stdout


def shown(given, work, stage):
    rows = json.loads(retort(given, work, "show", "pipeline.yaml", stage, "--json", "--limit", "1000000"))
    return {row["id"]: row for row in rows}


def plain(answer):
    return next(iter(answer.values())) if isinstance(answer, dict) else answer


def right(row, reading):
    return bool(reading) and (bool(reading.get("equal")) or reading.get("predicted") == row["answer"])


def ours(given, work, tasks):
    """What Retort said of each question, by measure: (right, what was answered)."""
    said = {}
    for task in tasks:
        if task == "gsm8k":
            rows = shown(given, work, "gsm8k-answers")
            of = {
                "strict-match": lambda row: row,
                "flexible-extract": lambda row: row["lenient"],
            }
            for measure, reading in of.items():
                said[task, measure] = {
                    key: (right(row, reading(row)), plain(reading(row).get("predicted")), row["output"])
                    for key, row in rows.items()
                }
        else:
            for stage, measure in [("acc", "acc"), ("acc-norm", "acc_norm")]:
                rows = shown(given, work, f"{task}-{stage}")
                logs = lambda row: [choice["log_probability"] for choice in row["likelihoods"]]  # noqa: E731
                said[task, measure] = {
                    key: (right(row, row), plain(row.get("predicted")), logs(row)) for key, row in rows.items()
                }
    return said


def compare(theirs, said):
    """One line per task and measure, and the questions on which the two differ."""
    table = []
    for (task, measure), rows in said.items():
        peers = theirs.get(task, {})
        if not any(measure in row for row in peers.values()):
            continue
        differing = []
        for key, row in peers.items():
            judged = row[measure][0] if task == "gsm8k" else row[measure]
            mine, answered, evidence = rows[key]
            if judged != mine:
                other = [row[measure][1], row["output"]] if task == "gsm8k" else row["log_probabilities"]
                differing.append({"question": key, "retort": [mine, answered, evidence], "harness": [judged, other]})
        count = len(peers)
        share = sum((row[measure][0] if task == "gsm8k" else row[measure]) for row in peers.values()) / count
        own = sum(rows[key][0] for key in peers) / count
        line = {"task": task, "measure": measure, "questions": count, "harness": share, "retort": own}
        if task == "gsm8k":
            # Where the texts differ, what is read of them may as well.
            line["same_text"] = sum(row["output"].strip() == rows[key][2].strip() for key, row in peers.items())
            line["same_reading"] = sum((rows[key][1] or "[invalid]") == row[measure][1] for key, row in peers.items())
        else:
            gaps = [abs(a - b) for key, row in peers.items() for a, b in zip(row["log_probabilities"], rows[key][2])]
            line["largest_gap_nats"] = max(gaps)
        table.append({**line, "differing": differing})
    return table


def environment(given):
    """Returns an interpreter that has the harness, which is installed where there is none."""
    if given.python:
        return given.python
    folder = pathlib.Path(given.peers).resolve()
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    here = subprocess.run([python, "-c", "import lm_eval, torch, transformers"], stderr=subprocess.DEVNULL, check=False)
    if here.returncode:
        subprocess.run([python, "-m", "pip", "install", "--quiet", f"lm_eval[hf]=={VERSION}", "torch", "accelerate"], check=True)
    return str(python)


def main():
    if sys.argv[1:2] == ["--peer"]:
        return peer(pathlib.Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a folder in Hugging Face's layout")
    parser.add_argument("--openbookqa", metavar="DIR")
    parser.add_argument("--commonsense-qa", metavar="DIR")
    parser.add_argument("--arc", metavar="FILE")
    parser.add_argument("--gsm8k", metavar="DIR")
    parser.add_argument("--questions", type=int, default=200, help="questions of each likelihood task")
    parser.add_argument("--generations", type=int, default=200, help="questions of GSM8K")
    parser.add_argument("--tokens", type=int, default=256, help="the most tokens of an answer of GSM8K")
    parser.add_argument("--shots", type=int, default=0, help="worked examples before each question of GSM8K")
    parser.add_argument("--batch", type=int, default=8, help="questions that the harness asks side by side")
    parser.add_argument("--retort", default=str(HERE.parents[1] / "target" / "release" / "retort"))
    parser.add_argument("--peers", default=str(HERE.parents[1] / "target" / "harness"))
    parser.add_argument("--python", help="an interpreter that has lm_eval, torch and transformers")
    parser.add_argument("--work", default=str(HERE.parents[1] / "target" / "harness-work"))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--keep", action="store_true", help="compare with what the harness said the last time")
    parser.add_argument("--only-harness", action="store_true", help="run the harness alone, and keep what it says")
    given = parser.parse_args()
    tasks = read_questions(given)
    if not tasks:
        parser.error("give at least one of --openbookqa, --commonsense-qa, --arc and --gsm8k")
    work = pathlib.Path(given.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    shots = examples(given) if given.gsm8k else []
    write_peer_data(work, tasks, shots)
    order = {
        "model": os.path.abspath(given.model),
        "tasks": list(tasks),
        "batch": given.batch,
        "shots": len(shots),
        "tokens": given.tokens,
    }
    (work / "order.json").write_text(json.dumps(order))
    if not given.keep:
        offline = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        subprocess.run([environment(given), str(HERE / "harness.py"), "--peer", str(work)], check=True, env=offline)
    theirs = json.loads((work / "harness.json").read_text())
    if given.only_harness:
        return None
    pipeline(work, given, tasks, shots)
    retort(given, work, "run", "pipeline.yaml", "--device", "cpu", "--progress", "plain")
    table = compare(theirs, ours(given, work, tasks))
    print("| task | measure | questions | lm-evaluation-harness | Retort | differing | |\n|---|---|---|---|---|---|---|")
    for line in table:
        if "largest_gap_nats" in line:
            note = f"largest gap {line['largest_gap_nats']:.1e} nats"
        else:
            note = f"{line['same_text']} texts and {line['same_reading']} extracted answers the same"
        print(
            f"| {line['task']} | {line['measure']} | {line['questions']} | {line['harness']:.4f} | {line['retort']:.4f} "
            f"| {len(line['differing'])} | {note} |"
        )
    for line in table:
        for found in line["differing"]:
            print(f"\n{line['task']} {line['measure']} {found['question']}:\n  Retort  {found['retort']}\n  harness {found['harness']}")
    if given.json:
        pathlib.Path(given.json).write_text(json.dumps(table, indent=1))
    return int(any(line["differing"] for line in table))


if __name__ == "__main__":
    sys.exit(main())
