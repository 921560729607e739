"""The Llama architecture in torch, with Hugging Face's parameter names."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a model."""

    vocabulary: int
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    groups: int = 1
    """Key and value heads: one is multi-query attention."""
    wide: int = 256
    """Width of the gated layer."""
    context: int = 256
    epsilon: float = 1e-5
    theta: float = 10_000.0

    @property
    def head(self) -> int:
        """Width of one head."""
        return self.hidden // self.heads

    def config(self) -> dict[str, object]:
        """Return config.json."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.vocabulary,
            "hidden_size": self.hidden,
            "intermediate_size": self.wide,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.groups,
            "head_dim": self.head,
            "hidden_act": "silu",
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.epsilon,
            "rope_theta": self.theta,
            "rope_scaling": None,
            "tie_word_embeddings": True,
            "attention_bias": False,
            "mlp_bias": False,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "pad_token_id": 2,
            "torch_dtype": "float32",
            "use_cache": True,
        }


class Attention(nn.Module):
    """Causal attention with rotary positions and shared key and value heads."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.q_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)
        self.k_proj = nn.Linear(shape.hidden, shape.groups * shape.head, bias=False)
        self.v_proj = nn.Linear(shape.hidden, shape.groups * shape.head, bias=False)
        self.o_proj = nn.Linear(shape.hidden, shape.hidden, bias=False)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Attend over (batch, position, hidden)."""
        batch, length, _ = x.shape
        q, k, v = (
            part(x).view(batch, length, -1, self.shape.head).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        out = F.scaled_dot_product_attention(
            rotate(q, rotation), rotate(k, rotation), v, is_causal=True, enable_gqa=True
        )
        return self.o_proj(out.transpose(1, 2).reshape(batch, length, -1))


def rotate(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs (i, i + half) of each head by their position."""
    cos, sin = rotation
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Gated(nn.Module):
    """The SwiGLU layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.wide, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.wide, bias=False)
        self.down_proj = nn.Linear(shape.wide, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (…, hidden) to (…, hidden)."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """One layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, eps=shape.epsilon)
        self.self_attn = Attention(shape)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, eps=shape.epsilon)
        self.mlp = Gated(shape)

    def forward(self, x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
        """Add attention, then the gated layer."""
        x = x + self.self_attn(self.input_layernorm(x), rotation)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """Tokens to logits, the head tied to the embedding."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.RMSNorm(shape.hidden, eps=shape.epsilon)
        turns = shape.theta ** (-torch.arange(0, shape.head, 2) / shape.head)
        angles = torch.outer(torch.arange(shape.context), turns)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() == 2:
                deep = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(weight, std=0.05 / (2 * shape.layers) ** (0.5 * deep))

    def forward(self, tokens: Tensor, wanted: Tensor) -> Tensor:
        """Return the logits after the positions of `tokens` where `wanted` is true."""
        x = self.embed_tokens(tokens)
        rotation = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        for layer in self.layers:
            x = layer(x, rotation)
        return F.linear(self.norm(x[wanted]), self.embed_tokens.weight)
