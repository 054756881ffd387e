"""Objective and gradient of scikit-learn's MLPs at fixed parameters: python3 sklearn.py > sklearn.json"""
import platform
import sys
import warnings

sys.dont_write_bytecode = True

from dump import dump

del sys.path[0]  # this folder, where this very file would be imported as sklearn

import numpy as np
import scipy
import sklearn
from sklearn.neural_network import MLPClassifier, MLPRegressor

ALPHA, HIDDEN, FEATURES, SAMPLES = 0.3, (6, 4), 5, 20
MARGIN = 0.01  # relu inputs nearer to 0 would let the differences cross the jump
rng = np.random.default_rng(1)
X = rng.standard_normal((SAMPLES, FEATURES))
LABELS3 = rng.integers(0, 3, SAMPLES)
LABELS2 = rng.integers(0, 2, SAMPLES)
TARGETS = rng.standard_normal((SAMPLES, 2))

LOSSES = {
    "softmax": "mean over samples of -log p_t, p = softmax(z)",
    "binary": "mean over samples of -t*log p - (1-t)*log(1-p), p = 1/(1+exp(-z)), one output",
    "regression1": "mean over samples of 0.5*(z-t)^2, one output",
    "regression2": "mean over samples AND outputs of 0.5*(z-t)^2, that is the sum over samples and outputs of (z-t)^2 / (2*n_samples*n_outputs)",
}
PENALTY = "0.5*alpha*(sum of squared weights, no biases)/n_samples"
# What the gradient that scikit-learn returns is the gradient of.
GRADIENTS = {
    "softmax": "of loss",
    "binary": "of loss",
    "regression1": "of loss",
    "regression2": "NOT of loss but of loss_of_gradient: mean over samples of the SUM over outputs of 0.5*(z-t)^2, plus the penalty",
}


def packed_from_theta(model, theta):
    """Ours: coefficients, then intercepts, layer by layer; sklearn's: all coefficients, then all intercepts.

    Column by column W (out x in) is row by row coef (in x out)."""
    coefs, intercepts, at = [], [], 0
    for c, b in zip(model.coefs_, model.intercepts_):
        coefs.append(theta[at : at + c.size])
        at += c.size
        intercepts.append(theta[at : at + b.size])
        at += b.size
    assert at == theta.size
    return np.concatenate(coefs + intercepts)


def theta_from_packed(model, packed):
    coefs, intercepts, at = [], [], 0
    for sizes, out in ((model.coefs_, coefs), (model.intercepts_, intercepts)):
        for a in sizes:
            out.append(packed[at : at + a.size])
            at += a.size
    return np.concatenate([v for pair in zip(coefs, intercepts) for v in pair])


def objective(model, theta, y):
    """scikit-learn's loss and gradient, and the activations of all layers."""
    activations = [X] + [None] * (model.n_layers_ - 1)
    blank = lambda: [None] * (model.n_layers_ - 1)
    loss, grad = model._loss_grad_lbfgs(
        packed_from_theta(model, theta), X, y, None, activations, blank(), blank(), blank()
    )
    return float(loss), theta_from_packed(model, grad), activations


def differences(f, theta):
    """Central differences of fourth order."""
    out = np.empty_like(theta)
    h = 1e-3
    for i in range(theta.size):
        def at(k):
            p = theta.copy()
            p[i] += k * h
            return f(p)
        out[i] = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h)
    return out


def hidden_margin(model, activations):
    """The least |input| of a hidden activation, at which relu must not jump within the differences."""
    margin = np.inf
    for i in range(model.n_layers_ - 2):
        z = activations[i] @ model.coefs_[i] + model.intercepts_[i]
        margin = min(margin, np.abs(z).min())
    return margin


def case(task, activation, seed):
    kind = MLPRegressor if task.startswith("regression") else MLPClassifier
    target = {"softmax": LABELS3, "binary": LABELS2, "regression1": TARGETS[:, 0], "regression2": TARGETS}[task]
    model = kind(
        hidden_layer_sizes=HIDDEN, activation=activation, solver="lbfgs", alpha=ALPHA, max_iter=1, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, target)  # only to shape the model; theta replaces what it learnt
    if task == "softmax":
        y = np.eye(3)[target]
    else:
        y = target.reshape(SAMPLES, -1).astype(float)
    sizes = [FEATURES, *HIDDEN, y.shape[1]]
    assert model.out_activation_ == {"softmax": "softmax", "binary": "logistic"}.get(task, "identity")

    draw = np.random.default_rng(seed)
    theta = np.concatenate(
        [
            part
            for i, o in zip(sizes[:-1], sizes[1:])
            for part in (draw.standard_normal(i * o) / np.sqrt(i), 0.3 * draw.standard_normal(o))
        ]
    )
    loss, grad, acts = objective(model, theta, y)
    assert np.array_equal(theta_from_packed(model, packed_from_theta(model, theta)), theta)

    weights2 = sum(float(c.ravel() @ c.ravel()) for c in model.coefs_)
    penalty = 0.5 * ALPHA * weights2 / SAMPLES
    out = acts[-1]
    sum_loss = {
        "softmax": lambda p: -(y * np.log(p)).sum() / SAMPLES,
        "binary": lambda p: -(y * np.log(p) + (1 - y) * np.log(1 - p)).sum() / SAMPLES,
    }.get(task, lambda p: 0.5 * ((p - y) ** 2).sum() / SAMPLES)

    def matching(p):
        """The loss that the returned gradient belongs to, by hand from the outputs."""
        _, _, a = objective(model, p, y)
        w2 = sum(float(c.ravel() @ c.ravel()) for c in model.coefs_)
        return sum_loss(a[-1]) + 0.5 * ALPHA * w2 / SAMPLES

    loss_of_gradient = float(matching(theta))
    mean_loss = sum_loss(out) / (y.shape[1] if task == "regression2" else 1)
    assert abs(loss - (mean_loss + penalty)) < 1e-14 * max(1.0, loss), (task, loss, mean_loss + penalty)
    objective(model, theta, y)  # sets the coefficients back to theta
    if activation == "relu" and hidden_margin(model, acts) < MARGIN:
        return None
    error = float(np.abs(differences(matching, theta) - grad).max())
    assert error < 1e-9, (task, activation, error)
    returned = float(np.abs(differences(lambda p: objective(model, p, y)[0], theta) - grad).max())
    assert (returned > 1e-3) == (task == "regression2") and (returned > 1e-3 or returned < 1e-9)
    return {
        "task": task,
        "activation": activation,
        "output_activation": model.out_activation_,
        "layer_sizes": sizes,
        "alpha": ALPHA,
        "seed": seed,
        "theta": theta.tolist(),
        "output": out.tolist(),
        "loss": loss,
        "data_loss": float(loss - penalty),
        "penalty": float(penalty),
        "loss_of_gradient": loss_of_gradient,
        "gradient": grad.tolist(),
    }


def case_with_seed(task, activation, seed):
    """relu takes the first seed whose inputs keep clear of the jump."""
    while (made := case(task, activation, seed)) is None:
        seed += 100
    return made


dump(
    {
        "versions": {
            "python": platform.python_version(),
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
        "dtype": "float64",
        "theta_layout": "for each layer: W (out x in) column by column, then b; sklearn's coefs_ are W transposed",
        "loss_formula": {k: f"{v}; plus {PENALTY}" for k, v in LOSSES.items()},
        "gradient_formula": GRADIENTS,
        "notes": "loss, gradient: what _loss_grad_lbfgs returns. loss_of_gradient: the loss whose gradient it is; equal to loss "
        "but for regression2, where loss divides by n_outputs and the gradient does not. "
        "gradient checked by central differences of loss_of_gradient to 1e-9. output: after the output activation.",
        "x": X.tolist(),
        "labels3": LABELS3.tolist(),
        "labels2": LABELS2.tolist(),
        "targets": TARGETS.tolist(),
        "target_of": {
            "softmax": "labels3",
            "binary": "labels2",
            "regression1": "first column of targets",
            "regression2": "targets",
        },
        "cases": [
            case_with_seed(task, activation, 10 * i + j)
            for i, task in enumerate(LOSSES)
            for j, activation in enumerate(["logistic", "tanh", "relu"])
        ],
    }
)
