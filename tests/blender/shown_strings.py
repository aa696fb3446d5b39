"""Every string of the add-on that an artist can see: from what is registered with Blender, and from the source."""

import ast
import functools
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import bpy

from blender_transpixar import registration

DEFAULT = bpy.app.translations.contexts.default
OPERATOR = bpy.app.translations.contexts.operator_default

_FOLDER = Path(registration.__file__).parent
# Calls, and which of their arguments are shown: by keyword, or by position.
_SHOWN: dict[str, tuple[str | int, ...]] = {
    "label": ("text",),
    "prop": ("text", "placeholder", "heading"),
    "menu": ("text",),
    "progress": ("text",),
    "column": ("heading",),
    "row": ("heading",),
    "draw_sentence": (2, "sentence"),
    "report": (1, "message"),
    "poll_message_set": (0,),
    "pgettext_iface": (0,),
    "pgettext_tip": (0,),
    "pgettext_rpt": (0,),
    "iface_": (0,),
    "iface": (0,),
    "tip": (0,),
    "rpt": (0,),
    "tip_": (0,),
    "rpt_": (0,),
    "_titled": (1,),
    "_wrong": (0,),
    "Problem": (1, "template"),
    "_existing": (1,),
}


def registered_strings() -> Iterator[tuple[str, str]]:
    """(context, string) of every registered class and its properties."""
    for cls in registration._CLASSES:
        is_operator = issubclass(cls, bpy.types.Operator)
        yield (OPERATOR if is_operator else DEFAULT), getattr(cls, "bl_label", "")
        yield DEFAULT, getattr(cls, "bl_description", "")
        for prop in own_properties(cls):
            yield DEFAULT, prop.name
            yield DEFAULT, prop.description
            if prop.type == "ENUM":
                for item in prop.enum_items_static:
                    yield DEFAULT, item.name
                    yield DEFAULT, item.description


def own_properties(cls: type) -> Iterator[bpy.types.Property]:
    """The properties that the add-on's class or its mix-ins annotate."""
    names = {
        name
        for base in cls.__mro__
        if base.__module__.startswith(registration.__package__)
        for name in _annotated(base)
    }
    if issubclass(cls, bpy.types.Panel | bpy.types.Menu):
        return
    # An operator's own properties are not among those of its class.
    rna = _operator_type(cls) if issubclass(cls, bpy.types.Operator) else cls.bl_rna
    for prop in rna.properties:
        if prop.identifier in names and not prop.is_hidden:
            yield prop


def _operator_type(cls: type) -> bpy.types.Struct:
    area, _, verb = cls.bl_idname.partition(".")
    return getattr(getattr(bpy.ops, area), verb).get_rna_type()


@functools.cache
def written_strings() -> frozenset[tuple[str, str]]:
    """(context, string) of every literal that the source hands to a layout, a report or a translation."""
    return frozenset(_written_strings())


def _written_strings() -> Iterator[tuple[str, str]]:
    for path in sorted(_FOLDER.rglob("*.py")):
        if "presets" in path.parts or "translations" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from _in_scope(tree, {})


def _in_scope(scope: ast.AST, known: dict[str, list[ast.expr]]) -> Iterator[tuple[str, str]]:
    """The strings of a module or a function, which may have given them names first."""
    own, inner = _nodes_of(scope)
    named = dict(known)
    for node in own:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            named[node.targets[0].id] = [*named.get(node.targets[0].id, []), node.value]
    for node in own:
        if isinstance(node, ast.Call):
            yield from _strings_of(node, named)
    for function in inner:
        yield from _in_scope(function, named)


def _nodes_of(scope: ast.AST) -> tuple[list[ast.AST], list[ast.FunctionDef]]:
    """What stands in a scope itself, and the functions in it."""
    own: list[ast.AST] = []
    inner: list[ast.FunctionDef] = []
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef):
            inner.append(node)
        else:
            own.append(node)
            waiting.extend(ast.iter_child_nodes(node))
    return own, inner


def _strings_of(call: ast.Call, named: dict[str, list[ast.expr]]) -> Iterator[tuple[str, str]]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name == "operator":
        for string in _literals(_argument(call, "text"), named):
            yield OPERATOR, string
    for which in _SHOWN.get(name, ()):
        for string in _literals(_argument(call, which), named):
            yield DEFAULT, string


def _argument(call: ast.Call, which: str | int) -> ast.expr | None:
    if isinstance(which, int):
        return call.args[which] if which < len(call.args) else None
    return next((keyword.value for keyword in call.keywords if keyword.arg == which), None)


def _literals(node: ast.expr | None, named: dict[str, list[ast.expr]]) -> Iterator[str]:
    """The strings that an argument can be: a literal, one with a name, or either side of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name):
        for value in named.get(node.id, []):
            others = {name: values for name, values in named.items() if name != node.id}
            yield from _literals(value, others)
    elif isinstance(node, ast.IfExp):
        yield from _literals(node.body, named)
        yield from _literals(node.orelse, named)
    elif isinstance(node, ast.BoolOp):
        for value in node.values:
            yield from _literals(value, named)


def _annotated(cls: type) -> set[str]:
    return set(inspect.get_annotations(cls))


def shown_strings() -> set[tuple[str, str]]:
    """All of them, without what has no letters."""
    found = {*registered_strings(), *written_strings()}
    return {(context, string) for context, string in found if any(letter.isalpha() for letter in string)}


# What these modules of the core say never reaches an artist: it is caught, or a mistake in the add-on itself.
_NOT_SAID = {"png", "pipe", "protocol", "history", "history_entry", "timing", "fitting", "formats"}
_PHASES = {"generation", "wish", "delivery", "model_task", "progress_words"}
_NOT_SENTENCES = {"{} is not a folder", "The list of catalogs is of another version."}


@functools.cache
def told_sentences() -> frozenset[str]:
    """What the core, operators and adapters say in sentences or phases, with {} for every gap."""
    found: set[str] = set()
    for path in sorted(_FOLDER.rglob("*.py")):
        if path.stem not in _NOT_SAID and not {"presets", "translations", "ui"} & set(path.parts):
            found |= set(_told_in(path))
    return frozenset(found - _NOT_SENTENCES)


def _told_in(path: Path) -> Iterator[str]:
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    parts = {id(value) for node in nodes if isinstance(node, ast.JoinedStr) for value in node.values}
    documentation = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and id(node) not in parts | documentation:
            text = shape_of(node)
            if _is_sentence(text) or (path.stem in _PHASES and _is_phase(text)):
                yield text


def shape_of(node: ast.expr) -> str:
    """The text of a literal or an f-string, with {} for every gap."""
    if isinstance(node, ast.JoinedStr):
        return "".join(shape_of(value) if isinstance(value, ast.Constant) else "{}" for value in node.values)
    text = node.value if isinstance(node, ast.Constant) else None
    return re.sub(r"{[^}]*}", "{}", text) if isinstance(text, str) else ""


def _is_sentence(text: str) -> bool:
    return len(text.split()) > 2 and text.endswith(".") and (text[0].isupper() or text[0] in '{"')


def _is_phase(text: str) -> bool:
    return text.endswith(" left") or (len(text) > 3 and text[0].isupper() and text[1:4].islower())
