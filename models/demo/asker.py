"""Choices made while one question is put together: wordings, values, conditions.

A wording that begins with `~` is kept for the held-out split. An `Asker` for that split draws them often and remembers
whether it did; `questions.py` throws away what used none.
"""

from __future__ import annotations

import calendar
import random
from dataclasses import dataclass

import values
from schema import Column, Schema, Table, table

PERIODS = ("in the last {n}", "in the past {n}", "within the last {n}", "over the last {n}", "over the past {n}",
           "~during the last {n}", "~within the past {n}")
AFTER = ("after {d}", "later than {d}", "~any time after {d}")
SINCE = ("since {d}", "on or after {d}", "from {d} on", "~starting from {d}")
BEFORE = ("before {d}", "earlier than {d}", "prior to {d}", "~any time before {d}")
BETWEEN_DATES = ("between {a} and {b}", "from {a} to {b}", "from {a} until {b}")
IN_YEAR = ("in {y}", "during {y}", "in the year {y}", "~at any time in {y}")

NUMBERS = {
    ">": ("with {a} {w} over {n}", "with {a} {w} above {n}", "with {a} {w} greater than {n}", "whose {w} is more than {n}",
          "whose {w} is greater than {n}", "where the {w} is over {n}", "that have {a} {w} higher than {n}", "where {w} is above {n}",
          "whose {w} exceeds {n}", "~where the {w} exceeds {n}", "~with {a} {w} of more than {n}", "~whose {w} is higher than {n}"),
    "<": ("with {a} {w} under {n}", "with {a} {w} below {n}", "with {a} {w} less than {n}", "whose {w} is less than {n}",
          "whose {w} is lower than {n}", "where the {w} is under {n}", "that have {a} {w} lower than {n}", "where {w} is below {n}",
          "~where the {w} is less than {n}", "~with {a} {w} of less than {n}"),
    ">=": ("with {a} {w} of at least {n}", "with {a} {w} of {n} or more", "whose {w} is at least {n}", "~where the {w} is at least {n}"),
    "<=": ("with {a} {w} of at most {n}", "with {a} {w} of {n} or less", "whose {w} is at most {n}", "~where the {w} is at most {n}"),
    "=": ("with {a} {w} of {n}", "whose {w} is {n}", "with {a} {w} of exactly {n}", "with {w} {n}", "where the {w} equals {n}"),
}
BETWEEN_NUMBERS = ("with {a} {w} between {x} and {y}", "whose {w} is between {x} and {y}", "where the {w} is between {x} and {y}",
                   "with {a} {w} from {x} to {y}", "~that have {a} {w} between {x} and {y}")
EQUAL = ("with {w} {v}", "whose {w} is {v}", "where the {w} is {v}", "with the {w} {v}", "~that have the {w} {v}")
OTHER = ("whose {w} is not {v}", "where the {w} is not {v}", "with {a} {w} other than {v}", "~that do not have the {w} {v}")
EITHER = ("whose {w} is {v} or {u}", "where the {w} is {v} or {u}", "with {w} {v} or {u}", "whose {w} is either {v} or {u}")
STARTS = ("whose {w} starts with {v}", "with {a} {w} starting with {v}", "whose {w} begins with {v}", "~with {a} {w} that begins with {v}")
ENDS = ("whose {w} ends with {v}", "whose {w} ends in {v}", "with {a} {w} ending in {v}", "~with {a} {w} that ends with {v}")
CONTAINS = ("whose {w} contains {v}", "with {v} in the {w}", "whose {w} includes {v}", "with {a} {w} containing {v}", "~with {a} {w} that contains {v}")
NAMED = ("named {v}", "with the name {v}", "called {v}", "whose name is {v}", "~that have the name {v}")


@dataclass
class Condition:
    """What narrows a question: words before the noun, words after it, and the SQL."""

    before: str
    after: str
    sql: str


def article(word: str) -> str:
    return "an" if word[0] in "aeio" or word.startswith("hour") else "a"


class Asker:
    """One question in the making."""

    def __init__(self, chance: random.Random, schema: Schema, held: bool):
        self.chance = chance
        self.schema = schema
        self.held = held
        self.unseen = False

    # Wordings and values

    def say(self, wordings, **slots) -> str:
        """One wording with its slots filled."""
        reserved = [wording for wording in wordings if wording.startswith("~")]
        if self.held and reserved and self.chance.random() < 0.6:
            self.unseen = True
            wording = self.chance.choice(reserved)[1:]
        else:
            wording = self.chance.choice([wording for wording in wordings if not wording.startswith("~")])
        return wording.format(**slots)

    def lucky(self, probability: float) -> bool:
        return self.chance.random() < probability

    def number(self, column: Column) -> int:
        return values.number(self.chance, column.low, column.high, self.held)

    def small(self) -> int:
        """A bound on a count."""
        held = (3, 10, 24)
        return self.chance.choice(held) if self.held else values.bound(self.chance, 1, 120, held)

    def limit(self) -> int:
        held = (8, 12, 18, 40)
        if self.held:
            return self.chance.choice(held)
        return 10 if self.lucky(0.1) else values.bound(self.chance, 2, 200, held)

    def quoted(self, value: str) -> str:
        return self.chance.choice((value, value, f"'{value}'", f'"{value}"'))

    # The schema

    def table(self, test=lambda table: True) -> Table | None:
        """A table of the schema that passes the test."""
        found = [table(key) for key in self.schema.tables if test(table(key))]
        return self.chance.choice(found) if found else None

    def columns(self, table: Table, *kinds: str) -> list[Column]:
        return [column for column in table.columns if column.kind in kinds and self.schema.has(table.key, column.key)]

    def nouns(self, table: Table) -> tuple[str, str]:
        """What the question calls the table: mostly as the schema does."""
        if self.lucky(0.85):
            return table.nouns[self.schema.tables[table.key]]
        return self.chance.choice(table.nouns)

    def field(self, table: Table, column: Column, qualified: bool = False) -> str:
        name = self.schema.column(table.key, column.key)
        return f"{self.schema.name(table.key)}.{name}" if qualified else name

    # Conditions

    def condition(self, table: Table, *, qualified: bool = False, kinds=("flag", "integer", "money", "date", "name", "text", "choice", "place", "key")) -> Condition | None:
        """A condition on one column of the table."""
        found = [column for column in self.columns(table, *kinds) if column.kind != "key" or column.phrases]
        if not found:
            return None
        column = self.chance.choice(found)
        make = {"flag": self._flag, "integer": self._number, "money": self._number, "date": self._date, "name": self._name,
                "text": self._text, "choice": self._choice, "place": self._choice, "key": self._missing}[column.kind]
        return make(table, column, self.field(table, column, qualified))

    def _flag(self, table, column, sql):
        wanted = self.lucky(0.6)
        side = self.chance.choice(("", "_after"))
        words = self.say(column.phrases[("yes" if wanted else "no") + side])
        return Condition("" if side else words, words if side else "", f"{sql} = {int(wanted)}")

    def _missing(self, table, column, sql):
        absent = self.lucky(0.65)
        words = self.say(column.phrases["missing" if absent else "present"])
        return Condition("", words, f"{sql} IS {'' if absent else 'NOT '}NULL")

    def _number(self, table, column, sql):
        word = self.say(column.words)
        if "zero" in column.phrases and self.lucky(0.15):
            return Condition("", self.say(column.phrases["zero"]), f"{sql} = 0")
        if self.lucky(0.2):
            return self._between(column, sql, word)
        number = self.number(column)
        shown = f"${number}" if column.kind == "money" and self.lucky(0.15) else str(number)
        operator = self.chance.choice(("=",) if column.high < 12 and self.lucky(0.4) else (">", ">", "<", "<", ">=", "<="))
        special = {">": "above", "<": "below"}.get(operator)
        if special in column.phrases and self.lucky(0.6):
            return Condition("", self.say(column.phrases[special], n=shown), f"{sql} {operator} {number}")
        return Condition("", self.say(NUMBERS[operator], a=article(word), w=word, n=shown), f"{sql} {operator} {number}")

    def _between(self, column, sql, word):
        low, high = sorted((self.number(column), self.number(column)))
        bounds = f"{sql} BETWEEN {low} AND {high}"
        if "between" in column.phrases and self.lucky(0.5):
            return Condition("", self.say(column.phrases["between"], a=low, b=high), bounds)
        return Condition("", self.say(BETWEEN_NUMBERS, a=article(word), w=word, x=low, y=high), bounds)

    def _date(self, table, column, sql):
        if "missing" in column.phrases and self.lucky(0.35):
            return self._missing(table, column, sql)
        when, test = self.when(sql)
        pronoun = self.chance.choice(("who", "that")) if table.person else "that"
        if "passive" in column.phrases and self.lucky(0.6):
            return Condition("", f"{self.say(column.phrases['passive'])} {when}", test)
        return Condition("", f"{pronoun} {self.say(column.phrases['happened'])} {when}", test)

    def when(self, sql: str) -> tuple[str, str]:
        """A stretch of time in words, and as a test of the column `sql`."""
        kind = self.chance.choice(("period",) * 7 + ("after", "since", "before", "on", "between", "year", "year", "month", "this", "day"))
        if kind == "period":
            return self._period(sql)
        if kind == "between":
            first, last = sorted((values.date(self.chance, self.held), values.date(self.chance, self.held)))
            return self.say(BETWEEN_DATES, a=first, b=last), f"{sql} BETWEEN '{first}' AND '{last}'"
        if kind == "year":
            year = self.chance.randint(2019, 2025)
            return self.say(IN_YEAR, y=year), f"strftime('%Y', {sql}) = '{year}'"
        if kind == "month":
            year, month = self.chance.randint(2019, 2025), self.chance.randint(1, 12)
            return f"in {calendar.month_name[month]} {year}", f"strftime('%Y-%m', {sql}) = '{year}-{month:02}'"
        if kind == "this":
            unit = self.chance.choice(("month", "year"))
            return f"this {unit}", f"{sql} >= date('now', 'start of {unit}')"
        if kind == "day":
            return self.chance.choice((("today", f"date({sql}) = date('now')"), ("yesterday", f"date({sql}) = date('now', '-1 day')")))
        day = values.date(self.chance, self.held)
        wordings, test = {"after": (AFTER, f"{sql} > '{day}'"), "since": (SINCE, f"{sql} >= '{day}'"),
                          "before": (BEFORE, f"{sql} < '{day}'"), "on": (("on {d}",), f"date({sql}) = '{day}'")}[kind]
        return self.say(wordings, d=day), test

    def _period(self, sql):
        """`the last 30 days`; SQLite has no weeks, so these are counted in days."""
        unit = self.chance.choice(("day", "day", "day", "week", "month", "month", "year"))
        number = {"day": self._days, "week": lambda: self.chance.randint(1, 4), "month": lambda: self.chance.choice((1, 2, 3, 4, 6, 9, 12, 18)),
                  "year": lambda: self.chance.choice((1, 2, 3, 5))}[unit]()
        words = f"{number} {unit}s" if number > 1 else self.chance.choice((unit, unit, f"1 {unit}"))
        count, step = (number * 7, "day") if unit == "week" else (number, unit)
        return self.say(PERIODS, n=words), f"{sql} >= date('now', '-{count} {step}{'s' if count > 1 else ''}')"

    def _days(self) -> int:
        if not self.held and self.lucky(0.5):
            return self.chance.choice((2, 7, 14, 30, 30, 60, 90, 180, 365))
        return values.number(self.chance, 2, 100, self.held)

    def _name(self, table, column, sql):
        word = self.say(column.words)
        if "missing" in column.phrases and self.lucky(0.4):
            return self._missing(table, column, sql)
        if self.lucky(0.35):
            value = values.pick(self.chance, column.values, self.held)
            return Condition("", self.say(column.phrases.get("equal", NAMED), v=self.quoted(value)), f"{sql} = '{value}'")
        return self._like(sql, word)

    def _like(self, sql, word):
        kind = self.chance.choice(("starts", "starts", "contains", "contains", "ends"))
        piece = values.beginning(self.chance, self.held) if kind == "starts" else values.fragment(self.chance, self.held)
        wordings, pattern = {"starts": (STARTS, f"{piece}%"), "contains": (CONTAINS, f"%{piece}%"), "ends": (ENDS, f"%{piece}")}[kind]
        words = self.say(wordings, a=article(word), w=word, v=self.quoted(piece))
        return Condition("", words, f"{sql} LIKE '{pattern}'")

    def _text(self, table, column, sql):
        if self.lucky(0.4):
            return self._missing(table, column, sql)
        if self.lucky(0.3):
            return self._like(sql, self.say(column.words))
        host = self.chance.choice(values.EMAIL_HOSTS)
        return Condition("", self.say(column.phrases["ends"], v=host), f"{sql} LIKE '%{host}'")

    def _choice(self, table, column, sql):
        value, other = (values.pick(self.chance, column.values, self.held) for _ in range(2))
        word, fate = self.say(column.words), self.chance.random()
        if fate < 0.12 and value != other:
            return Condition("", self.say(EITHER, w=word, v=value, u=other), f"{sql} IN ('{value}', '{other}')")
        if fate < 0.27:
            return Condition("", self.say(OTHER if self._unclear(table, column, value) else column.phrases.get("other", OTHER), w=word, a=article(word), v=value), f"{sql} <> '{value}'")
        if "before" in column.phrases and fate < 0.6:
            return Condition(self.say(column.phrases["before"], v=value), "", f"{sql} = '{value}'")
        wordings = column.phrases["equal"] if "equal" in column.phrases and fate < 0.9 and not self._unclear(table, column, value) else EQUAL
        return Condition("", self.say(wordings, w=word, v=value), f"{sql} = '{value}'")

    def _unclear(self, table, column, value) -> bool:
        """Whether `from {value}` does not tell which column is meant: the place is none that training names, and there are two columns for it."""
        return column.key in ("city", "country") and value not in values.known(column.values) and len(self.columns(table, "place")) > 1
