"""`${…}` in the configuration: secrets from the environment, from files and from systemd's credentials.

Shows no value in a problem, and tells which values came from outside, so that the log can hide them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from feedwatch.config_problems import Problem
from feedwatch.toml_lines import Location

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
#: Bytes of a file that holds a secret.
LONGEST = 65_536

Read = Callable[[Path], bytes]


class Variables(Struct):
    """`${NAME}` is the environment's, `${file:path}` a file's text, `${credential:name}` a file that systemd gave.

    Paths are relative to `folder`; one line break at the end of a file does not count.
    """

    environ: Mapping[str, str]
    folder: Path
    read: Read
    problems: list[Problem] = field(default_factory=list)
    #: Everything that was filled in.
    values: set[str] = field(default_factory=set)

    def fill(self, value: Any, location: Location = ()) -> Any:
        """`value` with its variables replaced; one that is not there becomes a problem and stays as it is."""
        if isinstance(value, dict):
            return {key: self.fill(inner, (*location, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner, (*location, at)) for at, inner in enumerate(value)]
        if not isinstance(value, str) or "${" not in value:
            return value
        names = _VARIABLE.findall(value)
        try:
            if value.count("${") != len(names):
                raise ValueError("has ${ in it that is not a variable; write it like ${HOOK_SECRET}")
            found = {name: self._look_up(name) for name in names}
        except ValueError as error:
            self.problems.append(Problem(location, str(error)))
            return value
        self.values.update(found.values())
        return _VARIABLE.sub(lambda match: found[match.group(1)], value)

    def _look_up(self, name: str) -> str:
        kind, colon, rest = name.partition(":")
        if colon and kind == "file" and rest:
            return self._text(self.folder / rest)
        if colon and kind == "credential" and _CREDENTIAL.fullmatch(rest):
            folder = self.environ.get("CREDENTIALS_DIRECTORY")
            if folder is None:
                raise ValueError(f"systemd gave no credentials; write LoadCredential={rest}:… into the unit")
            return self._text(Path(folder) / rest)
        if not _NAME.fullmatch(name):
            raise ValueError("has ${ in it that is not a variable; write it like ${HOOK_SECRET}")
        if name not in self.environ:
            raise ValueError(f"the environment has no {name}; set it before feedwatch starts")
        return self.environ[name]

    def _text(self, path: Path) -> str:
        try:
            data = self.read(path)
        except OSError as error:
            raise ValueError(f"{path} cannot be read ({error.strerror}); make it readable to feedwatch") from None
        if len(data) > LONGEST:
            raise ValueError(f"{path} is larger than any secret; name the right file")
        try:
            return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise ValueError(f"{path} is not UTF-8 text; name the right file") from None
