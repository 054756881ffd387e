"""Values and derivatives of PyTorch's activations and losses: python3 activations.py > activations.json"""
import platform
import sys

sys.dont_write_bytecode = True

import mpmath as mp
import numpy as np
import torch
import torch.nn.functional as F

from dump import dump

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
mp.mp.dps = 400  # enough for 1 + tanh and 1 + erf at -20

POINTS = [k * 3 / 10 for k in range(-20, 21)] + [-20.0, 20.0, -1e-8, 1e-8]
SELU_ALPHA, SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946
GELU_C = mp.sqrt(2 / mp.pi)
GELU_K = mp.mpf("0.044715")


def sig(x):
    return 1 / (1 + mp.exp(-x))


def gelu_tanh(x):
    return x / 2 * (1 + mp.tanh(GELU_C * (x + GELU_K * x**3)))


def d_gelu_tanh(x):
    t = mp.tanh(GELU_C * (x + GELU_K * x**3))
    return (1 + t) / 2 + x / 2 * (1 - t * t) * GELU_C * (1 + 3 * GELU_K * x**2)


def d_gelu(x):
    return mp.ncdf(x) + x * mp.npdf(x)


LEAK = mp.mpf(0.01)
# name, parameters, formula, derivative taken where it jumps, PyTorch, exact value, exact derivative
ACTIVATIONS = [
    ("identity", {}, "x", None, lambda x: x * 1.0, lambda x: x, lambda x: mp.mpf(1)),
    ("sigmoid", {}, "1/(1+exp(-x))", None, torch.sigmoid, sig, lambda x: sig(x) * sig(-x)),
    ("tanh", {}, "tanh(x)", None, torch.tanh, mp.tanh, lambda x: mp.sech(x) ** 2),
    ("relu", {}, "max(0,x)", "0 at x=0", F.relu, lambda x: max(mp.mpf(0), x), lambda x: mp.mpf(x > 0)),
    (
        "leaky_relu",
        {"slope": 0.01},
        "x if x>0 else slope*x",
        "slope at x=0",
        lambda x: F.leaky_relu(x, 0.01),
        lambda x: x if x > 0 else LEAK * x,
        lambda x: mp.mpf(1) if x > 0 else LEAK,
    ),
    (
        "softplus",
        {},
        "log(1+exp(x))",
        None,
        lambda x: F.softplus(x),
        lambda x: mp.log(1 + mp.exp(x)),
        sig,
    ),
    (
        "softsign",
        {},
        "x/(1+|x|)",
        None,
        F.softsign,
        lambda x: x / (1 + abs(x)),
        lambda x: 1 / (1 + abs(x)) ** 2,
    ),
    (
        "hardtanh",
        {"min": -1.0, "max": 1.0},
        "min(1,max(-1,x))",
        "no point at x=-1 or x=1",
        F.hardtanh,
        lambda x: max(mp.mpf(-1), min(mp.mpf(1), x)),
        lambda x: mp.mpf(-1 < x < 1),
    ),
    (
        "elu",
        {"alpha": 1.0},
        "x if x>0 else alpha*(exp(x)-1)",
        None,
        lambda x: F.elu(x, 1.0),
        lambda x: x if x > 0 else mp.expm1(x),
        lambda x: mp.mpf(1) if x > 0 else mp.exp(x),
    ),
    (
        "selu",
        {"alpha": SELU_ALPHA, "scale": SELU_SCALE},
        "scale*(x if x>0 else alpha*(exp(x)-1))",
        "scale*alpha at x=0",
        F.selu,
        lambda x: SELU_SCALE * (x if x > 0 else SELU_ALPHA * mp.expm1(x)),
        lambda x: mp.mpf(SELU_SCALE) * (1 if x > 0 else SELU_ALPHA * mp.exp(x)),
    ),
    ("gelu", {}, "x*Phi(x), Phi the standard normal distribution function", None, F.gelu, lambda x: x * mp.ncdf(x), d_gelu),
    (
        "gelu_tanh",
        {},
        "x/2*(1+tanh(sqrt(2/pi)*(x+0.044715*x^3)))",
        None,
        lambda x: F.gelu(x, approximate="tanh"),
        gelu_tanh,
        d_gelu_tanh,
    ),
    ("silu", {}, "x/(1+exp(-x))", None, F.silu, lambda x: x * sig(x), lambda x: sig(x) + x * sig(x) * sig(-x)),
]


def activation(name, parameters, formula, jump, f, exact, d_exact):
    x = torch.tensor(POINTS, requires_grad=True)
    y = f(x)
    y.sum().backward()
    value, derivative = y.tolist(), x.grad.tolist()
    # Away from 0 the formula of the exact derivative is checked numerically.
    for p in POINTS:
        if abs(p) > 0.1:
            assert abs(mp.diff(exact, mp.mpf(p)) - d_exact(mp.mpf(p))) < 1e-30, (name, p)
    exact_value = [float(exact(mp.mpf(p))) for p in POINTS]
    exact_derivative = [float(d_exact(mp.mpf(p))) for p in POINTS]
    error = max(
        abs(a - b) / max(1.0, abs(b))
        for a, b in [*zip(value, exact_value), *zip(derivative, exact_derivative)]
    )
    assert error < 1e-14, (name, error)
    return {
        "name": name,
        "parameters": parameters,
        "formula": formula,
        "jump": jump,
        "value": value,
        "derivative": derivative,
        "exact_value": exact_value,
        "exact_derivative": exact_derivative,
    }


Y_CLASS = [
    [0.3, -1.2, 2.1, 0.7],
    [-0.4, 0.9, 0.2, -2.5],
    [1.6, 1.5, 1.4, 1.3],
    [0.0, 0.0, 0.0, 0.0],
    [-3.0, 5.5, 0.25, -0.75],
    [600.0, -800.0, 3.0, 599.0],
]
T_CLASS = [2, 0, 3, 1, 1, 3]
WEIGHTS = [0.5, 1.0, 2.0, 3.5]
Y_BINARY = [[0.3, -1.2, 2.1], [-0.4, 0.9, 0.0], [12.5, -7.25, 30.0], [800.0, -800.0, -40.0]]
T_BINARY = [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, 0.0]]
Y_REAL = [[0.3, -1.2, 2.1], [-0.4, 0.9, 0.25], [5.0, -3.0, 0.125], [0.75, 1e-3, -40.0]]
T_REAL = [[1.1, -1.15, -0.6], [-0.4, 2.2, 0.75], [-2.5, -2.9, 1.375], [0.5, -1e-3, 60.0]]
# Rows with no margin exactly at 1, where the hinge loss jumps.
Y_HINGE = [[0.3, -1.2, 2.1, 0.7], [-0.4, 0.9, 0.2, -2.5], [1.6, 1.5, 1.4, 1.3], [0.0, 0.0, 0.0, 0.0], [-3.0, 5.5, 0.25, -0.75], [9.0, 2.5, 9.5, 7.0]]


def hinge_by_hand(y, t):
    return [sum(max(0.0, 1.0 - r[c] + v) for j, v in enumerate(r) if j != c) for r, c in zip(y, t)]


def loss(name, formula, f, y, t, extra):
    """f gives one value per sample or one per output; the latter are summed over the outputs."""
    inp = torch.tensor(y, requires_grad=True)
    out = f(inp, torch.tensor(t))
    if out.dim() == 2:
        out = out.sum(dim=1)
    out.sum().backward()
    value, gradient = out.tolist(), inp.grad.tolist()
    if name == "multiclass_hinge":
        assert np.allclose(value, hinge_by_hand(y, t), rtol=1e-15, atol=1e-15)
    return {"name": name, "formula": formula, **extra, "y": y, "target": t, "value": value, "gradient": gradient}


W = torch.tensor(WEIGHTS)
LSE = "p = softmax(y)"
LOSSES = [
    loss("cross_entropy", f"-log p_t, {LSE}", lambda y, t: F.cross_entropy(y, t, reduction="none"), Y_CLASS, T_CLASS, {}),
    loss(
        "cross_entropy_smoothing",
        f"sum_j -q_j*log p_j, q_j = (1-s)*[j=t] + s/C, {LSE}, s the smoothing, C the number of classes",
        lambda y, t: F.cross_entropy(y, t, label_smoothing=0.1, reduction="none"),
        Y_CLASS,
        T_CLASS,
        {"smoothing": 0.1},
    ),
    loss(
        "cross_entropy_weights",
        f"-w_t*log p_t, {LSE}, w the class weights",
        lambda y, t: F.cross_entropy(y, t, weight=W, reduction="none"),
        Y_CLASS,
        T_CLASS,
        {
            "class_weights": WEIGHTS,
            "torch_mean": F.cross_entropy(torch.tensor(Y_CLASS), torch.tensor(T_CLASS), weight=W).item(),
            "torch_mean_note": "PyTorch's reduction='mean': sum of the values over the sum of w_t, not over the number of samples",
        },
    ),
    loss(
        "bce_with_logits",
        "sum over outputs of max(y,0) - y*t + log(1+exp(-|y|))",
        lambda y, t: F.binary_cross_entropy_with_logits(y, t, reduction="none"),
        Y_BINARY,
        T_BINARY,
        {},
    ),
    loss("mse", "sum over outputs of 0.5*(y-t)^2", lambda y, t: 0.5 * F.mse_loss(y, t, reduction="none"), Y_REAL, T_REAL, {}),
    loss("l1", "sum over outputs of |y-t|; gradient 0 where y=t", lambda y, t: F.l1_loss(y, t, reduction="none"), Y_REAL, T_REAL, {}),
    loss(
        "huber",
        "sum over outputs of 0.5*d^2 if |d|<=delta else delta*(|d|-0.5*delta), d = y-t",
        lambda y, t: F.huber_loss(y, t, delta=1.0, reduction="none"),
        Y_REAL,
        T_REAL,
        {"delta": 1.0},
    ),
    loss(
        "multiclass_hinge",
        "sum over j!=t of max(0, 1 - y_t + y_j); PyTorch's multi_margin_loss times the number of classes",
        lambda y, t: 4.0 * F.multi_margin_loss(y, t, reduction="none"),
        Y_HINGE,
        T_CLASS,
        {},
    ),
]

dump(
    {
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "mpmath": mp.__version__,
        },
        "dtype": "float64",
        "activations_note": "value and derivative are PyTorch's; exact_ are mpmath's with 400 digits, rounded to float64 "
        "(PyTorch keeps 1e-14 absolute, not relative, accuracy in the tails of gelu and gelu_tanh and of the derivatives of sigmoid and tanh)",
        "x": POINTS,
        "activations": [activation(*a) for a in ACTIVATIONS],
        "losses_note": "value: one per sample; gradient: of each sample's value by its row of y; no mean over samples",
        "losses": LOSSES,
    }
)
