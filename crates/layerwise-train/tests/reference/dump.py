"""Prints a tree of dicts and lists as JSON: one line per vector or matrix row, floats as repr."""
import json


def _flat(v):
    return isinstance(v, list) and not any(isinstance(e, (list, dict)) for e in v)


def _text(v, pad):
    if isinstance(v, dict) and v:
        items = [f"{pad} {json.dumps(k)}: {_text(e, pad + ' ')}" for k, e in v.items()]
        return "{\n" + ",\n".join(items) + "\n" + pad + "}"
    if isinstance(v, list) and v and not _flat(v):
        return "[\n" + ",\n".join(pad + " " + _text(e, pad + " ") for e in v) + "\n" + pad + "]"
    return json.dumps(v, allow_nan=False)


def dump(tree):
    print(_text(tree, ""))
