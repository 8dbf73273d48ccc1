"""Vowpal Wabbit on the same kind of request: one context with the shopper's preferences, one line per candidate with its
fields, --cb_explore_adf with quadratic interactions of both, parse and predict timed together. Reads one JSON object from
standard input and writes one."""

import json
import sys
import time

import vowpalwabbit

asked = json.load(sys.stdin)
rounds = int(sys.argv[1])


def clean(text):
    return str(text).replace(" ", "_").replace(":", "_").replace("|", "_")


likes = asked["profile"].get("preferences", {})
context = "shared |S " + " ".join(
    f"{clean(field)}={clean(value)}:{kept['count']}" for field, values in likes.items() for value, kept in values.items()
)


def line(item):
    parts = []
    for name, value in item["fields"].items():
        if isinstance(value, bool) or isinstance(value, str):
            parts += [f"{name}={clean(word)}" for word in str(value).split()]
        elif isinstance(value, (int, float)) and name != "published_at":
            parts.append(f"{name}:{value}")
    return "|A " + " ".join(parts)


lines = [line(item) for item in asked["items"]]
vw = vowpalwabbit.Workspace("--cb_explore_adf --epsilon 0.1 -q SA --quiet")
for at in range(200):
    chosen = at % 12
    vw.learn([context] + [(f"0:{-float(at % 3 == 0)}:0.083 " if n == chosen else "") + text for n, text in enumerate(lines[:12])])
answer = {}
for size in asked["sizes"]:
    text = [context] + lines[:size]
    times = []
    for n in range(rounds + 50):
        start = time.perf_counter()
        vw.predict(text)
        if n >= 50:
            times.append((time.perf_counter() - start) * 1e3)
    times.sort()
    answer[str(size)] = {"p50_ms": round(times[len(times) // 2], 3), "p99_ms": round(times[int(0.99 * len(times))], 3)}
vw.finish()
print(json.dumps(answer))
