"""Makes the mutants of a module: each is the module with one small fault."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

COMPARISONS: dict[type[ast.cmpop], list[type[ast.cmpop]]] = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.In: [ast.NotIn],
    ast.NotIn: [ast.In],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
NAMES = {
    name: other
    for pair in (
        ("is_null", "is_not_null"),
        ("any_horizontal", "all_horizontal"),
        ("min_horizontal", "max_horizontal"),
        ("any", "all"),
        ("min", "max"),
        ("first", "last"),
        ("starts_with", "ends_with"),
        ("startswith", "endswith"),
        ("removeprefix", "removesuffix"),
    )
    for name, other in (pair, pair[::-1])
}
CONDITIONS = ("when", "filter")
"""Functions of polars that take a condition."""
NO_MEANING = ("strict", "frozen", "slots", "kw_only", "literal")
"""Arguments that guard against a slip, or read a pattern without special characters faster: nothing about data."""
ANNOTATIONS = ("annotation", "returns")
Node = TypeVar("Node", bound=ast.AST)


@dataclass(frozen=True)
class Mutant:
    """A module with one fault; `before` and `after` are the expression where it is, `text` its line."""

    path: str
    line: int
    text: str
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}\n  - {self.before}\n  + {self.after}"


def mutants(path: str, source: str) -> list[Mutant]:
    """Make all mutants of a module, in the order of its lines."""
    found: dict[str, Mutant] = {}
    tree, lines = ast.parse(source), source.splitlines()
    for parent, name, index, node in _places(tree):
        for other in _faults(node):
            _put(parent, name, index, other)
            code, text = ast.unparse(tree), lines[node.lineno - 1].strip()
            # A condition turned and a `not` removed may be the same module.
            found.setdefault(code, Mutant(path, node.lineno, text, _shown(node), _shown(other), code))
        _put(parent, name, index, node)
    return list(found.values())


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.expr | ast.stmt]]:
    """Every expression and statement that runs, with its parent, the parent's field and the index in a list."""
    for name, value in list(ast.iter_fields(tree)):
        if name in ANNOTATIONS or (isinstance(tree, ast.keyword) and tree.arg in NO_MEANING):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(node, ast.expr | ast.stmt):
                yield tree, name, index, node
            if isinstance(node, ast.AST):
                yield from _places(node)


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _shown(node: ast.AST) -> str:
    """The node as code; of a statement the first line."""
    return ast.unparse(node).partition("\n")[0]


def _not(condition: ast.expr) -> ast.expr:
    if isinstance(condition, ast.UnaryOp) and isinstance(condition.op, ast.Not):
        return condition.operand
    return ast.UnaryOp(ast.Not(), condition)


def _faults(node: ast.AST) -> Iterator[ast.AST]:
    """What may stand in place of a node."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                for turned in COMPARISONS[type(operator)]:
                    yield _with(node, ops=[*node.ops[:index], turned(), *node.ops[index + 1 :]])
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int() | float()):
            yield ast.Constant(node.value + 1)
        case ast.BoolOp():
            yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.BinOp(op=ast.BitAnd()):
            yield _with(node, op=ast.BitOr())
        case ast.BinOp(op=ast.BitOr()):
            yield _with(node, op=ast.BitAnd())
        case ast.UnaryOp(op=ast.Not() | ast.Invert()):
            yield node.operand
        case ast.IfExp():
            yield _with(node, body=node.orelse, orelse=node.body)
        case ast.If():
            yield _with(node, test=_not(node.test))
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            yield from _turned_filters(node)
        case ast.Call():
            yield from _faults_of_a_call(node)


def _turned_filters(node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp) -> Iterator[ast.AST]:
    for place, loop in enumerate(node.generators):
        for index, condition in enumerate(loop.ifs):
            turned = _with(loop, ifs=[*loop.ifs[:index], _not(condition), *loop.ifs[index + 1 :]])
            yield _with(node, generators=[*node.generators[:place], turned, *node.generators[place + 1 :]])


def _faults_of_a_call(node: ast.Call) -> Iterator[ast.AST]:
    match node.func:
        case ast.Attribute(attr=name) if name in NAMES:
            yield _with(node, func=_with(node.func, attr=NAMES[name]))
        case ast.Name(id=name) if name in NAMES:
            yield _with(node, func=ast.Name(NAMES[name], ast.Load()))
        case ast.Attribute(attr=name) if name in CONDITIONS and len(node.args) == 1:
            yield _with(node, args=[ast.UnaryOp(ast.Invert(), node.args[0])])


def _with(node: Node, **fields: object) -> Node:
    """A copy of a node with other fields."""
    other = copy.copy(node)
    for name, value in fields.items():
        setattr(other, name, value)
    return other
