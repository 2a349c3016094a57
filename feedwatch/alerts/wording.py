"""The operator's own words: Jinja2 templates that can show an event and do nothing else. Pure.

Scraped text is only ever a value here, never a template. What a template may do is a short list: conditions,
loops, a few filters; no calls, imports, macros or variables. So its cost is bounded by counting: `_STEPS` turns of all
loops together, `_SIZE` characters of output, values of `_VALUE` characters.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, UndefinedError, nodes, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from feedwatch.errors import FeedwatchError

_STEPS = 2_000
_SIZE = 100_000
_VALUE = 20_000
#: Characters of a template itself.
_TEXT = 10_000
_FILTERS = frozenset({
    "capitalize", "count", "d", "default", "e", "escape", "first", "int", "join", "last", "length", "lower",
    "title", "trim", "truncate", "upper", "wordcount",
})  # fmt: skip
_FORBIDDEN = (
    nodes.Call, nodes.CallBlock, nodes.Macro, nodes.Import, nodes.FromImport, nodes.Include, nodes.Extends,
    nodes.Pow, nodes.Mul, nodes.Mod, nodes.FilterBlock, nodes.Assign, nodes.AssignBlock, nodes.With,
    nodes.Block, nodes.Concat, nodes.Add,
)  # fmt: skip
_COUNTED = "counted turns"


class TemplateProblem(FeedwatchError):
    """A template that cannot be used; the message continues a sentence that names it."""


class _Environment(ImmutableSandboxedEnvironment):
    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
        self.filters = {name: filter_ for name, filter_ in self.filters.items() if name in _FILTERS}
        self.filters[_COUNTED] = _counted
        self.filters["join"] = _joined
        self.globals = {}

    def _generate(self, source: nodes.Template, *arguments: Any, **named: Any) -> str:
        for node in source.find_all(_FORBIDDEN):
            raise TemplateSyntaxError(f"{type(node).__name__.lower()} is not for alerts", node.lineno)
        for loop in list(source.find_all(nodes.For)):
            if loop.recursive:
                raise TemplateSyntaxError("recursive loops are not for alerts", loop.lineno)
            loop.iter = nodes.Filter(loop.iter, _COUNTED, [], [], None, None, lineno=loop.lineno)
        return super()._generate(source, *arguments, **named)


@pass_context
def _counted(context: Context, values: Iterable[Any]) -> Iterator[Any]:
    steps = context["_steps"]
    for value in values:
        steps.append(None)
        if len(steps) > _STEPS:
            raise TemplateProblem(f"loops more than {_STEPS:,} times")
        yield value


def _joined(values: Iterable[Any], between: str = "", attribute: str | None = None) -> str:
    """Jinja's `join`, which would make hundreds of megabytes of one long text."""
    pieces = [str(value[attribute] if attribute else value) for value in values]
    if sum(map(len, pieces)) + len(pieces) * len(between) > _SIZE:
        raise TemplateProblem(f"makes more than {_SIZE:,} characters")
    return between.join(pieces)


def render(text: str, values: Mapping[str, Any]) -> str:
    """The template `text` with `values` filled in. Raises TemplateProblem."""
    pieces: list[str] = []
    size = 0
    try:
        for piece in _compiled(text).generate(**_short(values), _steps=[]):
            size += len(piece)
            if size > _SIZE:
                raise TemplateProblem(f"makes more than {_SIZE:,} characters")
            pieces.append(piece)
    except UndefinedError as error:
        raise TemplateProblem(f"names what an event does not have: {error.message}") from None
    except (TemplateError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        raise TemplateProblem(f"cannot be filled in: {error}") from None
    return "".join(pieces)


def render_tree(tree: Any, values: Mapping[str, Any]) -> Any:
    """`tree` with each string in it rendered: JSON is built, never written. Raises TemplateProblem."""
    if isinstance(tree, dict):
        return {key: render_tree(inner, values) for key, inner in tree.items()}
    if isinstance(tree, list):
        return [render_tree(inner, values) for inner in tree]
    return render(tree, values) if isinstance(tree, str) else tree


def check(text: str) -> None:
    """Raises ValueError, a sentence for the configuration, when `text` could not be rendered for some event."""
    _tried(lambda values: render(text, values))


def check_tree(tree: Mapping[str, Any]) -> None:
    """The same for every string of `tree`."""
    _tried(lambda values: render_tree(tree, values))


def _tried(attempt: Any) -> None:
    from feedwatch.alerts.message import examples

    for values in examples():
        try:
            attempt(values)
        except TemplateProblem as error:
            raise ValueError(f"is a template that {error}") from None


@lru_cache(maxsize=64)
def _compiled(text: str) -> Any:
    if len(text) > _TEXT:
        raise TemplateProblem(f"is longer than {_TEXT:,} characters")
    try:
        return _Environment().from_string(text)
    except TemplateSyntaxError as error:
        raise TemplateProblem(f"is wrong in line {error.lineno}: {error.message}") from None
    except (TemplateError, RecursionError, SyntaxError) as error:
        raise TemplateProblem(f"is wrong: {error}") from None


def _short(value: Any) -> Any:
    """`value` with every text in it cut, so that no filter works on a megabyte."""
    if isinstance(value, str):
        return value[:_VALUE]
    if isinstance(value, Mapping):
        return {key: _short(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(inner) for inner in value]
    return value
