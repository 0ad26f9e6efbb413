"""JMESPath with a bound on its work: an expression of a stranger runs on data of a stranger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from jmespath.exceptions import (
    IncompleteExpressionError,
    JMESPathError,
    ParseError,
    UnknownFunctionError,
)
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import TreeInterpreter

from repaintd.core.path_syntax import PathSyntaxError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_STEPS: Final = 250_000
"""Most work of one evaluation: nodes visited, values built, and a share for long strings."""

_CHARACTERS_PER_STEP: Final = 64
_FUNCTIONS: Final = Functions()


class ExpressionFailed(Exception):
    """An expression could not be evaluated on a document; the message is a plain reason."""


def parse(expression: str, offset: int) -> Any:
    """Compile an expression to its tree.

    Args:
        expression: the text without any prefix.
        offset: where it starts in the path, for positions.

    Raises:
        PathSyntaxError: it is none.
    """
    try:
        tree: Any = Parser().parse(expression).parsed
    except RecursionError as error:
        raise PathSyntaxError("the expression is nested too deeply", offset) from error
    except JMESPathError as error:
        position, reason = _explain(error, expression)
        raise PathSyntaxError(reason, offset + position) from error
    for node in _nodes(tree):
        if node["type"] == "function_expression":
            _check_call(node, expression, offset)
    if tree["type"] == "expref":
        raise PathSyntaxError("an expression reference (&) is no value", offset)
    return tree


def evaluate(tree: Any, document: Any) -> Any:
    """The value of a compiled expression; None where it matches nothing.

    Raises:
        ExpressionFailed: a function refused its arguments, or the work exceeded MAX_STEPS.
    """
    try:
        return _Interpreter().visit(tree, document)
    except JMESPathError as error:
        raise ExpressionFailed(_first_line(error)) from error
    except RecursionError as error:
        raise ExpressionFailed("it is nested too deeply") from error
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        # jmespath lets slip what its functions meet in odd data (sorting mixed types, huge numbers)
        raise ExpressionFailed(f"{type(error).__name__}: {error}") from error


class _TooMuchWork(JMESPathError):
    """The evaluation was stopped."""


class _Interpreter(TreeInterpreter):
    """Counts its work, and weighs whatever can multiply data: a small text can build 2⁶⁰ values."""

    def __init__(self) -> None:
        super().__init__()
        self._left = MAX_STEPS

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        return super().visit(node, *args, **kwargs)

    def visit_flatten(self, node: Any, value: Any) -> Any:
        result = super().visit_flatten(node, value)
        self._spend(len(result or ()))
        return result

    def visit_function_expression(self, node: Any, value: Any) -> Any:
        result = super().visit_function_expression(node, value)
        if isinstance(result, str):
            self._spend(len(result) // _CHARACTERS_PER_STEP)
        elif isinstance(result, list | dict):
            self._spend(len(result))
        return result

    def visit_multi_select_list(self, node: Any, value: Any) -> Any:
        return self._weigh(super().visit_multi_select_list(node, value))

    def visit_multi_select_dict(self, node: Any, value: Any) -> Any:
        return self._weigh(super().visit_multi_select_dict(node, value))

    def _weigh(self, value: Any) -> Any:
        waiting = [value]
        while waiting:
            item = waiting.pop()
            self._spend(1)
            if isinstance(item, str):
                self._spend(len(item) // _CHARACTERS_PER_STEP)
            elif isinstance(item, list):
                waiting.extend(item)
            elif isinstance(item, dict):
                waiting.extend(item.values())
        return value

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise _TooMuchWork(
                f"it takes more than {MAX_STEPS:,} steps on this document: ask the source for less"
            )


def _check_call(node: Any, expression: str, offset: int) -> None:
    """What jmespath itself finds out only when it calls the function."""
    name = node["value"]
    at = offset + max(0, expression.find(f"{name}("))
    if name not in _FUNCTIONS.FUNCTION_TABLE:
        raise PathSyntaxError(f"JMESPath has no function {name}()", at)
    signature = _FUNCTIONS.FUNCTION_TABLE[name]["signature"]
    given, wanted = len(node["children"]), len(signature)
    variadic = bool(signature) and signature[-1].get("variadic", False)
    if given < wanted or (given > wanted and not variadic):
        more = " or more" if variadic else ""
        raise PathSyntaxError(f"{name}() takes {wanted} argument(s){more}, not {given}", at)


def _explain(error: JMESPathError, expression: str) -> tuple[int, str]:
    if isinstance(error, IncompleteExpressionError):
        return len(expression), "the expression is not complete"
    if isinstance(error, UnknownFunctionError) or not isinstance(error, ParseError):
        return 0, _first_line(error)
    message = getattr(error, "message", None) or error.msg
    position = min(max(0, error.lex_position or 0), len(expression))
    return position, f"{message} (JMESPath, at character {position + 1})"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(":")[:300]


def _nodes(tree: Any) -> Iterator[Any]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):  # a slice has numbers for children
            yield node
            waiting.extend(node["children"])
