"""The values that questions name and tables hold.

Pools of the open kind (people, places, products, numbers, dates) have a part that no training question names: a
held-out question draws from it, so that an answer is right only if the model copies the value. More than half of the
values in training are coined, new each time, so that copying is what is learned. The closed kind (statuses, plans …) is the same for both.
"""

from __future__ import annotations

import random

FIRST = ("Alice Bob Carol David Emma Frank Grace Henry Ivy Jack Karen Liam Maria Noah Olivia Peter Quinn Rosa Samuel Tina Umar "
         "Victor Wendy Xavier Yara Zoe Anna Boris Clara Diego Elena Felix Gina Hugo Ines Jonas Kira Leo Mona Nina Oscar Paula "
         "Rita Simon Tara Ursula Vera Walter Yusuf Zara Ahmed Bianca Cyrus Dalia Ethan Fatima George Hana Ibrahim Julia").split()
LAST = ("Smith Jones Miller Brown Garcia Weber Rossi Silva Kim Chen Khan Novak Meyer Dubois Larsen Costa Haddad Ivanov Tanaka "
        "Okafor Murphy Evans Walker Young Lopez Martin Schmidt Fischer Moreau Ricci Berg Olsen Nagy Kowalski Petrov").split()
CITIES = ("Paris London Berlin Madrid Rome Vienna Lisbon Dublin Oslo Stockholm Helsinki Copenhagen Warsaw Prague Budapest Athens "
          "Istanbul Cairo Dubai Mumbai Delhi Tokyo Osaka Seoul Beijing Shanghai Singapore Sydney Melbourne Toronto Montreal Chicago "
          "Boston Seattle Denver Austin Dallas Houston Miami Atlanta Phoenix Hamburg Munich Cologne Lyon Marseille Milan Naples "
          "Porto Geneva Zurich Brussels Amsterdam Rotterdam Manchester Glasgow Edinburgh Nairobi Lagos Muscat Doha Lima Bogota").split() + [
    "New York", "Los Angeles", "San Francisco", "Hong Kong", "Cape Town", "Buenos Aires", "Mexico City", "Tel Aviv"]
COUNTRIES = ("France Germany Spain Italy Austria Portugal Ireland Norway Sweden Finland Denmark Poland Hungary Greece Turkey Egypt "
             "India Japan China Australia Canada Brazil Mexico Argentina Chile Peru Kenya Nigeria Morocco Oman Qatar Switzerland "
             "Belgium Netherlands Ukraine Romania Bulgaria Croatia Iceland Vietnam Thailand Indonesia Malaysia Pakistan Jordan").split() + [
    "United States", "United Kingdom", "South Africa", "South Korea", "New Zealand", "Saudi Arabia"]
PRODUCTS = ("Lamp Desk Chair Laptop Phone Tablet Camera Printer Monitor Keyboard Mouse Speaker Headset Router Charger Backpack Bottle "
            "Jacket Shirt Sneakers Watch Blender Kettle Toaster Guitar Drone Scooter Helmet Tent Pillow Blanket Mirror Sofa Shelf").split()
ADJECTIVES = "Red Blue Green Black White Silver Golden Small Large Mini Smart Classic Deluxe Pro Ultra Eco Basic Premium".split()

CLOSED = {
    "segment": ("Enterprise", "Consumer", "Retail", "Wholesale", "Government"),
    "status": ("pending", "shipped", "delivered", "cancelled", "completed", "returned", "refunded", "paid", "processing"),
    "category": ("Electronics", "Books", "Clothing", "Toys", "Furniture", "Sports", "Garden", "Food", "Beauty", "Music"),
    "job_title": ("Engineer", "Manager", "Analyst", "Designer", "Accountant", "Developer", "Consultant", "Director", "Technician", "Recruiter"),
    "department": ("Sales", "Marketing", "Engineering", "Finance", "Support", "Legal", "Research", "Operations", "Design", "Logistics"),
    "plan": ("free", "basic", "premium", "pro", "enterprise", "business", "team"),
    "event_type": ("login", "logout", "click", "purchase", "signup", "download", "view", "search"),
    "device": ("mobile", "desktop", "tablet", "web", "ios", "android"),
    "genre": ("Fantasy", "Mystery", "Romance", "History", "Science", "Horror", "Poetry", "Biography"),
    "major": ("Physics", "Biology", "Mathematics", "Chemistry", "Economics", "Philosophy", "Law", "Medicine"),
    "priority": ("low", "medium", "high", "urgent", "critical"),
}
EMAIL_HOSTS = ("gmail.com", "yahoo.com", "outlook.com", "example.com", "hotmail.com", "proton.me", "company.org", "icloud.com", "mail.ru", "web.de")


def _is_held(index: int) -> bool:
    """One value in eight is kept out of training."""
    return index % 8 == 5


def _pool(values, held: bool) -> list[str]:
    return [value for index, value in enumerate(values) if _is_held(index) == held]


OPEN = {"city": CITIES, "country": COUNTRIES}
KNOWN = {pool: frozenset(_pool(names, False)) for pool, names in OPEN.items()}
ONSETS = "b c d f g h j k l m n p r s t v w z br ch cl dr fl gr kr pl qu sh sk sl st th tr wh y  ".split(" ")
VOWELS = "a e i o u a e i o ai ea ee ia ie io oo ou".split()
CODAS = "n r s l m t d k x ng nd rt st ck ll    ".split(" ")


def number(chance: random.Random, low: int, high: int, held: bool) -> int:
    """A number within the bounds; those that leave 3 when divided by 7 are held out (unless the range is tiny)."""
    while True:
        value = chance.randint(low, high)
        if high - low > 100 and chance.random() < (0.7 if held else 0.4):
            step = 10 ** (len(str(value)) - chance.choice((1, 2)))
            value = max(low, value // step * step)
        if high - low < 12 or (value % 7 == 3) == held:
            return value


def date(chance: random.Random, held: bool) -> str:
    """A day of 2020–2025; days 7, 17 and 27 of a month are held out."""
    day = chance.choice((7, 17, 27)) if held else chance.choice([d for d in range(1, 29) if d % 10 != 7])
    if not held and chance.random() < 0.3:
        day = 1
    return f"{chance.randint(2020, 2025)}-{chance.randint(1, 12):02}-{day:02}"


def bound(chance: random.Random, low: int, most: int, held: tuple[int, ...]) -> int:
    """A small number, a limit say, that is none of those held out; small ones are frequent."""
    return chance.choice([number for number in range(low, chance.choice((10, 60, most))) if number not in held])


def known(pool: str) -> frozenset[str]:
    """What training names of an open pool, besides coined words."""
    return KNOWN[pool]


def coin(chance: random.Random) -> str:
    """A word that nobody has read, so that it can only be copied."""
    parts = [chance.choice(ONSETS) + chance.choice(VOWELS) + chance.choice(CODAS) for _ in range(chance.choice((1, 2, 2, 2, 3)))]
    return "".join(parts)


def coined(chance: random.Random, pool: str) -> str:
    """A coined value of an open pool."""
    words = [coin(chance).capitalize() for _ in range(2)]
    if pool == "product":
        return f"{chance.choice(ADJECTIVES)} {words[0]}"
    return " ".join(words) if chance.random() < (0.15 if pool in OPEN else 0.6) else words[0]


def pick(chance: random.Random, pool: str, held: bool, fresh: float = 0.55) -> str:
    """A value of a named pool; in training a coined one with probability `fresh`."""
    if pool.startswith("coined"):
        return coin(random.Random(f"{pool} {chance.randrange(12)}"))
    if pool in CLOSED:
        return chance.choice(CLOSED[pool])
    if not held and fresh and chance.random() < fresh:
        return coined(chance, pool)
    if pool in OPEN:
        return chance.choice(_pool(OPEN[pool], held))
    if pool == "product":
        return f"{chance.choice(ADJECTIVES)} {chance.choice(_pool(PRODUCTS, held))}"
    full = f"{chance.choice(_pool(FIRST, held))} {chance.choice(_pool(LAST, held))}"
    return full if chance.random() < 0.6 else full.split()[0]


def beginning(chance: random.Random, held: bool) -> str:
    """The first letters of a name, for LIKE."""
    word = coin(chance).capitalize() if not held and chance.random() < 0.5 else chance.choice(_pool(FIRST + PRODUCTS, held))
    return word[: chance.choice((1, 1, 2, 3))]


def fragment(chance: random.Random, held: bool) -> str:
    """Letters from within a word, for LIKE."""
    word = coin(chance) if not held and chance.random() < 0.6 else chance.choice(_pool(LAST + PRODUCTS + FIRST, held)).lower()
    start = chance.randrange(max(1, len(word) - 3))
    return word[start : start + chance.choice((2, 3, 4))]
