"""Makes the picture of the scorecard: `python -m docs.images.scorecard`, after `make run`. It needs Chromium."""

from __future__ import annotations

import base64
import tempfile
from pathlib import Path

from metrics.core.deployment import site_path
from tests.browser import running

WIDTH, HEIGHT = 1280, 838
PICTURE = Path(__file__).with_name("scorecard.png")


def main() -> None:
    """Open the scorecard in a window of that size, in light colours, and keep what it shows."""
    with tempfile.TemporaryDirectory() as profile, running(Path(profile)) as browser:
        browser.open(site_path(), WIDTH)
        shown = {"x": 0, "y": 0, "width": WIDTH, "height": HEIGHT, "scale": 1}
        picture = browser.send("Page.captureScreenshot", clip=shown, captureBeyondViewport=True)
    PICTURE.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
