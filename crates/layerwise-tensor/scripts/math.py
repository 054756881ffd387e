"""Prints tests/math.txt: arguments (hex bits) and correctly rounded results of the elementary functions, from mpmath.

Run: python3 scripts/math.py > tests/math.txt
"""
import random
import struct
from mpmath import mp, mpf, exp, log, log1p, tanh, erf, erfc

mp.dps = 60
random.seed(1)


def bits64(x):
    return struct.unpack("<Q", struct.pack("<d", x))[0]


def bits32(x):
    return struct.unpack("<I", struct.pack("<f", x))[0]


def to32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def sigmoid(x):
    return 1 / (1 + exp(-x))


RANGES = {
    "exp": [(-745, 709.7), (-1, 1), (-1e-6, 1e-6)],
    "ln": [(1e-308, 1e-300), (0.5, 2), (0.99, 1.01), (1e-10, 1e10), (1, 1e300)],
    "ln_1p": [(-0.999, 1), (-1e-8, 1e-8), (0, 1e10), (0, 1)],
    "tanh": [(-20, 20), (-1, 1), (-1e-5, 1e-5), (0.55, 0.7)],
    "sigmoid": [(-36, 700), (-1, 1)],
    "erf": [(-6, 6), (-1, 1), (-1e-6, 1e-6), (0.7, 0.8)],
    "erfc": [(-6, 26), (-1, 1), (0.7, 0.8)],
}
RANGES32 = {
    "exp": [(-87, 88.7), (-1, 1), (-1e-6, 1e-6)],
    "ln": [(1e-37, 1e-30), (0.5, 2), (0.99, 1.01), (1e-10, 1e10)],
    "ln_1p": [(-0.999, 1), (-1e-8, 1e-8), (0, 1e10), (0, 1)],
    "tanh": [(-10, 10), (-1, 1), (-1e-5, 1e-5), (0.55, 0.7)],
    "sigmoid": [(-16, 80), (-1, 1)],
    "erf": [(-4, 4), (-1, 1)],
    "erfc": [(-4, 9), (-1, 1)],
}
FUNCTIONS = {"exp": exp, "ln": log, "ln_1p": log1p, "tanh": tanh, "sigmoid": sigmoid, "erf": erf, "erfc": erfc}

for name, f in FUNCTIONS.items():
    for low, high in RANGES[name]:
        for _ in range(60):
            x = random.uniform(low, high)
            print(f"f64 {name} {bits64(x):016x} {bits64(float(f(mpf(x)))):016x}")
    for low, high in RANGES32[name]:
        for _ in range(60):
            x = to32(random.uniform(low, high))
            print(f"f32 {name} {bits32(x):08x} {bits32(float(f(mpf(x)))):08x}")
