"""Decodes JSON into typed dataclasses, and says in a sentence where it does not fit."""

import json
import math
import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


class RecordsError(ValueError):
    """A file of records that cannot be used; the message says which record and why."""


def parse_json(text: str, where: str) -> Any:
    """Parse strict JSON: NaN and infinities, which Python's reader would take, are refused."""

    def refuse(constant: str) -> None:
        raise RecordsError(f"{where} holds {constant}; expected finite numbers. Measure that case again.")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecordsError:
        raise
    except (ValueError, RecursionError) as error:
        raise RecordsError(f"{where} is no JSON: {error}. It may be cut off; measure again.") from error


def decode(kind: type[T], data: object, where: str) -> T:
    """Build `kind`, a dataclass or a type that its fields name, from what `json` returned.

    Keys that the dataclass does not know are left out: a later version may add some. Fields with a default
    may be missing.
    """
    if is_dataclass(kind):
        return _decode_dataclass(kind, data, where)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not types.NoneType)
        return None if data is None else decode(inner, data, where)
    if origin is Literal:
        if data not in arguments:
            raise RecordsError(f"{where} is {data!r}; expected one of {', '.join(map(str, arguments))}.")
        return data
    if origin is tuple:
        if not isinstance(data, list):
            raise RecordsError(f"{where} is {_name(data)}; expected a list.")
        return tuple(decode(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    return _decode_scalar(origin or kind, data, where)


def _decode_dataclass(kind: type[T], data: object, where: str) -> T:
    if not isinstance(data, dict):
        raise RecordsError(f"{where} is {_name(data)}; expected an object.")
    types_of = get_type_hints(kind)
    values = {}
    for field in fields(kind):
        if field.name in data:
            values[field.name] = decode(types_of[field.name], data[field.name], f"{where}: {field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise RecordsError(f"{where} lacks {field.name!r}.")
    return kind(**values)


def _decode_scalar(kind: type[T], data: object, where: str) -> T:
    if type(data) is int and abs(data) > _LARGEST:
        raise RecordsError(f"{where} is an integer of {len(str(data))} digits; expected at most 64 bits.")
    if kind is float and type(data) is int:
        data = float(data)
    if type(data) is not kind:
        raise RecordsError(f"{where} is {_name(data)}; expected {_WORDS[kind]}.")
    if kind is float and not math.isfinite(data):
        raise RecordsError(f"{where} is {data}; expected a finite number.")
    return data


_LARGEST = 2**63 - 1
_WORDS = {float: "a number", int: "a whole number", str: "a string", bool: "true or false", dict: "an object"}


def _name(data: object) -> str:
    """How a message calls a value of the wrong type."""
    if data is None:
        return "null"
    if isinstance(data, dict | list):
        return "an object" if isinstance(data, dict) else "a list"
    return repr(data)
