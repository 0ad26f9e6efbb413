"""Every limit of the configuration directory, in one place (reliability items 1, 3, 13, 14)."""

from __future__ import annotations

from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# YAML: one file, and all files of one load together
YAML_FILE_BYTES: Final = 16 * MIB
YAML_TOTAL_BYTES: Final = 100 * MIB
YAML_DEPTH: Final = 64
"""Collections inside collections; far below what recursion can bear."""
YAML_NODES: Final = 10_000_000
"""Nodes of all files, aliases counted with all that they stand for."""
YAML_ALIAS_NODES: Final = 1_000_000
"""Of those, the ones that only aliases brought in; a file without anchors never meets it."""

BINDING_FILES: Final = 10_000
TREE_ENTRIES: Final = 100_000
"""Entries looked at below `bindings` or `templates`, of any kind."""
TREE_DEPTH: Final = 16
PROBLEMS: Final = 10_000
"""Problems kept of one load; who has more mends these first."""

TEMPLATES: Final = 2_000
TEMPLATES_TOTAL_BYTES: Final = 256 * MIB
TEMPLATE_HTML_BYTES: Final = 500 * KIB
TEMPLATE_ASSET_BYTES: Final = 10 * MIB
TEMPLATE_FOLDER_BYTES: Final = 32 * MIB
TEMPLATE_FILES: Final = 500

MAPPING_ENTRIES: Final = 200
MAPPING_PATH_CHARACTERS: Final = 512
TTL_SECONDS_MAX: Final = 604_800
GATHERING_SECONDS_MAX: Final = 3_600
KEPT_PAYLOADS: Final = 10_000
URL_CHARACTERS: Final = 2_048
SECRET_BYTES: Final = 64 * KIB
READ_ATTEMPTS: Final = 3
"""How often a file that changes while it is read is read again."""
