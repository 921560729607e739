"""Train marmoset from scratch: `python training/train.py OUT`.

Everything follows from the seed: the stories, the order they come in and the first weights. At
each step of --keep the weights are written as a Hugging Face folder; the last one ends it.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save as serialized
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name

import tokenizer
from model import Llama, Shape
from vervet.problems.stories import Story, tell

BATCH = 48
POOL = 16
"""Batches sorted by length together, so that little is padded."""
MUON, ADAM = 4e-3, 4e-3
"""Peak learning rates: of the matrices, of the embedding and the norms."""
WARM = 50
EOS = 2


def batches(rng: np.random.Generator, encoder: Tokenizer) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (tokens, targets) for ever; targets are −100 on the prompt and the padding."""
    while True:
        stories = [tell(rng) for _ in range(BATCH * POOL)]
        rows = sorted((encode(story, encoder) for story in stories), key=lambda row: len(row[0]))
        for i in rng.permutation(POOL):
            yield pad(rows[i * BATCH : (i + 1) * BATCH])


def encode(story: Story, encoder: Tokenizer) -> tuple[list[int], list[int]]:
    """Return the tokens of prompt and solution, and the targets of each position."""
    prompt = encoder.encode(story.prompt).ids
    solution = [*encoder.encode(story.solution, add_special_tokens=False).ids, EOS]
    tokens = prompt + solution
    return tokens[:-1], [-100] * (len(prompt) - 1) + solution


def pad(rows: list[tuple[list[int], list[int]]]) -> tuple[Tensor, Tensor]:
    """Return rows of one length, the shorter ones filled on the right."""
    length = max(len(tokens) for tokens, _ in rows)
    tokens = [t + [EOS] * (length - len(t)) for t, _ in rows]
    targets = [t + [-100] * (length - len(t)) for _, t in rows]
    return torch.tensor(tokens), torch.tensor(targets)


def optimizers(model: Llama) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside, Adam for the embedding and the norms."""
    matrices = [w for n, w in model.named_parameters() if w.dim() == 2 and "embed" not in n]
    others = [w for n, w in model.named_parameters() if w.dim() == 1 or "embed" in n]
    return [
        torch.optim.Muon(matrices, lr=MUON, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"),
        torch.optim.AdamW(others, lr=ADAM, betas=(0.9, 0.95), weight_decay=0.0),
    ]


def rate(step: int, steps: int) -> float:
    """Return the share of the peak rate: a short rise, a plateau, a linear fall."""
    return min(1.0, (step + 1) / WARM, max(0.05, 2.0 * (1 - step / steps)))


def exam(model: Llama, encoder: Tokenizer, count: int = 128) -> np.ndarray:
    """Return p(the reference solution) of held-out stories: a lower bound of their success rate."""
    rng = np.random.default_rng(0)
    tokens, targets = pad([encode(tell(rng, "test"), encoder) for _ in range(count)])
    wanted = targets >= 0
    with torch.no_grad():
        losses = F.cross_entropy(model(tokens, wanted), targets[wanted], reduction="none")
    rows = wanted.nonzero()[:, 0]
    return np.exp(-np.bincount(rows, losses.double(), count))


def save(model: Llama, folder: Path, *, step: int, seed: int) -> None:
    """Write the weights as float16 and their configuration, in the Hugging Face layout."""
    weights = {
        f"model.{name}": weight.detach().half().contiguous()
        for name, weight in model.named_parameters()
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.safetensors").write_bytes(serialized(weights, metadata={"format": "pt"}))
    (folder / "config.json").write_text(json.dumps(model.shape.config(), indent=1) + "\n")
    generation = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "do_sample": True,
                  "temperature": 1.0, "top_p": 1.0, "top_k": 0}  # fmt: skip
    (folder / "generation_config.json").write_text(json.dumps(generation, indent=1) + "\n")
    print(f"saved {folder} at step {step}, seed {seed}", flush=True)


def train(out: Path, *, steps: int, keep: list[int], seed: int) -> None:
    """Train, and write a folder for every step in `keep`."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    sample = [tell(rng) for _ in range(5_000)]
    vocabulary, merges = tokenizer.train([s.prompt + s.solution for s in sample], 512)
    shape = Shape(len(vocabulary))
    tokenizer.write(out, vocabulary, merges, context=shape.context)
    encoder = Tokenizer.from_file(str(out / "tokenizer.json"))
    model = Llama(shape)
    print(f"{sum(w.numel() for w in model.parameters()):,} parameters, {len(vocabulary)} tokens")
    learners = optimizers(model)
    peaks = [group["lr"] for learner in learners for group in learner.param_groups]
    seen, began = 0, time.process_time()
    for step, (tokens, targets) in zip(range(max(keep) + 1), batches(rng, encoder), strict=False):
        if step in keep:
            folder = out / f"step-{step}"
            tokenizer.write(folder, vocabulary, merges, context=shape.context)
            save(model, folder, step=step, seed=seed)
        if step % 100 == 0:
            report(step, began, seen, exam(model, encoder))
        groups = [group for learner in learners for group in learner.param_groups]
        for group, peak in zip(groups, peaks, strict=True):
            group["lr"] = peak * rate(step, steps)
        wanted = targets >= 0
        loss = F.cross_entropy(model(tokens, wanted), targets[wanted])
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for learner in learners:
            learner.step()
        seen += tokens.numel()
        if step % 20 == 0:
            print(f"step {step} loss {loss.item():.4f}", flush=True)


def report(step: int, began: float, seen: int, solved: np.ndarray) -> None:
    """Print how far the training is."""
    seconds = time.process_time() - began
    levels = ", ".join(f"{np.quantile(solved, q):.1e}" for q in (0.1, 0.25, 0.5, 0.75))
    print(
        f"step {step}: {seen:,} tokens in {seconds:.0f} CPU-s ({seen / max(seconds, 1):,.0f}/s); "
        f"p(reference): mean {solved.mean():.3f}, quantiles {levels}",
        flush=True,
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=4_000, help="where the rate would reach zero")
    parser.add_argument("--keep", type=int, nargs="+", default=[600, 2_500])
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    train(settings.out, steps=settings.steps, keep=settings.keep, seed=settings.seed)


if __name__ == "__main__":
    main()
