"""What `/metrics` tells, in Prometheus' names and units."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.jobs.feed import JobFeed
from server.jobs.job import Job
from server.jobs.states import JobState
from server.jobs.store import IdempotencyKey, JobStore
from server.workers.engine import Engine, EngineState

if TYPE_CHECKING:
    from server.api.services import Services

_PHASE_BUCKETS = (0.1, 0.5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_REQUEST_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5, 30)


class JobMetrics:
    """How jobs end, and how long they are in each phase."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._finished = Counter(
            "transpixar_jobs_finished", "Jobs that have finished, by outcome", ["outcome"], registry=self.registry
        )
        self._seconds = Histogram(
            "transpixar_job_phase_seconds",
            "Time that jobs were in each phase",
            ["phase"],
            buckets=_PHASE_BUCKETS,
            registry=self.registry,
        )
        self._plain = Counter(
            "transpixar_jobs_partly_compiled",
            "Jobs some of whose transformer blocks ran as they are although they were to be compiled",
            registry=self.registry,
        )
        self._since: dict[str, tuple[JobState, float]] = {}

    def see(self, job: Job) -> None:
        """Take note of a job's new record."""
        state, since = self._since.get(job.id, (None, 0.0))
        if state is not job.state:
            now = time.monotonic()
            if state is not None:
                self._seconds.labels(state.value).observe(now - since)
            self._since[job.id] = job.state, now
        if job.finished:
            del self._since[job.id]
            # A job that was finished before, and was pinned for example, is not counted again.
            if state is not None:
                self._finished.labels(job.state.value).inc()
                share = None if job.execution is None else job.execution.compiled_share
                if share is not None and share < 1:
                    self._plain.inc()


class ObservedFeed(JobFeed):
    """A feed whose records are counted."""

    def __init__(self, store: JobStore, metrics: JobMetrics) -> None:
        super().__init__(store)
        self.metrics = metrics

    def add(self, job: Job, key: IdempotencyKey | None = None) -> Job:
        """Store a new job, as JobFeed does."""
        added = super().add(job, key)
        if added is job:
            self.metrics.see(job)
        return added

    def publish(self, job: Job, durable: bool = True) -> Job:
        """Store a job's next record, as JobFeed does."""
        published = super().publish(job, durable)
        self.metrics.see(published)
        return published

    def claim(self) -> Job | None:
        """Take the first job from the queue, as JobFeed does."""
        claimed = super().claim()
        if claimed is not None:
            self.metrics.see(claimed)
        return claimed


class ServerMetrics(Collector):
    """Looks at the queue, the workers and the disk whenever somebody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.registry = services.feed.metrics.registry
        self.registry.register(self)
        # Of this process; the workers' own memory is told by worker.
        ProcessCollector(registry=self.registry)
        self.latency = Histogram(
            "transpixar_request_seconds",
            "Time until a call's answer began",
            ["method", "route", "status"],
            buckets=_REQUEST_BUCKETS,
            registry=self.registry,
        )

    def collect(self) -> Iterator[Metric]:
        """The metrics that are looked up, as prometheus-client asks for them."""
        counts = self._services.store.count_by_state()
        jobs = GaugeMetricFamily("transpixar_jobs", "Jobs on record, by state", labels=["state"])
        for state in JobState:
            jobs.add_metric([state.value], counts.get(state, 0))
        yield jobs
        queued = counts.get(JobState.QUEUED, 0)
        yield GaugeMetricFamily("transpixar_queue_length", "Jobs that wait", value=queued)
        free = self._services.admission.free_bytes()
        yield GaugeMetricFamily("transpixar_disk_free_bytes", "Free space on the disk of the clips", value=free)
        yield from _worker_metrics(self._services.engines)


def _worker_metrics(engines: Sequence[Engine]) -> Iterator[Metric]:
    up = GaugeMetricFamily("transpixar_worker_up", "1 when the worker can take or has a job", labels=["worker"])
    restarts = GaugeMetricFamily(
        "transpixar_worker_restarts", "Workers that took the place of dead ones", labels=["worker"]
    )
    used = GaugeMetricFamily("transpixar_worker_memory_used_bytes", "Device memory in use", labels=["worker"])
    total = GaugeMetricFamily("transpixar_worker_memory_total_bytes", "Device memory there is", labels=["worker"])
    for index, engine in enumerate(engines):
        worker = [str(index)]
        up.add_metric(worker, engine.state in (EngineState.IDLE, EngineState.BUSY))
        restarts.add_metric(worker, engine.restarts)
        if engine.memory is not None:
            used.add_metric(worker, engine.memory.used_bytes)
            total.add_metric(worker, engine.memory.total_bytes)
    yield from (up, restarts, used, total)


class MeasuredRequests:
    """ASGI middleware that measures how long calls take until their answer begins."""

    def __init__(self, app: ASGIApp, latency: Histogram) -> None:
        self._app = app
        self._latency = latency

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the call on and measure it."""
        began = time.perf_counter()

        async def send_measured(message: Message) -> None:
            if message["type"] == "http.response.start":
                # The route, not the path: there are as many paths as jobs.
                route = getattr(scope.get("route"), "path", "none")
                status = str(message["status"])
                self._latency.labels(scope["method"], route, status).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_measured)
