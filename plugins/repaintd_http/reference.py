"""Where secret references stand in a text; what they stand for is the daemon's business."""

from __future__ import annotations

import re
from typing import Final

MARK: Final = "${"

# A reference, or the `$${` that stands for a plain `${`.
REFERENCE: Final = re.compile(r"\$\$\{|\$\{[^{}]*\}")
