"""The tables of config_tables.py as pydantic's models: all that is wrong in a bad file at once, and the JSON Schema.

Loaded for nothing else: pydantic takes longer to load than a round of unchanged sources to be polled. It is told
nothing of its own about a key, so that both accept the same files.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec.structs import FieldInfo, fields
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from feedwatch.config_tables import ONE_OR_MORE, Check, File, Table, one_or_more


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class _FileModel(_Model):
    model_config = ConfigDict(title="feedwatch")


def wrong(tree: dict[str, Any]) -> list[ErrorDetails]:
    """Everything that keeps `tree` from being a `File`, single values aside that contradict each other."""
    try:
        model_of(File).model_validate(tree)
    except ValidationError as error:
        return error.errors(include_url=False, include_input=False)
    return []


def json_schema() -> dict[str, Any]:
    return model_of(File).model_json_schema()


@cache
def model_of(table: type[Table]) -> type[BaseModel]:
    """A table as pydantic knows it."""
    base = _FileModel if table is File else _Model
    members: dict[str, Any] = {member.name: (_kind(member.type), _field(member)) for member in fields(table)}
    return create_model(table.__name__, __base__=base, __doc__=table.__doc__, **members)


def _field(member: FieldInfo) -> Any:
    alias = member.encode_name if member.encode_name != member.name else None
    default = member.default
    if member.default_factory is not msgspec.NODEFAULT:
        default = member.default_factory()
    if default is msgspec.NODEFAULT:
        return Field(alias=alias)
    return Field(default=model_of(type(default))() if isinstance(default, Table) else default, alias=alias)


def _kind(kind: Any) -> Any:
    """A type of a table's field, as pydantic wants it."""
    if isinstance(kind, type) and issubclass(kind, Table):
        return model_of(kind)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(*parts)
    if origin in (list, dict):
        return origin[tuple(map(_kind, parts))]
    if origin in (Union, UnionType):
        return Union[tuple(map(_kind, parts))]  # noqa: UP007  (made of what is known only now)
    return kind


def _annotated(kind: Any, *said: Any) -> Any:
    kind = _kind(kind)
    for part in said:
        if part == ONE_OR_MORE:
            # Which of the two it is, is no choice that a mistake should be told by.
            [several] = (choice for choice in get_args(kind) if choice is not str)
            kind = Annotated[several, BeforeValidator(one_or_more, json_schema_input_type=kind)]
        else:
            for wanted in _wanted(part):
                kind = Annotated[kind, wanted]
    return kind


def _wanted(said: Check | msgspec.Meta) -> Iterator[Any]:
    if isinstance(said, Check):
        yield AfterValidator(said.function)
        if said.pattern:
            yield Field(json_schema_extra={"pattern": said.pattern})
    else:
        yield Field(description=said.description, ge=said.ge, le=said.le, min_length=said.min_length)
