"""Parameter paths of PyTorch's optimizers on one small network: python3 pytorch.py > pytorch.json"""
import math
import platform
import sys

sys.dont_write_bytecode = True

import numpy as np
import torch

from dump import dump

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

SIZES = [5, 7, 6, 3]
SAMPLES, BATCH, STEPS = 24, 8, 200
THETA_AFTER = [1, 10, 200]
LOSS_AT = [0, 9, 199]

rng = np.random.default_rng(0)
X = rng.standard_normal((SAMPLES, SIZES[0]))
LABELS = rng.integers(0, SIZES[-1], SAMPLES)
LAYERS0 = [
    (rng.standard_normal((o, i)) / math.sqrt(i), 0.1 * rng.standard_normal(o))
    for i, o in zip(SIZES[:-1], SIZES[1:])
]
THETA0 = [float(v) for w, b in LAYERS0 for v in [*w.T.ravel(), *b]]


def network():
    layers = []
    for w, b in LAYERS0:
        lin = torch.nn.Linear(w.shape[1], w.shape[0])
        with torch.no_grad():
            lin.weight.copy_(torch.from_numpy(w))
            lin.bias.copy_(torch.from_numpy(b))
        layers += [lin, torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def linears(net):
    return [m for m in net if isinstance(m, torch.nn.Linear)]


def flatten(net):
    parts = []
    for m in linears(net):
        parts += [m.weight.detach().T.contiguous().flatten(), m.bias.detach()]
    return torch.cat(parts).tolist()


def gradient(net):
    parts = []
    for m in linears(net):
        parts += [m.weight.grad.T.contiguous().flatten(), m.bias.grad]
    return torch.cat(parts).tolist()


O = torch.optim
ADAM = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}
ADAM_RULE = (
    "m = beta1*m + (1-beta1)*g; v = beta2*v + (1-beta2)*g^2; k = t+1; "
    "theta -= lr/(1-beta1^k) * m / (sqrt(v)/sqrt(1-beta2^k) + eps)"
)
# name, hyper-parameters, rule (g: gradient, t: step from 0, all state starts at zero), optimizer
RUNS = [
    ("sgd", {"lr": 0.05}, "theta -= lr*g", lambda p: O.SGD(p, lr=0.05, foreach=False)),
    (
        "sgd_momentum",
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.0},
        "u = momentum*u + g; theta -= lr*u",
        lambda p: O.SGD(p, lr=0.05, momentum=0.9, foreach=False),
    ),
    (
        "sgd_nesterov",
        {"lr": 0.05, "momentum": 0.9, "dampening": 0.0, "nesterov": True},
        "u = momentum*u + g; theta -= lr*(g + momentum*u)",
        lambda p: O.SGD(p, lr=0.05, momentum=0.9, nesterov=True, foreach=False),
    ),
    (
        "adagrad",
        {"lr": 0.05, "lr_decay": 0.0, "initial_accumulator_value": 0.0, "eps": 1e-10},
        "s = s + g^2; theta -= lr*g/(sqrt(s) + eps)",
        lambda p: O.Adagrad(p, lr=0.05, eps=1e-10, foreach=False),
    ),
    (
        "rmsprop",
        {"lr": 0.005, "alpha": 0.99, "eps": 1e-8, "momentum": 0.0, "centered": False},
        "s = alpha*s + (1-alpha)*g^2; theta -= lr*g/(sqrt(s) + eps)",
        lambda p: O.RMSprop(p, lr=0.005, alpha=0.99, eps=1e-8, foreach=False),
    ),
    (
        "adam",
        {"lr": 0.01, **ADAM},
        ADAM_RULE,
        lambda p: O.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, foreach=False),
    ),
    (
        "adamw",
        {"lr": 0.01, **ADAM, "weight_decay": 0.05},
        "theta *= 1 - lr*weight_decay (weights and biases); then " + ADAM_RULE,
        lambda p: O.AdamW(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05, foreach=False),
    ),
    (
        "adam_clip",
        {"lr": 0.01, **ADAM, "clip_norm": 0.5, "clip_eps": 1e-6},
        "g *= min(1, clip_norm/(||g||_2 + clip_eps)) (one norm over all parameters); then " + ADAM_RULE,
        lambda p: O.Adam(p, lr=0.01, betas=(0.9, 0.999), eps=1e-8, foreach=False),
    ),
    (
        "sgd_cosine_l2",
        {"lr": 0.05, "lr_min": 0.0, "t_max": 200, "lambda": 0.01, "weight_decay": 0.0},
        "lr_t = 0.5*lr*(1 + cos(pi*t/t_max)); g: gradient of loss + lambda/2*(sum of squared weights, no biases); theta -= lr_t*g",
        lambda p: O.SGD(p, lr=0.05, foreach=False),
    ),
]


def train(hyper, make):
    net = network()
    opt = make(net.parameters())
    x, labels = torch.from_numpy(X), torch.from_numpy(LABELS)
    out = {"loss": [], "theta": {}}
    if "lambda" in hyper:
        out["penalty"] = []
    if "clip_norm" in hyper:
        out["gradient_norm_before_clip"] = []
        out["clipped_steps"] = 0
    for t in range(STEPS):
        rows = slice((t * BATCH) % SAMPLES, (t * BATCH) % SAMPLES + BATCH)
        opt.zero_grad()
        loss = torch.nn.functional.cross_entropy(net(x[rows]), labels[rows])
        if t in LOSS_AT:
            out["loss"].append(loss.item())
        if "lambda" in hyper:
            penalty = 0.5 * hyper["lambda"] * sum((m.weight**2).sum() for m in linears(net))
            if t in LOSS_AT:
                out["penalty"].append(penalty.item())
            loss = loss + penalty
        loss.backward()
        if "clip_norm" in hyper:
            norm = torch.nn.utils.clip_grad_norm_(net.parameters(), hyper["clip_norm"]).item()
            out["clipped_steps"] += int(norm + hyper["clip_eps"] > hyper["clip_norm"])
            if t in LOSS_AT:
                out["gradient_norm_before_clip"].append(norm)
        if "t_max" in hyper:
            for group in opt.param_groups:
                group["lr"] = 0.5 * hyper["lr"] * (1.0 + math.cos(math.pi * t / hyper["t_max"]))
        opt.step()
        if t + 1 in THETA_AFTER:
            out["theta"][str(t + 1)] = flatten(net)
    return out


def main():
    net = network()
    assert flatten(net) == THETA0
    assert sorted(set(LABELS.tolist())) == list(range(SIZES[-1]))
    first = torch.nn.functional.cross_entropy(net(torch.from_numpy(X[:BATCH])), torch.from_numpy(LABELS[:BATCH]))
    first.backward()
    dump(
        {
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "numpy": np.__version__,
            },
            "dtype": "float64",
            "network": "Linear, tanh, Linear, tanh, Linear; cross entropy of softmax, mean over the batch",
            "layer_sizes": SIZES,
            "theta_layout": "for each layer: W (out x in) column by column, then b",
            "x": X.tolist(),
            "labels": LABELS.tolist(),
            "theta0": THETA0,
            "batch_size": BATCH,
            "batches": "step t (from 0) uses the samples (t mod 3)*8 .. (t mod 3)*8 + 8",
            "steps": STEPS,
            "theta_after": THETA_AFTER,
            "loss_at": LOSS_AT,
            "loss_note": "mean cross entropy on the step's batch before the step, without penalty",
            "logits0": net(torch.from_numpy(X)).detach().tolist(),
            "gradient0": gradient(net),
            "gradient0_note": "of the loss of step 0 at theta0, laid out as theta",
            "runs": [
                {"name": name, "hyper": hyper, "rule": rule, **train(hyper, make)}
                for name, hyper, rule, make in RUNS
            ],
        }
    )


main()
