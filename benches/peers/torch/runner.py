#!/usr/bin/env python3
"""PyTorch as an engine of `cargo xtask bench`.

usage: runner.py contiguous | channels-last

Answers the requests of benches/ours/src/protocol.rs, one JSON object a line, on standard input and output.
Works are in works.py; each is a function without arguments that computes once, and outputs to be compared.
"""
import ctypes
import json
import sys
import time

import torch

import works

# A run this long needs no run before it to fill the caches again.
LONG_SECONDS = 0.1

# How long a work is repeated before it is timed, unless once takes longer.
WARM_UP_SECONDS = 0.1


def memory():
    """Memory that this process holds, and the most that it has held, in bytes."""
    with open("/proc/self/status") as status:
        fields = dict(line.split(":", 1) for line in status)
    return tuple(int(fields[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # The peak is then that of the whole process.


def trim():
    """Gives freed memory back to the system."""
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError):
        pass


class Engine:
    def __init__(self, memory_format):
        self.memory_format = memory_format
        self.compute = None
        self.iterations = 1

    def prepare(self, threads, work, run_seconds):
        self.drop()
        reset_peak()
        torch.set_num_threads(threads)
        job = works.job(work, self.memory_format)
        if job is None:
            return {"unsupported": f"no such work: {work['kind']}"}
        self.compute, outputs = job
        self.iterations = max(1, int(-(-run_seconds // self.warm_up())))
        return {"iterations": self.iterations, "outputs": outputs}

    def warm_up(self):
        begin, count, seconds = time.perf_counter(), 0, 0.0
        while seconds <= WARM_UP_SECONDS:
            self.compute()
            count += 1
            seconds = time.perf_counter() - begin
        return seconds / count  # The mean, since what a loader has ready takes no time.

    def run(self):
        compute = self.compute
        start = time.perf_counter()
        compute()
        first = time.perf_counter() - start
        if self.iterations == 1 and first > LONG_SECONDS:
            return {"seconds": first}
        start = time.perf_counter()
        for _ in range(self.iterations):
            compute()
        return {"seconds": (time.perf_counter() - start) / self.iterations}

    def memory(self):
        return {"peak_bytes": memory()[1]}

    def drop(self):
        self.compute = None
        trim()
        return {}


def main():
    # Replies have the real standard output to themselves.
    replies, sys.stdout = sys.stdout, sys.stderr
    formats = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
    engine = Engine(formats[sys.argv[1]])

    def reply(value):
        replies.write(json.dumps(value) + "\n")
        replies.flush()

    reply({"version": f"PyTorch {torch.__version__}", "resident_bytes": memory()[0]})
    for line in sys.stdin:
        request = json.loads(line)
        action = request.pop("do")
        try:
            reply(getattr(engine, action)(**request))
        except BrokenPipeError:
            raise
        except Exception as error:
            reply({"error": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        pass  # The driver has ended.
