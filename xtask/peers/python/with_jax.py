"""JAX: a jitted step a call, and a jitted scan of 20 steps a call, or of as many as are asked for.

The parameters are donated, so nothing is copied.
"""

import jax
import jax.numpy as jnp

from worker import Net, serve

RATE, MOMENTUM = 1e-9, 0.9
STEPS = 20


def forward(activation, theta, x):
    for weight, bias in theta[:-1]:
        x = activation(x @ weight + bias)
    return x @ theta[-1][0] + theta[-1][1]


def setting(net):
    x, t = net.data()
    theta = [(jnp.asarray(weight.T), jnp.asarray(bias)) for weight, bias in net.weights()]
    return jnp.asarray(x), jnp.asarray(t), theta, jnp.tanh if net.activation == "tanh" else jax.nn.relu


def sgd(theta, grad, state):
    velocity = jax.tree.map(lambda m, g: MOMENTUM * m + g, state, grad)
    return jax.tree.map(lambda p, m: p - RATE * m, theta, velocity), velocity


def adam(theta, grad, state):
    count, first, second = state
    count = count + 1
    first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, grad)
    second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, grad)
    a, b = 1 - 0.9**count, 1 - 0.999**count
    theta = jax.tree.map(lambda p, m, v: p - RATE * (m / a) / (jnp.sqrt(v / b) + 1e-8), theta, first, second)
    return theta, (count, first, second)


def train(net, optimizer, scanned):
    x, t, theta, activation = setting(net)
    zeros = lambda: jax.tree.map(jnp.zeros_like, theta)
    update, state = (sgd, zeros()) if optimizer == "sgd" else (adam, (jnp.float32(0), zeros(), zeros()))

    def risk(theta, x, t):
        logits = jax.nn.log_softmax(forward(activation, theta, x))
        return -jnp.mean(jnp.take_along_axis(logits, t[:, None], axis=1))

    def step(carry, x, t):
        theta, state = carry
        value, grad = jax.value_and_grad(risk)(theta, x, t)
        return update(theta, grad, state), value

    def steps(carry, x, t):
        return jax.lax.scan(lambda carry, _: step(carry, x, t), carry, length=scanned)

    call = jax.jit(steps if scanned else step, donate_argnums=0)
    carry = (theta, state)

    def run():
        nonlocal carry
        carry, value = call(carry, x, t)
        value.block_until_ready()
        return value

    run()
    return run, scanned or 1


def infer(net):
    x, _, theta, activation = setting(net)
    # The weights are constants of the program.
    call = jax.jit(lambda x: forward(activation, theta, x))
    call(x).block_until_ready()
    return lambda: call(x).block_until_ready()


def prepare(words):
    kind, net, options = words[0], Net(*words[1:4]), words[4:]
    if kind == "train":
        scanned = int((options[2:] or [STEPS])[0]) if options[1:2] == ["scan"] else 0
        return train(net, options[0], scanned)
    return infer(net) if kind == "infer" else None


serve(f"JAX {jax.__version__}", prepare)
