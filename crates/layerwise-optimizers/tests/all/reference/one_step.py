"""θ after one and three steps of PyTorch's optimizers with given gradients, in f64: python3 one_step.py > one_step.json

From θ = 0 the first step shows the update itself; the other start shows how it is subtracted. The parameters are two tensors, so
that a clipped norm is a norm over all of them. Gradients are given, not computed, so that no error is fed back.
"""
import json

import torch

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

STARTS = [[0.0] * 8, [0.7, -1.3, 250.0, -3e-4, 1e-9, 0.0, -41.0, 2.0]]
GRADS = [
    [0.31, -2.7, 40.0, 1e-6, -3e-4, 0.8, 0.0, -650.0],
    [-0.27, -1.1, 55.0, -4e-6, 2e-4, 0.9, 0.02, 710.0],
    [0.05, 3.9, 0.0, 2e-6, 7e-4, 0.7, -0.01, -120.0],
]
STEPS_SHOWN = [1, 3]
O = torch.optim


def sgd(rate, **more):
    return {"kind": "sgd", "rate": rate, **more}, lambda p: O.SGD(p, lr=rate, **more)


# Options of clipping stand with the optimizer's, as in a configuration; `clip_value` is ours alone.
RUNS = [
    sgd(0.01),
    sgd(0.37),
    sgd(0.01, momentum=0.9),
    sgd(0.003, momentum=0.77),
    sgd(0.01, momentum=0.9, nesterov=True),
    sgd(0.003, momentum=0.77, nesterov=True),
    ({"kind": "adagrad"}, lambda p: O.Adagrad(p)),
    ({"kind": "adagrad", "rate": 0.3, "epsilon": 1e-3}, lambda p: O.Adagrad(p, lr=0.3, eps=1e-3)),
    ({"kind": "rmsprop"}, lambda p: O.RMSprop(p)),
    ({"kind": "rmsprop", "rate": 0.02, "decay": 0.7, "epsilon": 1e-3}, lambda p: O.RMSprop(p, lr=0.02, alpha=0.7, eps=1e-3)),
    ({"kind": "adam"}, lambda p: O.Adam(p)),
    (
        {"kind": "adam", "rate": 0.03, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
        lambda p: O.Adam(p, lr=0.03, betas=(0.8, 0.95), eps=1e-3),
    ),
    ({"kind": "adamw"}, lambda p: O.AdamW(p)),
    (
        {"kind": "adamw", "rate": 0.03, "weight_decay": 0.4, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-3},
        lambda p: O.AdamW(p, lr=0.03, weight_decay=0.4, betas=(0.8, 0.95), eps=1e-3),
    ),
]
# The norms of the gradients are about 650, 710 and 120: these limits clip all, two and none of them.
CLIPPED = [(sgd(1.0), {"clip": limit}) for limit in [2.5, 300.0, 1e4]]
CLIPPED += [(sgd(1.0), {"clip_value": limit}) for limit in [0.5, 100.0, 1e4]]
CLIPPED += [(RUNS[3], {"clip": 2.5}), (RUNS[11], {"clip": 0.01}), (RUNS[9], {"clip_value": 0.5})]


def path(make, start, clip=None, clip_value=None):
    x = [torch.tensor(part, requires_grad=True) for part in (start[:3], start[3:])]
    optimizer, shown = make(x), []
    for t, grad in enumerate(GRADS):
        x[0].grad, x[1].grad = torch.tensor(grad[:3]), torch.tensor(grad[3:])
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(x, clip)
        if clip_value is not None:
            torch.nn.utils.clip_grad_value_(x, clip_value)
        optimizer.step()
        if t + 1 in STEPS_SHOWN:
            shown.append(torch.cat(x).tolist())
    return shown


runs = []
for (config, make), clipping in [(run, {}) for run in RUNS] + CLIPPED:
    optimizer = config | {k: v for k, v in clipping.items() if k == "clip"}
    run = {"optimizer": optimizer, "clip_value": clipping.get("clip_value")}
    run["theta"] = [path(make, start, **clipping) for start in STARTS]
    runs.append(run)

numbers = {"torch": torch.__version__, "starts": STARTS, "grads": GRADS, "steps_shown": STEPS_SHOWN}
print(json.dumps(numbers)[:-1] + ', "runs": [\n' + ",\n".join(map(json.dumps, runs)) + "\n]}")
