"""Bayes errors of k Gaussian blobs with centers of equal distance, by adaptive quadrature (SciPy 1.17.1): the numbers in the
test of src/generate/blobs.rs."""

import numpy as np
from scipy import integrate, stats


def bayes_error(k, distance):
    c = distance / np.sqrt(2)
    right = lambda z: stats.norm.pdf(z) * -np.expm1((k - 1) * np.log1p(-stats.norm.sf(z + c)))
    pieces = np.arange(-14, 14)
    return sum(integrate.quad(right, a, a + 1, epsabs=0, epsrel=1e-13)[0] for a in pieces)


for k, distance in [(3, 1.0), (3, 4.0), (10, 2.0), (10, 6.0)]:
    print(f"({k}, {distance:.1f}, {bayes_error(k, distance):.15e}),")
