"""Prints scikit-learn's StandardScaler on the digits: the numbers that the tests of standardize.rs hold.

Run: python3 scripts/standardize_digits.py        (needs scikit-learn; made with 1.9.1)
"""

from sklearn.datasets import load_digits
from sklearn.preprocessing import MinMaxScaler, StandardScaler

x, _ = load_digits(return_X_y=True)
standard = StandardScaler().fit(x)
z = standard.transform(x)
for feature in (0, 1, 21, 32, 63):
    print("feature", feature, "mean", repr(standard.mean_[feature]), "scale", repr(standard.scale_[feature]))
for sample, feature in ((0, 2), (100, 21), (1796, 63)):
    print("sample", sample, "feature", feature, "z", repr(z[sample, feature]))
u = MinMaxScaler().fit_transform(x)
print("minmax: sample 0 feature 9", repr(u[0, 9]), "sum", repr(u.sum()))
