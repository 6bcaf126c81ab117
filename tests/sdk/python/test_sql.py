"""The demo model answers the questions it was made for with SQL that is right, not merely well formed."""


def answered(chat, question):
    return chat(question, max_tokens=128).choices[0].message.content


def test_users_of_the_last_30_days(chat, people, new_users):
    found = people(answered(chat, "Show all users who registered in the last 30 days"), "user ")
    assert sorted(found) == sorted(new_users)


def test_top_10_customers_by_revenue(chat, people, best_customers):
    assert people(answered(chat, "Get top 10 customers by revenue"), "customer ") == best_customers
