"""Writes the Parquet files of the tests with pyarrow: `python make.py`. Each holds the same rows unless its name says otherwise."""

import datetime
import decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent

# ARC's layout: `choices` is a struct of two lists.
CHOICES = pa.struct([("text", pa.list_(pa.string())), ("label", pa.list_(pa.string()))])
ROWS = [
    {"id": "q1", "question": "Which is cold?", "choices": {"text": ["ice", "mud"], "label": ["A", "B"]}, "answerKey": "A", "rationale": "Ice is frozen."},
    {"id": "q2", "question": "Which is wet?", "choices": {"text": ["sand", "rain", "dust"], "label": ["1", "2", "3"]}, "answerKey": "2", "rationale": None},
    {"id": "q3", "question": "Which is hot? “Très.”", "choices": {"text": ["fire", "snow"], "label": ["A", "B"]}, "answerKey": None, "rationale": ""},
    {"id": "q4", "question": "Which is hot?", "choices": {"text": ["snow", "fire"], "label": ["A", "B"]}, "answerKey": "B", "rationale": "Fire burns."},
    {"id": "q5", "question": "Which is cold?", "choices": {"text": ["fire", "ice"], "label": ["A", "B"]}, "answerKey": "B", "rationale": "Ice is frozen."},
]
SCHEMA = pa.schema([
    ("id", pa.string()),
    ("question", pa.large_string()),
    ("choices", CHOICES),
    ("answerKey", pa.dictionary(pa.int32(), pa.string())),
    ("rationale", pa.string()),
])
TABLE = pa.Table.from_pylist(ROWS, schema=SCHEMA)

for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
    # Two rows a group, so that there are three groups.
    pq.write_table(TABLE, HERE / f"{codec}.parquet", compression=codec, row_group_size=2)
pq.write_table(TABLE, HERE / "pages-v2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False,
               column_encoding={"id": "DELTA_BYTE_ARRAY", "question": "DELTA_LENGTH_BYTE_ARRAY"})

# Every other type that a table may have.
TYPES = pa.table({
    "question": pa.array(["Q1?", "Q2?"]),
    "view": pa.array(["seen", None], pa.string_view()),
    "int8": pa.array([-1, None], pa.int8()),
    "uint64": pa.array([2**64 - 1, 0], pa.uint64()),
    "half": pa.array([0.5, float("nan")], pa.float16()),
    "float": pa.array([0.1, float("inf")], pa.float32()),
    "double": pa.array([145.0, None], pa.float64()),
    "bool": pa.array([True, False]),
    "decimal": pa.array([decimal.Decimal("12.50"), None], pa.decimal128(6, 2)),
    "date": pa.array([datetime.date(2024, 2, 29), None]),
    "stamp": pa.array([datetime.datetime(2024, 2, 29, 12, 30), None], pa.timestamp("us")),
    "nanos": pa.array([datetime.datetime(2024, 2, 29, 12, 30), None], pa.timestamp("ns")),
    "time": pa.array([datetime.time(12, 30), None], pa.time64("us")),
    "bytes": pa.array([b"text", b"\xff\xfe"]),
    "fixed": pa.array([b"abcd", None], pa.binary(4)),
    "structs": pa.array([[{"label": "A", "text": "ice"}, {"label": "B", "text": None}], []],
                        pa.list_(pa.struct([("label", pa.string()), ("text", pa.string())]))),
    "lists": pa.array([[["a"], []], None], pa.large_list(pa.list_(pa.string()))),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int64())),
    "deep": pa.array([{"a": {"b": [{"c": 1}]}}, None], pa.struct([("a", pa.struct([("b", pa.list_(pa.struct([("c", pa.int64())])))]))])),
    "empty": pa.array([None, None], pa.null()),
})
pq.write_table(TYPES, HERE / "types.parquet", compression="snappy")
pq.write_table(TABLE.slice(0, 0), HERE / "no-rows.parquet", compression="snappy")
