#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cases for tests/golden/test_exact.c, computed with Python's fractions: exact_cases.py SEED COUNT.

A line is a calculation, operands before operators, and after " = " what it comes to: as records have it, `none` for a
division by zero, `beyond`. Operators: + - * / and
    <    -1, 0 or 1: the order of two        _    the greatest integer that is not greater
    ^N   times ten to the N                  S    the sum of all operands so far
"""
import decimal
import random
import sys
from fractions import Fraction

import evaluate

LIMBS_BITS, EXPONENT, DIGITS = 4096, 1200, 1200


class Beyond(Exception):
    """More digits than are computed with."""


class Unsure(Exception):
    """At a bound that depends on how the number came about."""


def parts(value):
    """num / den x 10^exponent: den is coprime to ten, num is no multiple of it."""
    num, den, exponent = value.numerator, value.denominator, 0
    for factor, other in ((10, 1), (2, 5), (5, 2)):
        while den % factor == 0:
            den, num, exponent = den // factor, num * other, exponent - 1
    while num and num % 10 == 0:
        num, exponent = num // 10, exponent + 1
    return num, den, exponent


def bounded(value):
    num, den, exponent = parts(value)
    if exponent > EXPONENT - 40:
        raise Unsure
    if num.bit_length() > LIMBS_BITS or den.bit_length() > LIMBS_BITS or exponent < -EXPONENT:
        raise Beyond
    return value


def read(text):
    num, _, exponent = parts(Fraction(decimal.Decimal(text)))
    if len(str(abs(num))) > DIGITS or abs(exponent) > EXPONENT:
        raise Beyond
    return Fraction(decimal.Decimal(text))


def step(stack, token):
    if token[0] == "^":
        return [*stack[:-1], bounded(stack[-1] * Fraction(10) ** int(token[1:]))]
    if token == "_":
        floor = stack[-1].numerator // stack[-1].denominator
        if not -2**63 <= floor < 2**63:
            raise Beyond
        return [*stack[:-1], Fraction(floor)]
    if token == "S":
        total = Fraction(0)
        for value in stack:
            total = bounded(total + value)
        return [total]
    if token not in "+-*/<":
        return [*stack, read(token)]
    x, y = stack[-2:]
    if token == "<":
        return [*stack[:-2], Fraction((x > y) - (x < y))]
    return [*stack[:-2], bounded(x + y if token == "+" else x - y if token == "-" else x * y if token == "*" else x / y)]


def answer(calculation):
    stack = []
    try:
        for token in calculation.split():
            stack = step(stack, token)
        return evaluate.text(stack[-1])
    except ZeroDivisionError:
        return "none"
    except Beyond:
        return "beyond"


# What stands in measurements, and what only somebody sends who wants to see what happens.
EVERYDAY = ["{small}.{digits}", "{small}", "{digits}", "-{small}.{digits}", "0.{digits}", "0", "100", "1000", "17{digits}"]
RARE = ["{digits}e{e}", "{digits}.{digits}e-{e}", "-{digits}{digits}{digits}.{digits}{digits}", "{digits}e{far}", "{digits}e-{far}",
        "0.000{digits}", "18446744073709551615", "18446744073709551616", "9223372036854775808", "-9223372036854775808",
        "9223372036854775807.9", "0e{far}", "-0.0", "{digits}000", "+{small}", "00{small}", "{nines}", "{nines}5", "0.{nines}5",
        "1024", "{two}", "{five}", "{long}", "{long}.{long}", "{half}5", "{half}50000001", "7", "3", "49", "0.3"]


def operand(choose):
    pattern = choose.choice(EVERYDAY if choose.random() < 0.6 else RARE)
    digits = lambda most: "".join(choose.choices("0123456789", k=choose.randint(1, most)))
    return pattern.format(small=choose.randint(0, 300), digits=digits(12), e=choose.randint(0, 30), far=choose.randint(0, 1250),
                          nines="9" * choose.randint(1, 70), two=2**choose.randint(1, 200), five=5**choose.randint(1, 100),
                          long=digits(400), half=digits(60) + digits(1))


def calculation(choose):
    tokens, depth = [], 0
    for _ in range(choose.choice([1, 1, 3, 3, 5, 7, 12])):
        if depth < 2 or choose.random() < 0.4:
            tokens, depth = [*tokens, operand(choose)], depth + 1
        else:
            tokens, depth = [*tokens, choose.choice("+-**//")], depth - 1
    if choose.random() < 0.3:
        tokens.append(f"^{choose.choice([-9, -6, -3, -2, 2, 3, 6, 30, -30, 700, -700])}")
    if depth > 1 and choose.random() < 0.7:
        tokens.append(choose.choice("<<S"))
    elif choose.random() < 0.1:
        tokens.append("_")
    return " ".join(tokens)


def main(seed, count):
    choose = random.Random(seed)
    while count > 0:
        case = calculation(choose)
        try:
            print(case, "=", answer(case))
            count -= 1
        except Unsure:
            pass


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
