"""Paths of PyTorch's optimizers and schedulers on a chained Rosenbrock function: python3 rosenbrock.py > rosenbrock.json"""
import json
import warnings

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)
warnings.filterwarnings("ignore")

START = [-1.2, 1.0, 0.3, -0.4, 0.8, 1.5]
STEPS, THETA_AFTER = 50, [1, 2, 3, 50]
O, S = torch.optim, torch.optim.lr_scheduler


def f(x):
    """Sum of (1 - x_i)^2 + 5 (x_{i+1} - x_i^2)^2."""
    return ((1 - x[:-1]) ** 2 + 5 * (x[1:] - x[:-1] ** 2) ** 2).sum()


RUNS = [
    ({"kind": "sgd", "rate": 0.003}, lambda p: O.SGD(p, lr=0.003), None),
    ({"kind": "sgd", "rate": 0.003, "momentum": 0.8}, lambda p: O.SGD(p, lr=0.003, momentum=0.8), None),
    (
        {"kind": "sgd", "rate": 0.003, "momentum": 0.8, "nesterov": True, "schedule": {"kind": "exponential", "decay": 0.97}},
        lambda p: O.SGD(p, lr=0.003, momentum=0.8, nesterov=True),
        lambda o: S.ExponentialLR(o, 0.97),
    ),
    ({"kind": "sgd", "rate": 0.01, "clip": 2.5}, lambda p: O.SGD(p, lr=0.01), None),
    ({"kind": "adagrad", "rate": 0.1}, lambda p: O.Adagrad(p, lr=0.1), None),
    (
        {"kind": "rmsprop", "rate": 0.02, "decay": 0.9, "schedule": {"kind": "step", "every": 7, "factor": 0.6}},
        lambda p: O.RMSprop(p, lr=0.02, alpha=0.9),
        lambda o: S.StepLR(o, 7, 0.6),
    ),
    ({"kind": "adam", "rate": 0.05}, lambda p: O.Adam(p, lr=0.05), None),
    (
        {"kind": "adamw", "rate": 0.05, "weight_decay": 0.2, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3, "schedule": {"kind": "cosine", "steps": 40, "floor": 0.1}},
        lambda p: O.AdamW(p, lr=0.05, weight_decay=0.2, betas=(0.8, 0.95), eps=1e-3),
        # The factor in closed form: CosineAnnealingLR rises again after its half period, ours stays.
        lambda o: S.LambdaLR(o, lambda t: 0.1 + 0.9 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * min(t, 40) / 40)).item())),
    ),
    ({"kind": "adam", "rate": 0.05, "clip": 3.0}, lambda p: O.Adam(p, lr=0.05), None),
]


def train(config, make, schedule):
    x = torch.tensor(START, requires_grad=True)
    optimizer = make([x])
    scheduler = schedule(optimizer) if schedule else None
    theta = []
    for t in range(STEPS):
        optimizer.zero_grad()
        f(x).backward()
        if "clip" in config:
            torch.nn.utils.clip_grad_norm_([x], config["clip"])
        optimizer.step()
        if scheduler:
            scheduler.step()
        if t + 1 in THETA_AFTER:
            theta.append(x.tolist())
    return {"optimizer": config, "theta": theta}


def plateau():
    losses = [1.0, 0.9, 0.91, 0.8999, 0.95, 0.7, 0.7, 0.69999, 0.7, 0.7, 0.7, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    optimizer = O.SGD([torch.zeros(1)], lr=1.0)
    scheduler = S.ReduceLROnPlateau(optimizer, factor=0.3, patience=2, threshold=1e-3, min_lr=0.01)
    rates = []
    for loss in losses:
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    rule = {"factor": 0.3, "patience": 2, "threshold": 1e-3, "floor": 0.01}
    return {"rule": rule, "losses": losses, "rate_factors": rates}


print(
    json.dumps(
        {
            "torch": torch.__version__,
            "function": f.__doc__,
            "start": START,
            "theta_after": THETA_AFTER,
            "runs": [train(*run) for run in RUNS],
            "plateau": plateau(),
        },
        indent=1,
    )
)
