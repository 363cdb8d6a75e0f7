"""From samples to figures: medians, and ours divided by theirs; each under the key that build/bench.json has it by."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks.competitor import OURS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.benchmarks.scenarios import Sample, Samples


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure: the stem of its keys, its unit there and for people, and how a sample gives it."""

    stem: str
    unit: str
    title: str
    suffix: str
    of: Callable[[Sample], float]


def _wall_us(stem: str, title: str) -> Metric:
    return Metric(f"{stem}.wall", "us", f"{title}, wall", " us", lambda sample: sample.wall / sample.units * 1e6)


def _cpu_us(stem: str, title: str) -> Metric:
    return Metric(f"{stem}.cpu", "us", f"{title}, CPU", " us", lambda sample: sample.cpu / sample.units * 1e6)


METRICS: dict[str, tuple[Metric, ...]] = {
    "unary_1": (_wall_us("unary_1", "inspect, 1 at a time"), _cpu_us("unary_1", "inspect, 1 at a time")),
    "unary_20": (_wall_us("unary_20", "inspect, 20 at a time"), _cpu_us("unary_20", "inspect, 20 at a time")),
    "logs": (
        Metric("logs.wall", "s", "a million log lines, wall", " s", lambda sample: sample.wall),
        Metric("logs.cpu", "s", "a million log lines, CPU", " s", lambda sample: sample.cpu),
        Metric("logs.lines_per_wall", "s", "log lines per second", "", lambda sample: sample.units / sample.wall),
        Metric("logs.lines_per_cpu", "s", "log lines per CPU second", "", lambda sample: sample.units / sample.cpu),
    ),
    "events": (_cpu_us("events", "an event, of 10,000"),),
    "list_300": (
        Metric("list_300.wall", "ms", "list of 300, 60 running, wall", " ms", lambda sample: sample.wall * 1e3),
        Metric("list_300.cpu", "ms", "list of 300, 60 running, CPU", " ms", lambda sample: sample.cpu * 1e3),
        Metric("list_300.requests", "count", "list of 300, requests", "", lambda sample: sample.units),
    ),
    "exec": (_wall_us("exec", "exec of `true`"), _cpu_us("exec", "exec of `true`")),
    "import": (
        Metric("import", "ms", "import, wall", " ms", lambda sample: sample.wall * 1e3),
        Metric("import.cpu", "ms", "import, CPU", " ms", lambda sample: sample.cpu * 1e3),
    ),
}


@dataclass(frozen=True, slots=True)
class Figure:
    """What a metric says of each competitor, repetition by repetition."""

    metric: Metric
    values: Mapping[str, Sequence[float]]

    def median(self, name: str) -> float:
        """Return a competitor's figure."""
        return median(self.values[name])

    def ratio(self, name: str) -> float | None:
        """Return ours divided by theirs: the median of what each repetition, short as it is, says; None for ours."""
        pairs = zip(self.values[OURS], self.values[name], strict=True)
        return None if name == OURS else median(ours / theirs for ours, theirs in pairs)

    def keyed(self) -> Iterator[tuple[str, float]]:
        """Yield `<stem>_<unit>` for ours, and `<stem>_<unit>_<name>` and `<stem>_ratio_<name>` for each other one."""
        for name in self.values:
            value = self.median(name)
            key = f"{self.metric.stem}_{self.metric.unit}"
            if (ratio := self.ratio(name)) is None:
                yield key, round(value, 4)
            else:
                yield f"{key}_{name}", round(value, 4)
                yield f"{self.metric.stem}_ratio_{name}", round(ratio, 4)


def figures(results: Mapping[str, Samples]) -> list[Figure]:
    """Work out the figures of the scenarios that have run."""
    return [
        Figure(metric, {name: [metric.of(sample) for sample in some] for name, some in samples.items()})
        for scenario, samples in results.items()
        for metric in METRICS[scenario]
    ]
