"""Arithmetic on decimals, exact where it can be and bounded in any case."""

from __future__ import annotations

import ast
import decimal
from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

# Decimals have this many digits and exponents up to that, so no operation can take long.
_CONTEXT = decimal.Context(
    prec=45,
    Emax=100_000,
    Emin=-100_000,
    rounding=ROUND_HALF_EVEN,
    traps=[decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow],
)
MAX_CHARS = 1_000
_MAX_NODES = 500
# Digits that are told, fewer than those calculated with, so that rounding does not show.
_TOLD = decimal.Context(prec=34, Emax=_CONTEXT.Emax, Emin=_CONTEXT.Emin)
# Longer numbers are told with an exponent.
_MAX_DIGITS = 40

_CONSTANTS = {
    "pi": Decimal("3.14159265358979323846264338327950288419716940"),
    "e": Decimal("2.71828182845904523536028747135266249775724709"),
}


class CannotCalculate(Exception):
    """The expression has no value; the sentence says why."""


def calculate(expression: str) -> str:
    """The value of an arithmetic expression, in digits. Raises CannotCalculate.

    It takes + - * / // % **, brackets, numbers, pi and e, and the functions of FUNCTIONS.
    """
    if len(expression) > MAX_CHARS:
        raise CannotCalculate(f"The expression is longer than {MAX_CHARS} characters.")
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
            raise CannotCalculate("The expression has too many parts; calculate it in steps.")
        with decimal.localcontext(_CONTEXT):
            return _digits(_value(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise CannotCalculate(f"“{expression[:100]}” is not an arithmetic expression.") from error
    except decimal.DivisionByZero as error:
        raise CannotCalculate("It divides by zero.") from error
    except decimal.Overflow as error:
        raise CannotCalculate("The result is too large.") from error
    except decimal.InvalidOperation as error:
        raise CannotCalculate("An operation in it has no result for these numbers.") from error


def _digits(value: Decimal) -> str:
    value = value.normalize(_TOLD)
    if value == 0:
        return "0"
    if -_MAX_DIGITS < value.adjusted() < _MAX_DIGITS:
        return f"{value:f}"
    return f"{value:e}"


def _value(node: ast.expr) -> Decimal:
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            # The shortest text of a float is what was typed: 0.1 stays 0.1.
            return +Decimal(repr(number))
        case ast.Name(id=name) if name in _CONSTANTS:
            return _CONSTANTS[name]
        case ast.UnaryOp(op=operator, operand=operand) if type(operator) in _UNARY:
            return _UNARY[type(operator)](_value(operand))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in _BINARY:
            return _BINARY[type(operator)](_value(left), _value(right))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in FUNCTIONS:
            return _applied(name, [_value(argument) for argument in arguments])
    raise CannotCalculate(
        f"“{ast.unparse(node)[:100]}” cannot be calculated. There are numbers, + - * / // % **, "
        f"brackets, {', '.join(_CONSTANTS)} and {', '.join(FUNCTIONS)}."
    )


def _applied(name: str, arguments: list[Decimal]) -> Decimal:
    try:
        return FUNCTIONS[name](*arguments)
    except TypeError as error:
        raise CannotCalculate(f"{name} takes another number of values.") from error


def _floor_division(left: Decimal, right: Decimal) -> Decimal:
    return (left / right).to_integral_value(ROUND_FLOOR)


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    """With the sign of the divisor, as people and Python have it."""
    rest = left % right
    return rest + right if rest and (rest < 0) != (right < 0) else rest


_UNARY: Mapping[type[ast.unaryop], Callable[[Decimal], Decimal]] = {
    ast.UAdd: lambda value: value,
    ast.USub: lambda value: -value,
}
_BINARY: Mapping[type[ast.operator], Callable[[Decimal, Decimal], Decimal]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: _floor_division,
    ast.Mod: _modulo,
    ast.Pow: lambda base, exponent: base**exponent,
}


def _round(value: Decimal, places: Decimal = Decimal(0)) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-int(places)), ROUND_HALF_EVEN)


def _sum(first: Decimal, *rest: Decimal) -> Decimal:
    return sum(rest, first)


def _mean(first: Decimal, *rest: Decimal) -> Decimal:
    return _sum(first, *rest) / (1 + len(rest))


FUNCTIONS: Mapping[str, Callable[..., Decimal]] = {
    "abs": lambda value: abs(value),
    "sqrt": lambda value: value.sqrt(),
    "exp": lambda value: value.exp(),
    "ln": lambda value: value.ln(),
    "log10": lambda value: value.log10(),
    "floor": lambda value: value.to_integral_value(ROUND_FLOOR),
    "ceil": lambda value: value.to_integral_value(ROUND_CEILING),
    "round": _round,
    "min": lambda first, *rest: min((first, *rest)),
    "max": lambda first, *rest: max((first, *rest)),
    "sum": _sum,
    "mean": _mean,
}
"""The functions an expression may use, by name."""
