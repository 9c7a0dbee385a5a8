"""Tokens → syntax tree, by operator precedence.

Grammar, loosest first::

    or · and · not · comparison, is, in, between, like · || · + - · * / % · unary -

The language is a closed list: what is not here cannot be written, so there is nothing to forbid afterwards. A parser of
our own, because errors must name the part at fault and because depth must be bounded before recursion
(docs/decisions/0001).
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache

from gongbi.core.habits import as_here
from gongbi.core.lexer import Token, fail, tokens
from gongbi.core.syntax import Apply, Literal, Name, Node, Span, children
from gongbi.errors import InvalidExpression

MAX_DEPTH = 100
MAX_TREE = 150

_NEGATING, _COMPARING = 3, 4
_BINDING = {
    "or": 1,
    "and": 2,
    "||": 5,
    "+": 6,
    "-": 6,
    "*": 7,
    "/": 7,
    "%": 7,
    **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "is", "in", "between", "like"), _COMPARING),
}
_CHAINS = ("and", "or")
_WORDS = frozenset(
    "and or not in is between like case when then else end null absent true false filter where distinct".split()
)
_FORBIDDEN = frozenset("select from join union insert update delete drop create with over order group".split())
#: What may stand before a written day or instant → the function that reads it.
_DATED = {"date": "date", "timestamp": "instant"}
#: Words that cannot begin a name as they are, and those that cannot be the whole of one; double quotes make them names.
RESERVED, NOT_ALONE = _WORDS | {"select"}, _FORBIDDEN


@lru_cache(maxsize=512)
def parse(text: str) -> Node:
    """Read one expression. Trees do not change, so a segment that many expressions name is read once.

    Raises
    ------
    InvalidExpression
        With the part at fault and its position.
    """
    if not text.strip():
        raise InvalidExpression("The expression is empty.")
    tree = _Parser(text).whole()
    level, below = 0, [tree]
    while below:
        # Whoever walks the tree later may recurse: its depth is bounded here, without recursion.
        level += 1
        if level > MAX_TREE:
            raise InvalidExpression(f"The expression is nested more than {MAX_TREE} deep.", hint="Split it into tags.")
        below = [child for node in below for child in children(node)]
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.at = 0
        self.depth = 0

    # -- moving along -----------------------------------------------------------------------------

    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        token = self.here
        self.at += 1
        return token

    def is_sign(self, *signs: str) -> bool:
        return self.here.kind == "sign" and self.here.text in signs

    def is_word(self, *words: str) -> bool:
        return self.here.word in words

    def expect(self, sign: str, why: str) -> Token:
        if not self.is_sign(sign):
            raise self.fault(f"Expected `{sign}` {why}.")
        return self.take()

    def expect_word(self, word: str, why: str) -> Token:
        if not self.is_word(word):
            raise self.fault(f"Expected `{word}` {why}.")
        return self.take()

    def fault(self, message: str, span: Span | None = None, hint: str | None = None) -> InvalidExpression:
        return fail(message, self.text, span or self.here.span, hint or (self.meant() if span is None else None))

    def meant(self) -> str | None:
        """What was probably meant by the word that stands here."""
        before, after = self.tokens[max(self.at - 1, 0)], self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if self.is_sign(",") and before.kind == after.kind == "number":
            return f"In its place, write `{before.text}{after.text}`."
        if self.here.kind == "end" and before.text == "%":
            return "Write a share as 0.1, not 10 %."
        return as_here(self.here.text)

    # -- the grammar ------------------------------------------------------------------------------

    def whole(self) -> Node:
        node = self.operation()
        if self.here.kind != "end":
            hint = "Write a single expression, not a query." if self.here.word in _FORBIDDEN else None
            if self.is_sign(","):
                hint = self.meant() or "One expression goes here; give each of several by itself (`-c A -c B`)."
            raise self.fault("The expression should end here.", hint=hint)
        return node

    def operation(self, floor: int = 0) -> Node:
        """Precedence climbing: read a value and every operator that binds at least as tightly as `floor`."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fault(f"The expression is nested more than {MAX_DEPTH} deep.", hint="Split it into tags.")
        node = self.prefixed(floor)
        length = 0
        while (binds := self.binding()) is not None and binds >= floor:
            node = self.comparison(node) if binds == _COMPARING else self.combined(node, binds)
            length += 1
            if length > MAX_DEPTH and not (isinstance(node, Apply) and node.function in _CHAINS):
                raise self.fault(f"More than {MAX_DEPTH} terms in a row.", node.span, "Split it into tags.")
        self.depth -= 1
        return node

    def binding(self) -> int | None:
        """How tightly the operator here binds; None where there is no operator."""
        if self.here.kind == "sign":
            return _BINDING.get(self.here.text)
        if self.here.word == "not":
            return _COMPARING
        return _BINDING.get(self.here.word) if self.here.kind == "name" else None

    def prefixed(self, floor: int) -> Node:
        if self.is_word("not"):
            if floor > _NEGATING:
                raise self.fault("`not` needs brackets here.", hint="Write (not …).")
            start = self.take().span
            operand = self.operation(_NEGATING)
            return Apply("not", (operand,), start.to(operand.span))
        return self.signed()

    def combined(self, left: Node, binds: int) -> Node:
        """Read the operator here and what stands to its right."""
        sign = self.take().word or self.tokens[self.at - 1].text
        right = self.operation(binds + 1)
        # A chain `a and b and c` is one node with three arguments: it stays flat however long it is.
        flat = sign in _CHAINS and isinstance(left, Apply) and left.function == sign
        args = (*left.args, right) if flat and isinstance(left, Apply) else (left, right)
        return Apply(sign, args, left.span.to(right.span))

    def comparison(self, left: Node) -> Node:
        above = _COMPARING + 1
        if self.is_word("is"):
            return self.absence(left)
        node: Node
        negated = self.is_word("not")
        if negated:
            self.take()
            if not self.is_word("in", "between", "like"):
                raise self.fault("Expected `in`, `between` or `like` after `not`.")
        if self.is_word("in"):
            node = self.membership(left)
        elif self.is_word("between"):
            self.take()
            low = self.operation(above)
            self.expect_word("and", "between the two bounds of `between`")
            high = self.operation(above)
            node = Apply("between", (left, low, high), left.span.to(high.span))
        else:
            sign = "like" if self.is_word("like") else self.here.text
            self.take()
            right = self.operation(above)
            node = Apply(sign, (left, right), left.span.to(right.span))
        if self.binding() == _COMPARING and not self.is_word("is"):
            raise self.fault("Comparisons do not chain.", hint="Join them with `and`, or use `between`.")
        return Apply("not", (node,), node.span) if negated else node

    def absence(self, left: Node) -> Node:
        self.take()
        negated = self.is_word("not")
        if negated:
            self.take()
        if not self.is_word("null", "absent", "true", "false"):
            raise self.fault("Expected `absent`, `null`, `true` or `false` after `is`.")
        what = self.take()
        name = "is_absent" if what.word in ("null", "absent") else f"is_{what.word}"
        node = Apply(name, (left,), left.span.to(what.span))
        return Apply("not", (node,), node.span) if negated else node

    def membership(self, left: Node) -> Node:
        self.take()
        self.expect("(", "after `in`")
        items = [self.operation()]
        while self.is_sign(","):
            self.take()
            items.append(self.operation())
        end = self.expect(")", "at the end of the list")
        return Apply("in", (left, *items), left.span.to(end.span))

    def signed(self) -> Node:
        minus: list[Span] = []
        while self.is_sign("-", "+"):
            token = self.take()
            if token.text == "-":
                minus.append(token.span)
            if len(minus) > MAX_DEPTH:
                raise self.fault(f"More than {MAX_DEPTH} signs in a row.")
        node = self.primary()
        for span in reversed(minus):
            if isinstance(node, Literal) and isinstance(node.value, int | Decimal) and not isinstance(node.value, bool):
                node = Literal(-node.value, span.to(node.span))
            else:
                node = Apply("negative", (node,), span.to(node.span))
        return node

    def primary(self) -> Node:
        token = self.here
        if token.kind == "number":
            return self.number()
        if token.kind == "text":
            self.take()
            return Literal(token.text, token.span)
        if self.is_sign("("):
            start = self.take()
            node = self.operation()
            end = self.expect(")", "to close the bracket")
            return _respanned(node, start.span.to(end.span))
        if self.is_word("null", "absent"):
            self.take()
            return Literal(None, token.span)
        if self.is_word("true", "false"):
            self.take()
            return Literal(token.word == "true", token.span)
        if self.is_word("case"):
            return self.case()
        if token.word == "interval" and self.begins_interval():
            return self.interval()
        if token.word in _DATED and token.kind == "name" and self.tokens[self.at + 1].kind == "text":
            # As SQL writes a day or an instant: date '2017-09-01'.
            self.take()
            text = self.take()
            return Apply(_DATED[token.word], (Literal(text.text, text.span),), token.span.to(text.span))
        if token.kind == "quoted" or (token.kind == "name" and token.word not in _WORDS):
            after = self.tokens[self.at + 1]
            called = token.kind == "name" and after.kind == "sign" and after.text == "("
            return self.call() if called else self.name()
        if token.kind == "end":
            raise self.fault("The expression ends too early.")
        hint = "Write `count(fact)` to count rows." if self.is_sign("*") else None
        raise self.fault("Expected a value, a name or a function.", hint=hint)

    def number(self) -> Node:
        token = self.take()
        if "e" in token.text.lower():
            double = float(token.text)
            if double in (float("inf"), float("-inf")):
                raise self.fault("The number is too large for a double.", token.span)
            return Literal(double, token.span)
        if "." in token.text:
            value = Decimal(token.text)
            exponent = value.as_tuple().exponent
            if len(value.as_tuple().digits) > 29 or (isinstance(exponent, int) and -exponent > 9):
                raise self.fault("A number has at most 29 digits, 9 of them after the point.", token.span)
            return Literal(value, token.span)
        # Python refuses to read thousands of digits at all.
        digits = token.text.lstrip("0") or "0"
        if len(digits) > 19 or int(digits) > 2**63 - 1:
            raise self.fault("A whole number has at most 64 bits.", token.span)
        return Literal(int(digits), token.span)

    def begins_interval(self) -> bool:
        """`interval` is a word like any other, unless an amount follows, also a negative one with a unit."""
        kinds = [token.kind for token in self.tokens[self.at + 1 : self.at + 4]]
        return kinds[0] in ("number", "text") or kinds == ["sign", "number", "name"]

    def interval(self) -> Node:
        """Read ``interval 1 day``: how many, then the unit, which may have the plural's s."""
        start, number = self.take(), self.here
        n = self.number() if number.kind == "number" else None
        if not isinstance(n, Literal) or self.here.kind != "name":
            raise self.fault("An interval is a whole number and a unit.", number.span, "Write `interval 1 day`.")
        unit = self.take()
        word = Literal(unit.word.removesuffix("s"), unit.span)
        return Apply("interval", (n, word), start.span.to(unit.span))

    def case(self) -> Node:
        start = self.take()
        args: list[Node] = []
        subject = None if self.is_word("when") else self.operation()
        while self.is_word("when"):
            self.take()
            condition = self.operation()
            if subject is not None:
                condition = Apply("=", (subject, condition), condition.span)
            self.expect_word("then", "after the condition of `when`")
            args += [condition, self.operation()]
        if not args:
            raise self.fault("`case` needs at least one `when … then …`.")
        if self.is_word("else"):
            self.take()
            args.append(self.operation())
        else:
            args.append(Literal(None, self.here.span))
        end = self.expect_word("end", "at the end of `case`")
        return Apply("case", tuple(args), start.span.to(end.span))

    def name(self) -> Node:
        first = self.take()
        if first.word in _FORBIDDEN and (first.word == "select" or self.here.kind == "name"):
            raise self.fault("An expression is not a query.", first.span, "Write the value alone, e.g. sum(fact.x).")
        parts, span = [first.text], first.span
        while self.is_sign("."):
            self.take()
            if self.here.kind not in ("name", "quoted"):
                raise self.fault("Expected a name after the dot.")
            part = self.take()
            parts.append(part.text)
            span = span.to(part.span)
        if self.is_sign("("):
            raise self.fault("A function's name has neither dots nor quotes.", span)
        return Name(tuple(parts), span)

    def call(self) -> Node:
        name = self.take()
        if name.word == "select":
            raise self.fault("An expression is not a query.", name.span, "Write the value alone, e.g. sum(fact.x).")
        self.take()
        args: list[Node] = []
        named: list[tuple[str, Node]] = []
        distinct = star = False
        if self.is_word("distinct"):
            self.take()
            distinct = True
        if self.is_sign("*"):
            star = True
            self.take()
        elif not self.is_sign(")"):
            while True:
                key = self.keyword()
                if named and key is None:
                    raise self.fault("A named argument cannot be followed by a plain one.")
                value = self.operation()
                if key is None:
                    args.append(value)
                else:
                    named.append((key, value))
                if not self.is_sign(","):
                    break
                self.take()
        end = self.expect(")", f"to close {name.text}(…")
        span, condition = name.span.to(end.span), None
        if self.is_word("filter"):
            self.take()
            self.expect("(", "after `filter`")
            self.expect_word("where", "in `filter (where …)`")
            condition = self.operation()
            span = span.to(self.expect(")", "to close `filter (where …`").span)
        if self.is_word("over"):
            raise self.fault("There is no `over (…)`.", hint="Use rank, ntile, percent_rank or score.")
        return Apply(name.text.lower(), tuple(args), span, distinct, star, condition, tuple(named))

    def keyword(self) -> str | None:
        """Read ``name =>``, if an argument begins with it."""
        following = self.tokens[min(self.at + 1, len(self.tokens) - 1)]
        if self.here.kind != "name" or following.kind != "sign" or following.text != "=>":
            return None
        key = self.take().text.lower()
        self.take()
        return key


def _respanned(node: Node, span: Span) -> Node:
    """The same node, its span including the brackets around it."""
    if isinstance(node, Literal):
        return Literal(node.value, span)
    if isinstance(node, Name):
        return Name(node.parts, span)
    return Apply(node.function, node.args, span, node.distinct, node.star, node.filter, node.named)
