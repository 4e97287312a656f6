"""YAML files read node by node, so that an error names its line."""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from cio_frames.errors import CioFramesError, ConfigurationError, SpecError


class YamlFile:
    """One YAML file; errors name the file and the line.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do if the file cannot be read.
    error_type : type
        The error to raise. Default is SpecError.
    """

    _TEXT = "tag:yaml.org,2002:str"

    def __init__(
        self,
        path: Path,
        remedy: str = "Reinstall cio-frames.",
        error_type: type[SpecError | ConfigurationError] = SpecError,
    ) -> None:
        self._path = path
        self._error_type = error_type
        try:
            self.root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
        except OSError as error:
            raise error_type(f"Cannot read {path}: {error.strerror}. {remedy}", path=path) from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            mark = getattr(error, "problem_mark", None)
            line = None if mark is None else mark.line + 1
            raise error_type(f"{path} is not valid YAML: {error}", path=path, line=line) from error

    def mapping(
        self, node: Any, *, allowed: Set[str] | None = None, required: Set[str] = frozenset()
    ) -> dict[str, yaml.Node]:
        """Return a mapping's nodes by key; raise for unknown, duplicate and missing keys."""
        if not isinstance(node, yaml.MappingNode):
            raise self.error_at(node, "expected a mapping (key: value)")
        entries: dict[str, yaml.Node] = {}
        for key_node, value in node.value:
            key = self.text(key_node)
            if key in entries:
                raise self.error_at(key_node, f"duplicate key {key!r}")
            if allowed is not None and key not in allowed:
                raise self.error_at(key_node, f"unknown key {key!r}; known keys are {', '.join(sorted(allowed))}")
            entries[key] = value
        for key in sorted(required - entries.keys()):
            raise self.error_at(node, f"required key {key!r} is missing")
        return entries

    def scalar(self, node: yaml.Node) -> Any:
        """Return the value of a node as YAML reads it."""
        return SafeConstructor().construct_document(node)

    def names(self, node: yaml.Node | None) -> tuple[str, ...]:
        """Return a list of names; an empty one for an absent node."""
        return () if node is None else tuple(map(self.text, self.sequence(node, "a list of names")))

    def name(self, node: yaml.Node, known: Set[str]) -> str:
        """Return a known name; raise for any other."""
        if self.text(node) not in known:
            raise self.error_at(node, f"unknown call or event {node.value!r}")
        return self.text(node)

    def sequence(self, node: yaml.Node, what: str = "a list") -> Sequence[yaml.Node]:
        """Return a list's nodes."""
        if not isinstance(node, yaml.SequenceNode):
            raise self.error_at(node, f"expected {what}")
        return tuple(node.value)

    def text(self, node: yaml.Node) -> str:
        """Return text; raise for what YAML reads as another type."""
        if node.tag != self._TEXT:
            raise self.error_at(node, "expected text; put quotes around it, and write merge keys (<<) out in full")
        return str(node.value)

    def error_at(self, node: Any, what: str) -> CioFramesError:
        """Return an error that names file and line."""
        line = node.start_mark.line + 1 if node is not None else 1
        return self._error_type(f"{self._path}, line {line}: {what}.", path=self._path, line=line)
