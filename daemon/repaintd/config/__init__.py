"""The configuration directory: YAML → settings, bindings and templates, with places for problems.

`Loader` is the way in for who loads again and again, `load_configuration` for who loads once: they
return all of a sound configuration, or raise all problems.
"""

from __future__ import annotations

from repaintd.config.configuration import Configuration
from repaintd.config.load import load_configuration
from repaintd.config.loader import Loader
from repaintd.config.problem import Problem, TemplateProblem
from repaintd.config.schema import WHICH, json_schema
from repaintd.config.secrets import (
    Reference,
    ReferenceRefused,
    SecretResolver,
    references,
    secret_resolver,
)
from repaintd.config.settings import (
    EgressSettings,
    OutputSettings,
    RefreshSettings,
    ReloadSettings,
    RenderingSettings,
    ServerSettings,
    Settings,
    StateSettings,
)
from repaintd.config.signature import tree_signature
from repaintd.config.sources import BUILT_IN, StaticSpec, WebhookSpec
from repaintd.config.subscription import Subscription, SubscriptionFilters
from repaintd.errors import ConfigurationError

__all__ = [
    "BUILT_IN",
    "WHICH",
    "Configuration",
    "ConfigurationError",
    "EgressSettings",
    "Loader",
    "OutputSettings",
    "Problem",
    "Reference",
    "ReferenceRefused",
    "RefreshSettings",
    "ReloadSettings",
    "RenderingSettings",
    "SecretResolver",
    "ServerSettings",
    "Settings",
    "StateSettings",
    "StaticSpec",
    "Subscription",
    "SubscriptionFilters",
    "TemplateProblem",
    "WebhookSpec",
    "json_schema",
    "load_configuration",
    "references",
    "secret_resolver",
    "tree_signature",
]
