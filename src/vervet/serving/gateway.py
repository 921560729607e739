"""One request through the gateway: draw, vet, select or abstain, answer, count, record."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from aiohttp import web

from vervet.errors import ConfigError, ModelError, PromptError
from vervet.models.openai_errors import one_line
from vervet.models.openai_settings import Kind
from vervet.policies.flow import name_of, turn_of
from vervet.selection.driving import Drive, Parts, Row
from vervet.serving.accounts import Account, Accounts, Hold
from vervet.serving.answers import Answer, Paid, as_json, event
from vervet.serving.asking import Asked, read, read_body
from vervet.serving.menu import Menu
from vervet.serving.metrics import Metrics
from vervet.serving.places import Places
from vervet.serving.recording import Recorder
from vervet.serving.refusals import Refusal
from vervet.serving.telemetry import Attributes, Note, Traces
from vervet.serving.upstream import Metered, Model, Relay, reply_of
from vervet.types import Sample, Selection, Verdict

BLAMED = {400, 404, 413, 415, 422}
"""Statuses by which an endpoint says that the request is wrong."""
JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Limits:
    """What the gateway takes on."""

    requests: int = 256
    """In flight; more are told to come back."""
    body: int = 16 * 2**20
    """Bytes of a request."""
    seconds: float = 600.0
    """For one answer."""
    shutdown: float = 30.0
    """Seconds that requests in flight have when the gateway ends."""
    silence: float = 5.0
    """Seconds after which a stream says that work goes on."""
    patience: float = 60.0
    """Seconds for a body to arrive, and for a stream to be read: either holds a place."""


@dataclass(slots=True)
class Gateway:
    """Everything the answers are made of."""

    menu: Menu
    accounts: Accounts = field(default_factory=Accounts)
    limits: Limits = field(default_factory=Limits)
    metrics: Metrics = field(default_factory=Metrics)
    traces: Traces = field(default_factory=Traces)
    recorder: Recorder | None = None
    places: Places = field(init=False)

    def __post_init__(self) -> None:
        self.places = Places(self.limits.requests, self.metrics)

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer a chat completion."""
        return await self._answer(request, "chat")

    async def completions(self, request: web.Request) -> web.StreamResponse:
        """Answer a plain completion."""
        return await self._answer(request, "completions")

    async def _answer(self, request: web.Request, endpoint: Kind) -> web.StreamResponse:
        account = self.accounts.of(request.headers.get("Authorization", ""))
        check_form(request)
        account.check()
        with self.places.take():
            asked = read(read_body(await self._body(request)), endpoint)
            began = perf_counter()
            with self.traces.span(f"{endpoint} {asked.model}", request.headers) as note:
                note({"gen_ai.operation.name": endpoint, "gen_ai.request.model": asked.model})
                solving = self._noted(asked, account, note)
                if asked.stream:
                    response = await self._stream(request, solving)
                else:
                    response = whole(await solving)
            self.metrics.took(perf_counter() - began)
            return response

    async def _body(self, request: web.Request) -> bytes:
        late = Refusal(408, f"the body did not arrive within {self.limits.patience:g} s")
        async with self.places.within(self.limits.patience, late):
            try:
                return await request.read()
            except web.RequestPayloadError as error:
                said = f"the body cannot be read: {one_line(str(error))}"
                raise Refusal(400, said) from error

    async def _noted(self, asked: Asked, account: Account, note: Note) -> Answer:
        answer = await self.solve(asked, account)
        note(described(answer))
        return answer

    async def solve(self, asked: Asked, account: Account) -> Answer:
        """Drive the policy for one request.

        Raises:
            Refusal: the request, the endpoint or a limit stands against it.
        """
        model, policy = self.menu.choose(asked)
        paid, hold = Paid(), Hold(account)

        def leave(count: int) -> None:
            account.check()
            hold.add(count)
            if len(paid.samples) + count > self.menu.most:
                said = f"{name_of(policy)} draws more than {self.menu.most} samples, the most here"
                raise Refusal(400, said, param="policy")

        parts = self.menu.parts(asked, model, policy, leave)
        drive = Drive(policy, asked.problem, parts)
        late = Refusal(504, f"no answer after {self.limits.seconds:g} s")
        try:
            with hold:
                async with self.places.within(self.limits.seconds, late):
                    chosen = await self._drive(drive, paid, hold)
        except ConfigError as error:
            raise Refusal(400, str(error)) from error
        except PromptError as error:
            raise Refusal(400, str(error), code="context_length_exceeded") from error
        except ModelError as error:
            raise blamed(error, parts) from error
        self.menu.learn(parts.samplers)
        assert drive.choice is not None
        place = drive.choice.position
        sample = None if place is None else drive.pool.samples[place]
        reply = reply_of(parts.samplers[drawn_by(parts, sample)], sample) if sample else {}
        return Answer(asked, policy, chosen, drive.choice, paid, sample, reply)

    async def _drive(self, drive: Drive, paid: Paid, hold: Hold) -> Selection:
        """Run the flow to its end; what comes is charged and recorded even if the rest does not."""
        if self.recorder is not None:
            await self.recorder.begin(drive.problem, drive.policy, drive.parts)
        async with aclosing(drive.rows()) as rows:
            async for row in rows:
                if isinstance(row, Sample):
                    hold.add(-1)
                    model = self.menu.models[drawn_by(drive.parts, row)]
                    dollars = hold.account.charge(row, model.price)
                    self._drawn(row, model, dollars)
                    paid.samples.append(row)
                    paid.add(dollars)
                elif isinstance(row, Verdict):
                    paid.add(hold.account.charge(row, None))
                    paid.verdicts.append(row)
                await self._record(row, drive.parts)
        assert isinstance(row, Selection)
        paid.samples[:] = drive.pool.samples  # as they were asked for, not as they came
        self._judged(paid.verdicts, row)
        return row

    async def _record(self, row: Row, parts: Parts) -> None:
        if self.recorder is not None and isinstance(row, Sample):
            await self.recorder.drawn(row, parts)
        elif self.recorder is not None:
            await self.recorder.add(row)

    def _drawn(self, sample: Sample, model: Model, dollars: float | None) -> None:
        add = self.metrics.add
        add("vervet_samples_total", model=model.name)
        prompt = (sample.prompt_tokens or 0) - (sample.shared_tokens or 0)
        add("vervet_tokens_total", prompt, model=model.name, kind="prompt")
        add(
            "vervet_tokens_total",
            sample.completion_tokens or 0,
            model=model.name,
            kind="completion",
        )
        if dollars is not None:
            add("vervet_dollars_total", dollars)

    def _judged(self, verdicts: list[Verdict], selection: Selection) -> None:
        for v in verdicts:
            name = v.verifier_id.partition("@")[0]
            self.metrics.add("vervet_verdicts_total", verifier=name, outcome=v.outcome.value)
        abstained = str(selection.index is None).lower()
        name = selection.policy_id.partition(":")[0]
        self.metrics.add("vervet_selections_total", policy=name, abstained=abstained)

    async def _stream(
        self, request: web.Request, solving: Coroutine[Any, Any, Answer]
    ) -> web.StreamResponse:
        """Answer as server-sent events; comments keep the connection alive while work goes on."""
        work = asyncio.create_task(solving)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        try:
            while not (await asyncio.wait({work}, timeout=self.limits.silence))[0]:
                if not response.prepared:
                    await response.prepare(request)
                await response.write(b": at work\n\n")
            pieces = _pieces(work, started=response.prepared)
            if not response.prepared:
                await response.prepare(request)
            late = Refusal(408, "the answer was not read")
            async with self.places.within(self.limits.patience, late):
                await response.write(b"".join(pieces))
                await response.write_eof()
        except ConnectionResetError:
            request.protocol.force_close()
        except Refusal:
            if not response.prepared:
                raise
            request.protocol.force_close()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        return response


def check_form(request: web.Request) -> None:
    """Take JSON that is not compressed: a small body never becomes a large one.

    Raises:
        Refusal: 415.
    """
    if request.content_type != JSON:
        raise Refusal(415, f"the body must be {JSON}, not {request.content_type}")
    coding = request.headers.get("Content-Encoding", "identity")
    if coding.lower() != "identity":
        raise Refusal(415, f"the body must be sent as it is, without Content-Encoding: {coding}")


def _pieces(work: asyncio.Task[Answer], *, started: bool) -> list[bytes]:
    """Return the events of an answer; once a stream has begun, a refusal is one of them."""
    try:
        answer = work.result()
        refuse_abstention(answer)
        return list(answer.events())
    except Refusal as refusal:
        if not started:
            raise
        return [event(refusal.body())]


def whole(answer: Answer) -> web.Response:
    """Return an answer in one piece.

    Raises:
        Refusal: the policy abstained and the client wants that as an error.
    """
    refuse_abstention(answer)
    return web.json_response(text=as_json(answer.body()))


def refuse_abstention(answer: Answer) -> None:
    """Make an abstention an error where the client wants it so.

    Raises:
        Refusal: 422, `abstained`.
    """
    if answer.abstained and answer.asked.on_abstain == "error":
        raise Refusal(422, f"abstained: {answer.selection.reason}", code="abstained")


def blamed(error: ModelError, parts: Parts) -> Refusal:
    """Say whose fault it is that samples did not come: the request's (4xx) or the endpoint's."""
    for sampler in parts.samplers.values():
        inside = sampler.inside if isinstance(sampler, Metered) else sampler
        refused = inside.refused if isinstance(inside, Relay) else None
        if refused is not None and refused.status in BLAMED:
            return Refusal(400, f"the model's endpoint refused: {refused}", code="upstream_refused")
    return Refusal(502, str(error), code="upstream_failed")


def drawn_by(parts: Parts, sample: Sample) -> str:
    """Return the name of the model that a sample, or a later turn of one, is drawn from."""
    own = sample.sampler_id
    return next(n for n, s in parts.samplers.items() if own == s.id or turn_of(own, s.id))


def described(answer: Answer) -> Attributes:
    """Return what a span says of an answer."""
    usage = answer.paid.usage() or {}
    return {
        "gen_ai.response.id": answer.asked.problem.id,
        "gen_ai.usage.input_tokens": usage.get("prompt_tokens", 0),
        "gen_ai.usage.output_tokens": usage.get("completion_tokens", 0),
        "vervet.policy": name_of(answer.policy),
        "vervet.samples": len(answer.paid.samples),
        "vervet.verifications": len(answer.paid.verdicts),
        "vervet.abstained": answer.abstained,
    }
