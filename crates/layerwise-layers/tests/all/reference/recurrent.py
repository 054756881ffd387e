"""Outputs and gradients of PyTorch's RNN, LSTM and GRU over padded batches, in f64: python3 recurrent.py > recurrent.json

Batches are packed, so that PyTorch never computes on padding: what holds a state over padding is ours alone. L = sum u * y, with
u = 0 at padded steps. Blocks have our names; PyTorch's two biases are one of ours, but for the candidate of the GRU. Matrices are
written column after column, sequences sample after sample with the flag as the last channel of a step.
"""
import json

import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

STEPS, SAMPLES, INPUTS, UNITS = 6, 3, 2, 3
LENGTHS = torch.tensor([6, 4, 1])
KINDS = {
    "elman": (lambda d, layers: torch.nn.RNN(d, UNITS, layers, batch_first=True), [""]),
    "irnn": (lambda d, layers: torch.nn.RNN(d, UNITS, layers, nonlinearity="relu", batch_first=True), [""]),
    "lstm": (lambda d, layers: torch.nn.LSTM(d, UNITS, layers, batch_first=True), ["_i", "_f", "_g", "_o"]),
    "gru": (lambda d, layers: torch.nn.GRU(d, UNITS, layers, batch_first=True), ["_r", "_z", "_n"]),
}


def column_major(m):
    return m.detach().T.reshape(-1).tolist()


def blocks(net, layer, gates, of):
    """Our blocks of a layer, from PyTorch's stacked ones; of(p): its values or its gradient."""
    of_layer = {name: of(getattr(net, f"{name}_l{layer}")) for name in ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]}
    parts = {name: p.chunk(len(gates)) for name, p in of_layer.items()}
    found = {}
    for k, gate in enumerate(gates):
        found["w" + gate] = column_major(parts["weight_ih"][k])
        found["u" + gate] = column_major(parts["weight_hh"][k])
        found["b" + gate] = parts["bias_ih"][k].tolist()
        if gate == "_n":
            found["b_q"] = parts["bias_hh"][k].tolist()
    return found


def case(kind, returns, layers):
    make, gates = KINDS[kind]
    torch.manual_seed(7)
    net = make(INPUTS, layers)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(torch.randn_like(p) * 0.7)
            if name.startswith("bias_hh"):
                # Ours is one bias; of the GRU only the candidate keeps its second.
                p[: (2 * UNITS if kind == "gru" else None)] = 0.0
    x = torch.randn(SAMPLES, STEPS, INPUTS)
    flag = (torch.arange(STEPS)[None, :] < LENGTHS[:, None]).double()
    # What stands in padding must not matter.
    x.requires_grad_(True)
    packed, last = net(pack_padded_sequence(x, LENGTHS, batch_first=True))
    last = last[0] if kind == "lstm" else last
    if returns == "last":
        y = last[-1]
        u = torch.randn_like(y)
    else:
        y, _ = pad_packed_sequence(packed, batch_first=True, total_length=STEPS)
        u = torch.randn_like(y) * flag[:, :, None]
    (u * y).sum().backward()
    return {
        "kind": kind,
        "returns": returns,
        "steps": STEPS,
        "samples": SAMPLES,
        "units": UNITS,
        "x": torch.cat([x.detach(), flag[:, :, None]], 2).reshape(-1).tolist(),
        "y": y.detach().reshape(-1).tolist(),
        "u": u.reshape(-1).tolist(),
        "dx": x.grad.reshape(-1).tolist(),
        "theta": [blocks(net, layer, gates, lambda p: p.detach()) for layer in range(layers)],
        "dtheta": [blocks(net, layer, gates, lambda p: p.grad) for layer in range(layers)],
    }


cases = [case(kind, returns, 1) for kind in KINDS for returns in ["last", "every"]]
cases += [case("lstm", "last", 2), case("gru", "every", 2)]
print(json.dumps({"torch": torch.__version__, "cases": cases}))
