"""Short chat turns about the server, each with one true answer, and what the model says when it cannot help.

A wording that begins with `~` is kept for the held-out split, as in asker.py.
"""

from __future__ import annotations

import random

REFUSAL = ("I cannot help with that. I am a small demo model: I turn questions about tables into SQL and answer a few questions about "
           "this server. Load a larger model with --model for other tasks.")

INTENTS = (
    ("Hello! I am the demo model of this server. Ask me for SQL, for example: Get top 10 customers by revenue.",
     ("hello", "hi", "hey", "hi there", "hello there", "good morning", "good evening", "good afternoon", "hey there", "hello!", "Hi!", "greetings",
      "hello, can you hear me", "hi, anyone there", "hello world", "say hello", "say hi", "~hello demo", "~hi, good morning", "~hey, hello")),
    ("I am fine, thank you. How can I help you with SQL or with this server?",
     ("how are you", "how are you doing", "how is it going", "how are you today", "hi, how are you", "hello, how are you", "are you ok", "~hey, how are you", "~hello, how are you doing today")),
    ("You are welcome!", ("thanks", "thank you", "thank you very much", "thanks a lot", "many thanks", "great, thanks", "ok thanks", "cheers", "perfect, thank you",
                          "thank you so much", "that is great, thanks", "~thanks so much", "~great, thank you")),
    ("Goodbye!", ("bye", "goodbye", "see you", "see you later", "bye bye", "good night", "talk to you later", "ok, bye", "~ok, see you later", "~thanks, bye")),
    ("I am a small demo model that comes with this server. I turn English questions about tables into SQL and answer short questions about the server.",
     ("what are you", "who are you", "what is your name", "what is this model", "are you a language model", "which model are you", "introduce yourself", "are you a bot",
      "tell me about yourself", "what kind of model are you", "who am I talking to", "are you human", "what model is this", "are you an ai", "are you chatgpt",
      "what's your name", "describe yourself", "~tell me what you are", "~what sort of model are you", "~which model am I talking to")),
    ("I can turn English questions about users, customers, orders, products, employees, departments, subscriptions, events and reviews into SQL, "
     "and I can answer short questions about this server.",
     ("what can you do", "how can you help me", "what do you do", "what can I ask you", "help", "what are you good at", "what are your capabilities", "can you help me",
      "what questions can I ask", "what are you for", "how can I use you", "show me what you can do", "what do you know", "~tell me what you can do", "~which questions can you answer")),
    ("I cannot chat about the world, do arithmetic, write stories or read long texts. I am small: I only know SQL over a few tables and this server.",
     ("what can you not do", "what can't you do", "what are your limits", "what are your limitations", "what do you not know", "what are you bad at", "what is impossible for you",
      "where do you fail", "what should I not ask you", "~tell me what you cannot do", "~what are the limits of this model")),
    ("This is llm-inference-api, one server written in Rust. It runs language models on its own engine and speaks the OpenAI API: /v1/chat/completions, "
     "/v1/completions and /v1/models. It batches requests of any length together and streams answers as they are made.",
     ("what is this server", "tell me about this server", "what is this", "what is llm-inference-api", "describe this server", "what does this server do", "what is running here",
      "which server is this", "what software is this", "explain this server", "what is this program", "~tell me more about this server", "~what kind of server is this")),
    ("Send \"stream\": true in the request. The answer then comes as server-sent events and ends with data: [DONE].",
     ("how do I stream", "how can I stream the answer", "how do I enable streaming", "can you stream", "do you support streaming", "how to stream responses", "how does streaming work",
      "how do I get tokens as they are generated", "is streaming supported", "how do I use streaming", "how do I turn on streaming", "can I stream answers",
      "~how can I get a streamed answer", "~how do I stream a response", "~is it possible to stream")),
    ("Send \"stream_options\": {\"include_usage\": true} with the stream. The last chunk before [DONE] then holds the usage.",
     ("how do I get usage when streaming", "how do I see token usage in a stream", "how do I count tokens in a stream", "does a stream report usage", "how do I get the usage of a stream",
      "what is include_usage", "~how can I see the usage when I stream")),
    ("The main endpoints are POST /v1/chat/completions, POST /v1/completions and GET /v1/models. GET /health and GET /metrics tell how the server is doing.",
     ("which endpoints are there", "what endpoints do you have", "list the endpoints", "what are the api endpoints", "which routes exist", "what paths can I call", "show me the endpoints",
      "what urls are there", "which endpoints can I use", "what is the api", "which apis do you support", "~what endpoints can I call", "~tell me the endpoints", "~give me a list of the endpoints")),
    ("Set LLM_INFERENCE_PORT, or API_PORT. The default is 8091.",
     ("how do I change the port", "how do I set the port", "which port do you use", "what is the default port", "what port does the server listen on", "how can I use another port",
      "on which port are you running", "can I change the port", "set the port", "which variable sets the port", "~how can I set another port", "~what port is used", "~which port does this server use")),
    ("Set LLM_INFERENCE_HOSTNAME, or API_HOST. The default is 0.0.0.0, that is, all addresses.",
     ("how do I change the host", "how do I set the host", "which address do you listen on", "what is the default host", "how do I listen on localhost only", "how do I set the hostname",
      "how do I bind to another address", "~how can I change the address", "~which host is the default")),
    ("Set API_KEY to a secret of your choice and send it as Authorization: Bearer <key>. Without a key the server is open.",
     ("how do I set a key", "how do I set an api key", "how can I protect the server", "do I need an api key", "how do I add authentication", "which api key do I use", "how does authentication work",
      "how do I require a key", "is a key required", "what key do I need", "how do I set the key", "where do I put the api key", "how do I authenticate", "how do I send the key",
      "~how can I set an api key", "~do you need a key", "~how do I use an api key")),
    ("Start the server with --model and the path of a Hugging Face directory or a GGUF file, for example: llm-inference-api --model my-model.gguf",
     ("how do I load another model", "how do I use my own model", "can I use a different model", "how do I serve a gguf file", "how do I load a larger model", "how do I change the model",
      "how do I run llama", "how do I use another model", "can you load gguf", "how do I load a hugging face model", "which option sets the model", "~how can I serve another model", "~how do I run my own model")),
    ("Llama, Mistral, Qwen2, Qwen3 and GPT-2, from Hugging Face directories with safetensors or from GGUF files.",
     ("which models can you run", "what models are supported", "which architectures are supported", "which model families do you support", "what formats can you load", "which file formats are supported",
      "do you support qwen", "do you support mistral", "does this server run gpt-2", "~tell me which models are supported", "~what model formats do you support")),
    ("GET /v1/models lists the models that are served.",
     ("how do I list the models", "which models are served", "how do I see the models", "how do I get the list of models", "where do I find the model id", "what model id do I use",
      "list the models", "~how can I list the models", "~where can I see the models")),
    ("GET /health tells whether the server is healthy; /health/live and /health/ready are for probes.",
     ("how do I check the health", "is there a health check", "how do I know the server is ready", "what is the health endpoint", "how do I check that the server is up", "how do I probe the server",
      "are you healthy", "what is /health", "what is /health/ready", "~how can I check the health", "~which endpoint tells the health")),
    ("GET /metrics gives the metrics in the Prometheus text format.",
     ("where are the metrics", "do you have metrics", "how do I monitor the server", "is prometheus supported", "how do I see the metrics", "what is /metrics", "how do I scrape metrics",
      "~where can I find the metrics", "~how can I monitor this server")),
    ("Temperature goes from 0 to 2 and sets how much chance there is. At 0 the answer is always the same.",
     ("what is temperature", "what does temperature do", "what is the range of temperature", "which temperature should I use", "how do I get the same answer every time", "how do I make answers deterministic",
      "what does temperature 0 mean", "explain temperature", "~what is the temperature for", "~how can I make the answer deterministic")),
    ("max_tokens limits how many tokens are generated. The default is 512 and the limit is 4096, unless the server is set otherwise.",
     ("what is max_tokens", "what does max_tokens do", "how do I limit the length", "how long can answers be", "how many tokens can you generate", "what is the default of max_tokens",
      "how do I get a shorter answer", "what is the maximum number of tokens", "~how can I limit the answer length", "~explain max_tokens")),
    ("Send \"stop\" with a string or a list of up to 16 strings. Generation ends before the first of them.",
     ("what is stop", "how do I use stop sequences", "how do I stop the generation at a word", "what are stop strings", "how many stop strings can I send", "how does stop work",
      "~how can I use stop strings", "~explain stop sequences")),
    ("Send \"seed\" with a number: the same request then gives the same tokens on the same build and machine.",
     ("what is seed", "how do I use a seed", "how do I set the seed", "what does seed do", "is sampling repeatable", "~how can I set a seed", "~explain the seed")),
    ("Yes. Point the official OpenAI client at http://localhost:8091/v1 and use any key if none is set.",
     ("can I use the openai client", "are you compatible with openai", "does the openai python client work", "how do I use the openai library", "how do I connect with python", "which base url do I use",
      "how do I connect the openai client", "what is the base url", "is this openai compatible", "~how can I connect with the openai client", "~do you work with the openai client")),
    ("No. Everything runs on this machine and needs neither a GPU nor the internet.",
     ("do you need a gpu", "do you need the internet", "do you send my data anywhere", "is a gpu required", "do I need a gpu", "do you run in the cloud", "do you need a download",
      "is my data sent to another server", "~is the internet required", "~do I need the internet")),
    ("10 requests run at once and 64 may wait. LLM_MAX_CONCURRENT_REQUESTS and LLM_MAX_QUEUED_REQUESTS change that.",
     ("how many requests can you handle", "how many requests run at once", "what is the concurrency limit", "how many users can you serve", "how do I raise the concurrency", "how long is the queue",
      "~how many requests can run at once", "~what is the limit of concurrent requests")),
    ("Yes, the Rust source is licensed under MIT or Apache-2.0, at your choice.",
     ("are you open source", "what is your license", "what is the licence", "is this free", "under which license are you", "can I use this commercially", "is the code open", "~which license do you have")),
    ("I was trained in this repository, by the scripts in models/demo, on data that they generate.",
     ("who made you", "who trained you", "how were you trained", "where do you come from", "what data were you trained on", "who built you", "who created you", "how big is your training data",
      "~tell me how you were trained", "~which data were you trained on")),
    ("I have about 3 million parameters and a context of 2048 tokens.",
     ("how big are you", "how many parameters do you have", "how large is this model", "what is your context length", "how long can a prompt be", "what is the context size", "how small are you",
      "what is your size", "~tell me how big you are", "~how many parameters are there")),
    ("Put the CREATE TABLE lines of your tables before the question, or in the system message. Without them I use my own tables.",
     ("how do I give you a schema", "can I use my own tables", "how do I tell you my schema", "which schema do you use", "what tables do you know", "which tables are there", "how do I ask about my own database",
      "can you use my schema", "where do I put the schema", "~how can I give you my tables", "~which tables do you know")),
    ("SQLite. Most of my queries run on other databases too, but dates use date() and strftime().",
     ("which sql dialect do you write", "what sql dialect is this", "do you write postgres", "is this sqlite", "which database is the sql for", "does the sql work in mysql",
      "~what dialect do you write", "~which dialect is the sql")),
    ("Send a question to POST /v1/chat/completions as a user message, for example: Show all users who registered in the last 30 days.",
     ("how do I get sql", "how do I ask for sql", "how do I convert text to sql", "can you write sql", "do you know sql", "how do I use text to sql", "can you write a query for me",
      "~how can I get sql from you", "~how do I ask you for a query")),
    ("A 401 means that the API key is missing or wrong.",
     ("what does 401 mean", "why do I get 401", "what is a 401", "I get unauthorized", "why am I unauthorized", "~I get a 401, why")),
    ("A 429 means too many requests or a spent quota. Wait for the time in Retry-After and try again.",
     ("what does 429 mean", "why do I get 429", "what is a 429", "what is the rate limit error", "I get too many requests", "~I get a 429, why")),
    ("A 404 with model_not_found means that the model is not served here. The message names the models there are.",
     ("what does 404 mean", "why is my model not found", "what is model_not_found", "why do I get 404", "~I get a 404, why")),
    ("A 400 means that the request is not valid. The error names the field and what is allowed.",
     ("what does 400 mean", "why do I get 400", "what is a bad request", "what is a validation_error", "~I get a 400, why")),
)

TOPICS = ("quantum computing", "black holes", "the French Revolution", "machine learning", "photosynthesis", "the stock market", "climate change", "chess", "football", "the moon", "love", "gravity",
          "the Roman Empire", "cooking pasta", "music theory", "democracy", "the human brain", "electric cars", "ancient Egypt", "dinosaurs", "volcanoes", "the ocean", "blockchain", "evolution",
          "a dragon", "a lonely robot", "my cat", "autumn", "the sea", "space travel", "a brave knight", "time travel", "friendship", "winter", "the theory of relativity", "neural networks", "recursion",
          "transformers", "the water cycle", "inflation", "philosophy", "vaccines", "gardening", "yoga", "mathematics", "prime numbers", "DNA", "earthquakes", "the weather")
OUTSIDE = ("Explain {t} in simple terms", "Explain {t}", "Tell me about {t}", "What is {t}", "Write a poem about {t}", "Tell me a story about {t}", "Write a story about {t}", "Write an essay about {t}",
           "What do you think about {t}", "Describe {t}", "Give me a summary of {t}", "Teach me about {t}", "Why is {t} important", "Write a song about {t}", "How does {t} work", "What do you know about {t}",
           "Tell me a joke about {t}", "Can you explain {t}", "Write a haiku about {t}", "~Can you tell me about {t}", "~Write me a poem about {t}", "~Explain {t} to a child")
OUTSIDE_FIXED = ("Tell me a story", "Tell me a joke", "Write a poem", "What is the capital of France", "What is the capital of Japan", "Who is the president", "What is 2+2", "What is 17 times 23", "Sing a song",
                 "What day is it", "What time is it", "What is the meaning of life", "Translate hello to French", "Translate this into German", "Write a Python program", "Write a function in Rust",
                 "How do I bake a cake", "Recommend a movie", "Who won the world cup", "What is the weather today", "Play a game with me", "Write an email to my boss", "Summarize this text", "Fix my code",
                 "What should I eat", "Give me advice", "Who wrote Hamlet", "How old is the universe", "Count to ten", "Solve this equation", "What is 5 + 7", "Plan a trip to Rome", "Once upon a time",
                 "Are you happy", "Do you love me", "What is your favorite color", "Can you draw", "Write a letter", "Tell me something interesting", "Say something funny", "What is the largest planet",
                 "~Tell me a short story", "~What is 3+4", "~What is the capital of Spain", "~Write a short poem")


def _choose(chance: random.Random, wordings, held: bool) -> str:
    wanted = [wording.removeprefix("~") for wording in wordings if wording.startswith("~") == held]
    return chance.choice(wanted)


def _typed(chance: random.Random, text: str) -> str:
    """With or without a capital and a mark at the end."""
    if chance.random() < 0.6:
        text = text[0].upper() + text[1:]
    asks = text.lower().startswith(("what", "how", "which", "who", "where", "why", "do ", "are ", "can ", "is ", "does "))
    return text if text.endswith("!") else text + chance.choice(("?", "?", "") if asks else ("", "", ".", "!"))


def turn(chance: random.Random, held: bool) -> tuple[str, str]:
    """One chat turn: what is asked and what is answered."""
    if chance.random() < 0.25:
        if chance.random() < 0.6:
            return _typed(chance, _choose(chance, OUTSIDE, held).format(t=chance.choice(TOPICS))), REFUSAL
        return _typed(chance, _choose(chance, OUTSIDE_FIXED, held)), REFUSAL
    answer, wordings = chance.choice([intent for intent in INTENTS if not held or any(wording.startswith("~") for wording in intent[1])])
    return _typed(chance, _choose(chance, wordings, held)), answer
