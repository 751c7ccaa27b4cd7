"""Lets another program that loads checkpoints run some tokens through one: the other end of `cider check`.

Reads one request, a line of JSON, from standard input and writes one answer, a line of JSON, to standard output; what
libraries print goes to standard error. Python 3.9 or later, and no package but those that are asked for.

  {"do": "list", "compressed": bool}
      which neighbours are installed: {"python": "3.11.7", "neighbours":
      {"transformers": {"packages": {"transformers": "5.23.0", …}, "missing": [names]}, …}}
  {"do": "run", "neighbour": name, "model": folder, "tokens": [ids], "vocabSize": n, "output": file,
   "floatOutput": file or null, "scratch": folder}
      loads the folder and writes, for each token, what the model says after it: f32, little-endian, [tokens, vocabSize],
      NaN for what a neighbour does not tell; to the second file the same without quantization of activations, if it can.
      {"kind": "logits" or "logprobs", "rows", "columns", "floatActivations": whether there is a second file,
      "loadSeconds", "runSeconds", "peakMemoryBytes", "notes": [text]}
  either may fail: {"error": text}

Nothing is loaded from a network, nothing but safetensors is read as weights, and no code of a checkpoint is run:
`trust_remote_code` is False everywhere. Whatever libraries write goes to the scratch folder, which the caller removes.
When standard input ends, so does this process, with those that it started: nothing outlives its caller.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
import threading
import time
from array import array
from importlib import metadata
from typing import NamedTuple

# Python takes modules from the folder of a script too; there are none for us in ours.
HERE = os.path.dirname(os.path.realpath(__file__))
sys.path = [path for path in sys.path if os.path.realpath(path) != HERE]

PACKAGES = {
    "transformers": ["transformers", "torch", "safetensors"],
    "mlx": ["mlx-lm", "mlx"],
    "vllm": ["vllm"],
}
COMPRESSED_PACKAGES = {"transformers": ["compressed-tensors"]}

# vLLM tells the likeliest tokens; the rest of the distribution counts as one.
VLLM_LOGPROBS = 256


def isolate(scratch):
    """Before any library is imported, as some read these only once."""
    for name in ("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"):
        os.environ.pop(name, None)
    folders = ("HF_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TMPDIR")
    os.environ.update({name: scratch for name in folders + ("VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT")})
    os.environ.update(
        HF_HUB_OFFLINE="1",
        TRANSFORMERS_OFFLINE="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        DO_NOT_TRACK="1",
        VLLM_NO_USAGE_STATS="1",
        VLLM_ENABLE_V1_MULTIPROCESSING="0",
        TQDM_DISABLE="1",
        TOKENIZERS_PARALLELISM="false",
        PYTHONDONTWRITEBYTECODE="1",
    )


def list_neighbours(request):
    def version(package):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            return None

    found = {}
    for name, packages in PACKAGES.items():
        needed = packages + (COMPRESSED_PACKAGES.get(name, []) if request["compressed"] else [])
        versions = {package: version(package) for package in needed}
        found[name] = {
            "packages": {package: known for package, known in versions.items() if known is not None},
            "missing": [package for package, known in versions.items() if known is None],
        }
    return {"python": ".".join(map(str, sys.version_info[:3])), "neighbours": found}


def refuse_own_code(folder):
    """Older mlx-lm runs the `model_file` of a config.json without being asked to."""
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as file:
        config = json.load(file)
    if "model_file" in config:
        raise ValueError("config.json has model_file: the checkpoint brings code of its own, which is never run")


class Logits(NamedTuple):
    kind: str
    rows: int
    columns: int
    content: bytes

    def write(self, path):
        with open(path, "xb") as file:
            file.write(self.content)


def run_transformers(request):
    import torch
    import transformers

    major, minor = (int(part) for part in transformers.__version__.split(".")[:2])
    dtype = "dtype" if (major, minor) >= (4, 56) else "torch_dtype"
    started = time.monotonic()
    model, info = transformers.AutoModelForCausalLM.from_pretrained(
        request["model"],
        **{dtype: torch.float32},
        attn_implementation="eager",
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    # It goes on without tensors that it does not find, with random ones in their place.
    for kind in ("missing_keys", "mismatched_keys", "error_msgs"):
        if info.get(kind):
            raise ValueError(f"loaded with {kind}: {', '.join(sorted(map(str, info[kind]))[:4])}")
    unexpected = sorted(map(str, info.get("unexpected_keys") or []))
    notes = [f"tensors that it does not use: {', '.join(unexpected[:4])}"] if unexpected else []
    loaded = time.monotonic()

    def logits():
        with torch.inference_mode():
            tokens = torch.tensor([request["tokens"]])
            values = model.eval()(tokens, use_cache=False).logits[0].float().contiguous()
        return Logits("logits", *values.shape, ctypes.string_at(values.data_ptr(), values.numel() * 4))

    as_run = logits()
    seconds = (loaded - started, time.monotonic() - loaded)
    if request["floatOutput"] is None:
        return as_run, None, seconds, notes
    from compressed_tensors.quantization import disable_quantization

    # The first pass has made floats of the codes; what is left to leave out is the quantization of inputs.
    model.apply(disable_quantization)
    return as_run, logits(), seconds, notes


def run_mlx(request):
    from pathlib import Path

    import mlx.core as mx

    refuse_own_code(request["model"])
    mx.set_default_device(mx.cpu)
    from mlx_lm.utils import load_model

    started = time.monotonic()
    model, _ = load_model(Path(request["model"]), lazy=False, strict=True)
    # Scales and gains of 16 bits would have all activations computed in 16 bits.
    model.set_dtype(mx.float32)
    mx.eval(model.parameters())
    loaded = time.monotonic()
    values = model(mx.array([request["tokens"]]))[0].astype(mx.float32)
    mx.eval(values)
    logits = Logits("logits", *values.shape, bytes(memoryview(values)))
    return logits, None, (loaded - started, time.monotonic() - loaded), []


def run_vllm(request):
    from vllm import LLM, SamplingParams

    tokens, columns = request["tokens"], request["vocabSize"]
    count = min(VLLM_LOGPROBS, columns)
    started = time.monotonic()
    model = LLM(
        model=request["model"],
        skip_tokenizer_init=True,
        trust_remote_code=False,
        load_format="safetensors",
        enforce_eager=True,
        enable_prefix_caching=False,
        generation_config="vllm",
        max_model_len=len(tokens) + 1,
        max_num_seqs=1,
        max_logprobs=count,
    )
    loaded = time.monotonic()
    # The logprobs of a prompt stand at the token that they are of, so those after the last one are of a new token.
    options = SamplingParams(temperature=0, max_tokens=1, prompt_logprobs=count, logprobs=count, detokenize=False)
    [answer] = model.generate([{"prompt_token_ids": tokens}], options)
    rows = answer.prompt_logprobs[1:] + answer.outputs[0].logprobs[:1]
    values = array("f", [float("nan")]) * (len(rows) * columns)
    for row, known in enumerate(rows):
        for token, value in known.items():
            values[row * columns + token] = value.logprob
    logits = Logits("logprobs", len(rows), columns, values.tobytes())
    return logits, None, (loaded - started, time.monotonic() - loaded), []


RUNS = {"transformers": run_transformers, "mlx": run_mlx, "vllm": run_vllm}


def peak_memory_bytes():
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def run(request):
    isolate(request["scratch"])
    logits, float_logits, (load_seconds, run_seconds), notes = RUNS[request["neighbour"]](request)
    logits.write(request["output"])
    if float_logits is not None:
        float_logits.write(request["floatOutput"])
    return {
        "kind": logits.kind,
        "rows": logits.rows,
        "columns": logits.columns,
        "floatActivations": float_logits is not None,
        "loadSeconds": load_seconds,
        "runSeconds": run_seconds,
        "peakMemoryBytes": peak_memory_bytes(),
        "notes": notes,
    }


def end_with_caller():
    while os.read(0, 4096):
        pass
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), 9)
    os._exit(1)


def read_line():
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(0, 65536)
        if not part:
            sys.exit("no request")
        line += part
    return line


def main():
    # Standard output is for the answer alone, whatever libraries and their libraries print.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    try:
        if sys.version_info < (3, 9):
            raise RuntimeError(f"Python {sys.version.split()[0]} is too old: 3.9 or later is needed")
        request = json.loads(read_line())
        threading.Thread(target=end_with_caller, daemon=True).start()
        answer = {"list": list_neighbours, "run": run}[request["do"]](request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(answer) + "\n")
    answers.flush()
    sys.stderr.flush()
    # Without the farewells of libraries: the caller has what it wants, and threads may still be at work.
    os._exit(0)


main()
