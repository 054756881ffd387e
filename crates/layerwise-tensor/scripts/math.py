"""Prints tests/elementwise/math.txt: arguments (hex bits) and correctly rounded results of the elementary functions, from mpmath.

Run: python3 scripts/math.py > tests/elementwise/math.txt
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

# The ends of the ranges: the last normal results, arguments below the normal numbers, and where the polynomials end.
ENDS = {
    "exp": [(-708.39, -708), (709, 709.78)],
    "ln": [(5e-324, 2.2e-308), (1.7e308, 1.79e308), (0.7072, 0.708), (1.413, 1.4142)],
    "ln_1p": [(-1, -0.9999), (1e300, 1e308)],
    "tanh": [(-1e-307, 1e-307), (18, 23)],
    "sigmoid": [(-700, -36), (36, 700)],
    "erf": [(-1e-307, 1e-307), (5.5, 6)],
    "erfc": [(26, 26.54), (-6, -5)],
}
ENDS32 = {
    "exp": [(-87.33, -87), (88, 88.72)],
    "ln": [(1e-45, 1.17e-38), (3.3e38, 3.4e38), (0.7072, 0.708), (1.413, 1.4142)],
    "ln_1p": [(-1, -0.9999), (1e30, 3e38)],
    "tanh": [(-1e-37, 1e-37), (8, 10)],
    "sigmoid": [(-87, -16), (16, 87)],
    "erf": [(-1e-37, 1e-37), (3.8, 4)],
    "erfc": [(9, 9.18), (-4, -3)],
}


def table(ranges, ranges32, n):
    for name, f in FUNCTIONS.items():
        for low, high in ranges[name]:
            for _ in range(n):
                x = random.uniform(low, high)
                print(f"f64 {name} {bits64(x):016x} {bits64(float(f(mpf(x)))):016x}")
        for low, high in ranges32[name]:
            for _ in range(n):
                x = to32(random.uniform(low, high))
                print(f"f32 {name} {bits32(x):08x} {bits32(float(f(mpf(x)))):08x}")


table(RANGES, RANGES32, 60)
table(ENDS, ENDS32, 15)
