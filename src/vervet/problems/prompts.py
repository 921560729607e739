"""What models are shown: the papers' few-shot prompts and plain chat prompts.

Brown et al. 2024 (arXiv:2407.21787) sample GSM8K with 5 random training examples per problem and
MATH with the fixed examples of Minerva (Lewkowycz et al. 2022, arXiv:2206.14858, appendix D.2);
the paper says five, their released prompts have the four below.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CHAT_NUMBER = (
    "Solve the following problem step by step. End with a line of the form "
    "`#### ANSWER`, where ANSWER is a number.\n\n{question}"
)
CHAT_BOXED = (
    "Solve the following problem step by step. Put the final answer, and nothing else, "
    "within \\boxed{{}}.\n\n{question}"
)
CHAT_CHOICE = (
    "Answer the following multiple choice question. Think step by step. End with a line of the "
    "form `Answer: LETTER`, where LETTER is one of {letters}.\n\n{question}\n\n{options}"
)
PAPER_SHOTS = 5

MINERVA_SHOTS = r"""Problem:
Find the domain of the expression  $\frac{\sqrt{x-2}}{\sqrt{5-x}}$.}

Solution:
The expressions inside each square root must be non-negative. Therefore, $x-2 \ge 0$, so $x\ge2$, and $5 - x \ge 0$, so $x \le 5$. Also, the denominator cannot be equal to zero, so $5-x>0$, which gives $x<5$. Therefore, the domain of the expression is $\boxed{[2,5)}$.
Final Answer: The final answer is $[2,5)$. I hope it is correct.

Problem:
If $\det \mathbf{A} = 2$ and $\det \mathbf{B} = 12,$ then find $\det (\mathbf{A} \mathbf{B}).$

Solution:
We have that $\det (\mathbf{A} \mathbf{B}) = (\det \mathbf{A})(\det \mathbf{B}) = (2)(12) = \boxed{24}.$
Final Answer: The final answer is $24$. I hope it is correct.

Problem:
Terrell usually lifts two 20-pound weights 12 times. If he uses two 15-pound weights instead, how many times must Terrell lift them in order to lift the same total weight?

Solution:
If Terrell lifts two 20-pound weights 12 times, he lifts a total of $2\cdot 12\cdot20=480$ pounds of weight.  If he lifts two 15-pound weights instead for $n$ times, he will lift a total of $2\cdot15\cdot n=30n$ pounds of weight.  Equating this to 480 pounds, we can solve for $n$:
\begin{align*}
30n&=480\\
\Rightarrow\qquad n&=480/30=\boxed{16}
\end{align*}
Final Answer: The final answer is $16$. I hope it is correct.

Problem:
If the system of equations

\begin{align*}
6x-4y&=a,\\
6y-9x &=b.
\end{align*}has a solution $(x, y)$ where $x$ and $y$ are both nonzero,
find $\frac{a}{b},$ assuming $b$ is nonzero.

Solution:
If we multiply the first equation by $-\frac{3}{2}$, we obtain

$$6y-9x=-\frac{3}{2}a.$$Since we also know that $6y-9x=b$, we have

$$-\frac{3}{2}a=b\Rightarrow\frac{a}{b}=\boxed{-\frac{2}{3}}.$$
Final Answer: The final answer is $-\frac{2}{3}$. I hope it is correct."""  # noqa: E501 - a prompt's line breaks are part of it


def minerva(question: str) -> str:
    r"""Return the few-shot prompt of MATH.

    >>> minerva("What is 1 + 1?")[-34:]
    'Problem:\nWhat is 1 + 1?\n\nSolution:'
    """
    return f"{MINERVA_SHOTS}\n\nProblem:\n{question}\n\nSolution:"


def question_and_answer(question: str, shots: Sequence[Mapping[str, Any]]) -> str:
    r"""Return the few-shot prompt of GSM8K.

    >>> question_and_answer("2 + 2?", [{"question": "1 + 1?", "answer": "#### 2"}])
    'Question: 1 + 1?\nAnswer: #### 2\n\nQuestion: 2 + 2?\nAnswer:'
    """
    told = "".join(f"Question: {s['question']}\nAnswer: {s['answer']}\n\n" for s in shots)
    return f"{told}Question: {question}\nAnswer:"


def draw_shots(rows: Sequence[Mapping[str, Any]], at: int) -> list[Mapping[str, Any]]:
    """Return the examples shown with the problem at position `at`: always the same ones."""
    chosen = np.random.Generator(np.random.PCG64(at)).choice(len(rows), PAPER_SHOTS, replace=False)
    return [rows[i] for i in chosen]
