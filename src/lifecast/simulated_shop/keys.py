"""Accounts and keys as real people leave them: typed differently, left out, shared, made up."""

from typing import TYPE_CHECKING

import numpy as np

from lifecast.arrays import Integers

if TYPE_CHECKING:
    import pandas as pd

_MORE_ACCOUNTS = 0.25  # share of people who open another one, and of those yet another
_SECOND_EMAIL = 0.2  # of accounts: under the person's other address
_HOUSEHOLD = 0.01  # share of people who give somebody else's phone
_FILLED = {"email": 0.9, "phone": 0.6, "loyalty_card": 0.3}
_MADE_UP = {"email": "unknown@shop.example", "phone": "0000"}  # for one in 20 of those left out


def accounts_of(rng: np.random.Generator, people: int) -> tuple[Integers, np.ndarray]:
    """The person and the name of every account, (account,) each; in order of people.

    Names are in no order: they say nothing of the person.
    """
    person = np.repeat(np.arange(people), rng.geometric(1.0 - _MORE_ACCOUNTS, people))
    number = rng.permutation(person.size) + 1
    return person, np.char.add("A", np.char.zfill(number.astype(str), 7)).astype(object)


def keys_of(rng: np.random.Generator, person: Integers, account: np.ndarray) -> "pd.DataFrame":
    """One row per account: its name, the keys given with it, and the person."""
    import pandas as pd

    n = person.size
    name = person.astype(str)
    other = rng.uniform(size=n) < _SECOND_EMAIL
    email = np.where(other, np.char.add("work.", name), np.char.add("c", name))
    email = np.char.add(email, "@mail.example")
    typed_loudly = rng.uniform(size=n) < 0.1
    email = np.where(typed_loudly, np.char.add(np.char.upper(email), " "), email)

    owner = person.copy()
    people = np.unique(person)
    lenders = people[rng.uniform(size=people.size) < _HOUSEHOLD]
    lent = np.isin(person, lenders)
    owner[lent] = people[np.searchsorted(people, person[lent]) - 1]
    digits = np.char.zfill((owner * 7919 + 1_000_000).astype(str), 9)
    phone = np.char.add(np.where(rng.uniform(size=n) < 0.3, "0049-", "+49 "), digits)
    keys = {"email": email, "phone": phone, "loyalty_card": np.char.add("L", name)}
    table: dict[str, np.ndarray] = {"account": account}
    for key, values in keys.items():
        given = values.astype(object)
        missing = rng.uniform(size=n) >= _FILLED[key]
        made_up = missing & (rng.uniform(size=n) < 0.05)
        given[missing] = None
        if key in _MADE_UP:
            given[made_up] = _MADE_UP[key]
        table[key] = given
    frame = pd.DataFrame({**table, "customer_id": person})
    return frame.sort_values("account", ignore_index=True)
