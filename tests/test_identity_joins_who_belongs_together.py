"""Are accounts joined just where keys link them, in any order, and are junk keys and doubts reported?"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import lifecast as lc
from lifecast.datasets import simulate_shop

KEYS = ["email", "phone", "loyalty_card"]
SHOP = simulate_shop(3000, season=0.0, random_seed=6)


def slow_join(table: pd.DataFrame, keys: list[str], most: int) -> dict[Any, Any]:
    """Each account's customer, by union-find over plain strings."""
    parent = {account: account for account in table["account"]}

    def root(account: Any) -> Any:
        while parent[account] != account:
            account = parent[account]
        return account

    for key in keys:
        holders: dict[str, set[Any]] = {}
        for account, value in zip(table["account"], table[key], strict=True):
            text = "" if pd.isna(value) else str(value)
            if key == "email":
                text = "".join(text.split()).lower()
            if key == "phone":
                text = "".join(c for c in text if c.isdigit())
                text = text[2:] if text.startswith("00") and text[2:3] not in ("", "0") else text
            if text.strip():
                holders.setdefault(text.strip(), set()).add(account)
        for accounts in holders.values():
            if len(accounts) <= most:
                one, *others = (root(account) for account in accounts)
                for other in others:
                    one, other = root(one), root(other)
                    parent[max(one, other)] = min(one, other)
    return {account: root(account) for account in parent}


def customers_of(people: lc.Identities) -> dict[Any, Any]:
    return dict(zip(people.accounts["account"], people.accounts["customer_id"], strict=True))


@pytest.mark.parametrize("most", [5, 50])
def test_are_accounts_joined_as_by_a_slow_union_find(most: int) -> None:
    people = lc.join_identities(SHOP.identities, keys=KEYS, max_sharing=most)
    assert customers_of(people) == slow_join(SHOP.identities, KEYS, most)


@pytest.mark.parametrize("seed", range(5))
def test_are_chains_followed_over_any_number_of_steps(seed: int) -> None:
    # Sparse random links make long chains: 1-2 by email, 2-3 by phone, 3-4 by card, ...
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"account": rng.integers(0, 300, 500)})
    for key in KEYS:
        value = pd.Series(rng.integers(1, 400, 500)).astype(str)
        table[key] = value.where(rng.uniform(size=500) < 0.5)
    people = lc.join_identities(table, keys=KEYS)
    assert customers_of(people) == slow_join(table, KEYS, 10)
    assert people.clusters["accounts"].max() > 10


def test_is_the_answer_the_same_in_any_order_of_rows() -> None:
    once = lc.join_identities(SHOP.identities, keys=KEYS)
    again = lc.join_identities(SHOP.identities.sample(frac=1, random_state=3), keys=KEYS[::-1])
    pd.testing.assert_frame_equal(once.accounts, again.accounts)
    same = once.clusters.columns
    pd.testing.assert_frame_equal(once.clusters, again.clusters[same])
    # The smallest account names the customer.
    assert (once.accounts["customer_id"] <= once.accounts["account"]).all()
    smallest = once.accounts.groupby("customer_id")["account"].min()
    assert (smallest.index == smallest).all()


@pytest.mark.parametrize(
    ("key", "one", "other", "same"),
    [
        ("email", "Ann@Mail.example ", "ann@mail.example", True),
        ("email", "ann@mail.example", "anne@mail.example", False),
        ("phone", "+49 (30) 12-34", "0049301234", True),
        ("phone", "030 1234", "0301234", True),
        ("phone", "030 1234", "030 1235", False),
        ("card", " 0017", "0017", True),
        ("card", "0017", "17", False),
        ("card", "", "", False),
        ("card", "  ", "  ", False),
        ("email", None, None, False),
        ("email", "NULL", "null", False),
        ("phone", "n/a", "n/a", False),
        ("phone", "-", "-", False),
    ],
)
def test_are_keys_compared_as_people_mean_them(key: str, one: Any, other: Any, same: bool) -> None:
    table = pd.DataFrame({"account": ["a", "b"], key: pd.array([one, other], dtype="str")})
    joined = lc.join_identities(table, keys=[key]).accounts["customer_id"].tolist()
    assert joined == (["a", "a"] if same else ["a", "b"])


def test_are_numbers_keys_too() -> None:
    table = pd.DataFrame({"account": [3, 2, 1], "phone": [4930123.0, 4930123.0, np.nan], "card": [5, 6, 6]})
    people = lc.join_identities(table, keys=["phone", "card"])
    assert people.accounts["customer_id"].tolist() == [1, 1, 1]
    assert people.accounts["customer_id"].dtype == np.int64
    # As text with a sign, under a kind of its own.
    table["phone"] = ["+49 30 123", "4930123", ""]
    by_kind = lc.join_identities(table, keys={"phone": "phone", "card": "text"})
    assert by_kind.accounts["customer_id"].tolist() == [1, 1, 1]
    assert lc.join_identities(table, keys={"phone": "text"}).accounts["customer_id"].tolist() == [1, 2, 3]


def test_do_values_shared_by_thousands_join_nobody_and_are_reported() -> None:
    n = 4000
    table = pd.DataFrame({"account": np.arange(n), "email": "Unknown@shop.example", "phone": "0000"})
    table["email"] = table["email"].where(table["account"] % 2 == 0, table["account"].astype(str) + "@x")
    people = lc.join_identities(table, keys=["email", "phone"])
    assert people.accounts["customer_id"].nunique() == n and people.clusters.empty
    assert people.shared_too_widely.to_numpy().tolist() == [
        ["phone", "0000", 4000],
        ["email", "unknown@shop.example", 2000],
    ]
    assert people.keys.set_index("key")["too_widely"].to_dict() == {"email": 1, "phone": 1}
    # Without the cap they would all be one customer, and a giant.
    all_one = lc.join_identities(table, keys=["email", "phone"], max_sharing=n)
    assert all_one.accounts["customer_id"].nunique() == 1
    assert "4,000  phone '0000'" in str(people)


def test_are_conflicts_and_giants_told() -> None:
    table = pd.DataFrame(
        {
            "account": ["a", "b", "c", "d", "e", "f"],
            "email": ["1@x", "1@x", "2@x", "2@x", "3@x", None],
            "phone": ["11", None, "22", "22", "22", None],
            "loyalty_card": ["L1", "L2", None, "L3", None, "L4"],
        }
    )
    people = lc.join_identities(table, keys=KEYS, max_sharing=3)
    assert people.clusters.to_numpy().tolist() == [["c", 3, 2, 1, 1], ["a", 2, 1, 1, 2]]
    assert people.conflicts["customer_id"].tolist() == ["c", "a"]
    assert people.giants.empty
    # A chain makes more of them than any one value may.
    chain = pd.DataFrame({"account": range(10), "email": [f"{k // 2}@x" for k in range(10)]})
    chain["phone"] = [str(100 + (k + 1) // 2) for k in range(10)]
    linked = lc.join_identities(chain, keys=["email", "phone"], max_sharing=2)
    assert linked.giants[["customer_id", "accounts"]].to_numpy().tolist() == [[0, 10]]
    # What joins nobody is no conflict either.
    shared = pd.DataFrame({"account": range(6), "email": ["a@x", "a@x", *"bcde"], "phone": "0"})
    shared.loc[0, "phone"] = "77"
    assert lc.join_identities(shared, keys=["email", "phone"], max_sharing=3).conflicts.empty


def test_do_lines_of_a_log_serve_as_well_as_a_table_of_accounts(tmp_path: Path) -> None:
    lines = SHOP.log.merge(SHOP.identities.drop(columns="customer_id"), on="account")
    used = SHOP.identities[SHOP.identities["account"].isin(lines["account"])]
    of_accounts = lc.join_identities(used, keys=KEYS).accounts
    pd.testing.assert_frame_equal(lc.join_identities(lines, keys=KEYS).accounts, of_accounts)
    lines.to_csv(tmp_path / "lines.csv", index=False)
    from_file = lc.join_identities(str(tmp_path / "lines.csv"), keys=KEYS).accounts
    pd.testing.assert_frame_equal(from_file, of_accounts)


def test_do_joined_accounts_come_near_the_people() -> None:
    people = lc.join_identities(SHOP.identities, keys=KEYS)
    person = SHOP.identities.set_index("account")["customer_id"]
    customer = people.accounts.set_index("account")["customer_id"]
    # Few customers mix people, by a phone they share; those left apart gave no key in common.
    mixed = person.groupby(customer).nunique()
    assert (mixed > 1).mean() < 0.01
    before, after = len(person) - person.nunique(), customer.nunique() - person.nunique()
    assert after < 0.3 * before
    conflicting = people.conflicts["customer_id"]
    phones = SHOP.identities.assign(customer=customer[SHOP.identities["account"]].to_numpy())
    assert set(mixed[mixed > 1].index) <= set(conflicting) | set(phones["customer"][phones["phone"].notna()])


def test_are_accounts_with_long_numbers_told_apart() -> None:
    many = 2**60
    table = pd.DataFrame({"account": [many + 1, many + 3, many + 5], "email": ["a", "a", "b"]})
    people = lc.join_identities(table, keys=["email"])
    found = people.customer_of([many + 1, many + 3, many + 5, many + 7])
    assert found.tolist() == [many + 1, many + 1, many + 5, many + 7]
    assert people.customer_of([many + 3, "guest"]).tolist() == [many + 1, "guest"]


def test_do_lines_get_their_customer_and_strangers_keep_their_account() -> None:
    table = pd.DataFrame({"account": ["b", "a"], "email": ["1@x", "1@x"]})
    people = lc.join_identities(table, keys=["email"])
    assert people.customer_of(pd.Series(["b", "z", "a"], index=[9, 8, 7])).to_dict() == {
        9: "a",
        8: "z",
        7: "a",
    }
    with_gaps = people.customer_of(pd.Series(["b", None], dtype="str"))
    assert with_gaps[0] == "a" and pd.isna(with_gaps[1])


def test_does_joining_give_back_frequency_and_value() -> None:
    shop = simulate_shop(2000, season=0.0, random_seed=6)
    people = lc.join_identities(shop.identities, keys=KEYS)
    log = shop.log.assign(joined=people.customer_of(shop.log["account"]))
    rfms = [
        lc.rfm_summary(log, customer_id=name, past=False, observation_end=shop.end)
        for name in ("account", "joined", "customer_id")
    ]
    model = lc.CLTV(market=None)
    effect = lc.identity_effect(rfms[0], rfms[1], model=model)
    truth = lc.identity_effect(rfms[0], rfms[2], model=model)
    assert effect.loc["customers", ["apart", "joined"]].tolist() == [len(rfms[0]), len(rfms[1])]
    np.testing.assert_allclose(effect["change"], effect["joined"] / effect["apart"] - 1)
    assert effect.loc["frequency", "joined"] == rfms[1].frequency.mean()
    # Towards what they are when every account is known for whose it is.
    for measure in ("frequency", "repeat_share", "cltv"):
        apart, joined, whole = (*effect.loc[measure, ["apart", "joined"]], truth.loc[measure, "joined"])
        assert apart < joined < whole * 1.01
        assert whole - joined < 0.35 * (whole - apart), measure
    assert effect.loc["total_cltv", "joined"] == pytest.approx(
        effect.loc["cltv", "joined"] * effect.loc["customers", "joined"]
    )
    with pytest.raises(ValueError):  # the settings passed in are as they were: not fitted
        model.expected_purchases(rfms[0], 10)
    with pytest.raises(lc.DataError, match="accounts first"):
        lc.identity_effect(rfms[1], rfms[0])
    in_days = lc.rfm_summary(log, customer_id="joined", past=False, time_unit="day")
    with pytest.raises(lc.DataError, match="time units"):
        lc.identity_effect(rfms[0], in_days)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keys": []}, "needed a list"),
        ({"keys": "email"}, "needed a list"),
        ({"keys": ["e-mail"]}, "perhaps 'email'"),
        ({"keys": {"email": "address"}}, "'address'"),
        ({"keys": KEYS, "account": "konto"}, "konto"),
        ({"keys": KEYS, "max_sharing": 1}, "max_sharing=1"),
    ],
)
def test_are_impossible_settings_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(lc.SettingsError, match=message):
        lc.join_identities(SHOP.identities, **settings)


def test_are_rows_without_an_account_refused() -> None:
    table = pd.DataFrame({"account": ["a", None, " "], "email": ["1@x", "1@x", "2@x"]})
    with pytest.raises(lc.DataError, match="2 of 3 rows have no account"):
        lc.join_identities(table, keys=["email"])
    with pytest.raises(lc.DataError, match="no rows"):
        lc.join_identities(table.head(0), keys=["email"])


def test_is_a_column_of_categories_a_column_of_accounts() -> None:
    people = lc.join_identities(
        pd.DataFrame({"account": ["x", "a", "b"], "email": ["one@x", "two@x", "one@x"]}), keys=["email"]
    )
    accounts = pd.Series(["x", "b", "unknown", "a"], dtype="category")
    assert people.customer_of(accounts).tolist() == ["b", "b", "unknown", "a"]
