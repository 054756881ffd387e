"""Prints the polynomials of src/float.rs: interpolation at Chebyshev nodes in 60 digits, and the largest error of each.

Run: python3 scripts/polynomials.py        (mpmath 1.3.0)

exp    (e^r - 1 - r) / r^2                            for |r| <= ln 2 / 2
small  erf(x) / x - 1, of x^2                         for |x| <= 3/4
tail   11/16 + ln(x e^(x^2) erfc(x)), of (x - 7/4) / (x + 1)   for 3/4 <= x <= 28 (f64), 10.1 (f32)
"""
import struct

from mpmath import mp, mpf, cos, pi, erf, erfc, exp, log, polyval, sqrt

mp.dps = 60


def chebyshev(f, n):
    nodes = [cos(pi * (k + mpf(1) / 2) / n) for k in range(n)]
    values = [f(t) for t in nodes]
    return [2 / mpf(n) * sum(v * cos(pi * j * (k + mpf(1) / 2) / n) for k, v in enumerate(values)) for j in range(n)]


def shifted(p, scale, shift):
    """Coefficients of p(scale x + shift), ascending."""
    out, power = [mpf(0)] * len(p), [mpf(1)]
    for a in p:
        for i, b in enumerate(power):
            out[i] += a * b
        power = [shift * low + scale * high for low, high in zip(power + [mpf(0)], [mpf(0)] + power)]
    return out


def polynomial(f, low, high, n):
    """n coefficients, ascending, and the largest error."""
    low, high = mpf(low), mpf(high)
    middle, half = (low + high) / 2, (high - low) / 2
    c = chebyshev(lambda s: f(middle + half * s), n)
    # The polynomials of Chebyshev in powers.
    t, p = [[mpf(1)], [mpf(0), mpf(1)]], [mpf(0)] * n
    for j in range(2, n):
        twice = [mpf(0)] + [2 * a for a in t[-1]]
        t.append([a - b for a, b in zip(twice, t[-2] + [mpf(0)] * 2)])
    for j in range(n):
        for i, a in enumerate(t[j]):
            p[i] += a * (c[j] / 2 if j == 0 else c[j])
    p = shifted(p, 1 / half, -middle / half)
    points = [low + (high - low) * k / 300 for k in range(301)]
    return p, max(abs(polyval(p[::-1], x) - f(x)) for x in points)


def to32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def short(x):
    """The shortest decimal that is this f32."""
    return next(s for s in (f"{to32(x):.{k}e}" for k in range(17)) if to32(float(s)) == to32(x))


def show(name, f, domain, n64, n32):
    low, high, high32 = domain
    for kind, end, n, text in [("f64", high, n64, lambda x: repr(float(x))), ("f32", high32, n32, lambda x: short(float(x)))]:
        p, error = polynomial(f, low, end, n)
        print(f"{name} {kind}, error 2^{float(log(error, 2)):.1f}:\n    {', '.join(text(a) for a in p)}")


def tail(s):
    x = (mpf(7) / 4 + s) / (1 - s)
    return log(x * exp(x * x) * erfc(x)) + mpf(11) / 16


def map_tail(x):
    return (mpf(x) - mpf(7) / 4) / (mpf(x) + 1)


half = log(2) / 2
show("exp", lambda r: (exp(r) - 1 - r) / r**2 if abs(r) > 1e-15 else mpf(1) / 2 + r / 6, (-half, half, half), 11, 6)
show("small", lambda z: erf(sqrt(z)) / sqrt(z) - 1, (1e-40, mpf(9) / 16, mpf(9) / 16), 12, 6)
show("tail", tail, (map_tail(0.75), map_tail(28), map_tail("10.1")), 26, 10)
