"""Prints tests/double_double.txt: for the elementary functions of double-double numbers, argument and result as the hex bits of
two f64 each, from mpmath.

Run: python3 scripts/double_double.py > tests/double_double.txt
"""
import random
import struct
from mpmath import mp, mpf, exp, log, log1p, sqrt, tanh, erf, erfc

mp.dps = 80
random.seed(1)


def split(x):
    hi = float(x)
    return mpf(hi), mpf(float(x - mpf(hi)))


def bits(x):
    return " ".join(f"{struct.unpack('<Q', struct.pack('<d', float(part)))[0]:016x}" for part in split(x))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def softplus(x):
    return log1p(exp(x))


RANGES = {
    "exp": [(-660, 709), (-1, 1), (-1e-6, 1e-6), (0.34, 0.36)],
    "ln": [(1e-290, 1e-280), (0.45, 1.55), (0.999, 1.001), (1e-10, 1e10), (1, 1e300), (1 - 1e-14, 1 + 1e-14)],
    "ln_1p": [(-1, -0.4), (-0.6, 1), (-1e-8, 1e-8), (-1e-20, 1e-20), (0, 1e10)],
    "sqrt": [(1e-280, 1e-270), (0, 2), (0, 1e300)],
    "tanh": [(-40, 40), (-1, 1), (-1e-5, 1e-5), (-1e-30, 1e-30), (0.3, 0.4)],
    "sigmoid": [(-660, 100), (-40, 40), (-1, 1)],
    "softplus": [(-600, 100), (-40, 40), (-1, 1)],
    "erf": [(-6, 6), (-1.6, 1.6), (-1e-6, 1e-6), (-1e-30, 1e-30), (1.4, 1.6)],
    "erfc": [(-6, 25.7), (1.4, 4), (-1.6, 1.6), (5, 25.7)],
}
FUNCTIONS = {"exp": exp, "ln": log, "ln_1p": log1p, "sqrt": sqrt, "tanh": tanh, "sigmoid": sigmoid, "softplus": softplus,
             "erf": erf, "erfc": erfc}

for name, f in FUNCTIONS.items():
    for low, high in RANGES[name]:
        for _ in range(25):
            x = mpf(random.uniform(low, high))
            x = sum(split(x + x * mpf(random.uniform(-1, 1)) * mpf(2) ** -53))
            print(name, bits(x), bits(f(x)))
