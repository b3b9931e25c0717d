"""The pages look as they did when somebody looked at them last.

A page is compared with the kept picture of it, both made small, so that neither fonts nor the last pixel matter, and a
page without style, without its plots, or in other colours does. ``make pictures`` keeps new ones.
"""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import expect

from tests.browser.answers import NOW, everything, serve
from tests.browser.steps import PATIENCE, page_of

KEPT = Path(__file__).parent / "kept"
SMALL = 24
"""Pixels of a page that become one."""
MOST_DIFFERENCE = 12.0
"""Root mean square of the differences of brightness, of 255."""
LEAST_SHARE = 0.95
"""Share of the height of one page that another has, which looks alike."""
LOOKS = [
    *((name, scheme, 1280) for name in ("quantum", "result", "trends") for scheme in ("light", "dark")),
    ("quantum", "light", 400),
    ("quantum", "light", 1920),
    ("result", "light", 1920),
]


def small(picture: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    return image.resize((image.width // SMALL, image.height // SMALL), Image.Resampling.BOX)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return how much two small pictures differ; those of different sizes differ wholly.

    With other fonts a page is a little longer or shorter.
    """
    height = min(one.height, other.height)
    if one.width != other.width or height < LEAST_SHARE * max(one.height, other.height):
        return 255.0
    one, other = (image.crop((0, 0, image.width, height)) for image in (one, other))
    return max(ImageStat.Stat(ImageChops.difference(one, other)).rms)


@pytest.mark.parametrize(("name", "scheme", "width"), LOOKS)
def test_a_page_looks_as_it_did(visit, airflow, runs, request, name, scheme, width):
    page = visit("operator", scheme, width=width, height=1600)
    page.clock.set_fixed_time(NOW)
    serve(page, everything)
    page.goto(page_of(name, airflow, runs))
    root = page.get_by_test_id(name)
    expect(root.locator("canvas").first).to_have_attribute("data-drawn", "yes", timeout=PATIENCE)
    page.wait_for_timeout(1000)
    # A whole page may be longer than the window, and scrolls within Airflow's frame.
    seen = small(root.screenshot())
    file = KEPT / f"{name}-{scheme}-{width}.png"
    if request.config.getoption("--keep"):
        KEPT.mkdir(exist_ok=True)
        seen.save(file, optimize=True)
    with Image.open(file) as kept:
        assert difference(seen, kept.convert("RGB")) < MOST_DIFFERENCE
    # It is not one colour.
    assert max(ImageStat.Stat(seen).stddev) > 5


def test_what_is_compared_tells_pages_apart():
    """The measure sees another scheme and another page, and no change of a word."""
    kept = {file.stem: Image.open(file).convert("RGB") for file in KEPT.glob("*-1280.png")}
    names = sorted(kept)
    assert len(names) == 6
    for one in names:
        for other in names:
            if one != other:
                assert difference(kept[one], kept[other]) > MOST_DIFFERENCE, (one, other)
