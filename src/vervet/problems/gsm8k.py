"""GSM8K (Cobbe et al. 2021, arXiv:2110.14168): grade-school word problems, one number each."""

from collections.abc import Mapping, Sequence
from typing import Any

from vervet.problems import prompts
from vervet.problems.benchmark import Benchmark, Style, Upstream, of_row, question
from vervet.problems.rows import Row


def _read(row: Row, place: str) -> tuple[str, Mapping[str, Any]]:
    solution = str(row["answer"])
    answer = solution.rpartition("####")[2].strip().replace(",", "")
    if "####" not in solution or not answer:
        raise ValueError("the solution does not end in #### and a number")
    return f"gsm8k/{place}", {"answer": answer, "solution": solution}


def _paper(row: Row, at: int, shots: Sequence[Row]) -> str:
    return prompts.question_and_answer(question(row, "question"), prompts.draw_shots(shots, at))


def _chat(row: Row) -> str:
    return prompts.CHAT_NUMBER.format(question=question(row, "question"))


gsm8k = Benchmark(
    name="gsm8k",
    about="GSM8K: 1,319 grade-school word problems (Cobbe et al. 2021).",
    upstream=Upstream(
        "openai/gsm8k",
        {
            split: (f"{split}.jsonl", f"main/{split}-*.parquet", f"{split}-*.parquet")
            for split in ("test", "train")
        },
    ),
    verifier="gsm8k-answer",
    read=_read,
    styles={
        "chat": Style(of_row(_chat), max_tokens=1024),
        "paper": Style(
            _paper, chat=False, stop=("Q:", "Question:"), max_tokens=512, shots_from="train"
        ),
    },
)
