"""scikit-learn: the inner loop of `MLPClassifier.fit` (its own backward pass and update, no checks), and the whole `fit`."""

import warnings

import numpy as np
import sklearn
from sklearn.neural_network import MLPClassifier

from worker import Net, serve

# Epochs are counted, not waited for.
warnings.filterwarnings("ignore", category=sklearn.exceptions.ConvergenceWarning)


def classifier(net, optimizer, rate, epochs, seed=1):
    return MLPClassifier(
        hidden_layer_sizes=net.widths[1:-1],
        activation=net.activation,
        solver=optimizer,
        alpha=0.0,
        batch_size=net.batch,
        learning_rate_init=rate,
        max_iter=epochs,
        random_state=seed,
        tol=0.0,
        momentum=0.9,
        nesterovs_momentum=False,
        n_iter_no_change=epochs + 1,
    )


def train(net, optimizer):
    x, t = net.data()
    # It takes as many outputs as it sees classes: a small batch would make another net.
    whole = Net("-".join(map(str, net.widths)), net.activation, max(net.batch, net.widths[-1]))
    machine = classifier(net, optimizer, 1e-9, 1).fit(*whole.data())
    onehot = machine._label_binarizer.transform(t).astype(x.dtype)
    activations = [x] + [np.empty((net.batch, width), x.dtype) for width in net.widths[1:]]
    deltas = [np.empty_like(a) for a in activations[1:]]
    weights, biases = map(lambda l: [np.empty_like(p) for p in l], (machine.coefs_, machine.intercepts_))
    parameters = machine.coefs_ + machine.intercepts_

    def step():
        value, d_weights, d_biases = machine._backprop(x, onehot, None, activations, deltas, weights, biases)
        machine._optimizer.update_params(parameters, d_weights + d_biases)
        return value

    step()
    return step


def fit(name, net, optimizer, epochs, folder):
    def part(which):
        x = np.fromfile(f"{folder}/{name}.{which}.x", "<f4").reshape(-1, net.widths[0])
        return x, np.fromfile(f"{folder}/{name}.{which}.y", "<u4").astype(np.int64)

    (x, t), test = part("train"), part("test")
    rate = 0.01 if optimizer == "sgd" else 0.001
    # The same seed gives the same model every time: it is judged once. Few test samples tell little: more seeds then.
    seeds = range(1, 6 if len(test[0]) < 1000 else 2)
    accuracy = np.mean([classifier(net, optimizer, rate, epochs, seed).fit(x, t).score(*test) for seed in seeds])

    def run():
        machine = classifier(net, optimizer, rate, epochs).fit(x, t)
        return accuracy if machine.n_iter_ == epochs else float("nan")

    return run, epochs * -(-len(x) // net.batch)


def prepare(words):
    if words[0] == "train":
        return train(Net(*words[1:4]), words[4])
    if words[0] == "fit":
        name, widths, activation, batch, optimizer, epochs, folder = words[1:]
        return fit(name, Net(widths, activation, batch), optimizer, int(epochs), folder)
    return None


serve(f"scikit-learn {sklearn.__version__} (numpy {np.__version__})", prepare)
