"""YAML files read node by node, so that a mistake in one is told with its line."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from cio_frames.errors import CioFramesError, ConfigurationError, SpecError


class YamlFile:
    """One file, and what is wrong with it.

    Parameters
    ----------
    path : Path
        Where it is.
    remedy : str
        What to do where it cannot be read.
    mistake : type
        The error for a mistake in it.
    """

    _TEXT = "tag:yaml.org,2002:str"

    def __init__(
        self,
        path: Path,
        remedy: str = "Install cio-frames again.",
        mistake: type[SpecError | ConfigurationError] = SpecError,
    ) -> None:
        self._path = path
        self._mistake = mistake
        try:
            self.root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise mistake(f"{path} cannot be read: {error.strerror}. {remedy}", path=path) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = None if mark is None else mark.line + 1
            raise mistake(f"{path} is not YAML: {error}", path=path, line=line) from error

    def mapping(
        self, node: Any, *, allowed: Set[str] | None = None, required: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        """Return a mapping's nodes by key; refuse unknown, repeated and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error_at(node, "a mapping (key: value) is needed here")
        entries: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self.text(key_node)
            if key in entries:
                raise self.error_at(key_node, f"{key!r} stands here twice")
            if allowed is not None and key not in allowed:
                raise self.error_at(key_node, f"unknown key {key!r}; known are {', '.join(sorted(allowed))}")
            entries[key] = value
        for key in sorted(required - entries.keys()):
            raise self.error_at(node, f"{key!r} is missing")
        return entries

    def scalar(self, node: yaml.Node) -> Any:
        """Return the value of a node as YAML reads it."""
        return SafeConstructor().construct_document(node)

    def names(self, node: yaml.Node | None) -> tuple[str, ...]:
        """Return a list of names; nothing for an absent one."""
        return () if node is None else tuple(map(self.text, self.sequence(node, "a list of names")))

    def name(self, node: yaml.Node, known: Set[str]) -> str:
        """Return one of these names; refuse any other."""
        if self.text(node) not in known:
            raise self.error_at(node, f"{node.value!r} is no call or event")
        return self.text(node)

    def sequence(self, node: yaml.Node, what: str = "a list") -> Sequence[yaml.Node]:
        """Return a list's nodes."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.error_at(node, f"{what} is needed here")
        return tuple(node.value)

    def text(self, node: yaml.Node) -> str:
        """Return text; refuse what YAML reads as anything else."""
        if node.tag != self._TEXT:
            raise self.error_at(node, "text is needed here; quote it if it is text, and write merges (<<) out")
        return str(node.value)

    def error_at(self, node: Any, what: str) -> CioFramesError:
        """Return an error that names file and line."""
        line = node.start_mark.line + 1 if node is not None else 1
        return self._mistake(f"{self._path}, line {line}: {what}.", path=self._path, line=line)
