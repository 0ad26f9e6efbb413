"""The kinds of problems, under names that stay: people silence and count by them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from repaintd.config import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One kind of problem.

    Attributes:
        id: never changes.
        title: a few words.
        help: what it is about, and what to do.
    """

    id: str
    title: str
    help: str

    @property
    def name(self) -> str:
        """The id without its prefix."""
        return self.id.rpartition("/")[2]


CONFIGURATION: Final = Rule(
    id="repaintd/configuration",
    title="Settings or bindings that are not valid",
    help="A file of the configuration cannot be read, or says what its schema does not allow. "
    "`repaintd schema` prints the schema.",
)
TEMPLATE: Final = Rule(
    id="repaintd/template",
    title="A template that fails, or draws something else than is meant",
    help="A template has an error of syntax, uses a variable, filter or file that there is not, "
    "prints data where escaping is not enough, or declares a variable that it never uses.",
)
MAPPING: Final = Rule(
    id="repaintd/mapping",
    title="Variables that get no value, or lead nowhere",
    help="A path cannot be read, matches nothing in the recorded document of the source, or gives "
    "a value to a variable that the template does not know; or a variable gets none.",
)
SECRET: Final = Rule(
    id="repaintd/secret",
    title="Secrets in clear text, or without a value",
    help="Keep secrets out of Git: write ${env:NAME}, ${file:/path} or ${credential:name}. "
    "A reference that has no value here may have one where the daemon runs.",
)
FIXTURE: Final = Rule(
    id="repaintd/fixture",
    title="Recorded documents that cannot be used",
    help="fixtures/<uid>.json holds a document of the binding's source: any JSON, named for a "
    "binding that there is.",
)
RULES: Final = (CONFIGURATION, TEMPLATE, MAPPING, SECRET, FIXTURE)

_OF_SECRETS: Final = re.compile(
    r"\$\{(env|file|credential):[^}]*\} has no value|is a secret in clear text"
    r"|no secret reference|holds a \$\{ without its \}"
)
_OF_MAPPING: Final = re.compile(r"bindings\[\d+\]\.(mapping|defaults)\b")


def rule_of(problem: Problem) -> Rule:
    """The kind of *problem*."""
    if _OF_SECRETS.search(problem.message):
        return SECRET
    if problem.file.startswith("templates"):
        return TEMPLATE
    if problem.file.startswith("fixtures"):
        return FIXTURE
    return MAPPING if _OF_MAPPING.match(problem.path) else CONFIGURATION
