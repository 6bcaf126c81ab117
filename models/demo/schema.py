"""The tables that the demo model is taught, and the forms in which a prompt may show them.

`TABLES` is the catalogue. A prompt without a schema means `default_schema()`: the tables marked `default` under their
first names. A prompt with a schema shows some tables of the catalogue with some of their columns, and each table and
column may carry another of its names, so that the model has to read the schema rather than to remember it. Training
also shows tables of coined words (`COINED`) and known ones in disguise.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import values

SQL_TYPES = {
    "id": "INTEGER",
    "key": "INTEGER",
    "flag": "INTEGER",
    "integer": "INTEGER",
    "money": "REAL",
    "date": "DATE",
    "name": "TEXT",
    "text": "TEXT",
    "choice": "TEXT",
    "place": "TEXT",
}


@dataclass(frozen=True)
class Column:
    """One column; `names` begins with the default name, `words` are what a question calls it."""

    key: str
    kind: str
    names: tuple[str, ...]
    words: tuple[str, ...] = ()
    plural: tuple[str, ...] = ()
    values: str = ""  # the pool in values.py that fills the column
    low: int = 0
    high: int = 0
    required: bool = False
    phrases: dict[str, tuple[str, ...]] = field(default_factory=dict)  # predicate → wordings

    @property
    def sql_type(self) -> str:
        return SQL_TYPES[self.kind]


@dataclass(frozen=True)
class Table:
    """One table; `nouns` are (plural, singular) and the plural, in snake case, is also the table's name."""

    key: str
    nouns: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    person: bool = False
    default: bool = True

    def column(self, key: str) -> Column:
        return next(column for column in self.columns if column.key == key)


@dataclass(frozen=True)
class Relation:
    """A child table that points to its parent: `children.key = parents.id`."""

    parent: str
    child: str
    key: str
    have: tuple[str, ...]  # "customers who {have} no orders", the verb in the perfect: "placed"
    never: tuple[str, ...]  # wordings of "has no child"


def identity() -> Column:
    return Column("id", "id", ("id",), ("id",), required=True)


def key(table: str, *names: str) -> Column:
    return Column(f"{table}_id", "key", (f"{table}_id", *names), required=True)


def label(*names: str, **more) -> Column:
    return Column("name", "name", names or ("name",), ("name",), ("names",), values="person", required=True, **more)


def place(kind: str, *, person: bool) -> Column:
    living = ("living in {v}", "who live in {v}", "based in {v}") if person else ("based in {v}", "~located in {v}")
    plural = "cities" if kind == "city" else "countries"
    return Column(kind, "place", (kind,), (kind,), (plural,), values=kind,
                  phrases={"equal": ("from {v}", "in {v}", *living), "other": ("not from {v}", "outside {v}")})


def date(key: str, names, words, **phrases) -> Column:
    return Column(key, "date", names, words, phrases=phrases)


def amount(key: str, kind: str, names, words, low: int, high: int, **phrases) -> Column:
    return Column(key, kind, names, words, low=low, high=high, phrases=phrases)


def choice(key: str, names, words, plural, **phrases) -> Column:
    return Column(key, "choice", names, words, plural, values=key, phrases=phrases)


EMAIL = Column("email", "text", ("email", "email_address"), ("email", "email address"), ("emails", "email addresses"),
               phrases={"ends": ("whose email ends with {v}", "with an email at {v}", "~with a {v} email", "with an email address ending in {v}"),
                        "missing": ("without an email", "with no email address", "who have no email", "whose email is missing"),
                        "present": ("who have an email", "with an email address")})

TABLES = (
    Table("users", (("users", "user"), ("members", "member"), ("accounts", "account")), (
        identity(), label("name", "full_name"), EMAIL, place("city", person=True), place("country", person=True),
        amount("age", "integer", ("age",), ("age",), 18, 80,
               above=("older than {n}", "over {n} years old", "above the age of {n}", "~aged over {n}"),
               below=("younger than {n}", "under {n} years old", "below the age of {n}", "~aged under {n}"),
               between=("aged between {a} and {b}", "between {a} and {b} years old"),
               most=("oldest",), least=("youngest",)),
        Column("is_active", "flag", ("is_active", "active"),
               phrases={"yes": ("active",), "no": ("inactive",), "yes_after": ("who are active", "that are currently active"),
                        "no_after": ("who are not active", "who are inactive")}),
        date("registered_at", ("registered_at", "created_at", "signup_date", "joined_on"), ("registration date", "signup date"),
             happened=("registered", "signed up", "joined", "~have registered", "created an account"),
             noun=("signups", "registrations"), most=("newest", "most recent", "latest"), least=("oldest registered", "earliest")),
        date("last_login", ("last_login", "last_seen_at"), ("last login", "last login date"),
             happened=("logged in", "last logged in", "were last seen"),
             missing=("who have never logged in", "who never logged in", "that have not logged in yet"),
             present=("who have logged in", "who have logged in at least once"))), person=True),
    Table("customers", (("customers", "customer"), ("clients", "client"), ("buyers", "buyer")), (
        identity(), label("name", "customer_name", "full_name"), EMAIL, place("city", person=True), place("country", person=True),
        choice("segment", ("segment", "customer_type"), ("segment",), ("segments",),
               equal=("in the {v} segment", "of the {v} segment", "belonging to the {v} segment"), before=("{v}",)),
        date("created_at", ("created_at", "registered_at", "customer_since"), ("creation date", "registration date"),
             happened=("joined", "registered", "became customers", "came to us", "signed up"),
             noun=("new customers",), most=("newest", "most recent", "latest"), least=("earliest", "oldest"))), person=True),
    Table("orders", (("orders", "order"), ("purchases", "purchase"), ("sales", "sale")), (
        identity(), key("customer", "client_id", "buyer_id"), key("product", "item_id"),
        amount("quantity", "integer", ("quantity", "units"), ("quantity",), 1, 20),
        amount("amount", "money", ("amount", "total", "total_price", "order_value"), ("amount", "total", "value"), 5, 2000,
               above=("worth more than {n}", "over {n}", "~worth over {n}"), below=("worth less than {n}", "under {n}", "~worth under {n}"),
               most=("largest", "biggest"), least=("smallest",), sum=("revenue", "sales revenue", "overall revenue")),
        choice("status", ("status", "state"), ("status",), ("statuses",), before=("{v}",),
               equal=("with status {v}", "that are {v}", "whose status is {v}", "marked as {v}"),
               other=("that are not {v}", "whose status is not {v}", "not marked as {v}")),
        date("ordered_at", ("ordered_at", "order_date", "created_at", "placed_on"), ("order date", "date"),
             passive=("placed", "made", "~received"), happened=("were placed", "were made", "came in"),
             noun=("orders",), most=("latest", "most recent", "newest"), least=("oldest", "earliest")))),
    Table("products", (("products", "product"), ("items", "item"), ("articles", "article")), (
        identity(), Column("name", "name", ("name", "product_name", "title"), ("name",), ("names",), values="product", required=True),
        choice("category", ("category", "product_type"), ("category",), ("categories",),
               equal=("in the {v} category", "in category {v}", "of the category {v}", "~from the {v} category"),
               before=("{v}",), other=("not in the {v} category", "outside the {v} category")),
        amount("price", "money", ("price", "unit_price", "cost"), ("price",), 1, 900,
               above=("that cost more than {n}", "costing more than {n}", "priced above {n}", "~priced over {n}", "more expensive than {n}"),
               below=("that cost less than {n}", "costing less than {n}", "priced below {n}", "~priced under {n}", "cheaper than {n}"),
               between=("that cost between {a} and {b}", "priced between {a} and {b}", "~costing from {a} to {b}"),
               most=("most expensive", "priciest"), least=("cheapest", "least expensive")),
        amount("stock", "integer", ("stock", "in_stock", "quantity_on_hand"), ("stock", "stock level"), 0, 500,
               above=("with more than {n} in stock", "with over {n} units in stock"),
               below=("with less than {n} in stock", "with fewer than {n} units in stock", "~with under {n} left in stock"),
               zero=("that are out of stock", "out of stock", "with no stock", "~that are sold out")),
        date("added_at", ("added_at", "created_at", "launched_on"), ("launch date", "date added"),
             passive=("added", "launched", "introduced"), happened=("were added", "were launched"), noun=("new products",),
             most=("newest", "latest", "most recent"), least=("oldest",)))),
    Table("employees", (("employees", "employee"), ("workers", "worker"), ("staff members", "staff member")), (
        identity(), label("name", "full_name", "employee_name"), key("department", "dept_id"),
        choice("job_title", ("job_title", "position", "role"), ("job title", "position"), ("job titles", "positions"),
               equal=("who work as {v}", "working as {v}", "with the job title {v}", "employed as {v}", "whose job title is {v}")),
        amount("salary", "money", ("salary", "annual_salary", "pay"), ("salary", "pay"), 20000, 200000,
               above=("who earn more than {n}", "earning more than {n}", "who make more than {n}", "~paid over {n}"),
               below=("who earn less than {n}", "earning less than {n}", "who make less than {n}", "~paid under {n}"),
               between=("who earn between {a} and {b}", "earning between {a} and {b}"),
               most=("highest paid", "best paid"), least=("lowest paid", "worst paid")),
        Column("manager_id", "key", ("manager_id",),
               phrases={"missing": ("without a manager", "who have no manager", "with no manager", "that report to nobody"),
                        "present": ("who have a manager", "with a manager")}),
        date("hired_at", ("hired_at", "hire_date", "start_date"), ("hire date", "start date"),
             passive=("hired", "taken on"), happened=("were hired", "joined", "started"),
             noun=("hires",), most=("newest", "most recently hired", "latest"), least=("longest serving",))), person=True),
    Table("departments", (("departments", "department"), ("teams", "team"), ("divisions", "division")), (
        identity(), Column("name", "name", ("name", "title"), ("name",), ("names",), values="department", required=True),
        Column("location", "place", ("location", "city"), ("location",), ("locations",), values="city",
               phrases={"equal": ("located in {v}", "in {v}", "based in {v}", "~with a location in {v}"), "other": ("not in {v}", "not located in {v}")}),
        amount("budget", "money", ("budget", "annual_budget"), ("budget",), 50000, 900000,
               most=("best funded",), least=("worst funded",)))),
    Table("subscriptions", (("subscriptions", "subscription"), ("memberships", "membership")), (
        identity(), key("user", "member_id", "account_id"),
        choice("plan", ("plan", "tier", "level"), ("plan",), ("plans",), before=("{v}",),
               equal=("on the {v} plan", "with the {v} plan", "of the {v} plan", "~under the {v} plan")),
        amount("price", "money", ("price", "monthly_price", "fee"), ("price", "monthly price"), 5, 300,
               above=("that cost more than {n}",), below=("that cost less than {n}",), sum=("subscription revenue", "recurring revenue"),
               most=("most expensive",), least=("cheapest",)),
        date("started_at", ("started_at", "start_date", "created_at"), ("start date",),
             passive=("started",), happened=("started", "began", "were taken out"), noun=("new subscriptions",),
             most=("newest", "latest", "most recent"), least=("oldest",)),
        date("ended_at", ("ended_at", "end_date", "cancelled_at"), ("end date",),
             happened=("ended", "were cancelled", "expired"),
             missing=("that have not ended", "that are still running", "without an end date", "~that never ended"),
             present=("that have ended", "that have been cancelled", "with an end date")))),
    Table("events", (("events", "event"), ("activities", "activity"), ("actions", "action")), (
        identity(), key("user", "member_id", "account_id"),
        choice("event_type", ("event_type", "type", "action"), ("type", "event type"), ("types", "event types"),
               before=("{v}",), equal=("of type {v}", "with type {v}", "~that have the type {v}")),
        choice("device", ("device", "platform"), ("device",), ("devices",),
               equal=("on {v}", "from {v}", "from a {v} device", "~made on {v}"), other=("not on {v}", "not from {v}")),
        date("created_at", ("created_at", "happened_at", "event_time"), ("date", "time"),
             happened=("happened", "occurred", "were recorded"), passive=("recorded", "~logged"), noun=("events",),
             most=("latest", "most recent", "newest"), least=("oldest", "earliest")))),
    Table("reviews", (("reviews", "review"), ("ratings", "rating"), ("opinions", "opinion")), (
        identity(), key("product", "item_id"), key("customer", "client_id"),
        amount("rating", "integer", ("rating", "stars", "score"), ("rating", "score"), 1, 5,
               most=("best", "highest rated"), least=("worst", "lowest rated")),
        date("reviewed_at", ("reviewed_at", "created_at", "posted_on"), ("review date", "date"),
             passive=("written", "posted", "~left"), happened=("were written", "were posted"), noun=("reviews",),
             most=("latest", "most recent", "newest"), least=("oldest",)))),
    Table("books", (("books", "book"), ("publications", "publication")), (
        identity(), Column("name", "name", ("title", "name"), ("title",), ("titles",), values="product", required=True),
        Column("author", "name", ("author", "writer"), ("author",), ("authors",), values="person",
               phrases={"equal": ("by {v}", "written by {v}", "~from the author {v}")}),
        choice("genre", ("genre", "category"), ("genre",), ("genres",), before=("{v}",), equal=("in the {v} genre", "of the genre {v}")),
        amount("pages", "integer", ("pages", "page_count"), ("number of pages", "page count"), 50, 900,
               above=("with more than {n} pages", "longer than {n} pages"), below=("with fewer than {n} pages", "shorter than {n} pages"),
               most=("longest",), least=("shortest",)),
        date("published_at", ("published_at", "publication_date"), ("publication date",),
             passive=("published", "brought out"), happened=("were published", "came out"), noun=("books",),
             most=("newest", "latest"), least=("oldest",))), default=False),
    Table("students", (("students", "student"), ("pupils", "pupil")), (
        identity(), label("name", "full_name"), place("city", person=True),
        choice("major", ("major", "subject"), ("major",), ("majors",),
               equal=("who study {v}", "studying {v}", "with the major {v}", "~enrolled in {v}")),
        amount("grade", "integer", ("grade", "score", "average_grade"), ("grade",), 1, 100, most=("best",), least=("worst",)),
        amount("age", "integer", ("age",), ("age",), 17, 40,
               above=("older than {n}", "over {n} years old"), below=("younger than {n}", "under {n} years old"),
               most=("oldest",), least=("youngest",)),
        date("enrolled_at", ("enrolled_at", "enrollment_date"), ("enrollment date",),
             happened=("enrolled", "started", "were admitted"), noun=("enrollments",), most=("newest",), least=("earliest",))),
        person=True, default=False),
    Table("tickets", (("tickets", "ticket"), ("issues", "issue"), ("support requests", "support request")), (
        identity(), Column("name", "name", ("title", "subject"), ("title",), ("titles",), values="product", required=True),
        choice("priority", ("priority", "severity"), ("priority",), ("priorities",),
               equal=("with {v} priority", "of {v} priority", "whose priority is {v}", "~that have {v} priority")),
        Column("assignee", "name", ("assignee", "assigned_to"), ("assignee",), ("assignees",), values="person",
               phrases={"equal": ("assigned to {v}", "given to {v}"), "missing": ("without an assignee", "that are not assigned", "with no assignee"),
                        "present": ("with an assignee", "that are assigned")}),
        date("opened_at", ("opened_at", "created_at"), ("opening date",), passive=("opened", "raised"), happened=("were opened", "were created"),
             noun=("tickets",), most=("newest", "latest", "most recent"), least=("oldest",)),
        date("closed_at", ("closed_at", "resolved_at"), ("closing date",), passive=("closed", "resolved"), happened=("were closed", "were resolved"),
             missing=("that are still open", "that have not been closed", "that are unresolved"), present=("that are closed", "that have been closed"))),
        default=False),
    Table("flights", (("flights", "flight"), ("trips", "trip")), (
        identity(),
        Column("origin", "place", ("origin", "departure_city"), ("origin",), ("origins",), values="city",
               phrases={"equal": ("from {v}", "leaving from {v}", "departing from {v}", "that leave {v}"), "other": ("not from {v}",)}),
        Column("destination", "place", ("destination", "arrival_city"), ("destination",), ("destinations",), values="city",
               phrases={"equal": ("to {v}", "going to {v}", "that go to {v}", "bound for {v}"), "other": ("not to {v}",)}),
        amount("price", "money", ("price", "fare"), ("price",), 30, 1500, above=("that cost more than {n}",), below=("that cost less than {n}", "cheaper than {n}"),
               most=("most expensive",), least=("cheapest",)),
        amount("duration", "integer", ("duration", "minutes"), ("duration",), 40, 900, above=("longer than {n} minutes",), below=("shorter than {n} minutes",),
               most=("longest",), least=("shortest",)),
        date("departs_at", ("departs_at", "departure_date"), ("departure date",), happened=("departed", "left"), noun=("flights",),
             most=("latest",), least=("earliest",))), default=False),
)

RELATIONS = (
    Relation("customers", "orders", "customer_id", ("placed", "made"),
             ("without any {cs}", "who have never placed {a} {c}", "with no {cs}", "who have no {cs}", "~who never made {a} {c}")),
    Relation("products", "orders", "product_id", ("received",),
             ("without any {cs}", "that were never ordered", "with no {cs}", "that have no {cs}", "that nobody ordered")),
    Relation("departments", "employees", "department_id", ("hired",),
             ("without any {cs}", "with no {cs}", "that have no {cs}", "~that do not have any {cs}")),
    Relation("users", "events", "user_id", ("triggered", "generated"),
             ("without any {cs}", "with no {cs}", "who have no {cs}", "~who do not have any {cs}")),
    Relation("users", "subscriptions", "user_id", ("bought",),
             ("without {a} {c}", "with no {cs}", "who have no {c}", "who have never had {a} {c}", "~who do not have {a} {c}")),
    Relation("products", "reviews", "product_id", ("received", "got"),
             ("without any {cs}", "with no {cs}", "that have no {cs}", "~that do not have any {cs}")),
    Relation("customers", "reviews", "customer_id", ("written", "posted"),
             ("without any {cs}", "with no {cs}", "who have never written {a} {c}", "who never wrote {a} {c}")),
)

# Columns that no question asks about; they teach the model to pass over what it does not need.
DISTRACTORS = ("phone TEXT", "notes TEXT", "updated_at DATE", "address TEXT", "code TEXT", "description TEXT", "weight REAL")


def _coined_table(chance: random.Random, number: int) -> Table:
    """A table whose name and columns mean nothing: a question over it can be answered only by copying them from the prompt."""
    noun = values.coin(chance)
    columns = [identity(), label(*([] if chance.random() < 0.5 else ["title"]))]
    for position in range(chance.randint(3, 6)):
        word = values.coin(chance) if chance.random() < 0.7 else f"{values.coin(chance)} {values.coin(chance)}"
        kind, name = chance.choice(("integer", "money", "choice", "choice", "date")), word.replace(" ", "_")
        more = {"values": f"coined {number} {position}", "plural": (word + "s",)} if kind == "choice" else {"low": 1, "high": chance.choice((50, 900, 20000))}
        phrases = {"happened": (f"have a {word}", f"had their {word}")} if kind == "date" else {}
        columns.append(Column(word, kind, (name, f"{name}_{chance.choice(('value', 'code', 'at', 'info'))}"), (word,), phrases=phrases, **more))
    return Table(f"coined {number}", ((f"{noun}s", noun),), tuple(columns), default=False)


COINED = tuple(_coined_table(random.Random(f"table {number}"), number) for number in range(600))
BY_KEY = {table.key: table for table in TABLES + COINED}


def table(key: str) -> Table:
    return BY_KEY[key]


@dataclass
class Schema:
    """Which tables and columns there are, and under which names."""

    tables: dict[str, int]  # table key → index into its nouns
    columns: dict[tuple[str, str], str]  # (table key, column key) → name
    distractors: dict[str, str] = field(default_factory=dict)
    prefix: str = ""  # before each table's name

    def name(self, table_key: str) -> str:
        return self.prefix + table(table_key).nouns[self.tables[table_key]][0].replace(" ", "_")

    def column(self, table_key: str, column_key: str) -> str:
        return self.columns[table_key, column_key]

    def has(self, table_key: str, column_key: str) -> bool:
        return (table_key, column_key) in self.columns

    def ddl(self) -> str:
        return "\n".join(self._create(table(key)) for key in self.tables)

    def _create(self, table: Table) -> str:
        columns = [f"{self.columns[table.key, column.key]} {column.sql_type}" for column in table.columns if self.has(table.key, column.key)]
        if table.key in self.distractors:
            columns.append(self.distractors[table.key])
        return f"CREATE TABLE {self.name(table.key)} ({', '.join(columns)});"


def default_schema() -> Schema:
    """What a prompt without a schema means; README.md shows it."""
    tables = {table.key: 0 for table in TABLES if table.default}
    columns = {(table.key, column.key): column.names[0] for table in TABLES if table.default for column in table.columns}
    return Schema(tables, columns)


def random_schema(chance: random.Random, held: bool) -> Schema:
    """A few tables, with their relations, some columns left out and some names changed; in training two fifths are coined or disguised."""
    if not held and chance.random() < 0.2:
        coined = chance.sample(COINED, chance.choice((1, 1, 2)))
        schema = Schema({table.key: 0 for table in coined}, {})
        for one in coined:
            _choose_columns(schema, one, chance)
        return schema
    keys = {chance.choice(TABLES).key}
    related = [relation for relation in RELATIONS if keys & {relation.parent, relation.child}]
    if related and chance.random() < 0.7:
        relation = chance.choice(related)
        keys |= {relation.parent, relation.child}
    if chance.random() < 0.25:
        keys.add(chance.choice(TABLES).key)
    ordered = sorted(sorted(keys), key=lambda _: chance.random())  # a set has no order of its own
    schema = Schema({key: 0 if chance.random() < 0.5 else chance.randrange(len(table(key).nouns)) for key in ordered}, {})
    for key in ordered:
        _choose_columns(schema, table(key), chance)
    if not held and chance.random() < 0.25:
        _disguise(schema, chance)
    return schema


def _disguise(schema: Schema, chance: random.Random) -> None:
    """Gives tables and columns names that no other schema has, but that show what they are."""
    schema.prefix = chance.choice(("", "tbl_", "app_", "all_", "shop_", f"{values.coin(chance)}_"))
    end = chance.choice(("_1", "_value", "_col", "_field", "_x", f"_{values.coin(chance)}"))
    for place, name in schema.columns.items():
        if place[1] != "id" and chance.random() < 0.5:
            schema.columns[place] = name + end


def _choose_columns(schema: Schema, table: Table, chance: random.Random) -> None:
    taken: set[str] = set()
    for column in table.columns:
        if not column.required and chance.random() < 0.2:
            continue
        name = column.names[0] if chance.random() < 0.5 else chance.choice(column.names)
        if name in taken:
            name = next((other for other in column.names if other not in taken), None)
            if name is None:
                continue
        taken.add(name)
        schema.columns[table.key, column.key] = name
    if chance.random() < 0.2:
        schema.distractors[table.key] = next(d for d in sorted(DISTRACTORS, key=lambda _: chance.random()) if d.split()[0] not in taken)
