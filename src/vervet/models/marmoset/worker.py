"""A process that draws: one request a line on standard input, one reply a line on standard output.

`python -m vervet.models.marmoset.worker FOLDER`. It ends with its input, so no worker outlives
the process that started it.
"""

import json
import os
import signal
import sys
from dataclasses import astuple
from pathlib import Path
from typing import Any

from vervet.errors import PromptError
from vervet.models.marmoset.choice import Decoding
from vervet.models.marmoset.decode import Decoder


def main(folder: str) -> None:
    """Answer requests until the input ends; an interrupt is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    decoder = Decoder(Path(folder))
    for line in sys.stdin:
        try:
            sys.stdout.write(json.dumps(answer(decoder, json.loads(line))) + "\n")
            sys.stdout.flush()
        except BrokenPipeError:  # whoever asked is gone
            os._exit(0)


def answer(decoder: Decoder, request: dict[str, Any]) -> dict[str, Any]:
    """Return the completions asked for, or why the model cannot be asked this."""
    decoding = Decoding(**request["decoding"])
    try:
        top = request.get("top", 0)
        drawn = decoder.draw(request["prompt"], request["seeds"], decoding, top=top)
        return {
            "prompt_tokens": decoder.prefix(request["prompt"]).length,
            "completions": [astuple(completion) for completion in drawn],
        }
    except PromptError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    main(sys.argv[1])
