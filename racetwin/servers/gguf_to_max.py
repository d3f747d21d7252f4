"""Rewrites a small Llama-architecture GGUF file as the folder of safetensors and JSON that `max serve` loads offline.

MAX on a CPU takes the encodings float32, q4_0, q4_k and q6_k. A model file in any other one, such as the Q4_1 of the small model
that `racetwin max fetch-small` brings, has to be expanded to float32 first. This module runs in MAX's own environment, which has
the libraries it needs (gguf, safetensors, tokenizers) and knows nothing of racetwin:

    python gguf_to_max.py MODEL.gguf FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OTHER_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
"""Tensor names of the GGUF format and of the Hugging Face format, without their common ending ``.weight``."""
CONTROL_TOKEN = 3
"""Token type of GGUF for the marks that are no text: turns of a chat, end of text."""


def convert(source: Path, folder: Path) -> None:
    """Write ``config.json``, the tokenizer and ``model.safetensors`` (float32) of a GGUF file into a folder.

    Raises
    ------
    ValueError
        If the file is not of the Llama architecture, or its tokenizer is of a kind that is not known here.
    """
    import gguf

    reader = gguf.GGUFReader(str(source))
    meta = {name: entry.contents() for name, entry in reader.fields.items()}
    if meta["general.architecture"] != "llama":
        raise ValueError(f"{source.name}: architecture {meta['general.architecture']!r}, expected 'llama'")
    folder.mkdir(parents=True, exist_ok=True)
    tied = not any(tensor.name == "output.weight" for tensor in reader.tensors)
    _write(folder / "config.json", model_config(meta, tied=tied))
    marks = {"bos_token_id": meta["tokenizer.ggml.bos_token_id"], "eos_token_id": meta["tokenizer.ggml.eos_token_id"]}
    _write(folder / "generation_config.json", {**marks, "do_sample": False})
    _write_tokenizer(meta, folder)
    _write_weights(reader, meta, folder)


def model_config(meta: Mapping[str, Any], *, tied: bool) -> dict[str, Any]:
    """Return the Hugging Face configuration of a Llama model; ``tied``: the output layer is the embedding."""
    heads, width = meta["llama.attention.head_count"], meta["llama.embedding_length"]
    eos = meta["tokenizer.ggml.eos_token_id"]
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": width,
        "head_dim": width // heads,
        "intermediate_size": meta["llama.feed_forward_length"],
        "num_hidden_layers": meta["llama.block_count"],
        "num_attention_heads": heads,
        "num_key_value_heads": meta["llama.attention.head_count_kv"],
        "max_position_embeddings": meta["llama.context_length"],
        "rms_norm_eps": round(float(meta["llama.attention.layer_norm_rms_epsilon"]), 8),
        "rope_theta": float(meta["llama.rope.freq_base"]),
        "rope_scaling": None,
        "hidden_act": "silu",
        "attention_bias": False,
        "mlp_bias": False,
        "vocab_size": len(meta["tokenizer.ggml.tokens"]),
        "tie_word_embeddings": tied,
        "bos_token_id": meta["tokenizer.ggml.bos_token_id"],
        "eos_token_id": eos,
        "pad_token_id": meta.get("tokenizer.ggml.padding_token_id", eos),
        "torch_dtype": "float32",
        "use_cache": True,
    }


def tensor_name(name: str) -> str | None:
    """Return the Hugging Face name of a GGUF tensor; None for one that has none (tables that are computed anyway)."""
    parts = name.removesuffix(".weight").split(".")
    if parts[0] == "blk" and len(parts) == 3 and parts[2] in LAYER_NAMES:
        return f"model.layers.{parts[1]}.{LAYER_NAMES[parts[2]]}.weight"
    known = OTHER_NAMES.get(".".join(parts))
    return None if known is None else f"{known}.weight"


def split_halves(weights: Any, heads: int) -> Any:
    """Reorder the rows of a query or key matrix: GGUF interleaves the two halves of each head's rotation."""
    rows, columns = weights.shape
    pairs = weights.reshape(heads, rows // heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")


def _write_tokenizer(meta: Mapping[str, Any], folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    kind = (meta["tokenizer.ggml.model"], meta["tokenizer.ggml.pre"])
    if kind != ("gpt2", "smollm"):
        raise ValueError(f"tokenizer {kind}, expected the byte-level one of the SmolLM family")
    tokens = meta["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ", 1)) for merge in meta["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    digits, letters = pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, letters])
    tokenizer.decoder = decoders.ByteLevel()
    types = meta["tokenizer.ggml.token_type"]
    marks = [token for token, kind in zip(tokens, types, strict=True) if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {
        f"{name}_token": tokens[meta[f"tokenizer.ggml.{key}_token_id"]]
        for name, key in (("bos", "bos"), ("eos", "eos"), ("pad", "padding"), ("unk", "unknown"))
        if f"tokenizer.ggml.{key}_token_id" in meta
    }
    _write(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": meta["llama.context_length"],
            "add_prefix_space": False,
            "clean_up_tokenization_spaces": False,
            "chat_template": meta["tokenizer.chat_template"],
            "pad_token": named.get("eos_token"),
            **named,
        },
    )


def _write_weights(reader: Any, meta: Mapping[str, Any], folder: Path) -> None:
    from safetensors.numpy import save_file

    save_file(dict(_weights(reader, meta)), str(folder / "model.safetensors"), metadata={"format": "pt"})


def _weights(reader: Any, meta: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    import numpy as np
    from gguf import quants

    heads = {"attn_q": meta["llama.attention.head_count"], "attn_k": meta["llama.attention.head_count_kv"]}
    for tensor in reader.tensors:
        name = tensor_name(tensor.name)
        if name is None:
            continue
        weights = quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        part = tensor.name.split(".")[-2]
        if part in heads:
            weights = split_halves(weights, heads[part])
        yield name, np.ascontiguousarray(weights)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: gguf_to_max.py MODEL.gguf FOLDER")
    try:
        convert(Path(sys.argv[1]), Path(sys.argv[2]))
    except (OSError, ValueError, KeyError, ImportError) as error:
        sys.exit(f"{type(error).__name__}: {error}")
