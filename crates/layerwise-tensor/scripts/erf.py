"""Prints the polynomial coefficients of src/erf.rs (needs mpmath): python3 scripts/erf.py

erf(x) = x P(x^2) on |x| < 0.75;  erfc(x) = exp(-x^2) G(t) / (1 + 2 x) with t = (x - 3.75) / (x + 3.75) on 0 <= x <= 28
(the mapping of Shepherd and Laframboise 1981).  Both by Chebyshev interpolation in 60 digits.
"""
from mpmath import mp, mpf, cos, pi, erf, erfc, exp, sqrt

mp.dps = 60


def chebyshev(f, n):
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f(t) for t in nodes]
    return [2 / mpf(n) * sum(v * cos(pi * j * (k + mpf(1) / 2) / n) for k, v in enumerate(values)) for j in range(n)]


def monomial(c):
    """Chebyshev to monomial coefficients, in 60 digits."""
    n = len(c)
    t0, t1 = [mpf(1)], [mpf(0), mpf(1)]
    out = [mpf(0)] * n
    for j in range(n):
        t = t0 if j == 0 else t1 if j == 1 else None
        if t is None:
            t = [mpf(0)] * (j + 1)
            for i, a in enumerate(t1):
                t[i + 1] += 2 * a
            for i, a in enumerate(t0):
                t[i] -= a
            t0, t1 = t1, t
        for i, a in enumerate(t):
            out[i] += (c[j] / 2 if j == 0 else c[j]) * a
    return out


def small(u):
    z = (u + 1) / 2 * mpf(9) / 16
    return erf(sqrt(z)) / sqrt(z) if z > 0 else 2 / sqrt(pi)


def tail(t):
    x = mpf(15) / 4 * (1 + t) / (1 - t)
    return (1 + 2 * x) * exp(x * x) * erfc(x)  # exact in 60 digits


def show(name, values):
    print(f"pub const {name}: [f64; {len(values)}] = [")
    for v in values:
        print(f"    {float(v)!r},")
    print("];")


# The last five are below 1e-17 and leave no trace in f64.
show("TAIL", chebyshev(tail, 30)[:25])
c = chebyshev(small, 13)
# from u = 2 z / (9/16) - 1 back to z
p = monomial(c)
out = [mpf(0)] * len(p)
base = [mpf(1)]
for a in p:
    for i, b in enumerate(base):
        out[i] += a * b
    nxt = [mpf(0)] * (len(base) + 1)
    for i, b in enumerate(base):
        nxt[i] -= b
        nxt[i + 1] += b * mpf(32) / 9
    base = nxt
show("SMALL", out)
