"""Parameter paths of PyTorch's optimizers, and of three by their papers, on one small network: python3 pytorch.py > pytorch.json"""
import copy
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


class Lion(torch.optim.Optimizer):
    """Chen et al. (2023), algorithm 2, line by line."""

    def __init__(self, params, lr, beta1, beta2, weight_decay):
        super().__init__(params, {"lr": lr})
        self.betas, self.decay = (beta1, beta2), weight_decay

    @torch.no_grad()
    def step(self):
        b1, b2 = self.betas
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                c = b1 * m + (1 - b1) * p.grad
                p -= group["lr"] * (torch.sign(c) + self.decay * p)
                m.copy_(b2 * m + (1 - b2) * p.grad)


class ScheduleFree(torch.optim.Optimizer):
    """Defazio et al. (2024): x, y and z of equations 1 to 3 as they stand there; the parameters are y. With beta2, AdamW's step of z."""

    def __init__(self, params, lr, beta, weight_decay, warm_up, beta2=None, eps=None):
        super().__init__(params, {"lr": lr})
        self.beta, self.decay, self.warm_up, self.beta2, self.eps = beta, weight_decay, warm_up, beta2, eps
        self.k, self.sum = 0, 0.0

    @torch.no_grad()
    def step(self):
        self.k += 1
        gamma = self.param_groups[0]["lr"] * min(1.0, self.k / max(1, self.warm_up))
        self.sum += gamma**2
        c = gamma**2 / self.sum
        for y in self.param_groups[0]["params"]:
            s = self.state[y]
            if not s:
                s |= {"z": y.clone(), "x": y.clone(), "v": torch.zeros_like(y)}
            u = y.grad
            if self.beta2 is not None:
                s["v"].copy_(self.beta2 * s["v"] + (1 - self.beta2) * u**2)
                u = u / (torch.sqrt(s["v"] / (1 - self.beta2**self.k)) + self.eps)
            s["z"] -= gamma * (u + self.decay * y)
            s["x"].copy_((1 - c) * s["x"] + c * s["z"])
            y.copy_((1 - self.beta) * s["z"] + self.beta * s["x"])

    def averages(self):
        return [self.state[y]["x"] for y in self.param_groups[0]["params"]]


class Muon:
    """PyTorch's Muon on matrices, in f64 where it takes bfloat16, and its AdamW on everything else."""

    def __init__(self, params, lr, weight_decay, momentum):
        params = list(params)
        matrices, rest = [p for p in params if p.ndim == 2], [p for p in params if p.ndim < 2]
        more = {"momentum": momentum, "nesterov": True, "adjust_lr_fn": "match_rms_adamw"}
        self.both = [
            O.Muon(matrices, lr=lr, weight_decay=weight_decay, **more),
            O.AdamW(rest, lr=lr, weight_decay=weight_decay, foreach=False),
        ]

    def zero_grad(self):
        for o in self.both:
            o.zero_grad()

    def step(self):
        rough, torch.bfloat16 = torch.bfloat16, torch.float64
        for o in self.both:
            o.step()
        torch.bfloat16 = rough


O, S = torch.optim, torch.optim.lr_scheduler
A = torch.optim.swa_utils
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
    (
        "amsgrad",
        {"lr": 0.01, **ADAM},
        "as adam, with w = max(w, v) for v in the last line",
        lambda p: O.Adam(p, lr=0.01, amsgrad=True, foreach=False),
    ),
    (
        "nadam",
        {"lr": 0.01, **ADAM, "momentum_decay": 0.004},
        "mu_k = beta1*(1 - 0.96^(k*momentum_decay)/2), P_k = mu_1...mu_k; "
        "theta -= lr*(mu_(k+1)/(1-P_(k+1))*m + (1-mu_k)/(1-P_k)*g) / (sqrt(v)/sqrt(1-beta2^k) + eps)",
        lambda p: O.NAdam(p, lr=0.01, foreach=False),
    ),
    (
        "adamax",
        {"lr": 0.01, **ADAM},
        "m as adam; u = max(beta2*u, |g| + eps); theta -= lr/(1-beta1^k) * m/u",
        lambda p: O.Adamax(p, lr=0.01, foreach=False),
    ),
    (
        "radam",
        {"lr": 0.01, **ADAM},
        "m and v as adam; theta -= lr*m/(1-beta1^k) * (r_k*sqrt(1-beta2^k)/(sqrt(v) + eps) if rho_k > 5 else 1)",
        lambda p: O.RAdam(p, lr=0.01, foreach=False),
    ),
    (
        "lion",
        {"lr": 0.001, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0.05},
        "not PyTorch's: the class Lion of this script",
        lambda p: Lion(p, 0.001, 0.9, 0.99, 0.05),
    ),
    (
        "muon",
        {"lr": 0.01, "momentum": 0.95, "weight_decay": 0.1, **ADAM},
        "W: PyTorch's Muon with adjust_lr_fn = match_rms_adamw, its matrix products in f64; b: adamw",
        lambda p: Muon(p, 0.01, 0.1, 0.95),
    ),
    (
        "schedule_free_sgd",
        {"lr": 0.2, "beta": 0.9, "weight_decay": 0.01, "warm_up": 20},
        "not PyTorch's: the class ScheduleFree of this script; theta is y, average is x",
        lambda p: ScheduleFree(p, 0.2, 0.9, 0.01, 20),
    ),
    (
        "schedule_free_adamw",
        {"lr": 0.01, **ADAM, "weight_decay": 0.05, "warm_up": 0},
        "not PyTorch's: the class ScheduleFree of this script; theta is y, average is x",
        lambda p: ScheduleFree(p, 0.01, 0.9, 0.05, 0, 0.999, 1e-8),
    ),
    (
        "sgd_average",
        {"lr": 0.05, "from": 50},
        "average: the mean of theta after steps 51, 52, ...",
        lambda p: O.SGD(p, lr=0.05, foreach=False),
    ),
    (
        "sgd_exponential_average",
        {"lr": 0.05, "decay": 0.95},
        "average: theta after step 1, then decay*average + (1-decay)*theta",
        lambda p: O.SGD(p, lr=0.05, foreach=False),
    ),
    (
        "sgd_one_cycle",
        {"lr": 0.2, "steps": 150, "peak": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
        "lr_t of OneCycleLR, without its cycle of the momentum; after its last step the last rate",
        lambda p: O.SGD(p, lr=0.2, foreach=False),
    ),
    (
        "sgd_cosine_restarts",
        {"lr": 0.1, "steps": 20, "growth": 2, "lr_min": 0.01},
        "lr_t of CosineAnnealingWarmRestarts",
        lambda p: O.SGD(p, lr=0.1, foreach=False),
    ),
]
AVERAGES = {
    "sgd_average": lambda net: A.AveragedModel(net),
    "sgd_exponential_average": lambda net: A.AveragedModel(net, multi_avg_fn=A.get_ema_multi_avg_fn(0.95)),
}
SCHEDULES = {
    "sgd_one_cycle": lambda o: S.OneCycleLR(o, 0.2, total_steps=150, cycle_momentum=False),
    "sgd_cosine_restarts": lambda o: S.CosineAnnealingWarmRestarts(o, 20, T_mult=2, eta_min=0.01),
}


def with_parameters(net, parameters):
    net = copy.deepcopy(net)
    with torch.no_grad():
        for p, value in zip(net.parameters(), parameters):
            p.copy_(value)
    return net


def train(name, hyper, make):
    net = network()
    opt = make(net.parameters())
    average = AVERAGES[name](net) if name in AVERAGES else None
    schedule = SCHEDULES[name](opt) if name in SCHEDULES else None
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
        # OneCycleLR refuses more steps than it was made for.
        if schedule and (name != "sgd_one_cycle" or t + 1 < hyper["steps"]):
            schedule.step()
        if average and t >= hyper.get("from", 0):
            average.update_parameters(net)
        if t + 1 in THETA_AFTER:
            out["theta"][str(t + 1)] = flatten(net)
            parameters = opt.averages() if isinstance(opt, ScheduleFree) else None
            if average and average.n_averaged > 0:
                parameters = average.parameters()
            if parameters:
                out.setdefault("average", {})[str(t + 1)] = flatten(with_parameters(net, parameters))
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
                {"name": name, "hyper": hyper, "rule": rule, **train(name, hyper, make)}
                for name, hyper, rule, make in RUNS
            ],
        }
    )


main()
