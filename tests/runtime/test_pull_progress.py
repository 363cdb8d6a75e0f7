"""The fraction of a pull, from recorded and invented lines."""

import random

from clab_runtime import PullProgress
from clab_runtime.engine import schema
from clab_runtime.runtime.pull_progress import ALMOST, PullTracker

ENDING = ("Verifying Checksum", "Download complete", "Extracting", "Pull complete")


def line(status: str, layer: str = "", current: int = 0, total: int = 0) -> schema.ProgressLine:
    return schema.ProgressLine(status, layer, progress_detail=schema.ProgressDetail(current, total))


def fed(*lines: schema.ProgressLine) -> list[PullProgress]:
    tracker = PullTracker("docker.io/library/x:1")
    return [*map(tracker.feed, lines), tracker.finish()]


def test_a_pull_goes_from_nothing_to_all_by_the_weight_of_its_layers() -> None:
    steps = fed(
        line("Pulling from library/x", "1"),
        line("Already exists", "a"),
        line("Pulling fs layer", "b"),
        line("Pulling fs layer", "c"),
        line("Waiting", "c"),
        line("Downloading", "b", 100, 200),
        line("Downloading", "c", 0, 800),
        line("Download complete", "b"),
        line("Downloading", "c", 800, 800),
        line("Extracting", "b", 100, 200),
        line("Pull complete", "b"),
        line("Extracting", "c", 800, 800),
        line("Pull complete", "c"),
        line("Digest: sha256:0"),
        line("Status: Downloaded newer image for x:1"),
    )
    assert [(step.layers_done, step.layers_total) for step in steps[:4]] == [(0, 0), (1, 1), (1, 2), (1, 3)]
    assert [round(step.fraction, 3) for step in steps] == [
        *(0, 0, 0, 0, 0, 0.175, 0.175, 0.175, 0.7, 0.73, 0.76, 0.99, 0.99, 0.99, 0.99),
        1.0,
    ]
    assert [(step.bytes_current, step.bytes_total) for step in steps[4:10]] == [
        (0, None),
        (100, 200),
        (100, 1000),
        (200, 1000),
        (1000, 1000),
        (1000, 1000),
    ]
    last = steps[-1]
    assert (last.layers_done, last.status) == (3, "Status: Downloaded newer image for x:1")
    assert last.image == "docker.io/library/x:1"


def test_an_image_that_was_there_is_done_at_the_end_and_not_before() -> None:
    steps = fed(line("Pulling from x", "1"), line("Digest: x"), line("Status: Image is up to date for x:1"))
    assert [step.fraction for step in steps] == [0, 0, 0, 1]


def test_a_download_that_is_tried_again_does_not_go_back() -> None:
    steps = fed(
        line("Pulling fs layer", "a"),
        line("Downloading", "a", 90, 100),
        line("Retrying in 5 seconds", "a"),
        line("Downloading", "a", 10, 100),
    )
    assert steps[3].fraction == steps[1].fraction
    assert steps[3].bytes_current == 10


def test_whatever_comes_in_whatever_order_the_fraction_only_grows_and_is_1_only_at_the_end() -> None:
    dice = random.Random(3)
    words = ("Pulling fs layer", "Downloading", "Waiting", "Already exists", "Retrying in 1 second", "?", "", *ENDING)
    for _ in range(200):
        lines = [
            line(dice.choice(words), dice.choice("abc1"), dice.randint(-5, 100), dice.randint(-1, 60))
            for _ in range(dice.randint(0, 40))
        ]
        fractions = [step.fraction for step in fed(*lines)]
        assert fractions == sorted(fractions)
        assert fractions[-1] == 1
        assert all(0 <= fraction <= ALMOST for fraction in fractions[:-1])
