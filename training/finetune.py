"""Fine-tune a marmoset on conversations: `python training/finetune.py MODEL LESSONS.jsonl OUT`.

LESSONS.jsonl is what `vervet export RUN genrm-sft` writes: {"messages": [user, assistant]} a line.
The loss counts the assistant's words only. A share of every batch are new stories to be solved
the way a check redoes them, as GenRM is trained on solutions too (Zhang et al. 2024,
arXiv:2408.15240). OUT is a Hugging Face folder like MODEL's, with the template that judges are to
show it, so that `judge:model=OUT` needs no other setting.
"""

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional as F  # noqa: N812 - torch's own short name

from model import Llama, Shape
from teacher import parts, rationale, spoiled
from train import EOS, POOL, optimizers, pad, save
from vervet.models.marmoset.sampler import find
from vervet.problems.stories import tell
from vervet.types import Problem
from vervet.verifiers.judging.prompts import TEMPLATES, fill

BATCH = 32
SOLVED = 8
"""Of these, stories to be solved: the loss of solutions counts a third of that of checks."""
MUON, ADAM = 1.5e-3, 1.5e-3
"""Peak learning rates: of the matrices, of the embedding and the norms."""
WARM = 50
CONTEXT = 384
"""Room for a problem, a solution and its check; longer than what solves need."""
TEMPLATE = TEMPLATES["fine-tuned"]
COPIED = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")
Row = tuple[list[int], list[int]]


def opened(folder: Path) -> tuple[Llama, Tokenizer]:
    """Read a model with room for checks; positions it has not seen are learnt."""
    config = json.loads((folder / "config.json").read_text())
    shape = Shape(config["vocab_size"], context=max(CONTEXT, config["max_position_embeddings"]))
    model = Llama(shape)
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({k.removeprefix("model."): v.float() for k, v in tensors.items()})
    return model, Tokenizer.from_file(str(folder / "tokenizer.json"))


def rows_of(lessons: Path, encoder: Tokenizer) -> list[Row]:
    """Return the tokens of every conversation, and its targets: −100 on what the user says."""
    lines = lessons.read_text(encoding="utf-8").splitlines()
    talks = ([turn["content"] for turn in json.loads(line)["messages"]] for line in lines)
    rows = [encoded(user, assistant, encoder) for user, assistant in talks]
    return [row for row in rows if len(row[0]) < CONTEXT]


def encoded(user: str, assistant: str, encoder: Tokenizer) -> Row:
    """Return the tokens of one conversation, and its targets."""
    prompt = encoder.encode(f"{user.strip()}\n").ids
    reply = [*encoder.encode(assistant.strip(), add_special_tokens=False).ids, EOS]
    return (prompt + reply)[:-1], [-100] * (len(prompt) - 1) + reply


def solved(rng: np.random.Generator, encoder: Tokenizer) -> Row:
    """Return a new story, solved the way a check redoes it."""
    story = tell(rng)
    equations = [part for equation in story.equations for part in parts(equation)]
    return encoded(story.prompt, "\n".join((*equations, f"A: {story.answer}")), encoder)


def checked(rng: np.random.Generator, encoder: Tokenizer) -> Row:
    """Return a check of a new story's solution, every other one with a mistake put in."""
    story = tell(rng)
    said = spoiled(story, rng) if rng.random() < 0.5 else story.solution
    prompt = fill(TEMPLATE, Problem("", story.prompt), {"solution": said})
    return encoded(prompt, rationale(story.solution, said), encoder)


def batches(
    rows: list[Row], encoder: Tokenizer, rng: np.random.Generator, *, mistakes: int
) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield (tokens, targets) for ever, every epoch in another order, alike lengths together."""
    checks = BATCH - SOLVED - mistakes
    while True:
        order = rng.permutation(len(rows))
        for start in range(0, len(order) - checks + 1, checks * POOL):
            part = sorted(order[start : start + checks * POOL], key=lambda at: len(rows[at][0]))
            groups = [part[at : at + checks] for at in range(0, len(part), checks)]
            for at in rng.permutation(len(groups)):
                fresh = [solved(rng, encoder) for _ in range(SOLVED)]
                fresh += [checked(rng, encoder) for _ in range(mistakes)]
                batch = [rows[place] for place in groups[at]] + fresh
                yield pad([row for row in batch if len(row[0]) < CONTEXT])


def tune(folder: Path, lessons: Path, out: Path, *, steps: int, mistakes: int, seed: int) -> None:
    """Train for `steps` batches, the rate falling to zero, and write the model."""
    torch.manual_seed(seed)
    model, encoder = opened(folder)
    rows = rows_of(lessons, encoder)
    print(
        f"{len(rows):,} lessons, {steps * (BATCH - SOLVED - mistakes) / len(rows):.1f} epochs",
        flush=True,
    )
    learners = optimizers(model)
    groups = [group for learner in learners for group in learner.param_groups]
    peaks = [MUON if learner is learners[0] else ADAM for learner in learners]
    began, losses = time.process_time(), []
    drawn = batches(rows, encoder, np.random.default_rng(seed), mistakes=mistakes)
    for step, (tokens, targets) in zip(range(steps), drawn, strict=False):
        share = min(1.0, (step + 1) / WARM, 1.25 * (1 - step / steps))
        for group, peak in zip(groups, peaks, strict=True):
            group["lr"] = peak * share
        wanted = targets >= 0
        loss = F.cross_entropy(model(tokens, wanted), targets[wanted])
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for learner in learners:
            learner.step()
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            seconds = time.process_time() - began
            print(
                f"step {step + 1} loss {np.mean(losses[-100:]):.4f}, {seconds:.0f} CPU-s",
                flush=True,
            )
    save(model, out, step=steps, seed=seed)
    for name in COPIED:
        copyfile(folder / name, out / name)
    (out / "judge.json").write_text(json.dumps({"template": "fine-tuned"}) + "\n")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a shipped model's name, or a folder")
    parser.add_argument("lessons", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument(
        "--mistakes", type=int, default=0, help="checks of new stories in a batch of 32"
    )
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--threads", type=int, default=1)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    tune(
        find(settings.model), settings.lessons, settings.out,
        steps=settings.steps, mistakes=settings.mistakes, seed=settings.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
