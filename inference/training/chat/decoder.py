"""The decoder as torch trains it: Llama's architecture, the embedding table being the LM head too."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from inference.training.export.llama_graph import Shape

SPREAD: Final = 0.02


class Decoder(nn.Module):  # type: ignore[misc]  # torch is Any here
    """Matrices that read the same are one (`qkv`, `gate_up`), for fewer and larger products."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        hidden, kv = shape.hidden, shape.kv_heads * shape.head_size
        self.embed = nn.Parameter(torch.empty(shape.vocabulary, hidden))
        self.norm = nn.Parameter(torch.ones(hidden))
        self.layers = nn.ModuleList(
            nn.ParameterDict(
                {
                    "attention_norm": torch.ones(hidden),
                    "qkv": torch.empty(hidden + 2 * kv, hidden),
                    "out": torch.empty(hidden, hidden),
                    "feed_norm": torch.ones(hidden),
                    "gate_up": torch.empty(2 * shape.inner, hidden),
                    "down": torch.empty(hidden, shape.inner),
                }
            )
            for _ in range(shape.layers)
        )
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                is_last = name.endswith((".out", ".down"))
                spread = SPREAD / (2 * shape.layers) ** 0.5 if is_last else SPREAD
                nn.init.normal_(parameter, std=spread)
        half = torch.arange(0, shape.head_size, 2, dtype=torch.float64) / shape.head_size
        angles = torch.outer(torch.arange(shape.positions), shape.rope_theta**-half)
        self.register_buffer("cos", angles.cos().float(), persistent=False)
        self.register_buffer("sin", angles.sin().float(), persistent=False)

    def forward(self, tokens: Tensor, at: Tensor, sees: Tensor, wanted: Tensor) -> Tensor:
        """`tokens`, `at`: [rows, width]; `sees`: bool [rows, width, width]; `wanted`: bool [rows, width],
        the n places whose logits [n, vocabulary] are asked for."""
        shape = self.shape
        cos, sin = self.cos[at][:, :, None], self.sin[at][:, :, None]
        mask = sees[:, None]
        x = functional.embedding(tokens, self.embed)
        for layer in self.layers:
            normed = self._norm(x, layer["attention_norm"])
            x = x + self._attention(layer, normed, cos, sin, mask)
            normed = self._norm(x, layer["feed_norm"])
            gate, up = functional.linear(normed, layer["gate_up"]).split(shape.inner, dim=-1)
            x = x + functional.linear(functional.silu(gate) * up, layer["down"])
        return functional.linear(self._norm(x[wanted], self.norm), self.embed)

    def _attention(self, layer: Any, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        shape = self.shape
        rows, width, _ = x.shape
        kv = shape.kv_heads * shape.head_size
        sizes = (shape.hidden, kv, kv)
        q, k, v = (
            part.view(rows, width, -1, shape.head_size)
            for part in functional.linear(x, layer["qkv"]).split(sizes, dim=-1)
        )
        shared = shape.heads // shape.kv_heads
        k, v = _turned(k, cos, sin).repeat_interleave(shared, 2), v.repeat_interleave(shared, 2)
        attended = functional.scaled_dot_product_attention(
            _turned(q, cos, sin).transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), mask
        )
        return functional.linear(attended.transpose(1, 2).flatten(2), layer["out"])

    def _norm(self, x: Tensor, scale: Tensor) -> Tensor:
        return functional.rms_norm(x, (self.shape.hidden,), scale, self.shape.epsilon)

    def weights(self) -> Mapping[str, NDArray[np.float32]]:
        """By Hugging Face's names. There is no `lm_head`: it is the embedding."""
        found: dict[str, Tensor] = {
            "model.embed_tokens.weight": self.embed,
            "model.norm.weight": self.norm,
        }
        shape = self.shape
        kv = shape.kv_heads * shape.head_size
        for number, layer in enumerate(self.layers):
            name = f"model.layers.{number}."
            q, k, v = layer["qkv"].split((shape.hidden, kv, kv))
            gate, up = layer["gate_up"].split(shape.inner)
            found |= {
                name + "input_layernorm.weight": layer["attention_norm"],
                name + "post_attention_layernorm.weight": layer["feed_norm"],
                name + "self_attn.q_proj.weight": q,
                name + "self_attn.k_proj.weight": k,
                name + "self_attn.v_proj.weight": v,
                name + "self_attn.o_proj.weight": layer["out"],
                name + "mlp.gate_proj.weight": gate,
                name + "mlp.up_proj.weight": up,
                name + "mlp.down_proj.weight": layer["down"],
            }
        return {name: value.detach().float().numpy().copy() for name, value in found.items()}


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary, its two halves apart (not interleaved)."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).to(x.dtype)
