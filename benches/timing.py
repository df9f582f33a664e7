"""Running a command and saying how long it took, for the benches beside this file. Standard library only."""

import json
import os
import platform
import statistics
import subprocess
import time


class Failed(Exception):
    """A command that was to be timed ended with an error."""


def timed(command, cwd, expect=(0,), limit_s=600, out=None):
    """Runs a command once, its stdout into the file `out` or nowhere; returns wall and CPU seconds and the peak in MB.

    CPU seconds count the command and every child it waited for, so they tell a busy machine from a slow program.
    """
    sink = open(out, "wb") if out else subprocess.DEVNULL
    errors = os.path.join(cwd, ".stderr")
    with open(errors, "wb") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, stdout=sink, stderr=stderr, stdin=subprocess.DEVNULL)
        # `wait4` alone tells of the resources, and `Popen.wait` alone knows a limit; a timer joins them.
        status, usage = _wait(process, began + limit_s)
        wall = time.perf_counter() - began
    if out:
        sink.close()
    if status not in expect:
        with open(errors, errors="replace") as said:
            tail = said.read()[-2000:]
        raise Failed(f"{' '.join(command)} ended with {status} after {wall:.1f} s:\n{tail}")
    return {"wall_s": wall, "cpu_s": usage.ru_utime + usage.ru_stime, "peak_mb": usage.ru_maxrss / 1024}


def _wait(process, deadline):
    import threading

    timer = threading.Timer(max(0.0, deadline - time.perf_counter()), process.kill)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage


def summary(samples):
    """Condenses repeats: the median and the minimum of the wall clock, the median of the rest, and the load then."""
    wall = [sample["wall_s"] for sample in samples]
    return {
        "median_s": statistics.median(wall),
        "min_s": min(wall),
        "cpu_s": statistics.median(sample["cpu_s"] for sample in samples),
        "peak_mb": max(sample["peak_mb"] for sample in samples),
        "repeats": len(samples),
        "load_1min": os.getloadavg()[0],
    }


def machine():
    """Describes where the numbers were taken."""
    model = platform.processor() or platform.machine()
    memory = 0.0
    try:
        with open("/proc/cpuinfo") as cpus:
            model = next((line.split(":", 1)[1].strip() for line in cpus if line.startswith("model name")), model)
        with open("/proc/meminfo") as sizes:
            memory = next(int(line.split()[1]) for line in sizes if line.startswith("MemTotal")) / 2**20
    except OSError:
        pass
    return {
        "cpu": model,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(memory, 1),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "date": time.strftime("%Y-%m-%d %H:%M"),
        "load_1min": round(os.getloadavg()[0], 2),
    }


def table(header, rows):
    """Lays rows out under a header, as Markdown that also reads well in a terminal."""
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    return "\n".join([line(header), line(["-" * width for width in widths]), *map(line, rows)])


def seconds(value):
    """Writes a duration with as many digits as it deserves."""
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.2f} s"


def report(result, path):
    """Prints the measures of a result as a table, and writes all of it as JSON when a path is given."""
    header = ["what", "median", "fastest", "CPU time", "peak memory", "repeats", "load"]
    rows = [
        [
            name,
            seconds(found["median_s"]),
            seconds(found["min_s"]),
            seconds(found["cpu_s"]),
            f"{found['peak_mb']:.0f} MB",
            found["repeats"],
            f"{found['load_1min']:.1f}",
        ]
        for name, found in result["measures"].items()
    ]
    print(table(header, rows))
    for line in result.get("remarks", []):
        print(line)
    if path:
        with open(path, "w") as file:
            json.dump(result, file, indent=2)
            file.write("\n")
    else:
        print(json.dumps(result))
