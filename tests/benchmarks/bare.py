"""What somebody would write without this library: bottle, waitress and requests in one script. Argument: the port."""

import sys

import bottle
import requests  # noqa: F401  (such a script calls back)
import waitress

app = bottle.Bottle()
WORDS = ("once", " upon", " a", " time")


@app.get("/v1/health")
def health():
    """Alive."""
    return {"status": "healthy", "state": "idle"}


@app.post("/v1/inference")
def inference():
    """Tokens as fast as they can be sent."""
    count = int((bottle.request.json or {}).get("max_tokens", 5))
    bottle.response.content_type = "text/event-stream"

    def tokens():
        for index in range(count):
            yield f'data: {{"t":"{WORDS[index % 4]}"}}\n\n'.encode()
        yield b"data: [DONE]\n\n"

    return tokens()


waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=80, _quiet=True)
