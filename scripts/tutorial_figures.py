"""Draws the figures of the tutorials.

    python scripts/tutorial_figures.py [RUN]

The run is made if it is not there: all 128 embedded problems, 500 samples of marmoset and 200 of
marmoset-strong, judged by the answer key and by `equations`. Some minutes on two cores.
"""

import shutil
import sys
import tempfile
from pathlib import Path

import vervet
from vervet.reporting import write_figures
from vervet.verification import Judging

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
MODELS = (("marmoset", 500), ("marmoset-strong", 200))
VERIFIERS = ("gsm8k-answer", "equations")
PICKED = {
    "coverage-0": "monkeys-coverage",
    "cost-flops": "monkeys-cost",
    "false-positives-1": "flaws-false-positives",
    "utility-1": "flaws-utility",
}
"""Which chart of the report becomes which figure; the strong model is the second."""


def fill(url: str) -> vervet.Run:
    """Sample and judge what the run lacks."""
    run = vervet.open(url)
    problems = vervet.dataset("embedded")
    for model, n in MODELS:
        sampler = vervet.sampler(model, seed=0)
        judges = [Judging(run, vervet.verifier(name)) for name in VERIFIERS]
        print(vervet.sample(run, problems, sampler, n=n, then=judges))
    return run


def main() -> None:
    """Fill the run, draw every chart, keep those of the tutorials."""
    run = fill(sys.argv[1] if len(sys.argv) > 1 else "runs/tutorial")
    FIGURES.mkdir(exist_ok=True)
    for cost, names in ((1.0, ("monkeys", "flaws-false")), (4.0, ("flaws-utility",))):
        analysis = vervet.analyze(run, against="gsm8k-answer", false_positive_cost=cost)
        with tempfile.TemporaryDirectory() as folder:
            for path in write_figures(analysis, folder, ("svg",), width="page"):
                name = PICKED.get(Path(path).stem.removeprefix("report-"), "")
                if name.startswith(names):
                    shutil.copy(path, FIGURES / f"{name}.svg")


if __name__ == "__main__":
    main()
