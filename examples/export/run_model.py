"""Writes on from a prompt with a byte model that `neural-memory export` wrote: python run_model.py model.onnx "Call me" 100"""
import json
import sys

import numpy as np
import onnxruntime as ort

path, prompt, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
base = path.removesuffix(".onnx")
with open(base + ".json", encoding="utf8") as file:
    about = json.load(file)
slots, inputs, outputs = about["tokens"], [a["input"] for a in about["state"]], [a["output"] for a in about["state"]]
model = ort.InferenceSession(path)
state = ort.InferenceSession(base + ".initial-state.onnx").run(inputs, {})  # nothing learned yet
opened = []  # tokens of the call that is not full yet: they are given again with the next one


def read(token):
    """Reads one token; returns the likeliest next one."""
    global state, opened
    opened.append(token)
    empty = slots - len(opened)
    tokens = np.array([opened + [0] * empty], np.int32)
    mask = np.array([[1] * len(opened) + [0] * empty], np.float32)
    logits, *after = model.run(["logits", *outputs], {"tokens": tokens, "mask": mask, **dict(zip(inputs, state))})
    last = logits[0, len(opened) - 1]
    if empty == 0:
        state, opened = after, []  # it has learned from them
    return int(last.argmax())


for byte in prompt.encode():
    following = read(byte)
for _ in range(count):
    sys.stdout.buffer.write(bytes([following]))
    following = read(following)
