#!/usr/bin/env python3
"""Makes vectors.txt and words.jsonl, which the small pipelines use in place of published vectors and of people's annotations.

Usage: make-words.py QUESTIONS.json RATIONALES.json

with what `retort show pipelines/small/table-3.yaml made-up --json --limit 9999` and the same of `gold` print. The vectors are
those of positive pointwise mutual information within five words, reduced to 16 dimensions by singular values. The words of a
rationale are its comparatives, with the more or less of what, and the words of the right choice. Needs numpy.
"""
import json
import pathlib
import re
import sys

import numpy

HERE = pathlib.Path(__file__).parent
WINDOW, WIDTH = 5, 16
NO_COMPARATIVES = {"water", "under", "burner", "copper", "rooster", "flower", "river", "stroller", "helicopter", "camper", "winter"} | {
    "peter", "drummer", "singer", "paper", "scooter", "sweater", "leather", "tower", "player", "mower"
}


def words(text):
    return re.findall(r"[a-z]+", text.lower())


def vectors(texts):
    vocabulary = sorted({word for text in texts for word in text})
    index = {word: i for i, word in enumerate(vocabulary)}
    near = numpy.zeros((len(vocabulary), len(vocabulary)))
    for text in texts:
        for i, word in enumerate(text):
            for other in text[max(0, i - WINDOW) : i]:
                near[index[word], index[other]] += 1
                near[index[other], index[word]] += 1
    total = near.sum()
    expected = numpy.outer(near.sum(0), near.sum(1)) / total
    with numpy.errstate(divide="ignore"):
        information = numpy.maximum(numpy.log(near / expected), 0)
    left, values, _ = numpy.linalg.svd(information)
    return vocabulary, left[:, :WIDTH] * numpy.sqrt(values[:WIDTH])


def chosen(text, answer):
    told, picked = re.findall(r"\w+", text.lower()), []
    for i, word in enumerate(told):
        comparative = word in ("more", "less") or (word.endswith("er") and word not in NO_COMPARATIVES)
        if comparative or (i and told[i - 1] in ("more", "less")) or word in answer:
            picked.append(word)
    return list(dict.fromkeys(picked))[:15]


def main():
    questions, rationales = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
    texts = [words(q["stem"] + " " + " ".join(c["text"] for c in q["choices"])) for q in questions]
    vocabulary, table = vectors(texts + [words(row["text"]) for row in rationales])
    lines = [f"{word} {' '.join(f'{x:.3f}' for x in row)}\n" for word, row in zip(vocabulary, table)]
    (HERE / "vectors.txt").write_text("".join(lines))
    right = {q["id"]: next(c["text"] for c in q["choices"] if c["label"] == q["answer"]) for q in questions}
    with (HERE / "words.jsonl").open("w") as out:
        for row in rationales:
            answer = [word for word in words(right[row["id"]]) if word not in ("the", "a", "an")]
            picked = chosen(row["text"], answer)
            out.write(json.dumps({"id": row["id"], "annotator": "rule", "words": picked}) + "\n")


main()
