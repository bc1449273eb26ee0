"""Which error codes a method of the local workspace may answer, read from its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_type_hints

from bot.localslack.methods import METHODS, ApiCall
from bot.localslack.workspace import Workspace

UNKNOWN = "?"
_ROOT = Path(inspect.getfile(Workspace)).parents[2]

Codes = frozenset[str]
Bound = tuple[tuple[str, Codes], ...]
"""The parameters of a function that hold codes, and which."""


@dataclass(frozen=True, slots=True)
class Place:
    """A function or method: its module, its class, if any, and its name."""

    module: str
    owner: str
    name: str


@dataclass(slots=True)
class Source:
    """What a module defines, and which names it has from others."""

    functions: dict[Place, ast.FunctionDef] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)


def codes_of(method: str) -> Codes:
    """Return every code that a method of the Web API may raise, `?` for one that varies."""
    run = METHODS[method].run
    return Reader().codes(Place(run.__module__, "", run.__name__))


class Reader:
    """Follows the calls of a function through the modules of the local workspace."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}
        self._seen: set[tuple[Place, Bound]] = set()
        self._parts = {
            name: (part.__module__, part.__name__)
            for name, part in get_type_hints(Workspace).items()
        }

    def codes(self, place: Place, bound: Bound = ()) -> Codes:
        """Return what a function may raise where its parameters are `bound` to codes."""
        function = self._function(place)
        if function is None or (place, bound) in self._seen:
            return frozenset()
        self._seen.add((place, bound))
        names = _defaults(function) | dict(bound)
        found: set[str] = set()
        for node in ast.walk(function):
            if isinstance(node, ast.Raise):
                found |= self._raised(node, place, names)
            elif isinstance(node, ast.Call):
                found |= self._called(node, place, names)
            elif isinstance(node, ast.Attribute):
                found |= self._followed(node, place, ())
        return frozenset(found)

    def _raised(self, node: ast.Raise, place: Place, names: dict[str, Codes]) -> Codes:
        error = node.exc
        if isinstance(error, ast.Call) and getattr(error.func, "id", "") == "ApiError":
            return self._value(error.args[0], place, names) or frozenset({UNKNOWN})
        return frozenset()

    def _called(self, call: ast.Call, place: Place, names: dict[str, Codes]) -> Codes:
        target = self._target(call.func, place)
        function = self._function(target) if target else None
        if target is None or function is None:
            return frozenset()
        parameters = [a.arg for a in function.args.args if a.arg != "self"]
        given = [*zip(parameters, call.args, strict=False)]
        given += [(word.arg, word.value) for word in call.keywords if word.arg]
        bound = ((name, self._value(value, place, names)) for name, value in given)
        return self.codes(target, tuple((name, codes) for name, codes in bound if codes))

    def _followed(self, node: ast.Attribute, place: Place, bound: Bound) -> Codes:
        """Return what a property raises."""
        target = self._target(node, place)
        function = self._function(target) if target else None
        is_property = function is not None and any(
            getattr(decorator, "id", "") == "property" for decorator in function.decorator_list
        )
        return self.codes(target, bound) if target and is_property else frozenset()

    def _target(self, called: ast.expr, place: Place) -> Place | None:
        """Return the function that a name or an attribute stands for, where that is ours."""
        source = self._source(place.module)
        if isinstance(called, ast.Name):
            module, name = source.imported.get(called.id, (place.module, called.id))
            return Place(module, "", name)
        if not isinstance(called, ast.Attribute):
            return None
        holder = called.value
        held = holder.attr if isinstance(holder, ast.Attribute) else getattr(holder, "id", "")
        if held == "call":
            return Place(ApiCall.__module__, ApiCall.__name__, called.attr)
        if held == "self":
            return Place(place.module, place.owner, called.attr)
        if held in source.imported and isinstance(holder, ast.Name):
            return Place(".".join(source.imported[held]), "", called.attr)
        module, owner = self._parts.get(held.lstrip("_"), ("", ""))
        return Place(module, owner, called.attr) if module else None

    def _value(self, value: ast.expr, place: Place, names: dict[str, Codes]) -> Codes:
        match value:
            case ast.Constant(str(text)) if text.islower() and " " not in text:
                return frozenset({text})
            case ast.Name(name) if name in names:
                return names[name]
            case ast.Name(name) if name in self._source(place.module).constants:
                return frozenset({self._source(place.module).constants[name]})
            case ast.IfExp(_, first, second):
                return self._value(first, place, names) | self._value(second, place, names)
        return frozenset()

    def _function(self, place: Place) -> ast.FunctionDef | None:
        return self._source(place.module).functions.get(place)

    def _source(self, module: str) -> Source:
        if module not in self._sources:
            self._sources[module] = _read(module)
        return self._sources[module]


def _read(module: str) -> Source:
    path = _ROOT.joinpath(*module.split(".")).with_suffix(".py")
    source = Source()
    if not module.startswith("bot.localslack") or not path.is_file():
        return source
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.ImportFrom(str(origin), aliases):
                source.imported |= {a.asname or a.name: (origin, a.name) for a in aliases}
            case ast.Assign([ast.Name(name)], ast.Constant(str(text))):
                source.constants[name] = text
        source.functions |= dict(_functions(node, module))
    return source


def _functions(node: ast.stmt, module: str) -> Iterator[tuple[Place, ast.FunctionDef]]:
    if isinstance(node, ast.FunctionDef):
        yield Place(module, "", node.name), node
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef):
                yield Place(module, node.name, inner.name), inner


def _defaults(function: ast.FunctionDef) -> dict[str, Codes]:
    arguments = function.args
    late = arguments.args[len(arguments.args) - len(arguments.defaults) :]
    given = [*zip(late, arguments.defaults, strict=True)]
    given += [*zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]
    return {
        name.arg: frozenset({value.value})
        for name, value in given
        if isinstance(value, ast.Constant) and isinstance(value.value, str)
    }
