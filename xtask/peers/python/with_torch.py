"""PyTorch: eager with fused optimizers, and with forward, loss and backward compiled; curvature by its three ways."""

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from worker import THREADS, Net, serve

torch.set_num_threads(THREADS)
torch.set_num_interop_threads(1)
RATE = 1e-9
DTYPES = {"f32": torch.float32, "f64": torch.float64}
loss_of = torch.nn.functional.cross_entropy


def model(net, dtype=torch.float32):
    layers = []
    for (d_in, d_out), (weight, bias) in zip(net.layers, net.weights()):
        linear = torch.nn.Linear(d_in, d_out)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weight))
            linear.bias.copy_(torch.from_numpy(bias))
        layers += [linear, torch.nn.Tanh() if net.activation == "tanh" else torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1]).to(dtype)


def data(net, dtype=torch.float32):
    x, classes = net.data()
    return torch.from_numpy(x).to(dtype), torch.from_numpy(classes)


def train(net, optimizer, compiled):
    network, (x, t) = model(net), data(net)
    if optimizer == "sgd":
        optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, fused=True)
    else:
        optimizer = torch.optim.Adam(network.parameters(), lr=RATE, fused=True)

    def risk():
        return loss_of(network(x), t)

    if compiled:
        risk = torch.compile(risk)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = risk()
        loss.backward()
        optimizer.step()
        return loss.detach()

    step()
    return step


def infer(net, compiled):
    network, (x, _) = model(net).eval(), data(net)
    call = torch.compile(network) if compiled else network

    def run():
        with torch.inference_mode():
            return call(x)

    run()
    return run


def gradient(net, dtype):
    network, (x, t) = model(net, dtype), data(net, dtype)
    parameters = list(network.parameters())
    return lambda: torch.autograd.grad(loss_of(network(x), t), parameters)[0][0, 0]


def product(kind, net, dtype, way):
    """Hessian (`hvp`) or Gauss–Newton (`gn`) times a vector: everything anew (`scratch`, `func`), or the graph kept."""
    network, (x, t) = model(net, dtype), data(net, dtype)
    names, parameters = zip(*network.named_parameters())
    v = tuple(torch.randn_like(p) for p in parameters)
    theta = tuple(p.detach() for p in parameters)

    def outputs(p):
        return torch.func.functional_call(network, dict(zip(names, p)), (x,))

    def of_loss(y, y_dot):
        """∂²l/∂y² times a vector."""
        return torch.func.jvp(torch.func.grad(lambda y: loss_of(y, t)), (y,), (y_dot,))[1]

    if (kind, way) == ("gn", "func"):

        def run():
            y, y_dot = torch.func.jvp(outputs, (theta,), (v,))
            return torch.func.vjp(outputs, theta)[1](of_loss(y, y_dot))[0][0][0, 0]

    elif (kind, way) == ("gn", "kept"):
        y, forward = torch.func.linearize(outputs, theta)
        _, backward = torch.func.vjp(outputs, theta)

        def run():
            return backward(of_loss(y, forward(v)))[0][0][0, 0]

    elif (kind, way) == ("hvp", "func"):
        grad = torch.func.grad(lambda p: loss_of(outputs(p), t))

        def run():
            return torch.func.jvp(grad, (theta,), (v,))[1][0][0, 0]

    elif (kind, way) == ("hvp", "scratch"):

        def run():
            grad = torch.autograd.grad(loss_of(network(x), t), parameters, create_graph=True)
            return torch.autograd.grad(grad, parameters, v)[0][0, 0]

    elif (kind, way) == ("hvp", "kept"):
        grad = torch.autograd.grad(loss_of(network(x), t), parameters, create_graph=True)

        def run():
            return torch.autograd.grad(grad, parameters, v, retain_graph=True)[0][0, 0]

    else:
        return None
    run()
    return run


def top(net, dtype):
    """The largest eigenvalue of the Hessian by SciPy's Lanczos, over products whose graph is kept. Returns their number."""
    network, (x, t) = model(net, dtype), data(net, dtype)
    parameters = list(network.parameters())
    n = sum(p.numel() for p in parameters)
    start = np.random.default_rng(0).standard_normal(n)

    def run():
        grad = torch.autograd.grad(loss_of(network(x), t), parameters, create_graph=True)
        grad = torch.cat([g.flatten() for g in grad])
        products = 0

        def multiply(v):
            nonlocal products
            products += 1
            out = torch.autograd.grad(grad, parameters, torch.from_numpy(v.ravel()), retain_graph=True)
            return torch.cat([o.flatten() for o in out]).numpy()

        eigsh(LinearOperator((n, n), matvec=multiply, dtype=np.float64), k=1, which="LA", tol=1e-3, v0=start)
        return products

    return run


def prepare(words):
    kind, net, options = words[0], Net(*words[1:4]), words[4:]
    compiled = options[-1:] == ["compiled"]
    if kind in ("train", "infer"):
        if compiled:
            torch._dynamo.reset()
        return train(net, options[0], compiled) if kind == "train" else infer(net, compiled)
    if kind == "grad":
        return gradient(net, DTYPES[options[0]])
    if kind in ("hvp", "gn"):
        return product(kind, net, DTYPES[options[0]], options[1])
    return top(net, DTYPES[options[0]]) if kind == "top" else None


serve(f"PyTorch {torch.__version__} ({torch.backends.cpu.get_cpu_capability()})", prepare)
