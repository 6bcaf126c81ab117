"""A gateway: chat, questions that become SQL, and the health of what is behind it."""

CHAT = "/v1/chat/completions"


def check_completion(answer, model, most):
    assert answer["id"].startswith("chatcmpl-")
    assert answer["object"] == "chat.completion"
    assert isinstance(answer["created"], int)
    assert answer["model"] == model
    [choice] = answer["choices"]
    assert choice["index"] == 0
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] in ("stop", "length")
    usage = answer["usage"]
    assert 0 < usage["completion_tokens"] <= most
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_chat_with_every_parameter(post, model):
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": "Hello!"}]
    body = {"model": model, "messages": messages, "max_tokens": 100, "temperature": 0.7, "top_p": 0.9, "stream": False}
    check_completion(post(CHAT, body).json(), model, 100)


def test_chat(post, model):
    messages = [{"role": "user", "content": "Explain quantum computing in simple terms"}]
    check_completion(post(CHAT, {"model": model, "messages": messages, "max_tokens": 150}).json(), model, 150)


def test_chat_behind_the_gateway(post, model):
    for content, most in [("Hello", 50), ("SQL query", 100)]:
        body = {"model": model, "messages": [{"role": "user", "content": content}], "max_tokens": most}
        check_completion(post(CHAT, body).json(), model, most)


def test_a_stream(stream, model):
    messages = [{"role": "user", "content": "Tell me a story"}]
    chunks = stream(CHAT, {"model": model, "messages": messages, "max_tokens": 200, "stream": True})
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks][-1] in ("stop", "length")


def sql(post, model, question, most):
    body = {"model": model, "messages": [{"role": "user", "content": question}], "max_tokens": most}
    answer = post("/text2sql", body).json()
    check_completion(answer, model, most)
    assert answer["text2sql"] == {"valid": True, "dialect": "sqlite", "error": None}
    return answer["choices"][0]["message"]["content"]


def test_sql_for_users_of_the_last_30_days(post, model, people, new_users):
    found = people(sql(post, model, "Convert to SQL: Show all users who registered in the last 30 days", 200), "user ")
    assert sorted(found) == sorted(new_users)


def test_sql_for_the_top_10_customers(post, model, people, best_customers):
    assert people(sql(post, model, "Convert to SQL: Get top 10 customers by revenue", 150), "customer ") == best_customers


def test_sql_needs_no_model_and_streams(stream, people, best_customers):
    messages = [{"role": "user", "content": "Get top 10 customers by revenue"}]
    chunks = stream("/text2sql", {"messages": messages, "stream": True})
    text = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert people(text, "customer ") == best_customers
    assert [chunk["text2sql"]["valid"] for chunk in chunks if "text2sql" in chunk] == [True]


def test_health(get):
    answer = get("/health").json()
    assert answer["status"] == "healthy"
    assert set(answer["backends"]) == {"chat", "text2sql"}
    assert all(answer["backends"].values())
