"""Makes hessian_free.json: where Hessian-free minimization stands after so many evaluations, by a second implementation of
Martens (2010), written from the paper in plain Python.

Run: python3 hessian_free.py > hessian_free.json
"""

import collections
import json
import math
import sys


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def plus(a, s, b):
    return [x + s * y for x, y in zip(a, b)]


seen = collections.Counter()


def conjugate_gradients(product, near, gradient, start, most):
    """Iterates d of A d = -g with A d itself, kept at 1, 2, 3, 4, 6, 8, 11, ... and at the end (section 4.4 and 4.6), preconditioned
    by r -> near(r) (4.7)."""
    d = list(start)
    residual = plus(product(d), 1.0, gradient)
    p = [-r for r in near(residual)]
    phi = [0.5 * dot(residual, d) + 0.5 * dot(gradient, d)]
    kept, following, at = [], 1, None
    for i in range(1, most + 1):
        ap = product(p)
        curvature, rr = dot(p, ap), dot(residual, near(residual))
        if not (math.isfinite(curvature) and curvature > 0):
            seen["no curvature"] += 1
            break
        alpha = rr / curvature
        d = plus(d, alpha, p)
        residual = plus(residual, alpha, ap)
        phi.append(0.5 * dot(residual, d) + 0.5 * dot(gradient, d))
        k = max(10, i // 10)
        if i > k and phi[i] < 0 and (phi[i] - phi[i - k]) / phi[i] < k * 5e-4:
            seen["slow after %d" % (i // 10 * 10)] += 1
            break
        if i == following:
            following = math.ceil(i * 1.3)
            kept.append((list(d), phi[i]))
            at = i
        closer = near(residual)
        beta = dot(residual, closer) / rr
        p = [beta * x - r for x, r in zip(p, closer)]
    if at != len(phi) - 1:
        kept.append((list(d), phi[-1]))
    return kept


def hessian_free(f, curvature, precondition, theta, damping, products, most):
    theta = list(theta)
    value, gradient = f(theta)
    evaluations, steps, d = 2, 0, [0.0] * len(theta)
    end = "gradient"
    while math.sqrt(dot(gradient, gradient)) > 1e-10:
        multiply = curvature(theta)
        damped, near = lambda v: plus(multiply(v), damping, v), precondition(damping)
        kept = conjugate_gradients(damped, near, gradient, [0.95 * x for x in d], products)
        best, asked = None, None
        for d_there, phi in reversed(kept):
            there = f(plus(theta, 1.0, d_there))[0]
            evaluations += 1
            asked = d_there
            if best is not None and there >= best[2]:
                seen["went back"] += 1
                break
            model = phi - 0.5 * damping * dot(d_there, d_there)
            first, best = best is None, (d_there, (there - value) / model, there)
            if first and best[1] > 0.75:
                seen["right"] += 1
                break
        d, ratio, there = best
        alpha, trials, slope = 1.0, 0, min(0.0, dot(gradient, d))
        while there > value + 1e-2 * alpha * slope and trials < 60:
            alpha *= 0.8
            trials += 1
            there = f(plus(theta, alpha, d))[0]
            evaluations += 1
        seen["shorter by %d" % trials] += 1
        falls = there < value
        if falls:
            if trials == 0 and asked is not d:
                evaluations += 1
            theta = plus(theta, alpha, d)
            value, gradient = f(theta)
            steps += 1
        else:
            d = [0.0] * len(theta)
        if not falls and damping > 1e12:
            seen["gave up"] += 1
            end = "no progress"
            break
        if not falls:
            damping *= 10
        elif ratio > 0.75:
            damping *= 2 / 3
            seen["less"] += 1
        elif ratio < 0.25:
            damping *= 3 / 2
            seen["more"] += 1
        else:
            seen["same"] += 1
        if evaluations >= most:
            end = "evaluations"
            break
    norm = math.sqrt(dot(theta, theta))
    return {"theta": theta[:4], "norm": norm, "value": value, "evaluations": evaluations, "steps": steps, "end": end}


def rosenbrock(x):
    gap, rest = x[1] - x[0] ** 2, 1 - x[0]
    return 100 * gap**2 + rest**2, [-400 * x[0] * gap - 2 * rest, 200 * gap]


def valley(x):
    """2 J'J of the residuals 10 (y - x^2) and 1 - x."""
    j = [[-20 * x[0], 10.0], [-1.0, 0.0]]
    return lambda v: [2 * sum(row[i] * dot(row, v) for row in j) for i in range(2)]


def bowls(n, far):
    """sum of c_i x_i^2 / 2 + x_i^4 / 4 - x_i with c_i from 1 to `far` in equal ratios."""
    c = [far ** (i / (n - 1)) for i in range(n)]

    def f(x):
        value = math.fsum(0.5 * a * u**2 + 0.25 * u**4 - u for a, u in zip(c, x))
        return value, [a * u + u**3 - 1 for a, u in zip(c, x)]

    def curvature(share):
        return lambda x: lambda v: [share * (a + 3 * u**2) * w for a, u, w in zip(c, x, v)]

    def diagonal(damping):
        return lambda r: [x / (a + damping) for a, x in zip(c, r)]

    return f, curvature, diagonal


def itself(damping):
    return lambda r: r


def lie(x):
    """|x| with a slope that promises more than there is."""
    return abs(x[0]), [3.0]


def flat(x):
    """Nowhere lower than at the start, whatever the slope says."""
    return 1.0, [1.0]


wide, wides, _ = bowls(40, 100.0)
long, longs, diagonal = bowls(300, 1e4)
CASES = {
    "valley": (rosenbrock, valley, itself, [-1.2, 1.0], 1.0, 250, [3, 10, 20, 40]),
    "strong start": (rosenbrock, valley, itself, [-1.2, 1.0], 1e3, 1, [10, 40, 60]),
    "bowls": (wide, wides(1.0), itself, [2.0 - 0.1 * i for i in range(40)], 1.0, 250, [3, 4, 5]),
    "few products": (wide, wides(1.0), itself, [2.0 - 0.1 * i for i in range(40)], 1.0, 6, [3, 5, 8, 12]),
    "too little curvature": (wide, wides(0.02), itself, [2.0 - 0.1 * i for i in range(40)], 0.01, 250, [5, 30, 60]),
    "too much curvature": (wide, wides(4.0), itself, [2.0 - 0.1 * i for i in range(40)], 1.0, 250, [5, 12, 20]),
    "long": (long, longs(1.0), itself, [1.0] * 300, 1e-3, 250, [3]),
    "preconditioned": (long, longs(1.0), diagonal, [1.0] * 300, 1e-3, 5, [3, 4, 5]),
    "lie": (lie, lambda x: lambda v: [1.0 * v[0]], itself, [0.5], 1.0, 250, [5, 100]),
    "flat": (flat, lambda x: lambda v: [1.0 * v[0]], itself, [0.25], 1.0, 250, [10000]),
}

runs = []
for name, (f, curvature, precondition, start, damping, products, budgets) in CASES.items():
    for most in budgets:
        seen.clear()
        run = hessian_free(f, curvature, precondition, start, damping, products, most)
        print(name, most, dict(seen), run["value"], run["steps"], run["evaluations"], file=sys.stderr)
        runs.append({"name": name, "damping": damping, "products": products, "most": most, **run})
json.dump(runs, sys.stdout, indent=None, separators=(",", ":"))
print()
