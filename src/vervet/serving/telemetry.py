"""OpenTelemetry traces, in the conventions for generative models; off unless asked for.

The exporter is configured by the standard variables: OTEL_EXPORTER_OTLP_ENDPOINT,
OTEL_EXPORTER_OTLP_HEADERS, OTEL_SERVICE_NAME.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from vervet.errors import MissingExtra

Attributes = Mapping[str, str | int | float | bool]
Note = Callable[[Attributes], None]
"""Adds attributes to a span."""


class Traces:
    """Opens spans, or does nothing."""

    def __init__(self, provider: Any = None) -> None:  # noqa: ANN401 - a TracerProvider, where installed
        self._provider = provider
        self._tracer = provider.get_tracer("vervet") if provider else None

    @contextmanager
    def span(self, name: str, headers: Mapping[str, str] | None = None) -> Iterator[Note]:
        """Open a span, in the trace that `headers` continue; gives what adds attributes."""
        if self._tracer is None:
            yield _ignore
            return
        propagate = import_module("opentelemetry.propagate")
        lower = {name.lower(): value for name, value in (headers or {}).items()}
        context = propagate.extract(lower) if headers is not None else None
        kind = import_module("opentelemetry.trace").SpanKind.SERVER
        with self._tracer.start_as_current_span(name, context=context, kind=kind) as span:
            yield span.set_attributes

    def headers(self) -> dict[str, str]:
        """Return what tells a model's endpoint which trace a request is part of."""
        told: dict[str, str] = {}
        if self._tracer is not None:
            import_module("opentelemetry.propagate").inject(told)
        return told

    def close(self) -> None:
        """Send what waits."""
        if self._provider is not None:
            self._provider.shutdown()


def _ignore(attributes: Attributes) -> None:
    del attributes


def exporting() -> Traces:
    """Return traces that go to an OTLP endpoint.

    Raises:
        MissingExtra: the OpenTelemetry SDK is not installed.
    """
    if find_spec("opentelemetry") is None:
        raise MissingExtra("tracing", "telemetry")
    otlp = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    trace = import_module("opentelemetry.sdk.trace")
    export = import_module("opentelemetry.sdk.trace.export")
    provider = trace.TracerProvider()
    provider.add_span_processor(export.BatchSpanProcessor(otlp.OTLPSpanExporter()))
    return Traces(provider)
