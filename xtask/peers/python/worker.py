"""The worker's side of a measurement, as crates/layerwise-bench/src/worker.rs tells it: the same lines, loop and kind of data."""

import statistics
import sys
import time

import numpy as np

THREADS = int(sys.argv[sys.argv.index("--threads") + 1]) if "--threads" in sys.argv else 1


class Net:
    """A perceptron and the size of its batch, from three words: `784-512-512-10 relu 128`."""

    def __init__(self, widths, activation, batch):
        self.widths = [int(width) for width in widths.split("-")]
        self.activation = activation
        self.batch = int(batch)
        self.layers = list(zip(self.widths, self.widths[1:]))

    def data(self, dtype=np.float32):
        """Inputs (a row each) and classes: noise of variance 1, and 1 more at the inputs that belong to the class."""
        classes = np.arange(self.batch) % self.widths[-1]
        noise = np.random.default_rng(1).uniform(-(3**0.5), 3**0.5, (self.batch, self.widths[0]))
        bump = np.arange(self.widths[0])[None, :] % self.widths[-1] == classes[:, None]
        return (noise + bump).astype(dtype), classes.astype(np.int64)

    def weights(self, seed=1, dtype=np.float32):
        """(outputs × inputs, outputs) for each layer; He's initialization."""
        rng = np.random.default_rng(seed)
        for d_in, d_out in self.layers:
            yield (rng.uniform(-1, 1, (d_out, d_in)) * (6 / d_in) ** 0.5).astype(dtype), np.zeros(d_out, dtype)


def measure(run, steps, seconds):
    """Seconds for one step, repeated for about `seconds`, and what came out last."""
    clock, number = time.perf_counter, float("nan")

    def stretch(calls):
        nonlocal number
        start = clock()
        for _ in range(calls):
            number = run()
        return (clock() - start) / calls

    start = clock()
    times = [stretch(1)]
    if times[0] < seconds:
        times = [stretch(1)]
        calls = int(seconds / 10 / times[0])
        if calls > 1:
            times.clear()
        while len(times) < 3 or clock() - start < seconds:
            times.append(stretch(max(calls, 1)))
    return statistics.median(times) / steps, number


def serve(name, prepare):
    """Works until the input ends. `prepare(words)` gives a function to time, or (function, steps in it), or None."""
    print(name, flush=True)
    jobs = {}
    for line in sys.stdin:
        line = line.rstrip("\n")
        if line == "forget":
            jobs.clear()
            print("ok", flush=True)
            continue
        seconds, _, text = line.partition(" ")
        try:
            if text not in jobs:
                jobs[text] = prepare(text.split(" "))
            job = jobs[text]
            if job is None:
                print("none", flush=True)
                continue
            run, steps = job if isinstance(job, tuple) else (job, 1)
            time_of_step, number = measure(run, steps, float(seconds))
            print(f"{time_of_step:e} {float(np.asarray(number).ravel()[0])}", flush=True)
        except Exception as e:  # The line must be answered, whatever happened.
            print("error", type(e).__name__, str(e).replace("\n", " ")[:500], flush=True)
