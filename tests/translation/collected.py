"""What the package can say to people: read from its source, so that nothing new is said in one language only.

A text is followed back from where it is said, an error's message or hint, a stage of a run, a note, to the literals it
is made of: through names, choices, sums, helpers that take a message, and functions that return one. A hole of an
f-string becomes ``{}`` in its *skeleton*, or ``{!r}``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

#: Left out: what only programmers see.
NOT_FOR_PEOPLE = (
    "testing/",  # contracts for those who write engines and channels
    "store/migrations/",  # nothing is said there
    # What a program gave to an estimator as arrays; the services give none that is refused so.
    "estimators/checks.py",
    "estimators/columns.py",
    "estimators/stats/arms.py",
    "estimators/stats/calibration.py",
    "estimators/stats/intervals.py",
    "estimators/stats/ranking.py",
)
#: These say that Gongbi contradicts itself; whoever reports one needs the words that are in the source.
REPORTED = frozenset({"Bug"})
#: Calls that say something, besides the errors: name → the arguments that are words.
SAYING = {"progress": "stage", "Step": "stage", "stage": "name", "Migration": "reasons"}
SAYING_AT = {"progress": 0, "Step": 0, "stage": 0, "Migration": -1}
#: There a step is one of a query.
ELSEWHERE = ("core/", "engine/")
#: Keys of records that hold words in English.
WORDED = frozenset({"message", "hint", "note"})
#: Lists of words that become part of a message.
GATHERED = frozenset({"reasons", "lines"})
#: There lists hold what is in the reader's language already.
TRANSLATED = "console/"
#: Parameters that are a part of a message and are words, not names or values.
PARTS = frozenset({"what", "why", "spoken"})

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Said:
    """A skeleton and where it stands."""

    skeleton: str
    place: str
    #: Part of another text; where it has no words of its own, nothing is to be said in another language.
    part: bool = False
    holes: tuple[str, ...] = ()


@dataclass(eq=False)
class Module:
    path: str
    tree: ast.Module
    values: dict[str, list[ast.expr]] = field(default_factory=dict)
    #: Imported name → module it is from.
    imported: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Scope:
    module: Module
    function: Function | None = None
    #: How callers name it: a class for its `__init__`.
    name: str = ""
    method: bool = False


def collect(root: Path) -> list[Said]:
    return Collector(root).run()


def skeleton(text: ast.JoinedStr) -> tuple[str, tuple[str, ...]]:
    parts, holes = [], []
    for part in text.values:
        if isinstance(part, ast.FormattedValue):
            parts.append("{!r}" if part.conversion == ord("r") else "{}")
            holes.append(ast.unparse(part.value))
        else:
            assert isinstance(part, ast.Constant)
            parts.append(str(part.value).replace("{", "{{").replace("}", "}}"))
    return "".join(parts), tuple(holes)


class Collector:
    def __init__(self, root: Path) -> None:
        self.modules = []
        for path in sorted(root.rglob("*.py")):
            relative = path.relative_to(root).as_posix()
            self.modules.append(Module(relative, ast.parse(path.read_text("utf-8"))))
        self.scopes: list[Scope] = []
        self.functions: dict[str, list[Scope]] = {}
        #: Error → the error it is derived from, or itself.
        self.errors: dict[str, str] = {}
        #: Parameters that are words.
        self.sinks: dict[Scope, set[str]] = {}
        self.seen: set[tuple[str, int, bool]] = set()
        self.found: dict[tuple[str, str], Said] = {}
        self.nodes: dict[Scope, list[ast.AST]] = {}
        self.names: dict[Scope, list[tuple[str, ast.expr]]] = {}
        for module in self.modules:
            self._read(module)
        self.errors_known = self._errors()
        (base,) = self.functions["GongbiError"]
        self.sinks[base] = {"message", "hint"}

    def _read(self, module: Module) -> None:
        self.scopes.append(Scope(module))
        for node in module.tree.body:
            for name, value in _assigned(node):
                module.values.setdefault(name, []).append(value)
        known: set[int] = set()
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ImportFrom) and node.module:
                module.imported |= {alias.asname or alias.name: node.module for alias in node.names}
            elif isinstance(node, ast.ClassDef):
                if node.bases:
                    self.errors[node.name] = ast.unparse(node.bases[0]).split(".")[-1]
                for inner in node.body:
                    if isinstance(inner, Function):
                        made = inner.name == "__init__"
                        self._add(Scope(module, inner, node.name if made else inner.name, not made))
                        known.add(id(inner))
            elif isinstance(node, Function) and id(node) not in known:
                self._add(Scope(module, node, node.name))

    def _add(self, scope: Scope) -> None:
        self.scopes.append(scope)
        self.functions.setdefault(scope.name, []).append(scope)

    def _errors(self) -> set[str]:
        found, more = {"GongbiError"}, True
        while more:
            new = {name for name, base in self.errors.items() if base in found} - found
            found |= new
            more = bool(new)
        return found - REPORTED

    def run(self) -> list[Said]:
        before = -1
        while before != (before := len(self.found) + sum(map(len, self.sinks.values()))):
            self.seen.clear()
            for scope in self.scopes:
                self._walk(scope)
        return sorted(self.found.values(), key=lambda said: (said.place.split(":")[0], int(said.place.split(":")[1])))

    def _walk(self, scope: Scope) -> None:
        for node in self._nodes(scope):
            if isinstance(node, ast.Call):
                for argument, part in self._words_of(node, scope):
                    self._follow(argument, scope, part=part)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in WORDED:
                        self._follow(value, scope)
            elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
                for name, value in _assigned(node):
                    if name in GATHERED and not scope.module.path.startswith(TRANSLATED):
                        self._follow(value, scope)
                for target in node.targets if isinstance(node, ast.Assign) else ():
                    if isinstance(target, ast.Attribute) and target.attr in ("message", "hint"):
                        self._follow(node.value, scope)

    def _words_of(self, call: ast.Call, scope: Scope) -> Iterator[tuple[ast.expr, bool]]:
        """The arguments of a call that are words, and whether they are only a part of what is said."""
        function = call.func
        name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
        if name == "append" and isinstance(function, ast.Attribute) and ast.unparse(function.value) in GATHERED:
            yield call.args[0], False
        named = {k.arg: k.value for k in call.keywords if k.arg}
        if name in SAYING and not scope.module.path.startswith(ELSEWHERE):
            yield (named[SAYING[name]] if SAYING[name] in named else call.args[SAYING_AT[name]]), False
        for called in self._called(call, scope):
            wanted = self.sinks.get(called, ())
            given = [*zip(_params(called), call.args, strict=False), *named.items()]
            yield from ((argument, param in PARTS) for param, argument in given if param in wanted)

    def _called(self, call: ast.Call, scope: Scope) -> list[Scope]:
        """The functions that a call can be of, found by name."""
        function = call.func
        if isinstance(function, ast.Name):
            name = self._maker(function.id)
            if name in REPORTED:
                return []
            fitting = [s for s in self.functions.get(name, ()) if not s.method]
            if name == function.id and name in scope.module.imported:
                source = scope.module.imported[name].removeprefix("gongbi.").replace(".", "/")
                fitting = [s for s in fitting if s.module.path in (f"{source}.py", f"{source}/__init__.py")]
        elif isinstance(function, ast.Attribute):
            if function.attr == "__init__" and ast.unparse(function.value) == "super()":
                base = self.errors.get(scope.name, "")
                return self.functions.get(self._maker(base), []) if base in self.errors_known else []
            # A function of a module is called by the module's name; anything else before a dot has methods.
            of = ast.unparse(function.value)
            named = self.functions.get(self._maker(function.attr), ())
            fitting = [s for s in named if s.method or Path(s.module.path).stem == of]
        else:
            return []
        return [s for s in fitting if s.module is scope.module] or fitting

    def _maker(self, name: str) -> str:
        """The class whose `__init__` makes an error."""
        while name in self.errors_known and name not in self.functions:
            name = self.errors[name]
        return name

    def _follow(self, node: ast.expr, scope: Scope, *, part: bool = False) -> None:
        if (key := (scope.module.path, id(node), part)) in self.seen:
            return
        self.seen.add(key)
        for literal in _literals(node):
            if isinstance(literal, str):
                self._keep(literal, (), node, scope, part)
            elif isinstance(literal, tuple):
                self._keep(*literal, node, scope, part)
            else:
                self._behind(literal, scope, part)
        for inner in ast.walk(node) if isinstance(node, ast.JoinedStr | ast.BinOp | ast.IfExp) else ():
            if isinstance(inner, ast.FormattedValue) and inner.conversion != ord("r"):
                self._follow(inner.value, scope, part=True)

    def _behind(self, node: ast.expr, scope: Scope, part: bool) -> None:
        """What a name, a call or a look-up stands for."""
        if isinstance(node, ast.Name):
            given = scope.function is not None and node.id in _params(scope, every=True)
            if given and (not part or node.id in (*PARTS, "message", "hint")):
                self.sinks.setdefault(scope, set()).add(node.id)
            values = [v for n, v in self._names(scope) if n == node.id]
            for value in values or scope.module.values.get(node.id, []):
                self._follow(value, scope, part=part)
        elif isinstance(node, ast.Subscript):
            for value in self._mapped(node.value, scope):
                self._follow(value, scope, part=part)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            for called in self._called(node, scope):
                assert called.function is not None
                if ast.unparse(called.function.returns or ast.Constant(None)) in ("str", "str | None"):
                    for inner in self._nodes(called):
                        if isinstance(inner, ast.Return) and inner.value is not None:
                            self._follow(inner.value, called, part=part)

    def _nodes(self, scope: Scope) -> list[ast.AST]:
        if scope not in self.nodes:
            self.nodes[scope] = list(_own(scope))
            self.names[scope] = [pair for node in self.nodes[scope] for pair in _assigned(node)]
        return self.nodes[scope]

    def _names(self, scope: Scope) -> list[tuple[str, ast.expr]]:
        self._nodes(scope)
        return self.names[scope]

    def _mapped(self, node: ast.expr, scope: Scope) -> list[ast.expr]:
        if not isinstance(node, ast.Name):
            return []
        values = [v for n, v in self._names(scope) if n == node.id]
        values = values or scope.module.values.get(node.id, [])
        return [item for value in values if isinstance(value, ast.Dict) for item in value.values]

    def _keep(self, text: str, holes: tuple[str, ...], node: ast.expr, scope: Scope, part: bool) -> None:
        if any(c.isalpha() for c in text.replace("{!r}", "")) and not scope.module.path.startswith(NOT_FOR_PEOPLE):
            place = f"{scope.module.path}:{node.lineno}"
            self.found.setdefault((text.strip(), scope.module.path), Said(text.strip(), place, part, holes))


def _literals(node: ast.expr) -> list[str | tuple[str, tuple[str, ...]] | ast.expr]:
    """The texts that an expression can be; an expression where it is not a literal."""
    if isinstance(node, ast.Constant):
        return [node.value.replace("{", "{{").replace("}", "}}")] if isinstance(node.value, str) else []
    if isinstance(node, ast.JoinedStr):
        return [skeleton(node)]
    if isinstance(node, ast.IfExp):
        return [*_literals(node.body), *_literals(node.orelse)]
    if isinstance(node, ast.BoolOp):
        return [found for value in node.values for found in _literals(value)]
    if isinstance(node, ast.List | ast.Tuple):
        return [found for value in node.elts for found in _literals(value)]
    if isinstance(node, ast.ListComp):
        return _literals(node.elt)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _literals(node.left), _literals(node.right)
        plain = [[s for s in side if not isinstance(s, ast.expr)] for side in sides]
        if all(plain):
            pairs = product(*([(s, ()) if isinstance(s, str) else s for s in side] for side in plain))
            return [(a[0] + b[0], a[1] + b[1]) for a, b in pairs]
        return [*sides[0], *sides[1]]
    return [node]


def _params(scope: Scope, *, every: bool = False) -> list[str]:
    assert scope.function is not None
    arguments = scope.function.args
    names = [a.arg for a in [*arguments.posonlyargs, *arguments.args] if a.arg not in ("self", "cls")]
    return names + ([a.arg for a in arguments.kwonlyargs] if every else [])


def _own(scope: Scope) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions inside it; of a module without its functions."""
    body: list[ast.AST] = [*(scope.function or scope.module.tree).body]
    while body:
        node = body.pop()
        yield node
        if not isinstance(node, Function):
            body += ast.iter_child_nodes(node)


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Names and what is assigned to them."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                for one, value in zip(target.elts, node.value.elts, strict=False):
                    if isinstance(one, ast.Name):
                        yield one.id, value
    elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr):
        yield from [(node.target.id, node.value)] if isinstance(node.target, ast.Name) and node.value else []
