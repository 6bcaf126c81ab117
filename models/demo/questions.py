"""Questions and their SQL: one function for each form of question.

A form takes an `Asker` and returns (question, SQL without the semicolon), or None if the schema has nothing for it.
"""

from __future__ import annotations

import random

from asker import Asker, Condition, article
from schema import RELATIONS, Column, Schema, Table, random_schema, table

SHOW = ("Show all {ns}", "List all {ns}", "Get all {ns}", "Find all {ns}", "Show me all {ns}", "Give me all {ns}", "Show {ns}", "List {ns}",
        "Get {ns}", "Find {ns}", "Select all {ns}", "Display all {ns}", "Return all {ns}", "List the {ns}", "Show the {ns}", "Show every {n}",
        "Which {ns} are there", "I want to see all {ns}", "Can you show me all {ns}", "all {ns}", "Fetch all {ns}",
        "I need all {ns}", "~Can you list all {ns}", "~Give me every {n}", "~Please find the {ns}", "~Return the {ns}", "I would like to see the {ns}")
SHOW_COLUMNS = ("Show the {cs} of all {ns}", "List the {cs} of all {ns}", "Get the {cs} of {ns}", "What are the {cs} of all {ns}", "Show {cs} of {ns}",
                "Give me the {cs} of all {ns}", "List {cs} for all {ns}", "Find the {cs} of {ns}", "Select {cs} from {ns}",
                "~Return the {cs} for all {ns}", "~I need the {cs} of {ns}", "~Can you show me the {cs} of all {ns}")
COUNT = ("How many {ns} are there", "How many {ns} do we have", "Count the {ns}", "Count all {ns}", "Number of {ns}", "What is the number of {ns}",
         "How many {ns}", "Get the number of {ns}", "Show the number of {ns}", "Total number of {ns}", "Tell me the number of {ns}",
         "~Tell me how many {ns} there are", "~What is the total number of {ns}", "Give me a count of all {ns}", "I want to know how many {ns} there are")
AGGREGATES = {
    "AVG": ("average", ("average {w}", "mean {w}", "average {w}")),
    "SUM": ("total", ("total {w}", "sum of the {w}", "total {w}", "combined {w}")),
    "MAX": ("highest", ("highest {w}", "maximum {w}", "largest {w}")),
    "MIN": ("lowest", ("lowest {w}", "minimum {w}", "smallest {w}")),
}
VALUE_OF = ("What is the {m} of {ns}", "What is the {m} of all {ns}", "Show the {m} of {ns}", "Get the {m} of all {ns}", "Find the {m} of {ns}",
            "Calculate the {m} of {ns}", "{m} of {ns}", "What's the {m} for {ns}", "Give me the {m} of all {ns}",
            "~Tell me the {m} of all {ns}", "Compute the {m} of {ns}", "~I need the {m} for all {ns}")
PER = ("per {g}", "by {g}", "for each {g}", "for every {g}", "in each {g}", "grouped by {g}", "broken down by {g}", "~in every {g}")
COUNT_PER = ("How many {ns} are there {p}", "Count {ns} {p}", "Number of {ns} {p}", "Show the number of {ns} {p}", "Count the {ns} {p}",
             "What is the number of {ns} {p}", "Get the number of {ns} {p}", "How many {ns} do we have {p}", "~Tell me how many {ns} there are {p}",
             "~List the number of {ns} {p}")
VALUE_PER = ("What is the {m} of {ns} {p}", "Show the {m} of {ns} {p}", "{m} of {ns} {p}", "Get the {m} of {ns} {p}", "Find the {m} {p} for {ns}",
             "Calculate the {m} of {ns} {p}", "~Give me the {m} of {ns} {p}", "~List the {m} of {ns} {p}")
MORE_THAN = {
    ">": ("with more than {n} {ns}", "that have more than {n} {ns}", "having more than {n} {ns}", "with over {n} {ns}", "~where there are more than {n} {ns}"),
    ">=": ("with at least {n} {ns}", "that have at least {n} {ns}", "with {n} or more {ns}", "~where there are at least {n} {ns}"),
    "<": ("with fewer than {n} {ns}", "with less than {n} {ns}", "that have fewer than {n} {ns}", "~where there are fewer than {n} {ns}"),
}
WHICH = ("Which {gs} are there {p}", "Show {gs} {p}", "List all {gs} {p}", "Find {gs} {p}", "List the {gs} {p}", "Get all {gs} {p}", "~Give me the {gs} {p}",
         "~I need the {gs} {p}")
TOP = ("Show the top {k} {ns} by {w}", "Get top {k} {ns} by {w}", "Top {k} {ns} by {w}", "List the top {k} {ns} by {w}", "Show the {k} {ns} with the highest {w}",
       "Get the {k} {ns} with the highest {w}", "Find the {k} {ns} with the highest {w}", "Which {k} {ns} have the highest {w}", "What are the top {k} {ns} by {w}",
       "Give me the top {k} {ns} by {w}", "Show me the top {k} {ns} by {w}", "Who are the top {k} {ns} by {w}", "Top {k} {ns} ranked by {w}", "Find the top {k} {ns} by {w}",
       "~I need the top {k} {ns} by {w}", "~List the {k} {ns} with the largest {w}", "~Return the top {k} {ns} by {w}", "~Which are the {k} {ns} with the highest {w}")
BOTTOM = ("Show the bottom {k} {ns} by {w}", "Get the {k} {ns} with the lowest {w}", "List the {k} {ns} with the lowest {w}", "Bottom {k} {ns} by {w}",
          "Find the {k} {ns} with the lowest {w}", "Which {k} {ns} have the lowest {w}", "~Return the {k} {ns} with the lowest {w}", "~What are the bottom {k} {ns} by {w}")
FIRST_BY = ("Show the {k} {s} {ns}", "List the {k} {s} {ns}", "Get the {k} {s} {ns}", "Find the {k} {s} {ns}", "What are the {k} {s} {ns}", "Give me the {k} {s} {ns}",
            "Which {ns} are the {k} {s}", "the {k} {s} {ns}", "~Return the {k} {s} {ns}", "~I want to see the {k} {s} {ns}")
SINGLE = ("What is the {s} {n}", "Which {n} is the {s}", "Show the {s} {n}", "Find the {s} {n}", "Get the {s} {n}", "~Give me the {s} {n}", "~Return the {s} {n}")
SINGLE_BY = ("Which {n} has the {e} {w}", "Find the {n} with the {e} {w}", "Show the {n} with the {e} {w}", "What is the {n} with the {e} {w}",
             "~Give me the {n} with the {e} {w}", "~Get the {n} that has the {e} {w}")
FIRST = ("Show the first {k} {ns}", "List {k} {ns}", "Show {k} {ns}", "Get the first {k} {ns}", "Give me {k} {ns}", "Show me {k} {ns}", "~Return {k} {ns}", "~Fetch the first {k} {ns}")
SORTED = ("sorted by {w}", "ordered by {w}", "sort by {w}", "order by {w}", "arranged by {w}")
DESCENDING = ("descending", "in descending order", "from highest to lowest", "with the highest first", "~highest first")
ASCENDING = ("", "", "ascending", "in ascending order", "from lowest to highest", "~lowest first")
DISTINCT = ("What are the different {gs} of {ns}", "List the distinct {gs} of {ns}", "Show all unique {gs} of {ns}", "List all distinct {gs} of {ns}", "Which {gs} do {ns} have",
            "Show the different {gs} of the {ns}", "Get the unique {gs} of {ns}", "~Give me the distinct {gs} of all {ns}", "~Find all unique {gs} of {ns}")
COUNT_DISTINCT = ("How many different {gs} do {ns} have", "How many distinct {gs} are there among {ns}", "Count the distinct {gs} of {ns}", "Number of unique {gs} of {ns}",
                  "How many unique {gs} of {ns} are there", "~Count the unique {gs} of all {ns}", "~How many distinct {gs} do {ns} have")
PERIOD_PER = ("How many {ns} were there per {u}", "Number of {ns} per {u}", "Count {ns} by {u}", "Show {ns} per {u}", "Number of {ns} by {u}", "Show the number of {ns} for each {u}",
              "How many {ns} per {u}", "~Count the {ns} for every {u}", "~List the number of {ns} by {u}")
BEYOND_AVERAGE = {
    ">": ("with {a} {w} above the average", "with {a} above average {w}", "whose {w} is above average", "whose {w} is higher than the average", "~where the {w} is above the average"),
    "<": ("with {a} {w} below the average", "with {a} below average {w}", "whose {w} is below average", "whose {w} is lower than the average", "~where the {w} is below the average"),
}
DUPLICATES = ("Find duplicate {cs} in {ns}", "Which {cs} of {ns} appear more than once", "Show duplicate {cs} of {ns}", "List {cs} that are used by more than one {n}",
              "~Show {cs} that appear more than once in {ns}")

# What a parent is measured by: (parent, child) → (wordings, function, child's column, alias).
MEASURES = {
    ("customers", "orders"): ((("revenue", "total spending", "total revenue", "total {c} value", "amount spent", "sales revenue", "~revenue generated", "~total amount spent"), "SUM", "amount", "revenue"),),
    ("products", "orders"): ((("revenue", "total revenue", "sales revenue", "total {c} value", "~revenue generated"), "SUM", "amount", "revenue"),
                             (("units sold", "quantity sold", "total quantity sold", "number of units sold", "~total units sold"), "SUM", "quantity", "units_sold")),
    ("departments", "employees"): ((("average salary", "mean salary", "average pay", "~average employee salary"), "AVG", "salary", "average_salary"),
                                   (("total salary", "payroll", "salary costs", "~total salary costs"), "SUM", "salary", "total_salary")),
    ("products", "reviews"): ((("average rating", "mean rating", "average score", "rating", "~average review rating"), "AVG", "rating", "average_rating"),),
    ("users", "subscriptions"): ((("subscription revenue", "total subscription price", "revenue", "~total subscription revenue"), "SUM", "price", "revenue"),),
}
NUMBER_OF = ("number of {cs}", "{c} count", "number of {cs}", "~total number of {cs}")
MEASURE_PER = ("Show the {w} per {p}", "What is the {w} of each {p}", "Show the {w} for each {p}", "{w} per {p}", "{w} by {p}", "Get the {w} of every {p}", "List the {w} by {p}",
               "What is the {w} by {p}", "Calculate the {w} per {p}", "~Give me the {w} for each {p}", "~Compute the {w} for every {p}", "~List each {p} with the {w}")
MOST_CHILDREN = ("Which {k} {ps} have the most {cs}", "Show the {k} {ps} with the most {cs}", "Top {k} {ps} with the most {cs}", "List the {k} {ps} with the most {cs}",
                 "Find the {k} {ps} with the most {cs}", "~Give me the {k} {ps} that have the most {cs}", "~Get the top {k} {ps} with the most {cs}")
MOST_CHILDREN_ONE = ("Which {p} has the most {cs}", "Find the {p} with the most {cs}", "Show the {p} with the most {cs}", "~Give me the {p} with the most {cs}")
WITH_PARENT = ("Show all {cs} with the {p} name", "List {cs} with the name of the {p}", "Show each {c} with its {p} name", "List all {cs} together with the {p} name",
               "Get {cs} including the {p} name", "Show the {cs} along with the name of the {p}", "Give me all {cs} with their {p} name")
BY_PARENT_CHOICE = ("{w} by {p} {g}", "{w} per {p} {g}", "Show the {w} by {p} {g}", "What is the {w} for each {p} {g}", "Get the {w} per {p} {g}",
                    "~Give me the {w} by {p} {g}", "~Compute the {w} per {p} {g}")


# Parts that several forms share


def where(*conditions: Condition | None) -> str:
    tests = " AND ".join(condition.sql for condition in conditions if condition)
    return f" WHERE {tests}" if tests else ""


def narrowed(noun: str, *conditions: Condition | None) -> str:
    """The noun with its conditions around it."""
    present = [condition for condition in conditions if condition]
    before = [condition.before for condition in present if condition.before]
    after = " and ".join(condition.after for condition in present if condition.after)
    return " ".join(part for part in (*before, noun, after) if part)


def some_conditions(q: Asker, table: Table, weights=(0.45, 0.42, 0.13)) -> list[Condition]:
    count = q.chance.choices((0, 1, 2), weights)[0]
    found: dict[str, Condition] = {}
    for _ in range(count * 3):
        condition = q.condition(table)
        if condition and len(found) < count:
            found.setdefault(condition.sql.split(" ")[0].split("(")[-1], condition)
    conditions = list(found.values())
    return conditions[:1] if sum(bool(condition.before) for condition in conditions) > 1 else conditions


def measured(q: Asker, table: Table, column: Column) -> tuple[str, str, str]:
    """An aggregate of a column: its words, its SQL, the alias."""
    field = q.field(table, column)
    if "sum" in column.phrases and q.lucky(0.3):
        return q.say(column.phrases["sum"]), f"SUM({field})", "revenue"
    function = q.chance.choice(("AVG", "AVG", "SUM", "MAX", "MIN") if column.high >= 12 and column.words[0] != "age" else ("AVG", "MAX", "MIN"))
    prefix, wordings = AGGREGATES[function]
    return q.say(wordings, w=q.say(column.words)), f"{function}({field})", f"{prefix}_{field}"


def group_column(q: Asker, table: Table) -> Column | None:
    found = q.columns(table, "choice", "place")
    return q.chance.choice(found) if found else None


def related(q: Asker, test=lambda relation: True):
    found = [relation for relation in RELATIONS if relation.parent in q.schema.tables and relation.child in q.schema.tables
             and q.schema.has(relation.child, relation.key) and test(relation)]
    return q.chance.choice(found) if found else None


class Pair:
    """The names that a question over two tables needs."""

    def __init__(self, q: Asker, relation):
        self.relation = relation
        self.parent, self.child = table(relation.parent), table(relation.child)
        self.ps, self.p = q.nouns(self.parent)
        self.cs, self.c = q.nouns(self.child)
        self.parents, self.children = q.schema.name(relation.parent), q.schema.name(relation.child)
        self.key = q.schema.column(relation.child, relation.key)
        self.label = f"{self.parents}.{q.schema.column(relation.parent, 'name')}"

    def joined(self) -> str:
        return f"{self.parents} JOIN {self.children} ON {self.children}.{self.key} = {self.parents}.id"

    def measure(self, q: Asker) -> tuple[str, str, str]:
        """Words, SQL and alias of something counted or summed over the children."""
        known = [m for m in MEASURES.get((self.parent.key, self.child.key), ()) if q.schema.has(self.child.key, m[2])]
        if known and q.lucky(0.7):
            wordings, function, column, alias = q.chance.choice(known)
            return q.say(wordings, c=self.c), f"{function}({self.children}.{q.schema.column(self.child.key, column)})", alias
        return q.say(NUMBER_OF, c=self.c, cs=self.cs), "COUNT(*)", "count"


# Forms over one table


def show(q: Asker):
    table = q.table()
    conditions = some_conditions(q, table, (0.1, 0.67, 0.23))
    ns, n = q.nouns(table)
    question = q.say(SHOW, ns=narrowed(ns, *conditions), n=narrowed(n, *conditions))
    return question, f"SELECT * FROM {q.schema.name(table.key)}{where(*conditions)}"


def show_columns(q: Asker):
    table = q.table()
    found = [column for column in table.columns if column.words and q.schema.has(table.key, column.key) and column.kind != "key"]
    if len(found) < 3:
        return None
    columns = q.chance.sample(found, q.chance.choice((1, 1, 2, 2, 3)))
    conditions = some_conditions(q, table)
    words = [q.say(column.plural if column.plural and q.lucky(0.5) else column.words) for column in columns]
    listed = " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
    question = q.say(SHOW_COLUMNS, cs=listed, ns=narrowed(q.nouns(table)[0], *conditions))
    return question, f"SELECT {', '.join(q.field(table, column) for column in columns)} FROM {q.schema.name(table.key)}{where(*conditions)}"


def show_sorted(q: Asker):
    table = q.table()
    found = q.columns(table, "integer", "money", "date", "name")
    if not found:
        return None
    column = q.chance.choice(found)
    conditions = some_conditions(q, table, (0.65, 0.3, 0.05))
    if column.kind == "date" and q.lucky(0.5):
        down = q.lucky(0.6)
        order = q.say(("newest first", "latest first", "from newest to oldest")) if down else q.say(("oldest first", "from oldest to newest"))
        if "most" not in column.phrases:
            return None
    else:
        down = q.lucky(0.5)
        order = f"{q.say(SORTED, w=q.say(column.words))} {q.say(DESCENDING if down else ASCENDING)}".strip()
    ns, n = q.nouns(table)
    question = f"{q.say(SHOW, ns=narrowed(ns, *conditions), n=narrowed(n, *conditions))} {order}"
    direction = " DESC" if down else ""
    return question, f"SELECT * FROM {q.schema.name(table.key)}{where(*conditions)} ORDER BY {q.field(table, column)}{direction}"


def first(q: Asker):
    table, count = q.table(), q.limit()
    conditions = some_conditions(q, table, (0.6, 0.4, 0.0))
    question = q.say(FIRST, k=count, ns=narrowed(q.nouns(table)[0], *conditions))
    return question, f"SELECT * FROM {q.schema.name(table.key)}{where(*conditions)} LIMIT {count}"


def count(q: Asker):
    table = q.table()
    conditions = some_conditions(q, table, (0.2, 0.62, 0.18))
    question = q.say(COUNT, ns=narrowed(q.nouns(table)[0], *conditions))
    return question, f"SELECT COUNT(*) FROM {q.schema.name(table.key)}{where(*conditions)}"


def aggregate(q: Asker):
    table = q.table(lambda table: q.columns(table, "integer", "money"))
    if not table:
        return None
    words, sql, _ = measured(q, table, q.chance.choice(q.columns(table, "integer", "money")))
    conditions = some_conditions(q, table)
    question = q.say(VALUE_OF, m=words, ns=narrowed(q.nouns(table)[0], *conditions))
    return question, f"SELECT {sql} FROM {q.schema.name(table.key)}{where(*conditions)}"


def distinct(q: Asker):
    table = q.table(lambda table: group_column(q, table))
    if not table:
        return None
    column, counted = group_column(q, table), q.lucky(0.4)
    conditions = some_conditions(q, table, (0.75, 0.25, 0.0))
    question = q.say(COUNT_DISTINCT if counted else DISTINCT, gs=q.say(column.plural), ns=narrowed(q.nouns(table)[0], *conditions))
    field = q.field(table, column)
    selected = f"COUNT(DISTINCT {field})" if counted else f"DISTINCT {field}"
    return question, f"SELECT {selected} FROM {q.schema.name(table.key)}{where(*conditions)}"


def grouped(q: Asker):
    table = q.table(lambda table: group_column(q, table))
    if not table:
        return None
    column = group_column(q, table)
    conditions = some_conditions(q, table, (0.65, 0.35, 0.0))
    noun, per, field = narrowed(q.nouns(table)[0], *conditions), q.say(PER, g=q.say(column.words)), q.field(table, column)
    numbers = q.columns(table, "integer", "money")
    if numbers and q.lucky(0.45):
        words, sql, alias = measured(q, table, q.chance.choice(numbers))
        question = q.say(VALUE_PER, m=words, ns=noun, p=per)
    else:
        sql, alias = "COUNT(*)", "count"
        question = q.say(COUNT_PER, ns=noun, p=per)
    order = ""
    if q.lucky(0.2):
        question += " " + q.say((", highest first", "from highest to lowest", "in descending order", "~with the highest first")).replace(" ,", ",")
        order = f" ORDER BY {alias} DESC"
    return question.replace(" ,", ","), f"SELECT {field}, {sql} AS {alias} FROM {q.schema.name(table.key)}{where(*conditions)} GROUP BY {field}{order}"


def having(q: Asker):
    table = q.table(lambda table: group_column(q, table))
    if not table:
        return None
    column, bound, operator = group_column(q, table), q.small(), q.chance.choice((">", ">", ">=", "<"))
    conditions = some_conditions(q, table, (0.8, 0.2, 0.0))
    tail = q.say(MORE_THAN[operator], n=bound, ns=narrowed(q.nouns(table)[0], *conditions))
    field = q.field(table, column)
    question = q.say(WHICH, gs=q.say(column.plural), p=tail)
    return question, f"SELECT {field} FROM {q.schema.name(table.key)}{where(*conditions)} GROUP BY {field} HAVING COUNT(*) {operator} {bound}"


def top(q: Asker):
    table = q.table(lambda table: q.columns(table, "integer", "money"))
    if not table:
        return None
    column, number, down = q.chance.choice(q.columns(table, "integer", "money")), q.limit(), q.lucky(0.65)
    conditions = some_conditions(q, table, (0.7, 0.3, 0.0))
    question = q.say(TOP if down else BOTTOM, k=number, w=q.say(column.words), ns=narrowed(q.nouns(table)[0], *conditions))
    order = f"{q.field(table, column)}{' DESC' if down else ''}"
    return question, f"SELECT * FROM {q.schema.name(table.key)}{where(*conditions)} ORDER BY {order} LIMIT {number}"


def superlative(q: Asker):
    """`the 5 oldest users`, `the cheapest product`."""
    table = q.table()
    found = [column for column in q.columns(table, "integer", "money", "date") if "most" in column.phrases]
    if not found:
        return None
    column, number, down = q.chance.choice(found), q.chance.choice((1, q.limit(), q.limit())), q.lucky(0.6)
    conditions = some_conditions(q, table, (0.75, 0.25, 0.0))
    ns, n = (narrowed(noun, *conditions) for noun in q.nouns(table))
    if number == 1 and column.kind != "date" and q.lucky(0.5):
        question = q.say(SINGLE_BY, n=n, e="highest" if down else "lowest", w=q.say(column.words))
    else:
        word = q.say(column.phrases["most" if down else "least"])
        question = q.say(SINGLE, n=n, s=word) if number == 1 else q.say(FIRST_BY, k=number, ns=ns, s=word)
    order = f"{q.field(table, column)}{' DESC' if down else ''}"
    return question, f"SELECT * FROM {q.schema.name(table.key)}{where(*conditions)} ORDER BY {order} LIMIT {number}"


def per_period(q: Asker):
    table = q.table(lambda table: any("noun" in column.phrases for column in q.columns(table, "date")))
    if not table:
        return None
    column = next(column for column in q.columns(table, "date") if "noun" in column.phrases)
    unit, pattern = q.chance.choice((("month", "%Y-%m"), ("month", "%Y-%m"), ("year", "%Y"), ("day", "%Y-%m-%d")))
    value, alias = "COUNT(*)", "count"
    question = q.say(PERIOD_PER, ns=q.say(column.phrases["noun"]) if q.lucky(0.7) else q.nouns(table)[0], u=unit)
    summed = [other for other in q.columns(table, "money") if "sum" in other.phrases]
    if summed and q.lucky(0.4):
        value, alias = f"SUM({q.field(table, summed[0])})", "revenue"
        words = q.say(summed[0].phrases["sum"])
        question = q.say(("What is the {w} per {u}", "Show the {w} by {u}", "{w} per {u}", "{w} for each {u}", "~Give me the {w} per {u}"), w=words, u=unit)
    return question, (f"SELECT strftime('{pattern}', {q.field(table, column)}) AS {unit}, {value} AS {alias} FROM {q.schema.name(table.key)}"
                      f" GROUP BY {unit} ORDER BY {unit}")


def beyond_average(q: Asker):
    table = q.table(lambda table: q.columns(table, "integer", "money"))
    if not table:
        return None
    column, operator = q.chance.choice(q.columns(table, "integer", "money")), q.chance.choice((">", ">", "<"))
    word, field, name = q.say(column.words), q.field(table, column), q.schema.name(table.key)
    tail = Condition("", q.say(BEYOND_AVERAGE[operator], a=article(word), w=word), "")
    ns, n = q.nouns(table)
    question = q.say(SHOW, ns=narrowed(ns, tail), n=narrowed(n, tail)).replace("with a above", "with an above").replace("with an below", "with a below")
    return question, f"SELECT * FROM {name} WHERE {field} {operator} (SELECT AVG({field}) FROM {name})"


def duplicates(q: Asker):
    table = q.table(lambda table: [column for column in q.columns(table, "name", "text") if column.plural])
    if not table:
        return None
    column = q.chance.choice([column for column in q.columns(table, "name", "text") if column.plural])
    ns, n = q.nouns(table)
    field = q.field(table, column)
    return q.say(DUPLICATES, cs=q.say(column.plural), ns=ns, n=n), f"SELECT {field} FROM {q.schema.name(table.key)} GROUP BY {field} HAVING COUNT(*) > 1"


# Forms over two tables


def top_parents(q: Asker):
    relation = related(q)
    if not relation:
        return None
    pair = Pair(q, relation)
    number, condition = q.chance.choice((1, q.limit(), q.limit(), q.limit())), None
    words, sql, alias = pair.measure(q)
    down = q.lucky(0.85)
    if sql == "COUNT(*)" and q.lucky(0.6):
        down = True
        question = q.say(MOST_CHILDREN_ONE if number == 1 else MOST_CHILDREN, k=number, ps=pair.ps, p=pair.p, cs=pair.cs)
    elif number == 1:
        question = q.say(SINGLE_BY, n=pair.p, w=words, e="highest" if down else "lowest")
    else:
        question = q.say(TOP if down else BOTTOM, k=number, ns=pair.ps, w=words)
    dates = [column for column in q.columns(pair.child, "date") if "noun" in column.phrases]
    if dates and q.lucky(0.25):
        when, test = q.when(q.field(pair.child, dates[0], True))
        question, condition = f"{question} {when}", Condition("", when, test)
    order = f"{alias}{' DESC' if down else ''}"
    return question, (f"SELECT {pair.label}, {sql} AS {alias} FROM {pair.joined()}{where(condition)}"
                      f" GROUP BY {pair.parents}.id ORDER BY {order} LIMIT {number}")


def measure_per_parent(q: Asker):
    relation = related(q)
    if not relation:
        return None
    pair = Pair(q, relation)
    words, sql, alias = pair.measure(q)
    if sql == "COUNT(*)" and q.lucky(0.4):
        question = q.say(("How many {cs} does each {p} have", "Count the {cs} of each {p}", "How many {cs} per {p}", "How many {cs} has each {p} {h}", "~How many {cs} are there for each {p}"),
                         cs=pair.cs, p=pair.p, h=q.say(relation.have))
    else:
        question = q.say(MEASURE_PER, w=words, p=pair.p)
    return question, f"SELECT {pair.label}, {sql} AS {alias} FROM {pair.joined()} GROUP BY {pair.parents}.id"


def measure_by_choice(q: Asker):
    relation = related(q, lambda relation: group_column(q, table(relation.parent)))
    if not relation:
        return None
    pair = Pair(q, relation)
    words, sql, alias = pair.measure(q)
    column = group_column(q, pair.parent)
    field = q.field(pair.parent, column, True)
    question = q.say(BY_PARENT_CHOICE, w=words, p=pair.p, g=q.say(column.words))
    return question, f"SELECT {field}, {sql} AS {alias} FROM {pair.joined()} GROUP BY {field}"


def parents_having(q: Asker):
    relation = related(q)
    if not relation:
        return None
    pair, bound, operator = Pair(q, relation), q.small(), q.chance.choice((">", ">", ">=", "<"))
    tail = Condition("", q.say(MORE_THAN[operator], n=bound, ns=pair.cs), "")
    if operator == ">" and q.lucky(0.3):
        tail = Condition("", f"that have {q.say(relation.have)} more than {bound} {pair.cs}", "")
    question = q.say(SHOW, ns=narrowed(pair.ps, tail), n=narrowed(pair.p, tail))
    return question, f"SELECT {pair.label} FROM {pair.joined()} GROUP BY {pair.parents}.id HAVING COUNT(*) {operator} {bound}"


def childless(q: Asker):
    relation = related(q)
    if not relation:
        return None
    pair = Pair(q, relation)
    tail = Condition("", q.say(relation.never, cs=pair.cs, c=pair.c, a=article(pair.c)), "")
    counted = q.lucky(0.2)
    question = q.say(COUNT, ns=narrowed(pair.ps, tail)) if counted else q.say(SHOW, ns=narrowed(pair.ps, tail), n=narrowed(pair.p, tail))
    return question, f"SELECT {'COUNT(*)' if counted else '*'} FROM {pair.parents} WHERE id NOT IN (SELECT {pair.key} FROM {pair.children})"


def with_parent(q: Asker):
    relation = related(q)
    if not relation:
        return None
    pair = Pair(q, relation)
    question = q.say(WITH_PARENT, cs=pair.cs, c=pair.c, p=pair.p)
    return question, f"SELECT {pair.children}.*, {pair.label} FROM {pair.children} JOIN {pair.parents} ON {pair.parents}.id = {pair.children}.{pair.key}"


def of_parent(q: Asker):
    """Children whose parent meets a condition: `orders of customers from France`."""
    relation = related(q)
    if not relation:
        return None
    pair = Pair(q, relation)
    condition = q.condition(pair.parent, qualified=True, kinds=("place", "choice", "flag", "name", "integer"))
    if not condition:
        return None
    name = q.schema.column(pair.parent.key, "name")
    if pair.parent.key == "departments" and condition.sql.startswith(f"{pair.parents}.{name} ="):
        value = condition.sql.split("'")[1]
        words = q.say(("{cs} in the {v} {p}", "{cs} of the {v} {p}", "{cs} who work in {v}", "{cs} from the {v} {p}", "~{cs} working in the {v} {p}"), cs=pair.cs, v=value, p=pair.p)
    else:
        words = f"{pair.cs} {q.say(('of', 'from', 'for'))} {narrowed(pair.ps, condition)}"
    counted = q.lucky(0.3)
    question = q.say(COUNT if counted else SHOW[:16] + SHOW[-6:-5], ns=words, n=words)
    selected = "COUNT(*)" if counted else f"{pair.children}.*"
    return question, f"SELECT {selected} FROM {pair.children} JOIN {pair.parents} ON {pair.parents}.id = {pair.children}.{pair.key}{where(condition)}"


FORMS = ((show, 20), (show_columns, 9), (show_sorted, 6), (first, 3), (count, 10), (aggregate, 7), (distinct, 4), (grouped, 8), (having, 4), (top, 7),
         (superlative, 7), (per_period, 4), (beyond_average, 2), (duplicates, 1), (top_parents, 12), (measure_per_parent, 5), (measure_by_choice, 3),
         (parents_having, 4), (childless, 4), (with_parent, 2), (of_parent, 5))
PREFIXES = ("Convert to SQL: ", "Convert to SQL: ", "Write SQL: ", "SQL: ", "Translate to SQL: ", "Write a SQL query: ", "Write a query to ", "Please ", "Question: ",
            "Generate SQL: ", "Give me the SQL for: ", "Convert this to SQL: ", "~Write the SQL: ", "~Translate this to SQL: ")


def dressed(q: Asker, question: str) -> str:
    """The question as people type it: a prefix, a capital or none, a mark at the end or none."""
    asks = question.lower().startswith(("which", "what", "how", "who", "can"))
    prefix = q.say(PREFIXES) if q.lucky(0.3) else ""
    prefix = "" if prefix == "Please " and asks else prefix
    question = question.replace("with an over", "with over")
    start = question[0]
    if prefix.endswith(" to ") or prefix == "Please ":
        start = start.lower() if not question.startswith("I ") else start
        if prefix.endswith(" to ") and not question.startswith(("Show", "List", "Get", "Find", "Count", "Select", "Display", "Return", "Calculate", "Give", "Fetch", "Compute")):
            prefix = ""
    elif q.lucky(0.85):
        start = start.upper()
    else:
        start = start.lower() if not question.startswith("I ") else start
    end = q.chance.choice(("?", "?", "")) if asks else q.chance.choice(("", "", "", "."))
    return f"{prefix}{start}{question[1:]}{end}"


def ask(chance: random.Random, schema: Schema, held: bool) -> tuple[str, str, str]:
    """One question over the schema, its SQL and its form; of the held-out kind if asked for."""
    forms, weights = zip(*FORMS, strict=True)
    while True:
        q = Asker(chance, schema, held)
        form = chance.choices(forms, weights)[0]
        made = form(q)
        if made is None:
            continue
        question = dressed(q, made[0])
        if held and not q.unseen:
            continue
        return question, made[1] + ";", form.__name__


def schema_for(chance: random.Random, default: Schema, given: float, held: bool) -> tuple[Schema, bool]:
    """The default schema, or with probability `given` one that the prompt has to show."""
    if chance.random() < given:
        return random_schema(chance, held), True
    return default, False
